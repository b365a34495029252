"""From the encoder's final state to the decoder's initial state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from seqmem.initializers import Rng
from seqmem.layers import Linear
from seqmem.layers.linear import LinearCache
from seqmem.module import Array, Grads, Module, prefixed
from seqmem.nests import tree_leaves, tree_map
from seqmem.validation import as_cache, as_floats, as_size, as_upstream, working_dtype

Form = Any  # of a state: a nest like the state with the size H of each array as a leaf: LSTMState(4, 4)


class BridgeCache(NamedTuple):
    """The values that `forward` passes to `backward`."""

    batch_size: int
    dtype: np.dtype[Any]
    linear: LinearCache | None  # None if the state passes unchanged
    first: Any  # (B, F) all parts of the decoder's initial state side by side


class Bridge(Module):
    """Connects the encoder's final state to the decoder's initial state.

    If both states have the same form, the state passes unchanged, including the c of an LSTM. Otherwise
    (another cell, size or number of layers, or both directions) the decoder's initial state is learned from
    the encoder's, as in Bahdanau, Cho & Bengio (2015): tanh(W [all parts side by side] + b).

    Args:
        source: the form of the encoder's state: `LSTMState(3, 3)` for an LSTM with 3 units, 3 for a GRU,
            `BidirectionalState(3, 3)` for both directions, a tuple of such forms for several layers.
        target: the form of the decoder's state.
        rng: seed or generator for the initial weights.
        dtype: float64 or float32.

    >>> from seqmem import BidirectionalState, LSTMState
    >>> bridge = Bridge(BidirectionalState(3, 3), LSTMState(4, 4), rng=0)
    >>> state, cache = bridge.forward(BidirectionalState(np.ones((2, 3)), np.ones((2, 3))))
    >>> state.c.shape, bridge.linear.W.shape
    ((2, 4), (6, 8))
    """

    def __init__(
        self, source: Form, target: Form, *, rng: Rng = None, dtype: npt.DTypeLike = np.float64
    ) -> None:
        for name, form in (("source", source), ("target", target)):
            if isinstance(form, str) or not list(tree_leaves(form, name)):
                raise TypeError(
                    f"Bridge: {name} is {form!r:.80}, expected the form of a state, such as LSTMState(4, 4)"
                )
        self.source, self.target = (
            tree_map(lambda size: as_size(size, "Bridge", "a size"), form) for form in (source, target)
        )
        self.source_sizes, self.target_sizes = (
            [n for _, n in tree_leaves(f, "")] for f in (self.source, self.target)
        )
        self.unchanged = repr(self.source) == repr(self.target)  # (3, 3) would equal LSTMState(3, 3)
        if not self.unchanged:
            sizes = (sum(self.source_sizes), sum(self.target_sizes))
            self.linear = Linear(*sizes, rng=rng, dtype=dtype)

    def forward(self, state: Any) -> tuple[Any, BridgeCache]:
        """Return the decoder's initial state for the encoder's final state, and the cache.

        Raises:
            ValueError, TypeError: for a wrong form, shape or dtype.
        """
        named = as_leaves(self.source, state, "Bridge.forward", "state")
        dtype = working_dtype(None if self.unchanged else self.linear.dtype, *[part for _, part in named])
        parts: list[Array] = []
        for (name, part), size in zip(named, self.source_sizes, strict=True):
            batch = (len(parts[0]), "the batch size") if parts else "B"
            parts.append(as_floats(part, dtype, (batch, (size, "the encoder's")), "Bridge.forward", name))
        B = len(parts[0])
        if self.unchanged:
            return of_leaves(self.target, parts), BridgeCache(B, parts[0].dtype, None, None)
        y, cache = self.linear.forward(np.concatenate(parts, axis=1))
        first = np.tanh(y)
        # copies, because the caller may change the state and the cache keeps `first`
        parts = [part.copy() for part in np.split(first, np.cumsum(self.target_sizes)[:-1], axis=1)]
        return of_leaves(self.target, parts), BridgeCache(B, first.dtype, cache, first)

    @np.errstate(under="ignore")  # a product that underflows is 0, its exact limit
    def backward(self, d_state: Any, cache: BridgeCache) -> tuple[tuple[Any], Grads]:
        """Return the gradient of the encoder's final state; None as the upstream gradient means zeros."""
        cache = as_cache(cache, BridgeCache, "Bridge.backward")
        named = as_leaves(self.target, d_state, "Bridge.backward", "d_state")
        d_parts = [
            as_upstream(part, (cache.batch_size, size), cache.dtype, "Bridge.backward", name)
            for (name, part), size in zip(named, self.target_sizes, strict=True)
        ]
        if cache.linear is None:
            return (of_leaves(self.source, d_parts),), {}
        d_y = np.concatenate(d_parts, axis=1) * (1 - cache.first**2)
        (d_flat,), grads = self.linear.backward(d_y, cache.linear)
        d_source = np.split(d_flat, np.cumsum(self.source_sizes)[:-1], axis=1)
        return (of_leaves(self.source, d_source),), prefixed("linear", grads)


def form_of(module: Any) -> Form:
    """Return the form of the state of an encoder, a decoder, a layer or a cell."""
    return tree_map(lambda zeros: zeros.shape[1], module.zero_state(0))


def as_leaves(form: Form, state: Any, caller: str, name: str) -> list[tuple[str, Any]]:
    """Check a state from a caller and return its arrays, each with a name; None means None for each array.

    Raises:
        TypeError: for a state of another form.
    """
    if isinstance(form, int):
        return [(name, state)]
    if state is None:
        state = (None,) * len(form)
    if not isinstance(state, (tuple, list)) or len(state) != len(form):
        raise TypeError(f"{caller}: {name} is of type {type(state).__name__}, expected the form {form}")
    fields = getattr(form, "_fields", None)
    names = [f"{name}.{field}" for field in fields] if fields else [f"{name}[{k}]" for k in range(len(form))]
    leaves: list[tuple[str, Any]] = []
    for own, part, key in zip(form, state, names, strict=True):
        leaves += [(key, part)] if isinstance(own, int) else as_leaves(own, part, caller, key)
    return leaves


def of_leaves(form: Form, parts: Any) -> Any:
    """Return the state of this form with the given arrays, in order."""
    return _built(form, iter(parts))


def _built(form: Form, left: Iterator[Any]) -> Any:
    if isinstance(form, int):
        return next(left)
    made = [next(left) if isinstance(own, int) else _built(own, left) for own in form]
    return type(form)(*made) if hasattr(form, "_fields") else tuple(made)
