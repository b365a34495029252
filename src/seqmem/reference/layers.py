"""The small layers, one line each: an affine map, the bridge from an encoder to a decoder, dropout.

linear     y = x @ W + b                        x (..., D), W (D, F), b (F,), y (..., F)
bridge     s0 = tanh(h @ W + b)                 h (B, F), W (F, H), b (H,), s0 (B, H)
dropout    y = x * keep / (1 - rate)            keep of x's shape, 0 with probability rate, else 1

The scores of a vocabulary are an affine map of a state. If the sizes of encoder and decoder differ, the
decoder starts from s0, as in Bahdanau, Cho & Bengio (2015); for an LSTM, h is [h ; c] side by side. Dropout
(Srivastava et al., 2014) is rescaled during training, so that inference needs no change.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.reference.activations import Array


def linear_forward(x: Array, W: Array, b: Array) -> tuple[Array, Any]:
    """Return y (..., F) of x (..., D), W (D, F) and b (F,), and the cache for `linear_backward`.

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


def bridge_forward(h: Array, W: Array, b: Array) -> tuple[Array, Any]:
    """Return s0 (B, H) of h (B, F), W (F, H) and b (H,), and the cache for `bridge_backward`.

    >>> s0, cache = bridge_forward(np.ones((2, 3)), np.zeros((3, 4)), np.zeros(4))
    >>> s0.shape, bridge_backward(np.ones((2, 4)), cache)["b"]
    ((2, 4), array([2., 2., 2., 2.]))
    """
    a = h @ W + b
    s0 = np.tanh(a)
    return s0, (h, W, s0)


def bridge_backward(d_s0: Array, cache: Any) -> dict[str, Array]:
    """Return the gradients of h, W and b; d_s0 is (B, H)."""
    h, W, s0 = cache
    # from s0 = np.tanh(a)
    d_a = d_s0 * (1 - s0**2)
    # from a = h @ W + b
    d_h = d_a @ W.T
    d_W = h.T @ d_a
    d_b = d_a.sum(axis=0)
    return {"h": d_h, "W": d_W, "b": d_b}


def dropout_forward(x: Array, keep: Array, rate: float) -> tuple[Array, Any]:
    """Return y, of the shape of x, and the cache for `dropout_backward`.

    Args:
        x: of any shape.
        keep: True for the entries to keep, bool of the same shape; `rng.random(x.shape) >= rate` draws it.
        rate: the probability of setting an entry to 0.

    >>> y, cache = dropout_forward(np.ones(4), np.array([True, True, False, True]), 0.5)
    >>> y, dropout_backward(np.ones(4), cache)["x"]
    (array([2., 2., 0., 2.]), array([2., 2., 0., 2.]))
    """
    y = x * keep / (1 - rate)
    return y, (keep, rate)


def dropout_backward(d_y: Array, cache: Any) -> dict[str, Array]:
    """Return the gradient of x: 0 where x was dropped, and the same factor as forward where x was kept."""
    keep, rate = cache
    # from y = x * keep / (1 - rate)
    d_x = d_y * keep / (1 - rate)
    return {"x": d_x}
