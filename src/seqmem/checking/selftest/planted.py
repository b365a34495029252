"""Mistakes planted in the library's own code, to test whether the checker finds them there as well."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from seqmem.cells import Cell, GRUCell, LSTMCell, RNNCell
from seqmem.checking.selftest.altered import text_of, with_text
from seqmem.contexts import AdditiveAttention
from seqmem.layers import Embedding, Recurrent
from seqmem.module import Module


class Planted(NamedTuple):
    """A mistake in the library's own code."""

    make: Callable[[], Module]
    owner: type  # the class of the changed method
    method: str
    line: str
    becomes: str
    code: str = ""  # of the catalogue's mistake that computes the same; "" if there is none
    wants: str = ""  # further values, by argument name, that the wrong line of a cell reads


def plant(planted: Planted) -> Module:
    """Return a module of the library with a changed line in one of its methods.

    Raises:
        ValueError: if the line does not occur exactly once in the method.
    """
    text = text_of(planted.owner, planted.method)
    if text.count(planted.line) != 1:
        raise ValueError(f"{planted.line!r} stands {text.count(planted.line)} times in {planted.method}")
    text = text.replace(planted.line, planted.becomes)
    if planted.wants:
        text = text.replace("(self, ", f"(self, {planted.wants}, ", 1)
    return with_text(planted.make(), planted.owner, planted.method, text)


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
        "f * (1 - f), c_prev",
        "f * (1 - f), i * g + f * c_prev",
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
        "d_c *= i",
        "lstm-carried-d-c-with-i",
        "i",
    ),
    Planted(
        _lstm,
        LSTMCell,
        "step_backward",
        "d_c += dh_dc",
        "d_c += d_c + dh_dc",
        "lstm-d-c-carried-twice",
    ),
    Planted(
        _lstm,
        LSTMCell,
        "step_backward",
        "d_c += dh_dc",
        "pass",
        "lstm-d-c-from-h-cut",
    ),
    Planted(
        _lstm,
        LSTMCell,
        "step_backward",
        "d_a_o *= d_h",
        "d_a_o *= d_c",
    ),
    Planted(
        _lstm,
        LSTMCell,
        "step_backward",
        "through(d_a, d_h)",
        "through_ifo(d_a_ifo, d_h)",
        "lstm-d-h-without-g",
        "through_ifo, d_a_ifo",
    ),
    Planted(
        _lstm,
        LSTMCell,
        "step",
        "np.tanh(c, out=tanh_c)",
        "tanh_c[...] = c",
        "lstm-forward-tanh-of-c-missing",
    ),
    Planted(
        _lstm,
        LSTMCell,
        "step",
        "np.multiply(f, c_prev, out=c)",
        "np.multiply(1 - f, c_prev, out=c)",
        "lstm-forward-forget-gate-inverted",
    ),
    Planted(
        _lstm,
        Cell,
        "collect",
        "weight_gradient(h_prev,",
        "weight_gradient(h,",
        "lstm-d-W-h-with-new-h",
        "h",
    ),
    Planted(
        _lstm,
        Cell,
        "gradients",
        "np.matmul(d_a, W_T)",
        "np.matmul(d_a[:-1], W_T[:-1])",
        "lstm-d-x-without-g",
    ),
    Planted(
        _lstm,
        Recurrent,
        "_backward",
        "packing.pack(d_hs), record",
        "0 * packing.pack(d_hs), record",
        "lstm-upstream-ignored",
    ),
    Planted(
        _gru,
        GRUCell,
        "_local_derivatives",
        "n - h_prev, out",
        "h_prev - n, out",
        "gru-before-z-exchanged-in-d-z",
    ),
    Planted(
        _gru,
        GRUCell,
        "_step_backward",
        "d_h *= keep",
        "d_h *= z",
        "gru-before-direct-with-z",
        "z",
    ),
    Planted(
        _gru,
        GRUCell,
        "_step_backward",
        "d_reset_h *= r",
        "pass",
        "gru-before-d-h-without-r",
    ),
    Planted(
        _gru,
        GRUCell,
        "_collect",
        "reset_h.T @ d_a_n",
        "h_prev.T @ d_a_n",
        "gru-before-d-W-hn-without-r",
    ),
    Planted(
        _gru,
        GRUCell,
        "_step",
        "_mix(z, n, h_prev, h)",
        "_mix(z, h_prev, n, h)",
        "gru-before-forward-z-keeps",
    ),
    Planted(
        _gru,
        GRUCell,
        "_local_derivatives",
        "r * (1 - r), h_prev",
        "r * (1 - r), h",
        "gru-before-d-r-with-new-h",
        "h",
    ),
    Planted(
        _gru,
        GRUCell,
        "_step",
        "np.multiply(r, h_prev, out=reset_h)",
        "reset_h[...] = h_prev",
        "gru-before-forward-no-reset",
    ),
    Planted(
        _gru_after,
        GRUCell,
        "_local_derivatives_after",
        "d_a_n, r, out",
        "d_a_n, 1, out",
        "gru-after-d-a-hn-without-r",
    ),
    Planted(
        _gru_after,
        GRUCell,
        "_collect_after",
        '"b_hn": d_a_hn.sum',
        '"b_hn": d_a_n.sum',
        "gru-after-d-b-hn-without-r",
        "d_a_n",
    ),
    Planted(
        _gru_after,
        GRUCell,
        "_step_backward_after",
        "through_n(d_a_hn, product)",
        "through_n(d_a_n, product)",
        "gru-after-d-h-without-r",
        "d_a_n",
    ),
    Planted(
        _gru_after,
        GRUCell,
        "_step_after",
        "np.add(h_n, self.b_hn, out=a_hn)",
        "a_hn[...] = h_n",
        "gru-after-forward-no-b-hn",
    ),
    Planted(
        _rnn,
        RNNCell,
        "local_derivatives",
        "h**2",
        "h",
        "rnn-tanh-derivative-without-square",
    ),
    Planted(
        _rnn,
        RNNCell,
        "step_backward",
        "through(d_a, d_h)",
        "d_h[...] = recurrent(d_a)",
        "rnn-d-h-without-transpose",
        "recurrent",
    ),
    Planted(
        _rnn,
        Cell,
        "steps_back",
        "d_h += d_out",
        "d_h[...] = d_out",
        "rnn-carry-and-final-dropped",
    ),
    Planted(
        _rnn,
        Cell,
        "gradients",
        "self.features_backward(d_features, x[:, columns])",
        "np.zeros_like(x)",
        "rnn-d-x-zero",
    ),
    Planted(
        _attention,
        AdditiveAttention,
        "step_backward",
        "np.subtract(1, d_a_over_v, out=d_a_over_v)",
        "d_a_over_v[...] = 1",
        "attention-tanh-derivative-missing",
    ),
    Planted(
        _attention,
        AdditiveAttention,
        "step_backward",
        "np.add.reduce(weights * d_weights, axis=1, keepdims=True)",
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
        "d_W[ids[first]] = np.add.reduceat(rows, first, axis=0)",
        "d_W[tokens] = d_y",
        "embedding-repeated-token-keeps-last",
    ),
)
