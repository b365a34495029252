"""Layers of one kind of cell on top of each other, from one end or from both, under torch's names.

    layer 0 reads xs (T, B, D); layer k reads hs of layer k-1: (T, B, H), or (T, B, 2H) of both directions
    hs      of the last layer, (T, B, H) or (T, B, 2H), the forward direction's first
    final   a tuple with the state of each layer; of both directions BidirectionalState(forward, backward)

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
from seqmem.validation import as_flag, as_size

MakeCell = Callable[[int], Cell[Any]]  # input size to a cell


class _OfOneCell(Stack):
    """What `RNN`, `LSTM` and `GRU` share."""

    def __init__(
        self,
        make: MakeCell,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        bidirectional: bool,
        dropout: float,
    ) -> None:
        name = type(self).__name__
        self.num_layers = as_size(num_layers, name, "num_layers")
        self.bidirectional = as_flag(bidirectional, name, "bidirectional")
        as_dropout_between(dropout, num_layers, name)
        super().__init__(
            *layers_of(make, input_size, num_layers, bidirectional=bidirectional), dropout=dropout
        )
        self.hidden_size = hidden_size


class RNN(_OfOneCell):
    """Layers of `RNNCell`s on top of each other (Elman, 1990).

    Args:
        input_size: D.
        hidden_size: H, of each direction.
        num_layers: how many layers.
        bidirectional: read the sequence from both ends in every layer.
        dropout: rate at which the outputs of every layer but the last are set to 0 when an `rng` is passed.
        rng: seed or generator of the first weights.
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
        rng: Rng = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        rng = as_generator(rng)

        def make(size: int) -> Cell[Any]:
            return RNNCell(size, hidden_size, rng=rng, dtype=dtype)

        super().__init__(make, input_size, hidden_size, num_layers, bidirectional, dropout)


class LSTM(_OfOneCell):
    """Layers of `LSTMCell`s on top of each other (Hochreiter & Schmidhuber, 1997; Graves et al., 2013).

    Args:
        input_size: D.
        hidden_size: H, of each direction.
        num_layers: how many layers.
        bidirectional: read the sequence from both ends in every layer.
        dropout: rate at which the outputs of every layer but the last are set to 0 when an `rng` is passed.
        forget_bias: first value of the forget gates' biases.
        rng: seed or generator of the first weights.
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
        forget_bias: float = 1.0,
        rng: Rng = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        rng = as_generator(rng)

        def make(size: int) -> Cell[Any]:
            return LSTMCell(size, hidden_size, forget_bias=forget_bias, rng=rng, dtype=dtype)

        super().__init__(make, input_size, hidden_size, num_layers, bidirectional, dropout)
        self.forget_bias = forget_bias


class GRU(_OfOneCell):
    """Layers of `GRUCell`s on top of each other (Cho et al., 2014).

    Args:
        input_size: D.
        hidden_size: H, of each direction.
        num_layers: how many layers.
        bidirectional: read the sequence from both ends in every layer.
        dropout: rate at which the outputs of every layer but the last are set to 0 when an `rng` is passed.
        reset: "before" applies the reset gate to h before the recurrent product, "after" (torch's) to the
            product.
        rng: seed or generator of the first weights.
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
        reset: Literal["before", "after"] = "before",
        rng: Rng = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        rng = as_generator(rng)

        def make(size: int) -> Cell[Any]:
            return GRUCell(size, hidden_size, reset=reset, rng=rng, dtype=dtype)

        super().__init__(make, input_size, hidden_size, num_layers, bidirectional, dropout)
        self.reset = reset


def layers_of(
    make: MakeCell, input_size: int, num_layers: int, *, bidirectional: bool
) -> list[SequenceLayer[Any]]:
    """Return layers for a `Stack`, each of one cell or of one cell a direction.

    Args:
        make: makes a cell of the input size that it is given.
        input_size: of the lowest layer.
        num_layers: how many.
        bidirectional: whether each reads from both ends.
    """
    layers: list[SequenceLayer[Any]] = []
    for _ in range(num_layers):
        ahead = Recurrent(make(input_size))
        layer: SequenceLayer[Any] = ahead
        if bidirectional:
            layer = Bidirectional(ahead, Recurrent(make(input_size), reverse=True))
        layers.append(layer)
        input_size = layer.output_size
    return layers


def cell_like(cell: Cell[Any], input_size: int, rng: Rng) -> Cell[Any]:
    """Return a new cell that is made as another one was, but for its input size and its first weights."""
    cls, config = type(cell), cell.config | {"input_size": input_size}
    if "rng" in inspect.signature(cls).parameters:
        config["rng"] = rng
    return cls(**config)
