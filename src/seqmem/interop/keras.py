"""Weights from and to Keras 3: its recurrent layers, Embedding, Dense and AdditiveAttention.

    kernel (D, G·H)    recurrent_kernel (H, G·H)    bias (G·H,), or (2, 3·H) of a reset_after GRU    y = x @ W

LSTM in the order i, f, c, o; GRU in the order z, r, h with a z that keeps. The arrays are in the order of
`layer.get_weights()`; for a Bidirectional, those of the forward direction come first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqmem.cells import Cell
from seqmem.contexts import AdditiveAttention
from seqmem.interop.blocks import (
    KINDS,
    Entries,
    Weights,
    cells_of,
    check_alike,
    joined,
    layer_of,
    options_of,
    split,
    weights_of,
)
from seqmem.layers import Embedding, Linear
from seqmem.module import Array, Module
from seqmem.validation import as_choice, as_flag

ORDER = {"rnn": ("h",), "lstm": ("i", "f", "g", "o"), "gru": ("z", "r", "n")}
KIND_CHOICES = ("embedding", "dense", "additive_attention")
NAMES = ("kernel", "recurrent_kernel", "bias")


def from_keras(
    weights: Sequence[Any],
    *,
    kind: str | None = None,
    reset_after: bool | None = None,
    activation: str = "tanh",
) -> Any:
    """Return a module with the weights of a Keras layer.

    Args:
        weights: the arrays of `layer.get_weights()`.
        kind: "embedding", "dense" or "additive_attention" for those layers; None for a recurrent layer, which
            is recognised by its shapes.
        reset_after: for a GRU without biases, whose shapes do not reveal it; otherwise None.
        activation: for a SimpleRNN, "tanh" or "relu", which the arrays do not reveal. LSTM and GRU must have
            their usual activations.

    Returns:
        An `RNN`, `LSTM` or `GRU` of one layer, bidirectional for twice the arrays; an `Embedding`; a
        `Linear`; or an `AdditiveAttention` whose projections are identities.

    Raises:
        ValueError: for a wrong number of arrays, or an array of another shape or dtype.
        TypeError: for anything but a sequence of arrays.

    >>> from seqmem import LSTM
    >>> weights = to_keras(LSTM(3, 4, bidirectional=True, rng=0))
    >>> [array.shape for array in weights]
    [(3, 16), (4, 16), (16,), (3, 16), (4, 16), (16,)]
    >>> from_keras(weights).forward(np.ones((5, 2, 3)))[0][0].shape
    (5, 2, 8)
    """
    caller = "from_keras"
    if isinstance(weights, (str, bytes)) or not isinstance(weights, Sequence):
        raise TypeError(
            f"{caller}: weights is of type {type(weights).__name__}, expected a list of arrays, as of "
            "get_weights()"
        )
    as_choice(activation, ("tanh", "relu"), caller, "activation")
    if reset_after is not None:
        as_flag(reset_after, caller, "reset_after")
    arrays = list(weights)
    if kind is not None:
        as_choice(kind, KIND_CHOICES, caller, "kind")
        return {"embedding": _embedding, "dense": _dense, "additive_attention": _attention}[kind](arrays)
    if len(arrays) not in (2, 3, 4, 6):
        raise ValueError(
            f"{caller}: {len(arrays)} arrays were passed, expected kernel, recurrent_kernel and perhaps "
            "bias, of one direction or of two"
        )
    n = len(arrays) // 2 if len(arrays) in (4, 6) else len(arrays)
    parts = [arrays[k : k + n] for k in range(0, len(arrays), n)]
    directions = [_weights(part, reset_after, activation, caller) for part in parts]
    check_alike([directions], caller)
    return layer_of([directions], caller)


def to_keras(module: Module) -> list[Array]:
    """Return a module's weights in the layout of Keras, for `layer.set_weights`.

    Args:
        module: a layer of one `RNNCell`, `LSTMCell` or `GRUCell`, or of one in each direction; such a cell;
            an `Embedding`; a `Linear`. A GRU with reset="after" is one with `reset_after=True`.

    Returns:
        New arrays in the order of `get_weights()`; a layer that reads backward has `go_backwards=True` in
        Keras.

    Raises:
        ValueError: for several layers, which are several layers in Keras, or for a cell that Keras lacks.
        TypeError: for another module.

    >>> from seqmem import GRU
    >>> [array.shape for array in to_keras(GRU(3, 4, reset="after", rng=0))]
    [(3, 12), (4, 12), (2, 12)]
    """
    caller = "to_keras"
    if isinstance(module, Embedding):
        return [module.W.copy()]
    if isinstance(module, Linear):
        return [module.W.copy(), module.b.copy()]
    layers = [[module]] if isinstance(module, Cell) else cells_of(module, caller)
    if len(layers) > 1:
        raise ValueError(
            f"{caller}: {len(layers)} layers were passed, expected one: convert each of `layers` separately"
        )
    directions = [weights_of(cell, caller) for cell in layers[0]]
    check_alike([directions], caller)
    if any(weights.peepholes is not None for weights in directions):
        raise ValueError(f"{caller}: the LSTM has peepholes, and Keras' has none")
    return [array for weights in directions for array in _arrays(weights)]


def _weights(arrays: list[Any], reset_after: bool | None, activation: str, caller: str) -> Weights:
    entries = Entries(dict(zip(NAMES, arrays, strict=False)), "", caller)
    recurrent = entries.read("recurrent_kernel", ("H", "G·H"))
    H, columns = recurrent.shape
    if columns % H or columns // H not in KINDS:
        raise ValueError(
            f"{caller}: recurrent_kernel has shape {recurrent.shape}, expected (H, G·H) with 1 (SimpleRNN), "
            "3 (GRU) or 4 (LSTM) blocks"
        )
    G, kind = columns // H, KINDS[columns // H]
    kernel = entries.read("kernel", ("D", (columns, f"{G}·H")))
    is_after = reset_after
    b = b_h = np.zeros((G, H), kernel.dtype)
    order, keeps = ORDER[kind], kind == "gru"
    if "bias" in entries:
        has_two = kind == "gru" and np.ndim(entries.arrays["bias"]) == 2
        if kind == "gru" and reset_after is not None and reset_after != has_two:
            raise ValueError(
                f"{caller}: reset_after is {reset_after}, expected {has_two}: the bias has {1 + has_two} rows"
            )
        is_after = has_two
        last = (columns, f"{G}·H")
        bias = entries.read("bias", ((2, "rows"), last) if has_two else (last,))
        b = split(bias[0] if has_two else bias, order, keeps)
        if has_two:
            b_h = split(bias[1], order, keeps)
    elif kind == "gru" and reset_after is None:
        raise ValueError(
            f"{caller}: a GRU without biases does not reveal its form, expected reset_after=True or False"
        )
    W_x, W_h = (split(W, order, keeps, axis=1) for W in (kernel, recurrent))
    return Weights(kind, W_x, W_h, b, b_h, options_of(kind, "after" if is_after else "before", activation))


def _arrays(weights: Weights) -> list[Array]:
    order, keeps = ORDER[weights.kind], weights.kind == "gru"
    kernel, recurrent = (joined(W, order, keeps, axis=1) for W in (weights.W_x, weights.W_h))
    bias, b_h = (joined(b, order, keeps) for b in (weights.b, weights.b_h))
    if weights.options.get("reset") == "after":
        bias = np.stack([bias, b_h])
    return [kernel, recurrent, bias]


def _embedding(arrays: list[Any]) -> Embedding:
    _check_count(arrays, (1,), "the table (V, E)")
    W = Entries({"embeddings": arrays[0]}, "", "from_keras").read("embeddings", ("V", "E"))
    embedding = Embedding(*W.shape, rng=0, dtype=W.dtype)
    embedding.W[...] = W
    return embedding


def _dense(arrays: list[Any]) -> Linear:
    _check_count(arrays, (1, 2), "kernel (in, out) and bias (out,)")
    entries = Entries(dict(zip(("kernel", "bias"), arrays, strict=False)), "", "from_keras")
    W = entries.read("kernel", ("in", "out"))
    linear = Linear(*W.shape, rng=0, dtype=W.dtype)
    linear.W[...] = W
    linear.b[...] = entries.read("bias", ((W.shape[1], "out"),)) if len(arrays) == 2 else 0
    return linear


def _attention(arrays: list[Any]) -> AdditiveAttention:
    """Return attention with identities for projections: score = sum of scale * tanh(q + k)."""
    _check_count(arrays, (1,), "scale (A,), and use_scale=True")
    scale = Entries({"scale": arrays[0]}, "", "from_keras").read("scale", ("A",))
    A = len(scale)
    attention = AdditiveAttention(A, A, A, rng=0, dtype=scale.dtype)
    attention.W_q[...] = attention.W_k[...] = np.eye(A)
    attention.b[...], attention.v[...] = 0, scale
    return attention


def _check_count(arrays: list[Any], counts: tuple[int, ...], expected: str) -> None:
    if len(arrays) not in counts:
        raise ValueError(f"from_keras: {len(arrays)} arrays were passed, expected {expected}")
