"""A long short-term memory over a sequence, step by step; gates in the order i, f, o, g.

One line of the forward pass, one line of its derivative: slow, and easy to compare with one's own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.activations import sigmoid
from seqmem.module import Array


def forward(
    xs: Array, h0: Array, c0: Array, W_x: Array, W_h: Array, b: Array
) -> tuple[dict[str, Array], Any]:
    """xs (T, B, D), h0, c0 (B, H), W_x (4, D, H), W_h (4, H, H), b (4, H) to hs (T, B, H), h, c (B, H)."""
    h, c = h0, c0
    hs = []
    steps = []
    for x in xs:
        h_prev, c_prev = h, c
        a = x @ W_x + h_prev @ W_h + b[:, None]  # (4, B, H)
        a_i, a_f, a_o, a_g = a
        i = sigmoid(a_i)
        f = sigmoid(a_f)
        o = sigmoid(a_o)
        g = np.tanh(a_g)
        c = f * c_prev + i * g
        tanh_c = np.tanh(c)
        h = o * tanh_c
        hs.append(h)
        steps.append((x, h_prev, c_prev, i, f, o, g, c, tanh_c))
    return {"hs": np.stack(hs), "h": h, "c": c}, (xs, steps, W_x, W_h)


def backward(d_hs: Array, d_h: Array, d_c: Array, cache: Any) -> dict[str, Array]:
    """The gradients of everything that forward takes; d_h and d_c are those of the last state."""
    xs, steps, W_x, W_h = cache
    T = len(xs)
    d_xs = np.zeros_like(xs)
    d_W_x = np.zeros_like(W_x)
    d_W_h = np.zeros_like(W_h)
    d_b = np.zeros_like(W_h[:, 0])
    for t in reversed(range(T)):
        x, h_prev, c_prev, i, f, o, g, c, tanh_c = steps[t]  # noqa: RUF059 - what a step makes is here to be mistaken for what it starts from
        d_h = d_h + d_hs[t]
        d_o = d_h * tanh_c
        d_tanh_c = d_h * o
        d_c = d_c + d_tanh_c * (1 - tanh_c**2)
        d_i = d_c * g
        d_f = d_c * c_prev
        d_g = d_c * i
        d_c = d_c * f
        d_a_i = d_i * i * (1 - i)
        d_a_f = d_f * f * (1 - f)
        d_a_o = d_o * o * (1 - o)
        d_a_g = d_g * (1 - g**2)
        d_a = np.stack([d_a_i, d_a_f, d_a_o, d_a_g])  # (4, B, H)
        d_W_x += x.T @ d_a
        d_W_h += h_prev.T @ d_a
        d_b += d_a.sum(axis=1)
        d_x = (d_a @ W_x.transpose(0, 2, 1)).sum(axis=0)
        d_xs[t] = d_x
        d_h = (d_a @ W_h.transpose(0, 2, 1)).sum(axis=0)
    d_h0 = d_h
    d_c0 = d_c
    d_inputs = {"xs": d_xs, "h0": d_h0, "c0": d_c0}
    grads = {"W_x": d_W_x, "W_h": d_W_h, "b": d_b}
    return d_inputs | grads
