"""A layer whose gradients reach back at most through a window of k steps (Williams & Peng, 1990).

The sequence is cut into windows of k steps, of which the last may be shorter. The forward pass is unchanged:
each window starts from the state s_w in which the previous window ended. In the backward pass, every s_w but
the first is held fixed: the gradient is that of

    sum over the windows w of L_w(hs_w),    hs_w, s_{w+1} = layer(xs_w, s_w),    s_w a constant for w > 0

where L_w is the part of the loss that depends on the outputs of the window. The final state of a sequence is
that of the window in which the sequence ends. With k >= T there is one window, and the gradient is complete.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from seqmem.initializers import Rng, as_generator
from seqmem.module import Array, Grads, Module, named_modules, prefixed
from seqmem.nests import tree_map
from seqmem.validation import (
    as_array,
    as_cache,
    as_floats,
    as_lengths,
    as_pair,
    as_size,
    check_shape,
    check_type,
    working_dtype,
)


class TruncatedBPTTCache(NamedTuple):
    """The values that `forward` passes to `backward`."""

    windows: list[Any]  # the layer's caches
    last: Array  # (B,) the window in which each sequence ends
    sizes: list[int]  # the steps of each window


class TruncatedBPTT(Module):
    """Runs a layer in windows of k steps, whose state is carried but not differentiated.

    Outputs and final state are those of the layer. A pass still needs the memory of all T steps: to train on
    sequences that do not fit in memory, take an optimizer step after each window, as `data.TruncatedBatches`
    and `fit` do.

    Args:
        layer: any layer that reads forwards, such as `Recurrent` or a stack: (hs, final), cache =
            layer.forward(xs, state, lengths=...).
        steps: k, the steps per window.

    Raises:
        TypeError: for a layer that is not a Module.
        ValueError: for a layer that reads backwards, since the state of each window would have to come from
            the next one, or for `steps` below 1.

    >>> from seqmem.cells import RNNCell
    >>> from seqmem.layers.recurrent import Recurrent
    >>> layer = TruncatedBPTT(Recurrent(RNNCell(3, 4, rng=0)), steps=2)
    >>> (hs, final), cache = layer.forward(np.ones((5, 2, 3)))
    >>> d_hs = np.zeros((5, 2, 4))
    >>> d_hs[3] = 1  # reaches the steps 3 and 2, which are one window
    >>> (d_xs, d_state), grads = layer.backward((d_hs, None), cache)
    >>> d_xs.any(axis=(1, 2))
    array([False, False,  True,  True, False])
    """

    def __init__(self, layer: Module, steps: int) -> None:
        check_type(layer, Module, "TruncatedBPTT", "layer")
        self.layer = layer
        self.steps = as_size(steps, "TruncatedBPTT", "steps")
        for name, one in named_modules(layer, "layer"):
            if getattr(one, "reverse", False):
                raise ValueError(
                    f"TruncatedBPTT: {name} reads backwards, expected a layer that reads forwards: the state "
                    "of a window would have to come from the next window"
                )

    def forward(
        self, xs: Array, state: Any = None, *, lengths: Any = None, rng: Rng = None
    ) -> tuple[tuple[Array, Any], TruncatedBPTTCache]:
        """Run all steps of a batch of sequences, window by window.

        Args:
            xs: inputs, (T, B, D).
            state: the state before the first step; None means zeros.
            lengths: (B,) integers from 0 to T; None if every sequence has T steps.
            rng: enables the layer's dropout; every window draws new numbers.

        Returns:
            ((hs, final), cache): as from the layer itself, and the cache for `backward`.

        Raises:
            ValueError, TypeError: for wrong shapes, dtypes or lengths.
        """
        caller = "TruncatedBPTT.forward"
        xs = as_floats(xs, working_dtype(self.dtype, xs), ("T", "B", "D"), caller, "xs")
        T, B = xs.shape[:2]
        rows = as_lengths(lengths, B, T, caller)
        options: dict[str, Any] = {} if rng is None else {"rng": as_generator(rng)}
        outputs, caches, sizes = [], [], []
        for start in range(0, T, self.steps) or [0]:
            part = xs[start : start + self.steps]
            own = None if rows is None else np.clip(rows - start, 0, len(part))
            (hs, state), cache = self.layer.forward(part, state, lengths=own, **options)
            outputs.append(hs)
            caches.append(cache)
            sizes.append(len(part))
        ends = np.full(B, T) if rows is None else rows
        last = np.maximum(ends - 1, 0) // self.steps  # an empty sequence passes its state through the first
        return (np.concatenate(outputs), state), TruncatedBPTTCache(caches, last, sizes)

    def backward(
        self, d_outputs: tuple[Array | None, Any], cache: TruncatedBPTTCache
    ) -> tuple[tuple[Array, Any], Grads]:
        """Backpropagate through each window separately.

        Args:
            d_outputs: (d_hs, d_final), dLoss/d(outputs); None means zeros.
            cache: the cache that `forward` returned.

        Returns:
            ((d_xs, d_state), grads): gradients of the inputs (T, B, D), of the state before the first step,
            and of each parameter, summed over the windows.
        """
        caller = "TruncatedBPTT.backward"
        caches, last, sizes = as_cache(cache, TruncatedBPTTCache, caller)
        d_hs, d_final = as_pair(d_outputs, caller, "d_outputs", "(d_hs, d_final)")
        if d_hs is not None:
            d_hs = as_array(d_hs, caller, "d_hs")
            check_shape(d_hs, ((sum(sizes), "T"), (len(last), "B"), "F"), caller, "d_hs")
        d_xs, d_state, sums = [], None, Grads()
        for window, (own, size) in enumerate(zip(caches, sizes, strict=True)):
            start = window * self.steps
            part = None if d_hs is None else d_hs[start : start + size]
            ended = last == window
            d_own = tree_map(lambda d, ended=ended: _only(d, ended, caller), d_final)
            (d_part, d_before), grads = self.layer.backward((part, d_own), own)
            d_xs.append(d_part)
            d_state = d_before if window == 0 else d_state
            sums = {name: sums[name] + grad for name, grad in grads.items()} if sums else grads
        return (np.concatenate(d_xs), d_state), self.summed(prefixed("layer", sums))


def _only(d: Any, rows: Array, caller: str) -> Array:
    """Return a part (B, ...) of a state's gradient, 0 except in some rows."""
    array = as_array(d, caller, "d_final")
    if not array.ndim or len(array) != len(rows):
        raise ValueError(f"{caller}: d_final has shape {array.shape}, expected {len(rows)} rows: B")
    return np.where(rows.reshape(-1, *(1,) * (array.ndim - 1)), array, array.dtype.type(0))
