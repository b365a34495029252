"""The conversion of one cell's weights between layouts, which all libraries have in common.

    ours      W_x (G, D, H), W_h (G, H, H), b (G, H); gates i, f, o, g and r, z, n; z = 1 writes
    theirs    the same numbers, with the gates in another order, transposed, or with a z that keeps

A z that keeps is 1 minus a z that writes, and sigmoid(-a) = 1 - sigmoid(a): its weights and biases change
sign. The two forms of a GRU, reset before and reset after, cannot represent each other's weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from seqmem.cells import Cell, GRUCell, LSTMCell, PeepholeLSTMCell, RNNCell
from seqmem.layers import Bidirectional, Recurrent, Stack
from seqmem.layers.multilayer import GRU, LSTM, RNN
from seqmem.layers.sequence import SequenceLayer
from seqmem.module import Array
from seqmem.validation import brief

NO_OPTIONS: Mapping[str, str] = MappingProxyType({})
KINDS = {1: "rnn", 4: "lstm", 3: "gru"}  # by the number of gate blocks
PEEPHOLES = ("p_i", "p_f", "p_o")
GATES = {"rnn": ("h",), "lstm": ("i", "f", "o", "g"), "gru": ("r", "z", "n")}
CELLS: dict[str, type[Cell[Any]]] = {"rnn": RNNCell, "lstm": LSTMCell, "gru": GRUCell}
LAYERS: dict[str, Any] = {"rnn": RNN, "lstm": LSTM, "gru": GRU}


class Weights(NamedTuple):
    """One cell's weights in the layout of this library, with two biases as in most libraries."""

    kind: str  # "rnn", "lstm" or "gru"
    W_x: Array  # (G, D, H)
    W_h: Array  # (G, H, H)
    b: Array  # (G, H) added to the input's product
    b_h: Array  # (G, H) added to the recurrent product
    options: Mapping[str, str] = NO_OPTIONS  # "reset" of a GRU, "activation" of an RNN
    peepholes: Array | None = None  # (3, H) of an LSTM: p_i, p_f, p_o

    @property
    def sizes(self) -> tuple[int, int]:
        """D and H."""
        return self.W_x.shape[1], self.W_x.shape[2]


def options_of(kind: str, reset: str, activation: str) -> Mapping[str, str]:
    """Return the constructor's options of a kind of cell."""
    return {"gru": {"reset": reset}, "rnn": {"activation": activation}}.get(kind, NO_OPTIONS)


def cell_of(weights: Weights) -> Cell[Any]:
    """Return a cell with the given weights."""
    kind, W_x, W_h, b, b_h, options, peepholes = weights
    make: Any = CELLS[kind] if peepholes is None else PeepholeLSTMCell
    cell: Cell[Any] = make(*weights.sizes, rng=0, dtype=W_x.dtype, **options)
    summed = b + b_h
    if options.get("reset") == "after":
        n = GATES["gru"].index("n")
        summed[n] = b[n]  # the reset gate scales only the recurrent product and its bias
        cell.params["b_hn"][...] = b_h[n]
    for name, array in (("W_x", W_x), ("W_h", W_h), ("b", summed)):
        param = cell.params[name]
        param[...] = array.reshape(param.shape)
    if peepholes is not None:
        for name, array in zip(PEEPHOLES, peepholes, strict=True):
            cell.params[name][...] = array
    return cell


def weights_of(cell: Cell[Any], caller: str) -> Weights:
    """Return a cell's weights.

    Raises:
        ValueError: for a cell that no other library has.
    """
    has_peepholes = type(cell) is PeepholeLSTMCell
    kind = "lstm" if has_peepholes else next((kind for kind, cls in CELLS.items() if type(cell) is cls), None)
    if kind is None:
        raise ValueError(
            f"{caller}: {type(cell).__name__} has no counterpart there, expected RNNCell, LSTMCell or GRUCell"
        )
    G = len(GATES[kind])
    b = np.array(cell.params["b"].reshape(G, -1))
    b_h = np.zeros_like(b)
    options = {name: getattr(cell, name) for name in ("reset", "activation") if hasattr(cell, name)}
    if "b_hn" in cell.params:
        b_h[GATES["gru"].index("n")] = cell.params["b_hn"]
    W_x, W_h = (np.array(cell.params[name]).reshape(G, -1, cell.hidden_size) for name in ("W_x", "W_h"))
    peepholes = np.stack([cell.params[name] for name in PEEPHOLES]) if has_peepholes else None
    return Weights(kind, W_x, W_h, b, b_h, options, peepholes)


def layer_of(directions: Sequence[Sequence[Weights]], caller: str) -> Any:
    """Return an `RNN`, `LSTM` or `GRU` with the weights of each layer's one or two directions.

    Args:
        directions: the directions of each layer, the lowest layer first, the forward direction first.
        caller: the function name for errors.
    """
    first = directions[0][0]
    D, H = first.sizes
    both = len(directions[0]) == 2
    layer = LAYERS[first.kind](
        D, H, num_layers=len(directions), bidirectional=both, rng=0, dtype=first.W_x.dtype, **first.options
    )
    for own, given in zip(cells_of(layer, caller), directions, strict=True):
        for cell, weights in zip(own, given, strict=True):
            for name, array in cell_of(weights).params.items():
                cell.params[name][...] = array
    return layer


def cells_of(layer: object, caller: str) -> list[list[Cell[Any]]]:
    """Return the cells of each layer's one or two directions, the lowest layer first.

    Raises:
        ValueError: for a layer without a counterpart in other libraries: one that only reads backward.
        TypeError: for anything but a layer.
    """
    if not isinstance(layer, SequenceLayer):
        raise TypeError(
            f"{caller}: layer is of type {type(layer).__name__}, expected a Recurrent, a Bidirectional, a "
            "Stack, an RNN, an LSTM or a GRU"
        )
    if isinstance(layer, Bidirectional):
        return [[layer.forward_layer.cell, layer.backward_layer.cell]]
    if isinstance(layer, Recurrent):
        return [[layer.cell]]
    if not isinstance(layer, Stack):
        raise TypeError(f"{caller}: {type(layer).__name__} is not a layer of the library")
    return [cells for own in layer.layers for cells in cells_of(own, caller)]


def check_alike(layers: list[list[Weights]], caller: str) -> None:
    """Raise unless all layers have the same kind, hidden size and number of directions."""
    first, n = layers[0][0], len(layers[0])
    for k, weights in enumerate(layers):
        if len(weights) != n:
            raise ValueError(f"{caller}: layer {k} has {len(weights)} directions, expected {n} as layer 0")
        input_size = n * first.sizes[1] if k else first.sizes[0]
        for one in weights:
            for what, came, expected in (
                ("kind", one.kind, first.kind),
                ("hidden_size", one.sizes[1], first.sizes[1]),
                ("input_size", one.sizes[0], input_size),
                *((name, value, first.options.get(name)) for name, value in one.options.items()),
            ):
                if came != expected:
                    raise ValueError(f"{caller}: layer {k} has {what} {came}, expected {expected}")


def split(array: Array, order: Sequence[str], keeps: bool, axis: int = 0) -> Array:
    """Return a library's blocks as (G, ...) in our order, with z as defined here.

    Args:
        array: the blocks side by side along an axis.
        order: the order of the gates, by our names.
        keeps: whether the library's z keeps the old state.
        axis: the axis of the blocks.
    """
    blocks = dict(zip(order, np.split(array, len(order), axis=axis), strict=True))
    gates = next(own for own in GATES.values() if set(own) == set(order))
    return np.stack([-blocks[gate] if keeps and gate == "z" else blocks[gate] for gate in gates])


def joined(array: Array, order: Sequence[str], keeps: bool, axis: int = 0) -> Array:
    """Return the argument of `split`: (G, ...) in our order as a library's blocks side by side."""
    gates = next(own for own in GATES.values() if set(own) == set(order))
    blocks = dict(zip(gates, array, strict=True))
    return np.concatenate([-blocks[g] if keeps and g == "z" else blocks[g] for g in order], axis=axis)


class Entries:
    """A mapping of another library's arrays, read entry by entry: an unread entry is an error.

    Args:
        arrays: the arrays by name.
        prefix: the prefix of the names to use.
        caller: the function name for errors.
    """

    def __init__(self, arrays: Any, prefix: str, caller: str) -> None:
        if not isinstance(arrays, Mapping):
            raise TypeError(
                f"{caller}: arrays is of type {type(arrays).__name__}, expected a mapping of arrays"
            )
        if not isinstance(prefix, str):
            raise TypeError(f"{caller}: prefix is of type {type(prefix).__name__}, expected a string")
        for name in arrays:
            if not isinstance(name, str):
                raise TypeError(f"{caller}: arrays has the key {brief(repr(name))}, expected names")
        self.prefix, self.caller = prefix, caller
        self.arrays = {
            name[len(prefix) :]: value for name, value in arrays.items() if name.startswith(prefix)
        }
        self.dtype: np.dtype[Any] | None = None
        self._read: set[str] = set()
        if not self.arrays:
            came = brief(", ".join(list(arrays)[:6])) or "nothing"
            raise ValueError(f"{caller}: no name begins with {prefix!r}; there is {came}")

    def __contains__(self, name: str) -> bool:
        return name in self.arrays

    def read(self, name: str, axes: tuple[tuple[int, str] | str, ...]) -> Array:
        """Return an entry as a new array.

        Args:
            name: the name of the entry, without the prefix.
            axes: a letter for an axis of any length; (length, origin of the length) for a known one.

        Raises:
            ValueError: for an entry that is missing, or of another shape or dtype.
        """
        if name not in self.arrays:
            there = brief(", ".join(list(self.arrays)[:8]))
            raise ValueError(f"{self.caller}: there is no {self.prefix + name!r}; there is {there}")
        self._read.add(name)
        array = np.asarray(self.arrays[name])  # of a tensor on the CPU, a view
        full = self.prefix + name
        if array.dtype.newbyteorder("=") not in (np.float32, np.float64):
            raise ValueError(f"{self.caller}: {full!r} has dtype {array.dtype}, expected float32 or float64")
        array = array.astype(array.dtype.newbyteorder("="), order="C", copy=True)
        if self.dtype is not None and array.dtype != self.dtype:
            raise ValueError(
                f"{self.caller}: {full!r} has dtype {array.dtype}, expected {self.dtype} like the others"
            )
        self.dtype = array.dtype
        wrong = array.ndim != len(axes) or any(
            not isinstance(axis, str) and axis[0] != size
            for axis, size in zip(axes, array.shape, strict=True)
        )
        if wrong or 0 in array.shape:
            expected = ", ".join(axis if isinstance(axis, str) else f"{axis[1]} = {axis[0]}" for axis in axes)
            raise ValueError(f"{self.caller}: {full!r} has shape {array.shape}, expected ({expected})")
        return array

    def finish(self) -> None:
        """Raise if an entry was not read."""
        left = [self.prefix + name for name in self.arrays if name not in self._read]
        if left:
            raise ValueError(f"{self.caller}: {brief(', '.join(left))}: not expected here")
