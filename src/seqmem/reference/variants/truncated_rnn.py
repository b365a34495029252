"""An RNN whose gradients reach back through at most k steps (Williams & Peng, 1990).

    h_t = tanh(x_t @ W_x + h_{t-1} @ W_h + b)

The forward pass is unchanged. In the backward pass the initial state of each window is a constant: the
gradient is that of the sum over the windows of the loss of their outputs. With k >= T it is the full one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.reference.activations import Array
from seqmem.reference.rnn import rnn_backward, rnn_forward


def truncated_rnn_forward(
    xs: Array, h0: Array, W_x: Array, W_h: Array, b: Array, k: int
) -> tuple[Array, Array, Any]:
    """Return hs (T, B, H), the last state h (B, H) and the cache for `truncated_rnn_backward`.

    Args:
        xs: the inputs of all steps, (T, B, D).
        h0: the state before the first step, (B, H).
        W_x: (D, H).
        W_h: (H, H).
        b: (H,).
        k: the number of steps per window; the last window may have fewer.

    >>> weights = np.ones((3, 4)), np.ones((4, 4)), np.zeros(4)
    >>> hs, h, cache = truncated_rnn_forward(np.ones((5, 2, 3)), np.zeros((2, 4)), *weights, k=2)
    >>> d_hs = np.zeros((5, 2, 4))
    >>> d_hs[3] = 1  # reaches the steps 3 and 2, which are one window
    >>> truncated_rnn_backward(d_hs, np.zeros((2, 4)), cache)["xs"].any(axis=(1, 2))
    array([False, False,  True,  True, False])
    """
    h = h0
    outputs = []
    caches = []
    for window in np.split(xs, range(k, len(xs), k)):
        window_hs, h, cache = rnn_forward(window, h, W_x, W_h, b)
        outputs.append(window_hs)
        caches.append(cache)
    hs = np.concatenate(outputs)
    return hs, h, (xs, caches, k, W_x, W_h, b)


def truncated_rnn_backward(d_hs: Array, d_h: Array, cache: Any) -> dict[str, Array]:
    """Return the gradients of all inputs of `truncated_rnn_forward`, each window on its own.

    Args:
        d_hs: the gradient of the outputs, (T, B, H).
        d_h: the gradient of the last state, (B, H).
        cache: the cache that `truncated_rnn_forward` returned.
    """
    xs, caches, k, W_x, W_h, b = cache
    d_xs = np.zeros_like(xs)
    d_W_x = np.zeros_like(W_x)
    d_W_h = np.zeros_like(W_h)
    d_b = np.zeros_like(b)
    for w in reversed(range(len(caches))):
        # from hs = np.concatenate(outputs)
        d_window_hs = d_hs[w * k : w * k + k]
        # from window_hs, h, cache = rnn_forward(window, h, W_x, W_h, b)
        d_window = rnn_backward(d_window_hs, d_h, caches[w])
        d_W_x += d_window["W_x"]
        d_W_h += d_window["W_h"]
        d_b += d_window["b"]
        d_xs[w * k : w * k + k] = d_window["xs"]
        d_h = np.zeros_like(d_h)  # the initial state of the window is a constant
    # from h = h0: the first window begins with it
    d_h0 = d_window["h0"]
    return {"xs": d_xs, "h0": d_h0, "W_x": d_W_x, "W_h": d_W_h, "b": d_b}
