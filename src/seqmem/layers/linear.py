"""An affine map of the last axis.

y = x @ W + b        W (D, F), b (F,)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seqmem.initializers import Rng, as_generator, glorot_uniform
from seqmem.module import Array, Grads, Module
from seqmem.validation import Axis, as_cache, as_floats, as_param_dtype, as_size, as_upstream, working_dtype


class LinearCache(NamedTuple):
    """The values that `forward` passes to `backward`."""

    x: Array  # (..., D) the caller's array, for the weights' gradient


class Linear(Module):
    """An affine map of the last axis; every leading axis is a batch axis.

    Args:
        input_size: D.
        output_size: F.
        rng: seed or generator for the initial weights.
        dtype: float64 or float32.

    >>> layer = Linear(3, 2, rng=0)
    >>> y, cache = layer.forward(np.ones((5, 4, 3)))
    >>> (d_x,), grads = layer.backward(np.ones((5, 4, 2)), cache)
    >>> y.shape, d_x.shape, grads["b"]
    ((5, 4, 2), (5, 4, 3), array([20., 20.]))
    """

    def __init__(
        self, input_size: int, output_size: int, *, rng: Rng = None, dtype: npt.DTypeLike = np.float64
    ) -> None:
        self.input_size = as_size(input_size, "Linear", "input_size")
        self.output_size = as_size(output_size, "Linear", "output_size")
        dtype = as_param_dtype(dtype, "Linear")
        self.W: Array = glorot_uniform(as_generator(rng), (self.input_size, self.output_size), dtype)
        self.b: Array = np.zeros(self.output_size, dtype)

    @np.errstate(under="ignore")  # a product that underflows is 0, its exact limit
    def forward(self, x: Array) -> tuple[Array, LinearCache]:
        """Map x (..., D) to y (..., F). The cache refers to x: do not write to x before the backward pass."""
        axes: tuple[Axis, ...] = ("...", (self.input_size, "input_size"))
        x = as_floats(x, working_dtype(self.dtype, x), axes, "Linear.forward", "x")
        y = x.reshape(-1, self.input_size) @ self.W  # one product for all rows
        y += self.b
        return y.reshape(*x.shape[:-1], self.output_size), LinearCache(x)

    @np.errstate(under="ignore")
    def backward(self, d_y: Array | None, cache: LinearCache) -> tuple[tuple[Array], Grads]:
        """Return ((d_x,), grads) from d_y (..., F), with d_x (..., D)."""
        (x,) = as_cache(cache, LinearCache, "Linear.backward")
        shape, dtype = (*x.shape[:-1], self.output_size), np.result_type(x, self.W)
        d_y = as_upstream(d_y, shape, dtype, "Linear.backward", "d_y")
        d_rows = d_y.reshape(-1, self.output_size)
        grads = {"W": x.reshape(-1, self.input_size).T @ d_rows, "b": d_rows.sum(axis=0)}
        return ((d_rows @ self.W.T).reshape(x.shape),), grads
