"""From the encoder's final state to the decoder's first one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from seqmem.cells import LSTMState, State
from seqmem.initializers import Rng
from seqmem.layers import Linear
from seqmem.layers.linear import LinearCache
from seqmem.module import Array, Grads, Module, prefixed, tree_leaves
from seqmem.validation import as_floats, as_pair, as_upstream, working_dtype


class BridgeCache(NamedTuple):
    """What `forward` hands to `backward`."""

    shape: tuple[int, int]  # of each part of the decoder's state, (B, H)
    dtype: np.dtype[Any]
    linear: LinearCache | None  # None when the state passes as it is
    first: Any  # (B, F) all parts of the decoder's first state side by side


class Bridge(Module):
    """Passes a state on as it is when it has the form and size that the decoder wants, an LSTM's c included.

    Otherwise the decoder's state is a learned tanh of the encoder's, W [h ; c] + b, in the way that Bahdanau,
    Cho & Bengio (2015) start their decoder.

    Args:
        source_size: hidden size of the encoder.
        target_size: hidden size of the decoder.
        source_parts: 2 for an LSTM's h and c, 1 for the other cells.
        target_parts: likewise.
        rng: seed or generator of the first weights.
        dtype: float64 or float32.
    """

    def __init__(
        self,
        source_size: int,
        target_size: int,
        *,
        source_parts: int,
        target_parts: int,
        rng: Rng = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        self.source_size, self.target_size = source_size, target_size
        self.source_parts, self.target_parts = source_parts, target_parts
        self.unchanged = (source_parts, source_size) == (target_parts, target_size)
        if not self.unchanged:
            widths = source_parts * source_size, target_parts * target_size
            self.linear = Linear(*widths, rng=rng, dtype=dtype)

    def forward(self, state: State) -> tuple[State, BridgeCache]:
        """The encoder's final state to the decoder's first.

        Raises:
            ValueError, TypeError: for a wrong shape or dtype.
        """
        parts = self._split(state, self.source_parts, "Bridge.forward", "state")
        dtype = working_dtype(self.dtype, *parts)
        axes = ("B", (self.source_size, "source_size"))
        parts = [as_floats(part, dtype, axes, "Bridge.forward", "state") for part in parts]
        shape = (len(parts[0]), self.target_size)
        if self.unchanged:
            return _joined(parts), BridgeCache(shape, parts[0].dtype, None, None)
        y, cache = self.linear.forward(np.concatenate(parts, axis=1))
        first = np.tanh(y)
        parts = np.split(first, self.target_parts, axis=1)
        return _joined(parts), BridgeCache(shape, first.dtype, cache, first)

    @np.errstate(under="ignore")  # a product that underflows is 0, its exact limit
    def backward(self, d_state: State, cache: BridgeCache) -> tuple[tuple[State], Grads]:
        """The gradient of the decoder's first state, None for zeros, to that of the encoder's final one."""
        d_parts = [
            as_upstream(part, cache.shape, cache.dtype, "Bridge.backward", "d_state")
            for part in self._split(d_state, self.target_parts, "Bridge.backward", "d_state")
        ]
        if cache.linear is None:
            return (_joined(d_parts),), {}
        d_y = np.concatenate(d_parts, axis=1) * (1 - cache.first**2)
        (d_flat,), grads = self.linear.backward(d_y, cache.linear)
        return (_joined(np.split(d_flat, self.source_parts, axis=1)),), prefixed("linear", grads)

    def _split(self, state: State, count: int, caller: str, name: str) -> list[Any]:
        return [state] if count == 1 else list(as_pair(state, caller, name, "LSTMState(h, c)"))


def state_parts(state: State) -> int:
    """How many arrays a state consists of."""
    return len(list(tree_leaves(state, "state")))


def _joined(parts: Sequence[Array]) -> State:
    return parts[0] if len(parts) == 1 else LSTMState(*parts)
