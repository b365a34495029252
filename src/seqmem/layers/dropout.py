"""Dropout (Srivastava et al., 2014), scaled while training so that nothing changes afterwards.

Variational dropout (Gal & Ghahramani, 2016) draws one `keep` for all steps of a sequence.

y = x * keep / (1 - rate),    keep[...] = 0 with probability rate, else 1
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from seqmem.initializers import Rng, as_generator
from seqmem.module import Array, Grads, Module
from seqmem.validation import as_cache, as_flag, as_floats, as_fraction, as_upstream, working_dtype


class DropoutCache(NamedTuple):
    """What `forward` hands to `backward`."""

    scale: Array | None  # keep / (1 - rate), of x's shape or of one step's; None when nothing was dropped
    shape: tuple[int, ...]  # the output's
    dtype: np.dtype[Any]


class Dropout(Module):
    """Sets a random part of its input to 0 when an `rng` is passed, and does nothing when it is not.

    Args:
        rate: the probability of 0, from 0 up to, not including, 1.
        variational: set the same entries to 0 at every step, the first axis.

    >>> layer = Dropout(0.5)
    >>> y, cache = layer.forward(np.ones(4), rng=0)
    >>> y
    array([2., 2., 2., 0.])
    >>> layer.forward(np.ones(4))[0]
    array([1., 1., 1., 1.])
    """

    def __init__(self, rate: float, *, variational: bool = False) -> None:
        self.rate = as_fraction(rate, "Dropout", "rate")
        self.variational = as_flag(variational, "Dropout", "variational")

    @np.errstate(under="ignore")  # a product that underflows is 0, its exact limit
    def forward(self, x: Array, *, rng: Rng = None) -> tuple[Array, DropoutCache]:
        """x of any shape to y of the same; `rng` draws what is dropped, and without it y is x itself."""
        x = as_floats(x, working_dtype(None, x), ("...",), "Dropout.forward", "x")
        scale = self.scale(x.shape, x.real.dtype, rng)
        return x if scale is None else x * scale, DropoutCache(scale, x.shape, x.dtype)

    def scale(self, shape: tuple[int, ...], dtype: np.dtype[Any], rng: Rng) -> Array | None:
        """Draw what x of a shape is multiplied by, keep / (1 - rate); None when nothing is dropped.

        Variational, it has one step, for all.
        """
        if rng is None or self.rate == 0:
            return None
        shape = (1, *shape[1:]) if self.variational else shape
        keep = as_generator(rng).random(shape, np.float32) >= self.rate
        return keep.astype(dtype) / (1 - self.rate)

    @np.errstate(under="ignore")
    def backward(self, d_y: Array | None, cache: DropoutCache) -> tuple[tuple[Array], Grads]:
        """d_y to ((d_x,), {})."""
        cache = as_cache(cache, DropoutCache, "Dropout.backward")
        d_y = as_upstream(d_y, cache.shape, cache.dtype, "Dropout.backward", "d_y")
        return (d_y if cache.scale is None else d_y * cache.scale,), {}
