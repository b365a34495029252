"""Layers of one kind of cell on top of each other, in one or both directions, with torch's argument names.

    layer 0 reads xs (T, B, D); layer k reads hs of layer k-1: (T, B, H), or (T, B, 2H) for both directions
    hs      of the last layer, (T, B, H) or (T, B, 2H), the forward direction's first
    final   a tuple with the state of each layer; for both directions, BidirectionalState(forward, backward)

The arguments are those of torch's `nn.RNN`, `nn.LSTM` and `nn.GRU`; there is no batch_first and no bias. Not
to be confused with torch's states, which are one array (num_layers · directions, B, H) for h and one for c:
h of torch's row 2k + 1 is `final[k].backward.h` here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from seqmem.cells import Cell, GRUCell, LSTMCell, RNNCell
from seqmem.initializers import Rng, as_generator
from seqmem.layers.bidirectional import Bidirectional
from seqmem.layers.recurrent import Recurrent
from seqmem.layers.sequence import SequenceLayer
from seqmem.layers.stack import Stack, as_dropout_between
from seqmem.validation import as_flag, as_longest, as_number, as_size

MakeCell = Callable[[int], Cell[Any]]  # from an input size to a cell


class _OfOneCell(Stack):
    """The common base class of `RNN`, `LSTM` and `GRU`.

    Args:
        kind: the class of the cells.
        input_size, hidden_size, num_layers, bidirectional, dropout, rng, dtype: as theirs.
        options: the cells' further arguments, kept as the layer's own.
        over_time: `variational`, and further arguments of `Recurrent`.
    """

    def __init__(
        self,
        kind: Callable[..., Cell[Any]],
        input_size: int,
        hidden_size: int,
        num_layers: int,
        bidirectional: bool,
        dropout: float,
        rng: Rng,
        dtype: npt.DTypeLike,
        options: dict[str, Any],
        over_time: dict[str, Any],
    ) -> None:
        name, rng = type(self).__name__, as_generator(rng)

        def make(size: int) -> Cell[Any]:
            return kind(size, hidden_size, rng=rng, dtype=dtype, **options)

        self.num_layers = as_size(num_layers, name, "num_layers")
        self.bidirectional = as_flag(bidirectional, name, "bidirectional")
        as_dropout_between(dropout, num_layers, name)
        noise = {key: value for key, value in over_time.items() if key != "variational"}
        layers = layers_of(make, input_size, num_layers, bidirectional=bidirectional, **noise)
        super().__init__(*layers, dropout=dropout, variational=over_time["variational"])
        self.hidden_size = hidden_size
        vars(self).update(options | noise)


class RNN(_OfOneCell):
    """Layers of `RNNCell`s on top of each other (Elman, 1990).

    Args:
        input_size: D.
        hidden_size: H, of each direction.
        num_layers: the number of layers.
        bidirectional: whether every layer reads the sequence from both ends.
        dropout: the probability of zeroing an output of every layer but the last if an `rng` is passed.
        variational: whether every step of a sequence drops the same entries (Gal & Ghahramani, 2016).
        recurrent_dropout, zoneout_h, learned_state: as in `Recurrent`, for every layer.
        activation: "tanh" or "relu".
        input_init, recurrent_init: initial values of the cells' W_x and W_h, as in `RNNCell`.
        rng: seed or generator for the initial weights.
        dtype: float64 or float32.

    >>> (hs, final), cache = RNN(3, 4, num_layers=2, rng=0).forward(np.ones((5, 2, 3)))
    >>> hs.shape, [h.shape for h in final]
    ((5, 2, 4), [(2, 4), (2, 4)])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        variational: bool = False,
        recurrent_dropout: float = 0.0,
        zoneout_h: float = 0.0,
        learned_state: bool = False,
        activation: Literal["tanh", "relu"] = "tanh",
        input_init: str = "glorot",
        recurrent_init: str = "orthogonal",
        rng: Rng = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        form = (input_size, hidden_size, num_layers, bidirectional, dropout)
        options = {"activation": activation, "input_init": input_init, "recurrent_init": recurrent_init}
        over_time = {
            "variational": variational,
            "recurrent_dropout": recurrent_dropout,
            "zoneout_h": zoneout_h,
            "learned_state": learned_state,
        }
        super().__init__(RNNCell, *form, rng, dtype, options, over_time)


class LSTM(_OfOneCell):
    """Layers of `LSTMCell`s on top of each other (Hochreiter & Schmidhuber, 1997; Graves et al., 2013).

    Args:
        input_size: D.
        hidden_size: H, of each direction.
        num_layers: the number of layers.
        bidirectional: whether every layer reads the sequence from both ends.
        dropout: the probability of zeroing an output of every layer but the last if an `rng` is passed.
        variational: whether every step of a sequence drops the same entries (Gal & Ghahramani, 2016).
        recurrent_dropout, zoneout_h, zoneout_c, learned_state: as in `Recurrent`, for every layer.
        forget_bias, chrono: of the forget gates, as in `LSTMCell`.
        input_init, recurrent_init: initial values of the cells' W_x and W_h, as in `LSTMCell`.
        rng: seed or generator for the initial weights.
        dtype: float64 or float32.

    >>> layer = LSTM(3, 4, num_layers=2, bidirectional=True, dropout=0.1, rng=0)
    >>> (hs, final), cache = layer.forward(np.ones((5, 2, 3)), lengths=[5, 3], rng=1)
    >>> hs.shape, len(final), final[1].backward.c.shape
    ((5, 2, 8), 2, (2, 4))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        variational: bool = False,
        recurrent_dropout: float = 0.0,
        zoneout_h: float = 0.0,
        zoneout_c: float = 0.0,
        learned_state: bool = False,
        forget_bias: float = 1.0,
        chrono: float | None = None,
        input_init: str = "glorot",
        recurrent_init: str = "orthogonal",
        rng: Rng = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        form = (input_size, hidden_size, num_layers, bidirectional, dropout)
        options = {
            "forget_bias": as_number(forget_bias, "LSTM", "forget_bias"),
            "chrono": as_longest(chrono, "LSTM"),
            "input_init": input_init,
            "recurrent_init": recurrent_init,
        }
        over_time = {
            "variational": variational,
            "recurrent_dropout": recurrent_dropout,
            "zoneout_h": zoneout_h,
            "zoneout_c": zoneout_c,
            "learned_state": learned_state,
        }
        super().__init__(LSTMCell, *form, rng, dtype, options, over_time)


class GRU(_OfOneCell):
    """Layers of `GRUCell`s on top of each other (Cho et al., 2014).

    Args:
        input_size: D.
        hidden_size: H, of each direction.
        num_layers: the number of layers.
        bidirectional: whether every layer reads the sequence from both ends.
        dropout: the probability of zeroing an output of every layer but the last if an `rng` is passed.
        variational: whether every step of a sequence drops the same entries (Gal & Ghahramani, 2016).
        recurrent_dropout, zoneout_h, learned_state: as in `Recurrent`, for every layer.
        reset: "before" applies the reset gate to h before the recurrent product, "after" (as in torch) to the
            product.
        update_bias, chrono: of the update gate, as in `GRUCell`.
        input_init, recurrent_init: initial values of the cells' W_x and W_h, as in `GRUCell`.
        rng: seed or generator for the initial weights.
        dtype: float64 or float32.

    >>> (hs, final), cache = GRU(3, 4, bidirectional=True, rng=0).forward(np.ones((5, 2, 3)))
    >>> hs.shape, final[0].forward.shape
    ((5, 2, 8), (2, 4))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        variational: bool = False,
        recurrent_dropout: float = 0.0,
        zoneout_h: float = 0.0,
        learned_state: bool = False,
        reset: Literal["before", "after"] = "before",
        update_bias: float = -2.0,
        chrono: float | None = None,
        input_init: str = "glorot",
        recurrent_init: str = "orthogonal",
        rng: Rng = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        form = (input_size, hidden_size, num_layers, bidirectional, dropout)
        options = {
            "reset": reset,
            "update_bias": as_number(update_bias, "GRU", "update_bias"),
            "chrono": as_longest(chrono, "GRU"),
            "input_init": input_init,
            "recurrent_init": recurrent_init,
        }
        over_time = {
            "variational": variational,
            "recurrent_dropout": recurrent_dropout,
            "zoneout_h": zoneout_h,
            "learned_state": learned_state,
        }
        super().__init__(GRUCell, *form, rng, dtype, options, over_time)


def layers_of(
    make: MakeCell, input_size: int, num_layers: int, *, bidirectional: bool, **over_time: Any
) -> list[SequenceLayer[Any]]:
    """Return layers for a `Stack`, each with one cell, or one cell per direction.

    Args:
        make: returns a cell for a given input size.
        input_size: the input size of the lowest layer.
        num_layers: the number of layers.
        bidirectional: whether each layer reads from both ends.
        **over_time: further arguments of each `Recurrent`.
    """
    layers: list[SequenceLayer[Any]] = []
    for _ in range(num_layers):
        ahead = Recurrent(make(input_size), **over_time)
        layer: SequenceLayer[Any] = ahead
        if bidirectional:
            layer = Bidirectional(ahead, Recurrent(make(input_size), reverse=True, **over_time))
        layers.append(layer)
        input_size = layer.output_size
    return layers


def layer_of(
    cell: Cell[Any],
    num_layers: int,
    *,
    bidirectional: bool,
    dropout: float,
    rng: Rng,
    variational: bool = False,
    **over_time: Any,
) -> SequenceLayer[Any]:
    """Return the simplest layer that consists of a cell and of further cells of the same kind.

    It is a `Recurrent` for one layer in one direction, a `Bidirectional` for one layer in both directions,
    and otherwise a `Stack`.

    Args:
        cell: of the lowest layer, which is used itself.
        num_layers: the number of layers.
        bidirectional: whether each layer reads from both ends.
        dropout, variational: the dropout between layers.
        rng: generator for the initial weights of the other cells.
        **over_time: further arguments of each `Recurrent`.
    """
    unused = [cell]

    def make(size: int) -> Cell[Any]:
        return unused.pop() if unused else cell_like(cell, size, rng)

    layers = layers_of(make, cell.input_size, num_layers, bidirectional=bidirectional, **over_time)
    return layers[0] if num_layers == 1 else Stack(*layers, dropout=dropout, variational=variational)


def first_cell(layer: Any) -> Cell[Any]:
    """Return the cell of the lowest layer's forward direction."""
    while isinstance(layer, Stack):
        layer = layer.layers[0]
    one = layer.forward_layer if isinstance(layer, Bidirectional) else layer
    cell: Cell[Any] = one.cell
    return cell


def cell_like(cell: Cell[Any], input_size: int, rng: Rng) -> Cell[Any]:
    """Return a new cell like another one, except for the input size and the initial weights."""
    cls, config = type(cell), cell.config | {"input_size": input_size}
    if "rng" in inspect.signature(cls).parameters:
        config["rng"] = rng
    return cls(**config)
