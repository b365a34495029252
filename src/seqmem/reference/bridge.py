"""From an encoder's final state to a decoder's first one, when their sizes differ.

s0 = tanh(h @ W + b)        h (B, F), W (F, H), b (H,)

Bahdanau, Cho & Bengio (2015) start their decoder so. Of an LSTM, h stands for [h ; c] side by side.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.reference.activations import Array


def bridge_forward(h: Array, W: Array, b: Array) -> tuple[Array, Any]:
    """Return s0 (B, H) of h (B, F), W (F, H) and b (H,), and what `bridge_backward` needs.

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
