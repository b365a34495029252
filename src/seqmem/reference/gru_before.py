"""A gated recurrent unit with the reset gate before the product: one step, then a sequence of steps.

Cho et al. (2014), with z as in Chung et al. (2014):

    r = sigmoid(x @ W_xr + h_prev @ W_hr + b_r)                   reset gate: how much of h_prev n sees
    z = sigmoid(x @ W_xz + h_prev @ W_hz + b_z)                   update gate: z = 1 writes
    n = tanh(x @ W_xn + (r * h_prev) @ W_hn + b_n)                candidate
    h = (1 - z) * h_prev + z * n

x (B, D), h_prev and h (B, H), W_x (3, D, H), W_h (3, H, H), b (3, H): the gate axis comes
first, in the order r, z, n. Not to be confused with gru_after, the form of cuDNN, torch and Keras.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.reference.activations import Array, sigmoid
from seqmem.reference.masks import hold_backward, hold_forward, zero_padding_backward, zero_padding_forward


def gru_before_step_forward(x: Array, h_prev: Array, W_x: Array, W_h: Array, b: Array) -> tuple[Array, Any]:
    """Return h (B, H) and the cache for `gru_before_step_backward`.

    Args:
        x: the input of the step, (B, D).
        h_prev: the state before the step, (B, H).
        W_x: (3, D, H).
        W_h: (3, H, H).
        b: (3, H).

    >>> x, h_prev = np.ones((2, 3)), np.ones((2, 4))
    >>> W_x, W_h, b = np.zeros((3, 3, 4)), np.zeros((3, 4, 4)), np.zeros((3, 4))
    >>> h, cache = gru_before_step_forward(x, h_prev, W_x, W_h, b)
    >>> h[0], gru_before_step_backward(np.ones((2, 4)), cache)["h_prev"][0]
    (array([0.5, 0.5, 0.5, 0.5]), array([0.5, 0.5, 0.5, 0.5]))
    """
    a_x = x @ W_x + b[:, None]  # (3, B, H)
    x_r, x_z, x_n = a_x
    a_r = x_r + h_prev @ W_h[0]
    r = sigmoid(a_r)
    a_z = x_z + h_prev @ W_h[1]
    z = sigmoid(a_z)
    reset_h = r * h_prev
    a_n = x_n + reset_h @ W_h[2]
    n = np.tanh(a_n)
    h = (1 - z) * h_prev + z * n
    return h, (x, h_prev, W_x, W_h, r, z, n, reset_h)


def gru_before_step_backward(d_h: Array, cache: Any) -> dict[str, Array]:
    """Return the gradients of all inputs; d_h (B, H) is dLoss/dh over all paths after the step."""
    x, h_prev, W_x, W_h, r, z, n, reset_h = cache
    # from h = (1 - z) * h_prev + z * n
    d_z = d_h * (n - h_prev)
    d_n = d_h * z
    direct = d_h * (1 - z)
    # from n = np.tanh(a_n)
    d_a_n = d_n * (1 - n**2)
    # from a_n = x_n + reset_h @ W_h[2]
    d_W_hn = reset_h.T @ d_a_n
    d_reset_h = d_a_n @ W_h[2].T
    # from reset_h = r * h_prev
    d_r = d_reset_h * h_prev
    through_n = d_reset_h * r
    # from z = sigmoid(a_z)
    d_a_z = d_z * z * (1 - z)
    # from a_z = x_z + h_prev @ W_h[1]
    d_W_hz = h_prev.T @ d_a_z
    through_z = d_a_z @ W_h[1].T
    # from r = sigmoid(a_r)
    d_a_r = d_r * r * (1 - r)
    # from a_r = x_r + h_prev @ W_h[0]
    d_W_hr = h_prev.T @ d_a_r
    through_r = d_a_r @ W_h[0].T
    d_W_h = np.stack([d_W_hr, d_W_hz, d_W_hn])  # (3, H, H)
    d_h_prev = direct + through_n + through_z + through_r
    # from x_r, x_z, x_n = a_x
    d_a = np.stack([d_a_r, d_a_z, d_a_n])  # (3, B, H)
    # from a_x = x @ W_x + b[:, None]
    d_W_x = x.T @ d_a
    d_b = d_a.sum(axis=1)
    d_x = (d_a @ W_x.transpose(0, 2, 1)).sum(axis=0)
    return {"x": d_x, "h_prev": d_h_prev, "W_x": d_W_x, "W_h": d_W_h, "b": d_b}


def gru_before_forward(
    xs: Array, h0: Array, W_x: Array, W_h: Array, b: Array, mask: Array | None = None
) -> tuple[Array, Array, Any]:
    """Return hs (T, B, H), the last state h (B, H) and the cache for `gru_before_backward`.

    Args:
        xs: the inputs of all steps, (T, B, D).
        h0: the state before the first step, (B, H).
        W_x: (3, D, H).
        W_h: (3, H, H).
        b: (3, H).
        mask: (T, B) bool, True within a sequence; None if all have T steps. In the padding, hs is 0 and
            the state does not change.

    >>> xs, h0 = np.ones((5, 2, 3)), np.zeros((2, 4))
    >>> weights = (np.ones((3, 3, 4)), np.ones((3, 4, 4)), np.ones((3, 4)))
    >>> hs, h, cache = gru_before_forward(xs, h0, *weights)
    >>> grads = gru_before_backward(np.ones((5, 2, 4)), np.zeros((2, 4)), cache)
    >>> hs.shape, h.shape, list(grads)
    ((5, 2, 4), (2, 4), ['xs', 'h0', 'W_x', 'W_h', 'b'])
    """
    mask = np.ones(xs.shape[:2], bool) if mask is None else mask
    xs, _ = zero_padding_forward(xs, mask)
    h = h0
    outputs = []
    steps = []
    for x, valid in zip(xs, mask, strict=True):
        h_prev = h
        new_h, step = gru_before_step_forward(x, h_prev, W_x, W_h, b)
        h, _ = hold_forward(new_h, h_prev, valid)
        outputs.append(h)
        steps.append(step)
    hs, _ = zero_padding_forward(np.stack(outputs), mask)
    return hs, h, (xs, mask, steps, W_x, W_h)


def gru_before_backward(d_hs: Array, d_h: Array, cache: Any) -> dict[str, Array]:
    """Return the gradients of all inputs of `gru_before_forward`: backpropagation through time.

    Args:
        d_hs: the gradient of the outputs, (T, B, H).
        d_h: the gradient of the last state, (B, H).
        cache: the cache that `gru_before_forward` returned.
    """
    xs, mask, steps, W_x, W_h = cache
    T = len(xs)
    d_xs = np.zeros_like(xs)
    d_W_x = np.zeros_like(W_x)
    d_W_h = np.zeros_like(W_h)
    d_b = np.zeros_like(W_h[:, 0])
    # from hs, _ = zero_padding_forward(np.stack(outputs), mask)
    d_hs = zero_padding_backward(d_hs, mask)["xs"]
    for t in reversed(range(T)):
        # from outputs.append(h): a state is an output, and the next step starts from it
        d_h = d_h + d_hs[t]
        # from h, _ = hold_forward(new_h, h_prev, valid)
        d_hold = hold_backward(d_h, mask[t])
        # from new_h, step = gru_before_step_forward(x, h_prev, W_x, W_h, b): one W_x for all steps
        d_step = gru_before_step_backward(d_hold["new"], steps[t])
        d_W_x += d_step["W_x"]
        d_W_h += d_step["W_h"]
        d_b += d_step["b"]
        d_xs[t] = d_step["x"]
        d_h = d_hold["prev"] + d_step["h_prev"]
    # from xs, _ = zero_padding_forward(xs, mask)
    d_xs = zero_padding_backward(d_xs, mask)["xs"]
    # from h = h0
    d_h0 = d_h
    d_inputs = {"xs": d_xs, "h0": d_h0}
    grads = {"W_x": d_W_x, "W_h": d_W_h, "b": d_b}
    return d_inputs | grads
