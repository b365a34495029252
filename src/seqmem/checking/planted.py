"""Mistakes planted in the library's own code, to see whether the checker finds them there, too."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from seqmem.cells import GRUCell, LSTMCell, RNNCell
from seqmem.layers import AdditiveAttention, Embedding, Recurrent
from seqmem.module import Module


class Planted(NamedTuple):
    """A mistake in the library's own code."""

    make: Callable[[], Module]
    owner: type  # whose method it is planted in
    method: str
    line: str
    becomes: str
    code: str = ""  # of the catalogue's mistake that computes the same; "" when there is none


def plant(planted: Planted) -> Module:
    """A module of the library with a line of one of its methods changed.

    Raises:
        ValueError: for a line that does not stand exactly once in the method.
    """
    source = textwrap.dedent(inspect.getsource(getattr(planted.owner, planted.method)))
    if source.count(planted.line) != 1:
        raise ValueError(f"{planted.line!r} stands {source.count(planted.line)} times in {planted.method}")
    return with_method(
        planted.make(), planted.owner, planted.method, source.replace(planted.line, planted.becomes)
    )


def with_method(module: Module, owner: type, method: str, source: str) -> Module:
    """The module with another text for a method of the first of its parts that is an `owner`."""
    names: dict[str, Any] = dict(vars(inspect.getmodule(owner))) | {"__class__": owner}
    exec(source.replace("super()", "super(__class__, self)"), names)  # our own text, from our own files
    part: Any = next(part for part in _parts(module) if isinstance(part, owner))
    part.__class__ = type(type(part).__name__, (type(part),), {method: names[method]})
    return module


def _parts(module: Module) -> Iterator[Module]:
    yield module
    for value in vars(module).values():
        if isinstance(value, Module):
            yield from _parts(value)


def _lstm() -> Module:
    return Recurrent(LSTMCell(2, 5, rng=0))


def _gru() -> Module:
    return Recurrent(GRUCell(2, 5, rng=0))


def _gru_after() -> Module:
    return Recurrent(GRUCell(2, 5, reset="after", rng=0))


def _rnn() -> Module:
    return Recurrent(RNNCell(2, 5, rng=0))


def _attention() -> Module:
    return AdditiveAttention(3, 4, 5, rng=0)


def _embedding() -> Module:
    return Embedding(7, 3, rng=0)


PLANTED = (
    Planted(
        _lstm,
        LSTMCell,
        "local_derivatives",
        "f * (1 - f), prev.c",
        "f * (1 - f), i * g + f * prev.c",
        "lstm-d-f-with-new-c",
    ),
    Planted(
        _lstm,
        LSTMCell,
        "local_derivatives",
        "i * (1 - i), g",
        "i, g",
        "lstm-sigmoid-for-its-derivative-in-i",
    ),
    Planted(
        _lstm,
        LSTMCell,
        "local_derivatives",
        "o * (1 - o), tanh_c",
        "o * (1 - o), np.arctanh(tanh_c)",
        "lstm-d-o-with-c",
    ),
    Planted(
        _lstm,
        LSTMCell,
        "local_derivatives",
        "1 - g**2, i",
        "1 + g**2, i",
        "lstm-tanh-derivative-of-g-plus",
    ),
    Planted(
        _lstm,
        LSTMCell,
        "local_derivatives",
        "1 - tanh_c**2, o",
        "np.ones_like(o), o",
        "lstm-tanh-derivative-of-c-missing",
    ),
    Planted(
        _lstm,
        LSTMCell,
        "step_backward",
        "d_c *= f",
        "pass",
        "lstm-carried-d-c-without-f",
    ),
    Planted(
        _lstm,
        LSTMCell,
        "step_backward",
        "d_c *= f",
        "d_c *= kept[0]",
        "lstm-carried-d-c-with-i",
    ),
    Planted(
        _lstm,
        LSTMCell,
        "step_backward",
        "d_c += d_h * dh_dc",
        "d_c += d_c + d_h * dh_dc",
        "lstm-d-c-carried-twice",
    ),
    Planted(
        _lstm,
        LSTMCell,
        "step_backward",
        "d_c += d_h * dh_dc",
        "pass",
        "lstm-d-c-from-h-cut",
    ),
    Planted(
        _lstm,
        LSTMCell,
        "step_backward",
        "d_a[2] *= d_h",
        "d_a[2] *= d_c",
    ),
    Planted(
        _lstm,
        LSTMCell,
        "step_backward",
        "d_a[:4], W_h_T",
        "d_a[:3], W_h_T[:3]",
        "lstm-d-h-without-g",
    ),
    Planted(
        _lstm,
        LSTMCell,
        "step",
        "np.tanh(new.c, out=tanh_c)",
        "tanh_c[...] = new.c",
        "lstm-forward-tanh-of-c-missing",
    ),
    Planted(
        _gru,
        GRUCell,
        "local_derivatives",
        "n - prev, out",
        "prev - n, out",
        "gru-before-z-exchanged-in-d-z",
    ),
    Planted(
        _gru,
        GRUCell,
        "step_backward",
        "d_h *= 1 - z",
        "d_h *= z",
        "gru-before-direct-with-z",
    ),
    Planted(
        _gru,
        GRUCell,
        "step_backward",
        "through_n = r * d_reset_h",
        "through_n = d_reset_h",
        "gru-before-d-h-without-r",
    ),
    Planted(
        _gru,
        GRUCell,
        "collect_W_h",
        "np.matmul(kept[3].T, d_a[2], out=d_W_h[2])",
        "np.matmul(prev.T, d_a[2], out=d_W_h[2])",
        "gru-before-d-W-hn-without-r",
    ),
    Planted(
        _gru,
        GRUCell,
        "step",
        "(1 - z) * prev, z * n",
        "z * prev, (1 - z) * n",
        "gru-before-forward-z-keeps",
    ),
    Planted(
        _gru_after,
        GRUCell,
        "local_derivatives",
        "local[2], r, out=local[3]",
        "local[2], 1, out=local[3]",
        "gru-after-d-a-hn-without-r",
    ),
    Planted(
        _gru_after,
        GRUCell,
        "collect",
        '"b_hn": d_a[3].sum',
        '"b_hn": d_a[2].sum',
        "gru-after-d-b-hn-without-r",
    ),
    Planted(
        _rnn,
        RNNCell,
        "local_derivatives",
        "kept[:1] ** 2",
        "kept[:1]",
        "rnn-tanh-derivative-without-square",
    ),
    Planted(
        _rnn,
        RNNCell,
        "step_backward",
        "through(d_a, W_h_T, out=d_state)",
        "through(d_a, W_h_T.swapaxes(1, 2).copy(), out=d_state)",
        "rnn-d-h-without-transpose",
    ),
    Planted(
        _rnn,
        Recurrent,
        "_backward",
        "d_h += d_hs[now]",
        "d_h[...] = d_hs[now]",
        "rnn-carry-and-final-dropped",
    ),
    Planted(
        _attention,
        AdditiveAttention,
        "step_backward",
        "1 - hidden**2",
        "np.ones_like(hidden)",
        "attention-tanh-derivative-missing",
    ),
    Planted(
        _attention,
        AdditiveAttention,
        "step_backward",
        "(weights * d_weights).sum(axis=1, keepdims=True)",
        "0",
        "attention-centring-missing",
    ),
    Planted(
        _attention,
        AdditiveAttention,
        "collect",
        "d_keys += np.matmul(weights.transpose(1, 2, 0), d_contexts.transpose(1, 0, 2))",
        "pass",
        "attention-d-keys-through-scores-only",
    ),
    Planted(
        _embedding,
        Embedding,
        "backward",
        "d_W[ids[first]] = np.add.reduceat(d_y.reshape(-1, self.embedding_size)[order], first, axis=0)",
        "d_W[tokens] = d_y",
        "embedding-repeated-token-keeps-last",
    ),
)
