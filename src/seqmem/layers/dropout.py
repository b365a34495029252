"""Dropout (Srivastava et al., 2014), rescaled during training so that inference needs no change.

y = x * keep / (1 - rate),    keep[...] = 0 with probability rate, else 1
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from seqmem.initializers import Rng, as_generator
from seqmem.module import Array, Grads, Module
from seqmem.validation import as_cache, as_floats, as_fraction, as_upstream, working_dtype


class DropoutCache(NamedTuple):
    """The values that `forward` passes to `backward`."""

    scale: Array | None  # keep / (1 - rate), of x's shape; None if nothing was dropped
    shape: tuple[int, ...]  # of the output
    dtype: np.dtype[Any]


class Dropout(Module):
    """A layer that zeroes random entries of its input if an `rng` is passed, and otherwise does nothing.

    Args:
        rate: the probability of a zero, at least 0 and below 1.

    >>> layer = Dropout(0.5)
    >>> y, cache = layer.forward(np.ones(4), rng=0)
    >>> y
    array([2., 2., 2., 0.])
    >>> layer.forward(np.ones(4))[0]
    array([1., 1., 1., 1.])
    """

    def __init__(self, rate: float) -> None:
        self.rate = as_fraction(rate, "Dropout", "rate")

    @np.errstate(under="ignore")  # a product that underflows is 0, its exact limit
    def forward(self, x: Array, *, rng: Rng = None) -> tuple[Array, DropoutCache]:
        """Return y of x's shape, with entries dropped at random; without `rng`, y is x itself."""
        x = as_floats(x, working_dtype(None, x), ("...",), "Dropout.forward", "x")
        scale = self.scale(x.shape, x.real.dtype, rng)
        return x if scale is None else x * scale, DropoutCache(scale, x.shape, x.dtype)

    def scale(self, shape: tuple[int, ...], dtype: np.dtype[Any], rng: Rng) -> Array | None:
        """Draw what x of a shape is multiplied by, keep / (1 - rate); None when nothing is dropped."""
        if rng is None or self.rate == 0:
            return None
        keep = as_generator(rng).random(shape, np.float32) >= self.rate
        return keep.astype(dtype) / (1 - self.rate)

    @np.errstate(under="ignore")
    def backward(self, d_y: Array | None, cache: DropoutCache) -> tuple[tuple[Array], Grads]:
        """Return ((d_x,), {}) from d_y."""
        cache = as_cache(cache, DropoutCache, "Dropout.backward")
        d_y = as_upstream(d_y, cache.shape, cache.dtype, "Dropout.backward", "d_y")
        return (d_y if cache.scale is None else d_y * cache.scale,), {}
