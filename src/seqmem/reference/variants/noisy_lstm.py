"""An LSTM with recurrent dropout and zoneout: a sequence of the steps of `lstm`.

h', c' = lstm(x, keep * h_prev, c_prev)      recurrent dropout (Gal & Ghahramani, 2016): one keep (B, H)
                                             for all steps, 0 or 1 / (1 - rate)
h = zone_h * h_prev + (1 - zone_h) * h'      zoneout (Krueger et al., 2017): zones (T, B, H) are 1 where
c = zone_c * c_prev + (1 - zone_c) * c'      the old state stays, else 0, or the rate itself
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.reference.activations import Array
from seqmem.reference.lstm import lstm_step_backward, lstm_step_forward
from seqmem.reference.masks import hold_backward, hold_forward, zero_padding_backward, zero_padding_forward


def zoneout_forward(new: Array, prev: Array, zone: Array) -> tuple[Array, Any]:
    """Return the state after a step, (B, H), and the cache for `zoneout_backward`.

    Args:
        new: the state that the step computed, (B, H).
        prev: the state before the step, (B, H).
        zone: the share of the old state that is kept, (B, H) or a number.

    >>> h, cache = zoneout_forward(np.array([[5.0, 6.0]]), np.array([[1.0, 2.0]]), np.array([[1.0, 0.0]]))
    >>> h, zoneout_backward(np.array([[10.0, 20.0]]), cache)["prev"]
    (array([[1., 6.]]), array([[10.,  0.]]))
    """
    h = zone * prev + (1 - zone) * new
    return h, zone


def zoneout_backward(d_h: Array, cache: Any) -> dict[str, Array]:
    """Return the gradients of new and prev, (B, H) each."""
    zone = cache
    # from h = zone * prev + (1 - zone) * new
    d_new = (1 - zone) * d_h
    d_prev = zone * d_h
    return {"new": d_new, "prev": d_prev}


def noisy_lstm_forward(
    xs: Array,
    h0: Array,
    c0: Array,
    W_x: Array,
    W_h: Array,
    b: Array,
    keep: Array,
    zones_h: Array,
    zones_c: Array,
    mask: Array | None = None,
) -> tuple[Array, Array, Array, Any]:
    """Return hs (T, B, H), the last state h and c, (B, H) each, and the cache for the backward pass.

    Args:
        xs: the inputs of all steps, (T, B, D).
        h0: the output before the first step, (B, H).
        c0: the cell state before the first step, (B, H).
        W_x: (4, D, H).
        W_h: (4, H, H).
        b: (4, H).
        keep: the factor of h_prev at every step, (B, H).
        zones_h, zones_c: the shares of the old states that are kept, (T, B, H) each.
        mask: (T, B) bool, True within a sequence; None when all have T steps. Elsewhere hs is 0 and the state
            does not change.

    >>> xs, state = np.ones((6, 2, 3)), np.zeros((2, 5))
    >>> weights = (np.ones((4, 3, 5)), np.ones((4, 5, 5)), np.zeros((4, 5)))
    >>> noise = (np.ones((2, 5)), np.full((6, 2, 5), 0.1), np.zeros((6, 2, 5)))
    >>> hs, h, c, cache = noisy_lstm_forward(xs, state, state, *weights, *noise)
    >>> grads = noisy_lstm_backward(np.ones((6, 2, 5)), state, state, cache)
    >>> hs.shape, c.shape, list(grads)
    ((6, 2, 5), (2, 5), ['xs', 'h0', 'c0', 'W_x', 'W_h', 'b'])
    """
    mask = np.ones(xs.shape[:2], bool) if mask is None else mask
    xs, _ = zero_padding_forward(xs, mask)
    h, c = h0, c0
    outputs = []
    steps = []
    for x, valid, zone_h, zone_c in zip(xs, mask, zones_h, zones_c, strict=True):
        h_prev, c_prev = h, c
        kept = keep * h_prev
        new_h, new_c, step = lstm_step_forward(x, kept, c_prev, W_x, W_h, b)
        mixed_h, past_h = zoneout_forward(new_h, h_prev, zone_h)
        mixed_c, past_c = zoneout_forward(new_c, c_prev, zone_c)
        h, _ = hold_forward(mixed_h, h_prev, valid)
        c, _ = hold_forward(mixed_c, c_prev, valid)
        outputs.append(h)
        steps.append((step, past_h, past_c))
    hs, _ = zero_padding_forward(np.stack(outputs), mask)
    return hs, h, c, (xs, mask, steps, W_x, W_h, keep)


def noisy_lstm_backward(d_hs: Array, d_h: Array, d_c: Array, cache: Any) -> dict[str, Array]:
    """Return the gradients of all inputs of `noisy_lstm_forward`: backpropagation through time.

    Args:
        d_hs: the gradient of the outputs, (T, B, H).
        d_h: the gradient of the last output as a state, (B, H).
        d_c: the gradient of the last cell state, (B, H).
        cache: the cache that `noisy_lstm_forward` returned.
    """
    xs, mask, steps, W_x, W_h, keep = cache
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
        step, past_h, past_c = steps[t]
        # from c, _ = hold_forward(mixed_c, c_prev, valid)
        d_hold_c = hold_backward(d_c, mask[t])
        # from h, _ = hold_forward(mixed_h, h_prev, valid)
        d_hold_h = hold_backward(d_h, mask[t])
        # from mixed_c, past_c = zoneout_forward(new_c, c_prev, zone_c)
        d_zone_c = zoneout_backward(d_hold_c["new"], past_c)
        # from mixed_h, past_h = zoneout_forward(new_h, h_prev, zone_h)
        d_zone_h = zoneout_backward(d_hold_h["new"], past_h)
        # from new_h, new_c, step = lstm_step_forward(x, kept, c_prev, W_x, W_h, b): one W_x for all steps
        d_step = lstm_step_backward(d_zone_h["new"], d_zone_c["new"], step)
        d_W_x += d_step["W_x"]
        d_W_h += d_step["W_h"]
        d_b += d_step["b"]
        d_xs[t] = d_step["x"]
        # from kept = keep * h_prev: h_prev and c_prev are used three times, here, by zoneout and by a hold
        d_h = keep * d_step["h_prev"] + d_zone_h["prev"] + d_hold_h["prev"]
        d_c = d_step["c_prev"] + d_zone_c["prev"] + d_hold_c["prev"]
    # from xs, _ = zero_padding_forward(xs, mask)
    d_xs = zero_padding_backward(d_xs, mask)["xs"]
    # from h, c = h0, c0
    d_h0 = d_h
    d_c0 = d_c
    d_inputs = {"xs": d_xs, "h0": d_h0, "c0": d_c0}
    grads = {"W_x": d_W_x, "W_h": d_W_h, "b": d_b}
    return d_inputs | grads
