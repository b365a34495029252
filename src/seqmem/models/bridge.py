"""From the encoder's final state to the decoder's first one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seqmem.cells import Cell, State
from seqmem.initializers import Rng
from seqmem.layers import Linear
from seqmem.layers.linear import LinearCache
from seqmem.module import Array, Grads, Module, prefixed


class BridgeCache(NamedTuple):
    """What `forward` hands to `backward`."""

    linear: LinearCache
    first: Array  # (B, F) all parts of the decoder's first state side by side


class Bridge(Module):
    """Passes a state on as it is when both cells are of one kind and size, an LSTM's c included.

    Otherwise the decoder's state is a learned tanh of the encoder's, W [h ; c] + b, in the way that Bahdanau,
    Cho & Bengio (2015) start their decoder.

    Args:
        source: the encoder's cell.
        target: the decoder's cell.
        rng: seed or generator of the first weights.
    """

    def __init__(self, source: Cell, target: Cell, rng: Rng = None) -> None:
        self.source, self.target = type(source), type(target)
        self.unchanged = self.source is self.target and source.hidden_size == target.hidden_size
        if not self.unchanged:
            width, target_width = (cell.flatten(cell.zero_state(0)).shape[1] for cell in (source, target))
            self.linear = Linear(width, target_width, rng=rng, dtype=target.W_x.dtype)

    def forward(self, state: State) -> tuple[State, BridgeCache | None]:
        """The encoder's final state to the decoder's first."""
        if self.unchanged:
            return state, None
        y, cache = self.linear.forward(self.source.flatten(state))
        first = np.tanh(y)
        return self.target.unflatten(first), BridgeCache(cache, first)

    def backward(self, d_state: State, cache: BridgeCache | None) -> tuple[tuple[State], Grads]:
        """The gradient of the decoder's first state to that of the encoder's final one."""
        if cache is None:
            return (d_state,), {}
        d_y = self.target.flatten(d_state) * (1 - cache.first**2)
        (d_flat,), grads = self.linear.backward(d_y, cache.linear)
        return (self.source.unflatten(d_flat),), prefixed("linear", grads)
