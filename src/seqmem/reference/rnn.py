"""A plain recurrent network over a sequence, step by step.

One line of the forward pass, one line of its derivative: slow, and easy to compare with one's own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.module import Array


def forward(xs: Array, h0: Array, W_x: Array, W_h: Array, b: Array) -> tuple[dict[str, Array], Any]:
    """xs (T, B, D), h0 (B, H), W_x (D, H), W_h (H, H), b (H,) to hs (T, B, H), h (B, H)."""
    h = h0
    hs = []
    steps = []
    for x in xs:
        h_prev = h
        a = x @ W_x + h_prev @ W_h + b  # (B, H)
        h = np.tanh(a)
        hs.append(h)
        steps.append((x, h_prev, h))
    return {"hs": np.stack(hs), "h": h}, (xs, steps, W_x, W_h)


def backward(d_hs: Array, d_h: Array, cache: Any) -> dict[str, Array]:
    """The gradients of everything that forward takes; d_h is that of the last state."""
    xs, steps, W_x, W_h = cache
    T = len(xs)
    d_xs = np.zeros_like(xs)
    d_W_x = np.zeros_like(W_x)
    d_W_h = np.zeros_like(W_h)
    d_b = np.zeros_like(W_h[0])
    for t in reversed(range(T)):
        x, h_prev, h = steps[t]
        d_h = d_h + d_hs[t]
        d_a = d_h * (1 - h**2)
        d_W_x += x.T @ d_a
        d_W_h += h_prev.T @ d_a
        d_b += d_a.sum(axis=0)
        d_x = d_a @ W_x.T
        d_xs[t] = d_x
        d_h = d_a @ W_h.T
    d_h0 = d_h
    d_inputs = {"xs": d_xs, "h0": d_h0}
    grads = {"W_x": d_W_x, "W_h": d_W_h, "b": d_b}
    return d_inputs | grads
