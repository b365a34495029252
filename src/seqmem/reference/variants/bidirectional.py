"""Two LSTMs on the same sequence, one from each end (Schuster & Paliwal, 1997).

    ahead_t = lstm(xs_t, ahead_{t-1})        from the first step to the last
    back_t  = lstm(xs_t, back_{t+1})         from the last step to the first, with separate weights
    hs_t    = [ahead_t ; back_t]

xs (T, B, D), hs (T, B, 2H). To read backwards, reverse the time axis of the inputs, of the mask and of the
outputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.reference.activations import Array
from seqmem.reference.lstm import lstm_backward, lstm_forward


def bidirectional_forward(
    xs: Array,
    h0: Array,
    c0: Array,
    h0_back: Array,
    c0_back: Array,
    W_x: Array,
    W_h: Array,
    b: Array,
    W_x_back: Array,
    W_h_back: Array,
    b_back: Array,
    mask: Array | None = None,
) -> tuple[Array, Array, Array, Array, Array, Any]:
    """Return hs (T, B, 2H), the final states of both directions, and the cache for `bidirectional_backward`.

    Args:
        xs: the inputs of all steps, (T, B, D).
        h0, c0: the state before the first step, (B, H) each.
        h0_back, c0_back: the initial state of the other direction, after the last step.
        W_x, W_h, b: (4, D, H), (4, H, H), (4, H).
        W_x_back, W_h_back, b_back: of the other direction.
        mask: (T, B) bool, True within a sequence; None if all have T steps.

    >>> xs, state = np.ones((6, 2, 3)), np.zeros((2, 5))
    >>> weights = (np.ones((4, 3, 5)), np.ones((4, 5, 5)), np.zeros((4, 5)))
    >>> hs, *final, cache = bidirectional_forward(xs, state, state, state, state, *weights, *weights)
    >>> hs.shape, [part.shape for part in final]
    ((6, 2, 10), [(2, 5), (2, 5), (2, 5), (2, 5)])
    >>> bidirectional_backward(hs, *final, cache)["W_x_back"].shape
    (4, 3, 5)
    """
    mask = np.ones(xs.shape[:2], bool) if mask is None else mask
    ahead, h, c, forwards = lstm_forward(xs, h0, c0, W_x, W_h, b, mask)
    turned = xs[::-1]
    turned_back, h_back, c_back, backwards = lstm_forward(
        turned, h0_back, c0_back, W_x_back, W_h_back, b_back, mask[::-1]
    )
    back = turned_back[::-1]
    hs = np.concatenate([ahead, back], axis=2)
    return hs, h, c, h_back, c_back, (forwards, backwards)


def bidirectional_backward(
    d_hs: Array, d_h: Array, d_c: Array, d_h_back: Array, d_c_back: Array, cache: Any
) -> dict[str, Array]:
    """Return the gradients of all inputs of `bidirectional_forward`.

    Args:
        d_hs: the gradient of the outputs, (T, B, 2H).
        d_h, d_c: the gradient of the state after the last step, (B, H) each.
        d_h_back, d_c_back: the gradient of the final state of the other direction.
        cache: the cache that `bidirectional_forward` returned.
    """
    forwards, backwards = cache
    H = d_h.shape[1]
    # from hs = np.concatenate([ahead, back], axis=2)
    d_ahead, d_back = d_hs[..., :H], d_hs[..., H:]
    # from back = turned_back[::-1]
    d_turned_back = d_back[::-1]
    # from turned_back, h_back, c_back, backwards = lstm_forward(
    d_backwards = lstm_backward(d_turned_back, d_h_back, d_c_back, backwards)
    # from ahead, h, c, forwards = lstm_forward(xs, h0, c0, W_x, W_h, b, mask)
    d_forwards = lstm_backward(d_ahead, d_h, d_c, forwards)
    # from turned = xs[::-1]: both directions read xs
    d_xs = d_forwards["xs"] + d_backwards["xs"][::-1]
    d_inputs = {
        "xs": d_xs,
        "h0": d_forwards["h0"],
        "c0": d_forwards["c0"],
        "h0_back": d_backwards["h0"],
        "c0_back": d_backwards["c0"],
    }
    grads = {
        "W_x": d_forwards["W_x"],
        "W_h": d_forwards["W_h"],
        "b": d_forwards["b"],
        "W_x_back": d_backwards["W_x"],
        "W_h_back": d_backwards["W_h"],
        "b_back": d_backwards["b"],
    }
    return d_inputs | grads
