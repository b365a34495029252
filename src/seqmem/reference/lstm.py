"""A long short-term memory: one step, then a sequence of steps.

Hochreiter & Schmidhuber (1997), with the forget gate of Gers, Schmidhuber & Cummins (2000):

    a = x @ W_x + h_prev @ W_h + b        (4, B, H), the pre-activations of i, f, o, g
    i = sigmoid(a_i)                      input gate: how much of the candidate is written
    f = sigmoid(a_f)                      forget gate: how much of the cell state is kept
    o = sigmoid(a_o)                      output gate: how much of the cell state is shown
    g = tanh(a_g)                         candidate
    c = f * c_prev + i * g                cell state
    h = o * tanh(c)                       output

x (B, D), h_prev, c_prev, h and c (B, H), W_x (4, D, H), W_h (4, H, H), b (4, H): the gate axis comes first.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.reference.activations import Array, sigmoid
from seqmem.reference.masks import hold_backward, hold_forward, zero_padding_backward, zero_padding_forward


def lstm_step_forward(
    x: Array, h_prev: Array, c_prev: Array, W_x: Array, W_h: Array, b: Array
) -> tuple[Array, Array, Any]:
    """Return h and c, (B, H) each, and the cache for `lstm_step_backward`.

    Args:
        x: the input of the step, (B, D).
        h_prev: the output before the step, (B, H).
        c_prev: the cell state before the step, (B, H).
        W_x: (4, D, H).
        W_h: (4, H, H).
        b: (4, H).

    >>> x, state = np.ones((2, 3)), np.ones((2, 5))
    >>> W_x, W_h, b = np.zeros((4, 3, 5)), np.zeros((4, 5, 5)), np.zeros((4, 5))
    >>> h, c, cache = lstm_step_forward(x, state, state, W_x, W_h, b)
    >>> c[0], lstm_step_backward(np.zeros((2, 5)), np.ones((2, 5)), cache)["c_prev"][0]
    (array([0.5, 0.5, 0.5, 0.5, 0.5]), array([0.5, 0.5, 0.5, 0.5, 0.5]))
    """
    a = x @ W_x + h_prev @ W_h + b[:, None]  # (4, B, H)
    a_i, a_f, a_o, a_g = a
    i = sigmoid(a_i)
    f = sigmoid(a_f)
    o = sigmoid(a_o)
    g = np.tanh(a_g)
    c = f * c_prev + i * g
    tanh_c = np.tanh(c)
    h = o * tanh_c
    return h, c, (x, h_prev, c_prev, W_x, W_h, i, f, o, g, tanh_c)


def lstm_step_backward(d_h: Array, d_c: Array, cache: Any) -> dict[str, Array]:
    """Return the gradients of all inputs of the step.

    Args:
        d_h: dLoss/dh over all paths after the step, (B, H).
        d_c: dLoss/dc over all paths except through this step's h, (B, H).
        cache: the cache that `lstm_step_forward` returned.
    """
    x, h_prev, c_prev, W_x, W_h, i, f, o, g, tanh_c = cache
    # from h = o * tanh_c
    d_o = d_h * tanh_c
    d_tanh_c = d_h * o
    # from tanh_c = np.tanh(c): c is used twice, here and after the step
    d_c = d_c + d_tanh_c * (1 - tanh_c**2)
    # from c = f * c_prev + i * g
    d_f = d_c * c_prev
    d_c_prev = d_c * f
    d_i = d_c * g
    d_g = d_c * i
    # from g = np.tanh(a_g)
    d_a_g = d_g * (1 - g**2)
    # from o = sigmoid(a_o)
    d_a_o = d_o * o * (1 - o)
    # from f = sigmoid(a_f)
    d_a_f = d_f * f * (1 - f)
    # from i = sigmoid(a_i)
    d_a_i = d_i * i * (1 - i)
    # from a_i, a_f, a_o, a_g = a
    d_a = np.stack([d_a_i, d_a_f, d_a_o, d_a_g])  # (4, B, H)
    # from a = x @ W_x + h_prev @ W_h + b[:, None]
    d_W_x = x.T @ d_a
    d_W_h = h_prev.T @ d_a
    d_b = d_a.sum(axis=1)
    d_x = (d_a @ W_x.transpose(0, 2, 1)).sum(axis=0)
    d_h_prev = (d_a @ W_h.transpose(0, 2, 1)).sum(axis=0)
    return {"x": d_x, "h_prev": d_h_prev, "c_prev": d_c_prev, "W_x": d_W_x, "W_h": d_W_h, "b": d_b}


def lstm_forward(
    xs: Array, h0: Array, c0: Array, W_x: Array, W_h: Array, b: Array, mask: Array | None = None
) -> tuple[Array, Array, Array, Any]:
    """Return hs (T, B, H), the last state h and c, (B, H) each, and the cache for `lstm_backward`.

    Args:
        xs: the inputs of all steps, (T, B, D).
        h0: the output before the first step, (B, H).
        c0: the cell state before the first step, (B, H).
        W_x: (4, D, H).
        W_h: (4, H, H).
        b: (4, H).
        mask: (T, B) bool, True within a sequence; None if all have T steps. In the padding, hs is 0 and
            the state does not change.

    >>> xs, state = np.ones((6, 2, 3)), np.zeros((2, 5))
    >>> weights = (np.ones((4, 3, 5)), np.ones((4, 5, 5)), np.zeros((4, 5)))
    >>> hs, h, c, cache = lstm_forward(xs, state, state, *weights)
    >>> grads = lstm_backward(np.ones((6, 2, 5)), state, state, cache)
    >>> hs.shape, c.shape, list(grads)
    ((6, 2, 5), (2, 5), ['xs', 'h0', 'c0', 'W_x', 'W_h', 'b'])
    """
    mask = np.ones(xs.shape[:2], bool) if mask is None else mask
    xs, _ = zero_padding_forward(xs, mask)
    h, c = h0, c0
    outputs = []
    steps = []
    for x, valid in zip(xs, mask, strict=True):
        h_prev, c_prev = h, c
        new_h, new_c, step = lstm_step_forward(x, h_prev, c_prev, W_x, W_h, b)
        h, _ = hold_forward(new_h, h_prev, valid)
        c, _ = hold_forward(new_c, c_prev, valid)
        outputs.append(h)
        steps.append(step)
    hs, _ = zero_padding_forward(np.stack(outputs), mask)
    return hs, h, c, (xs, mask, steps, W_x, W_h)


def lstm_backward(d_hs: Array, d_h: Array, d_c: Array, cache: Any) -> dict[str, Array]:
    """Return the gradients of all inputs of `lstm_forward`: backpropagation through time.

    Args:
        d_hs: the gradient of the outputs, (T, B, H).
        d_h: the gradient of the last output as a state, (B, H).
        d_c: the gradient of the last cell state, (B, H).
        cache: the cache that `lstm_forward` returned.
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
        # from outputs.append(h): an output is shown, and the next step starts from it
        d_h = d_h + d_hs[t]
        # from c, _ = hold_forward(new_c, c_prev, valid)
        d_hold_c = hold_backward(d_c, mask[t])
        # from h, _ = hold_forward(new_h, h_prev, valid)
        d_hold_h = hold_backward(d_h, mask[t])
        # from new_h, new_c, step = lstm_step_forward(x, h_prev, c_prev, W_x, W_h, b): one W_x for all steps
        d_step = lstm_step_backward(d_hold_h["new"], d_hold_c["new"], steps[t])
        d_W_x += d_step["W_x"]
        d_W_h += d_step["W_h"]
        d_b += d_step["b"]
        d_xs[t] = d_step["x"]
        d_h = d_hold_h["prev"] + d_step["h_prev"]
        d_c = d_hold_c["prev"] + d_step["c_prev"]
    # from xs, _ = zero_padding_forward(xs, mask)
    d_xs = zero_padding_backward(d_xs, mask)["xs"]
    # from h, c = h0, c0
    d_h0 = d_h
    d_c0 = d_c
    d_inputs = {"xs": d_xs, "h0": d_h0, "c0": d_c0}
    grads = {"W_x": d_W_x, "W_h": d_W_h, "b": d_b}
    return d_inputs | grads
