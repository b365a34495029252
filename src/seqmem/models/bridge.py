"""From the encoder's final state to the decoder's initial state."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from seqmem.cells import State
from seqmem.cells.tape import as_parts, fields_of, state_of
from seqmem.initializers import Rng
from seqmem.layers import Linear
from seqmem.layers.linear import LinearCache
from seqmem.module import Grads, Module, prefixed
from seqmem.validation import as_cache, as_floats, as_size, as_upstream, working_dtype


class BridgeCache(NamedTuple):
    """The values that `forward` passes to `backward`."""

    shape: tuple[int, int]  # of each part of the decoder's state, (B, H)
    dtype: np.dtype[Any]
    linear: LinearCache | None  # None if the state passes unchanged
    first: Any  # (B, F) all parts of the decoder's initial state side by side


class Bridge(Module):
    """Passes a state on unchanged, including an LSTM's c, if its type and size are those of the decoder.

    Otherwise the decoder's state is a learned tanh of the encoder's state, W [h ; c] + b, as in Bahdanau, Cho
    & Bengio (2015).

    Args:
        source_size: hidden size of the encoder.
        target_size: hidden size of the decoder.
        source_type: the type of the encoder's state: `LSTMState`, or an array.
        target_type: the type of the decoder's state.
        rng: seed or generator for the initial weights.
        dtype: float64 or float32.
    """

    def __init__(
        self,
        source_size: int,
        target_size: int,
        *,
        source_type: type[Any],
        target_type: type[Any],
        rng: Rng = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        self.source_size = source_size = as_size(source_size, "Bridge", "source_size")
        self.target_size = target_size = as_size(target_size, "Bridge", "target_size")
        self.source_type, self.target_type = source_type, target_type
        self.unchanged = (source_type, source_size) == (target_type, target_size)
        if not self.unchanged:
            n_source, n_target = len(fields_of(source_type)), len(fields_of(target_type))
            self.linear = Linear(n_source * source_size, n_target * target_size, rng=rng, dtype=dtype)

    def forward(self, state: State) -> tuple[State, BridgeCache]:
        """Return the decoder's initial state from the encoder's final state.

        Raises:
            ValueError, TypeError: for a wrong shape or dtype.
        """
        named = as_parts(self.source_type, state, "Bridge.forward", "state")
        dtype = working_dtype(self.dtype, *(part for _, part in named))
        axes = ("B", (self.source_size, "source_size"))
        parts = [as_floats(part, dtype, axes, "Bridge.forward", name) for name, part in named]
        shape = (len(parts[0]), self.target_size)
        if self.unchanged:
            return state_of(self.target_type, parts), BridgeCache(shape, parts[0].dtype, None, None)
        y, cache = self.linear.forward(np.concatenate(parts, axis=1))
        first = np.tanh(y)
        parts = np.split(first, len(fields_of(self.target_type)), axis=1)
        return state_of(self.target_type, parts), BridgeCache(shape, first.dtype, cache, first)

    @np.errstate(under="ignore")  # a product that underflows is 0, its exact limit
    def backward(self, d_state: State, cache: BridgeCache) -> tuple[tuple[State], Grads]:
        """Return the encoder's gradient from that of the decoder's initial state; None means zeros."""
        cache = as_cache(cache, BridgeCache, "Bridge.backward")
        d_parts = [
            as_upstream(part, cache.shape, cache.dtype, "Bridge.backward", name)
            for name, part in as_parts(self.target_type, d_state, "Bridge.backward", "d_state")
        ]
        if cache.linear is None:
            return (state_of(self.source_type, d_parts),), {}
        d_y = np.concatenate(d_parts, axis=1) * (1 - cache.first**2)
        (d_flat,), grads = self.linear.backward(d_y, cache.linear)
        d_source = np.split(d_flat, len(fields_of(self.source_type)), axis=1)
        return (state_of(self.source_type, d_source),), prefixed("linear", grads)
