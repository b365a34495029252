"""A table with a row for every token; the backward pass adds up the gradients of repeated tokens.

y[t, b] = W[tokens[t, b]]        W (V, E), tokens (T, B), y (T, B, E)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.reference.activations import Array


def embedding_forward(W: Array, tokens: Array) -> tuple[Array, Any]:
    """Return y (T, B, E) and the cache for `embedding_backward`.

    Args:
        W: the table, (V, E).
        tokens: (T, B) integers from 0 to V - 1; or of any other shape, such as (B,) for one step.

    >>> y, cache = embedding_forward(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1, 1]]))
    >>> y
    array([[[3., 4.],
            [3., 4.]]])
    >>> embedding_backward(np.ones((1, 2, 2)), cache)["W"]
    array([[0., 0.],
           [2., 2.]])
    """
    y = W[tokens]
    return y, (W, tokens)


def embedding_backward(d_y: Array, cache: Any) -> dict[str, Array]:
    """Return the gradient of the table, (V, E); d_y is (T, B, E), and tokens have no gradient."""
    W, tokens = cache
    d_W = np.zeros_like(W)
    # from y = W[tokens]: `d_W[tokens] += d_y` would keep the last of two equal tokens alone
    np.add.at(d_W, tokens, d_y)
    return {"W": d_W}
