"""Weights from and to the cells of Flax nnx: SimpleCell, LSTMCell, OptimizedLSTMCell, GRUCell.

    SimpleCell           dense_i (D, H) with bias, dense_h (H, H) without
    LSTMCell             ii, if_, ig, io (D, H) without bias; hi, hf, hg, ho (H, H) with
    OptimizedLSTMCell    dense_i (D, 4·H) without bias, dense_h (H, 4·H) with; i, f, g, o
    GRUCell              dense_i (D, 3·H) with bias, dense_h (H, 3·H) without; r, z, n with a z that keeps

A Flax cell's arrays are a nest of dicts: {"dense_i": {"kernel": ..., "bias": ...}, ...}. Not to be confused:
Flax carries (c, h), and its GRU resets after the product, without a bias there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from seqmem.cells import Cell
from seqmem.interop.blocks import KINDS, Entries, Weights, cell_of, joined, options_of, split, weights_of
from seqmem.module import Array
from seqmem.validation import as_flag

ORDER = {"rnn": ("h",), "lstm": ("i", "f", "g", "o"), "gru": ("r", "z", "n")}
GATE_NAMES = {"i": ("ii", "hi"), "f": ("if_", "hf"), "g": ("ig", "hg"), "o": ("io", "ho")}

Params = dict[str, dict[str, Array]]


def from_flax(params: Any) -> Cell[Any]:
    """Return a cell with the weights of a Flax nnx cell.

    Args:
        params: the nest of the cell's arrays, as returned by
            `nnx.to_pure_dict(nnx.state(cell, nnx.Param))`. The cell's type is recognised by its names and
            shapes; its activations have to be the usual ones.

    Returns:
        An `RNNCell`, an `LSTMCell` or a `GRUCell` with reset="after".

    Raises:
        ValueError: for an entry that is missing, superfluous, or of another shape or dtype.
        TypeError: for anything but a mapping.

    >>> from seqmem import LSTMCell
    >>> params = to_flax(LSTMCell(3, 4, rng=0))
    >>> sorted(params), params["dense_h"]["kernel"].shape
    (['dense_h', 'dense_i'], (4, 16))
    >>> from_flax(params).hidden_size
    4
    """
    caller = "from_flax"
    entries = Entries(_flat(params, caller), "", caller)
    weights = _separate(entries) if "ii.kernel" in entries else _dense(entries)
    entries.finish()
    return cell_of(weights)


def to_flax(cell: Cell[Any], *, optimized: bool = True) -> Params:
    """Return a cell's weights with the names and the layout of Flax nnx.

    Args:
        cell: an `RNNCell`, an `LSTMCell`, or a `GRUCell` with reset="after" and b_hn = 0.
        optimized: for an LSTM, whether to return the arrays of `OptimizedLSTMCell` instead of `LSTMCell`.

    Returns:
        A nest of new arrays, for `nnx.update`.

    Raises:
        ValueError: for weights without a place in Flax: reset="before", a b_hn that is not 0.

    >>> sorted(to_flax(__import__("seqmem").LSTMCell(3, 4, rng=0), optimized=False))
    ['hf', 'hg', 'hi', 'ho', 'if_', 'ig', 'ii', 'io']
    """
    caller = "to_flax"
    as_flag(optimized, caller, "optimized")
    if not isinstance(cell, Cell):
        raise TypeError(f"{caller}: cell is of type {type(cell).__name__}, expected a cell")
    weights = weights_of(cell, caller)
    kind, W_x, W_h, b = weights.kind, weights.W_x, weights.W_h, weights.b
    if weights.peepholes is not None or weights.options.get("activation") == "relu":
        what = "peepholes" if kind == "lstm" else "activation='relu'"
        raise ValueError(f"{caller}: the cell has {what}, which Flax's arrays cannot represent")
    if weights.options.get("reset") == "before":
        raise ValueError(
            f"{caller}: the GRU has reset='before', expected 'after': Flax's resets after the product"
        )
    if weights.b_h.any():
        raise ValueError(f"{caller}: b_hn is not 0, and Flax's GRUCell has no bias in its recurrent product")
    if kind == "lstm" and not optimized:
        found: Params = {}
        for gate, own_x, own_h, own_b in zip("ifog", W_x, W_h, b, strict=True):
            name_x, name_h = GATE_NAMES[gate]
            found |= {name_x: {"kernel": own_x}, name_h: {"kernel": own_h, "bias": own_b}}
        return found
    order, keeps = ORDER[kind], kind == "gru"
    dense_i, dense_h = ({"kernel": joined(W, order, keeps, axis=1)} for W in (W_x, W_h))
    (dense_h if kind == "lstm" else dense_i)["bias"] = joined(b, order, keeps)
    return {"dense_i": dense_i, "dense_h": dense_h}


def _flat(params: Any, caller: str) -> dict[str, Any]:
    if not isinstance(params, Mapping):
        raise TypeError(
            f"{caller}: params is of type {type(params).__name__}, expected a nest of dicts of arrays"
        )
    return {
        f"{name}.{own}": value
        for name, part in params.items()
        if isinstance(part, Mapping) and name not in ("carry_init", "rngs")
        for own, value in part.items()
    }


def _separate(entries: Entries) -> Weights:
    """Return the weights of an LSTMCell, with an array for each gate."""
    parts: dict[str, list[Array]] = {"W_x": [], "W_h": [], "b": []}
    D, H = entries.read("ii.kernel", ("D", "H")).shape
    for gate in "ifog":
        of_x, of_h = GATE_NAMES[gate]
        parts["W_x"].append(entries.read(f"{of_x}.kernel", ((D, "D"), (H, "H"))))
        parts["W_h"].append(entries.read(f"{of_h}.kernel", ((H, "H"), (H, "H"))))
        parts["b"].append(entries.read(f"{of_h}.bias", ((H, "H"),)))
    W_x, W_h, b = (np.stack(part) for part in parts.values())
    return Weights("lstm", W_x, W_h, b, np.zeros_like(b))


def _dense(entries: Entries) -> Weights:
    """Return the weights of the other cells, with the gates side by side."""
    W_h = entries.read("dense_h.kernel", ("H", "G·H"))
    H, columns = W_h.shape
    if columns % H or columns // H not in KINDS:
        raise ValueError(
            f"{entries.caller}: dense_h.kernel has shape {W_h.shape}, expected (H, G·H) with 1 (SimpleCell), "
            "3 (GRUCell) or 4 (OptimizedLSTMCell) blocks"
        )
    kind, blocks = KINDS[columns // H], (columns, f"{columns // H}·H")
    W_x = entries.read("dense_i.kernel", ("D", blocks))
    order, keeps = ORDER[kind], kind == "gru"
    where = "dense_h.bias" if kind == "lstm" else "dense_i.bias"
    b = split(entries.read(where, (blocks,)), order, keeps)
    W_x, W_h = (split(W, order, keeps, axis=1) for W in (W_x, W_h))
    return Weights(kind, W_x, W_h, b, np.zeros_like(b), options_of(kind, "after", "tanh"))
