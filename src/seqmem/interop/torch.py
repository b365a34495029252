"""Weights from and to torch's `nn.RNN`, `nn.LSTM`, `nn.GRU`, their cells, `nn.Embedding` and `nn.Linear`.

    weight_ih_l{k} (G·H, D)    weight_hh_l{k} (G·H, H)    bias_ih_l{k}, bias_hh_l{k} (G·H,)    y = x @ W^T

LSTM in the order i, f, g, o; GRU in the order r, z, n with a z that keeps and the reset gate after the
product. `_reverse` at the end of a name means the backward direction; a cell's names have no `_l{k}`.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from seqmem.cells import Cell
from seqmem.interop.blocks import (
    GATES,
    KINDS,
    Entries,
    Weights,
    cell_of,
    cells_of,
    check_alike,
    joined,
    layer_of,
    options_of,
    split,
    weights_of,
)
from seqmem.layers import Embedding, Linear, Recurrent
from seqmem.module import Array, Module
from seqmem.validation import as_choice

ORDER = {"rnn": ("h",), "lstm": ("i", "f", "g", "o"), "gru": ("r", "z", "n")}
REFUSED = {
    "weight_hr": "it is a layer with proj_size, whose outputs are projected: no layer here does that",
}


def from_torch(
    state_dict: Any, prefix: str = "", *, kind: str | None = None, activation: str = "tanh"
) -> Any:
    """Return a module with the weights of a torch module.

    Args:
        state_dict: arrays by name, as in `module.state_dict()`; tensors on the CPU are accepted.
        prefix: the prefix of the module's names, such as "encoder.rnn.".
        kind: "embedding" or "linear" for `nn.Embedding` and `nn.Linear`; None for a recurrent layer or cell,
            which is recognised by its shapes.
        activation: for an `nn.RNN` or `nn.RNNCell`, "tanh" or "relu", which the arrays do not reveal.

    Returns:
        An `RNN`, `LSTM` or `GRU` for a layer; an `RNNCell`, `LSTMCell` or `GRUCell` for a cell; an
        `Embedding`; or a `Linear`. Its dtype is that of the arrays. A GRU has reset="after".

    Raises:
        ValueError: for an entry that is missing, superfluous, or of another shape or dtype; for a projection.
        TypeError: for anything but a mapping of arrays.

    >>> from seqmem import GRU
    >>> layer = GRU(3, 4, num_layers=2, reset="after", rng=0)
    >>> arrays = to_torch(layer, "rnn.")
    >>> list(arrays)[:3], arrays["rnn.weight_ih_l0"].shape
    (['rnn.weight_ih_l0', 'rnn.weight_hh_l0', 'rnn.bias_ih_l0'], (12, 3))
    >>> again = from_torch(arrays, "rnn.")
    >>> type(again).__name__, again.num_layers, again.reset
    ('GRU', 2, 'after')
    """
    caller = "from_torch"
    as_choice(activation, ("tanh", "relu"), caller, "activation")
    entries = Entries(state_dict, prefix, caller)
    if kind is not None:
        as_choice(kind, ("embedding", "linear"), caller, "kind")
    for name in entries.arrays:
        for refused, reason in REFUSED.items():
            if name.startswith(refused):
                raise ValueError(f"{caller}: {prefix + name!r}: {reason}")
    if kind == "embedding":
        return _embedding(entries)
    if kind == "linear":
        return _linear(entries)
    if "weight_ih" in entries:
        cell = cell_of(_weights(entries, "", activation))
        entries.finish()
        return cell
    suffixes = [""]
    if "weight_ih_l0_reverse" in entries:
        suffixes.append("_reverse")
    n_layers = sum(bool(re.fullmatch(r"weight_ih_l\d+", name)) for name in entries.arrays)
    layers = [
        [_weights(entries, f"_l{k}{suffix}", activation) for suffix in suffixes]
        for k in range(max(1, n_layers))
    ]
    entries.finish()
    check_alike(layers, caller)
    return layer_of(layers, caller)


def to_torch(module: Module, prefix: str = "") -> dict[str, Array]:
    """Return a module's weights with the names and the layout of torch, for `load_state_dict` as tensors.

    Args:
        module: an `RNN`, `LSTM`, `GRU`, or another layer of one kind of cell and one hidden size; an
            `RNNCell`, `LSTMCell` or `GRUCell`; an `Embedding`; a `Linear`. A GRU needs reset="after".
        prefix: the prefix of every name.

    Returns:
        New arrays by name, in torch's order. The hidden bias of torch is zero except for a GRU's candidate.

    Raises:
        ValueError: for weights without a place in torch: reset="before", a layer that only reads backward.
        TypeError: for another module.

    >>> from seqmem import LSTM
    >>> {name: array.shape for name, array in to_torch(LSTM(3, 4, rng=0)).items()}
    {'weight_ih_l0': (16, 3), 'weight_hh_l0': (16, 4), 'bias_ih_l0': (16,), 'bias_hh_l0': (16,)}
    """
    caller = "to_torch"
    if isinstance(module, Embedding):
        return {f"{prefix}weight": module.W.copy()}
    if isinstance(module, Linear):
        return {f"{prefix}weight": np.ascontiguousarray(module.W.T), f"{prefix}bias": module.b.copy()}
    if isinstance(module, Cell):
        return _arrays(weights_of(module, caller), prefix, "", caller)
    layers = [[weights_of(cell, caller) for cell in cells] for cells in cells_of(module, caller)]
    if isinstance(module, Recurrent) and module.reverse:
        raise ValueError(f"{caller}: the layer reads backward only, and torch has no such layer")
    check_alike(layers, caller)
    found: dict[str, Array] = {}
    for k, directions in enumerate(layers):
        for suffix, weights in zip(("", "_reverse"), directions, strict=False):
            found |= _arrays(weights, prefix, f"_l{k}{suffix}", caller)
    return found


def _weights(entries: Entries, suffix: str, activation: str) -> Weights:
    W_hh = entries.read(f"weight_hh{suffix}", ("G·H", "H"))
    rows, H = W_hh.shape
    if rows % H or rows // H not in KINDS:
        raise ValueError(
            f"{entries.caller}: {entries.prefix}weight_hh{suffix} has shape {W_hh.shape}, expected (G·H, H) "
            "with 1 (RNN), 3 (GRU) or 4 (LSTM) blocks"
        )
    kind = KINDS[rows // H]
    blocks = (rows, f"{rows // H}·H")
    W_ih = entries.read(f"weight_ih{suffix}", (blocks, "D"))
    order, keeps = ORDER[kind], kind == "gru"
    b = b_h = np.zeros((len(order), H), W_hh.dtype)
    if f"bias_ih{suffix}" in entries or f"bias_hh{suffix}" in entries:
        b, b_h = (
            split(entries.read(f"bias_{which}{suffix}", (blocks,)), order, keeps) for which in ("ih", "hh")
        )
    W_x, W_h = (split(W, order, keeps).swapaxes(1, 2) for W in (W_ih, W_hh))
    return Weights(kind, W_x, W_h, b, b_h, options_of(kind, "after", activation))


def _arrays(weights: Weights, prefix: str, suffix: str, caller: str) -> dict[str, Array]:
    kind = weights.kind
    if weights.peepholes is not None:
        raise ValueError(f"{caller}: the LSTM has peepholes, and torch's has none")
    if weights.options.get("reset") == "before":
        raise ValueError(
            f"{caller}: the GRU has reset='before', expected 'after': torch's resets after the product"
        )
    order, keeps = ORDER[kind], kind == "gru"
    assert set(order) == set(GATES[kind])
    W_ih, W_hh = (joined(W.swapaxes(1, 2), order, keeps) for W in (weights.W_x, weights.W_h))
    b_ih, b_hh = (joined(b, order, keeps) for b in (weights.b, weights.b_h))
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    return {
        f"{prefix}{name}{suffix}": array for name, array in zip(names, (W_ih, W_hh, b_ih, b_hh), strict=True)
    }


def _embedding(entries: Entries) -> Embedding:
    W = entries.read("weight", ("V", "E"))
    entries.finish()
    embedding = Embedding(*W.shape, rng=0, dtype=W.dtype)
    embedding.W[...] = W
    return embedding


def _linear(entries: Entries) -> Linear:
    W = entries.read("weight", ("out", "in"))
    linear = Linear(W.shape[1], W.shape[0], rng=0, dtype=W.dtype)
    linear.W[...] = W.T
    linear.b[...] = entries.read("bias", ((len(W), "out"),)) if "bias" in entries else 0
    entries.finish()
    return linear
