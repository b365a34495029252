"""A plain recurrent network with rectified units (Le, Jaitly & Hinton, 2015): one step, then a sequence.

    a = x @ W_x + h_prev @ W_h + b        (B, H)
    h = max(a, 0)

x (B, D), h_prev and h (B, H), W_x (D, H), W_h (H, H), b (H,).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.reference.activations import Array
from seqmem.reference.masks import hold_backward, hold_forward, zero_padding_backward, zero_padding_forward


def relu_rnn_step_forward(x: Array, h_prev: Array, W_x: Array, W_h: Array, b: Array) -> tuple[Array, Any]:
    """Return h (B, H) and the cache for `relu_rnn_step_backward`.

    Args:
        x: the input of the step, (B, D).
        h_prev: the state before the step, (B, H).
        W_x: (D, H).
        W_h: (H, H).
        b: (H,).

    >>> x, h_prev = np.ones((2, 3)), np.zeros((2, 4))
    >>> h, cache = relu_rnn_step_forward(x, h_prev, np.ones((3, 4)), np.ones((4, 4)), np.zeros(4))
    >>> h.shape, relu_rnn_step_backward(np.ones((2, 4)), cache)["h_prev"][0]
    ((2, 4), array([4., 4., 4., 4.]))
    """
    a = x @ W_x + h_prev @ W_h + b  # (B, H)
    h = np.where(a.real > 0, a, 0)
    return h, (x, h_prev, W_x, W_h, h)


def relu_rnn_step_backward(d_h: Array, cache: Any) -> dict[str, Array]:
    """Return the gradients of all inputs; d_h (B, H) is dLoss/dh over all paths after the step."""
    x, h_prev, W_x, W_h, h = cache
    # from h = np.where(a.real > 0, a, 0)
    d_a = np.where(h.real > 0, d_h, 0)
    # from a = x @ W_x + h_prev @ W_h + b
    d_W_x = x.T @ d_a
    d_W_h = h_prev.T @ d_a
    d_b = d_a.sum(axis=0)
    d_x = d_a @ W_x.T
    d_h_prev = d_a @ W_h.T
    return {"x": d_x, "h_prev": d_h_prev, "W_x": d_W_x, "W_h": d_W_h, "b": d_b}


def relu_rnn_forward(
    xs: Array, h0: Array, W_x: Array, W_h: Array, b: Array, mask: Array | None = None
) -> tuple[Array, Array, Any]:
    """Return hs (T, B, H), the last state h (B, H) and the cache for `relu_rnn_backward`.

    Args:
        xs: the inputs of all steps, (T, B, D).
        h0: the state before the first step, (B, H).
        W_x: (D, H).
        W_h: (H, H).
        b: (H,).
        mask: (T, B) bool, True within a sequence; None if all have T steps. In the padding, hs is 0 and
            the state does not change.

    >>> xs, weights = np.ones((5, 2, 3)), (np.ones((3, 4)), np.zeros((4, 4)), np.zeros(4))
    >>> hs, h, cache = relu_rnn_forward(xs, np.zeros((2, 4)), *weights)
    >>> grads = relu_rnn_backward(np.ones((5, 2, 4)), np.zeros((2, 4)), cache)
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
        new_h, step = relu_rnn_step_forward(x, h_prev, W_x, W_h, b)
        h, _ = hold_forward(new_h, h_prev, valid)
        outputs.append(h)
        steps.append(step)
    hs, _ = zero_padding_forward(np.stack(outputs), mask)
    return hs, h, (xs, mask, steps, W_x, W_h)


def relu_rnn_backward(d_hs: Array, d_h: Array, cache: Any) -> dict[str, Array]:
    """Return the gradients of all inputs of `relu_rnn_forward`: backpropagation through time.

    Args:
        d_hs: the gradient of the outputs, (T, B, H).
        d_h: the gradient of the last state, (B, H).
        cache: the cache that `relu_rnn_forward` returned.
    """
    xs, mask, steps, W_x, W_h = cache
    T = len(xs)
    d_xs = np.zeros_like(xs)
    d_W_x = np.zeros_like(W_x)
    d_W_h = np.zeros_like(W_h)
    d_b = np.zeros_like(W_h[0])
    # from hs, _ = zero_padding_forward(np.stack(outputs), mask)
    d_hs = zero_padding_backward(d_hs, mask)["xs"]
    for t in reversed(range(T)):
        # from outputs.append(h): a state is an output, and the next step starts from it
        d_h = d_h + d_hs[t]
        # from h, _ = hold_forward(new_h, h_prev, valid)
        d_hold = hold_backward(d_h, mask[t])
        # from new_h, step = relu_rnn_step_forward(x, h_prev, W_x, W_h, b): one W_x for all steps
        d_step = relu_rnn_step_backward(d_hold["new"], steps[t])
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
