"""A gated recurrent unit over a sequence, step by step, reset after the product; gates r, z, n; z writes.

One line of the forward pass, one line of its derivative: slow, and easy to compare with one's own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.activations import sigmoid
from seqmem.module import Array


def forward(
    xs: Array, h0: Array, W_x: Array, W_h: Array, b: Array, b_hn: Array
) -> tuple[dict[str, Array], Any]:
    """xs (T, B, D), h0 (B, H), W_x (3, D, H), W_h (3, H, H), b (3, H), b_hn (H,) to hs (T, B, H), h."""
    h = h0
    hs = []
    steps = []
    for x in xs:
        h_prev = h
        a_x = x @ W_x + b[:, None]  # (3, B, H)
        x_r, x_z, x_n = a_x
        a_r = x_r + h_prev @ W_h[0]
        r = sigmoid(a_r)
        a_z = x_z + h_prev @ W_h[1]
        z = sigmoid(a_z)
        a_hn = h_prev @ W_h[2] + b_hn
        a_n = x_n + r * a_hn
        n = np.tanh(a_n)
        h = (1 - z) * h_prev + z * n
        hs.append(h)
        steps.append((x, h_prev, r, z, n, a_hn, h))
    return {"hs": np.stack(hs), "h": h}, (xs, steps, W_x, W_h)


def backward(d_hs: Array, d_h: Array, cache: Any) -> dict[str, Array]:
    """The gradients of everything that forward takes; d_h is that of the last state."""
    xs, steps, W_x, W_h = cache
    T = len(xs)
    d_xs = np.zeros_like(xs)
    d_W_x = np.zeros_like(W_x)
    d_W_h = np.zeros_like(W_h)
    d_b = np.zeros_like(W_h[:, 0])
    d_b_hn = np.zeros_like(W_h[2, 0])
    for t in reversed(range(T)):
        x, h_prev, r, z, n, a_hn, h = steps[t]  # noqa: RUF059 - what a step makes is here to be mistaken for what it starts from
        d_h = d_h + d_hs[t]
        d_z = d_h * (n - h_prev)
        d_n = d_h * z
        direct = d_h * (1 - z)
        d_a_n = d_n * (1 - n**2)
        d_r = d_a_n * a_hn
        d_a_hn = d_a_n * r
        through_n = d_a_hn @ W_h[2].T
        d_a_z = d_z * z * (1 - z)
        through_z = d_a_z @ W_h[1].T
        d_a_r = d_r * r * (1 - r)
        through_r = d_a_r @ W_h[0].T
        d_a = np.stack([d_a_r, d_a_z, d_a_n])  # (3, B, H)
        d_W_x += x.T @ d_a
        d_W_h[0] += h_prev.T @ d_a_r
        d_W_h[1] += h_prev.T @ d_a_z
        d_W_h[2] += h_prev.T @ d_a_hn
        d_b += d_a.sum(axis=1)
        d_b_hn += d_a_hn.sum(axis=0)
        d_x = (d_a @ W_x.transpose(0, 2, 1)).sum(axis=0)
        d_xs[t] = d_x
        d_h = direct + through_n + through_z + through_r
    d_h0 = d_h
    d_inputs = {"xs": d_xs, "h0": d_h0}
    grads = {"W_x": d_W_x, "W_h": d_W_h, "b": d_b, "b_hn": d_b_hn}
    return d_inputs | grads
