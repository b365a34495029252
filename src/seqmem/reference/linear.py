"""An affine map of the last axis, as a decoder's scores of its vocabulary are made.

y = x @ W + b        x (..., D), W (D, F), b (F,), y (..., F)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.reference.activations import Array


def linear_forward(x: Array, W: Array, b: Array) -> tuple[Array, Any]:
    """Return y (..., F) of x (..., D), W (D, F) and b (F,), and what `linear_backward` needs.

    >>> y, cache = linear_forward(np.ones((2, 3)), np.full((3, 1), 2.0), np.array([0.5]))
    >>> y
    array([[6.5],
           [6.5]])
    >>> linear_backward(np.ones((2, 1)), cache)["b"]
    array([2.])
    """
    y = x @ W + b
    return y, (x, W)


def linear_backward(d_y: Array, cache: Any) -> dict[str, Array]:
    """Return the gradients of x, W and b; every leading axis of d_y (..., F) is a batch axis."""
    x, W = cache
    # from y = x @ W + b
    d_x = d_y @ W.T
    d_W = np.tensordot(x, d_y, axes=(range(x.ndim - 1), range(x.ndim - 1)))  # (D, F)
    d_b = d_y.sum(axis=tuple(range(x.ndim - 1)))
    return {"x": d_x, "W": d_W, "b": d_b}
