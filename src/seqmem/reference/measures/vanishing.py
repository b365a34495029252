"""The norm of a gradient after many steps back (Hochreiter, 1991; Bengio, Simard & Frasconi, 1994).

    norms[t] = ||dLoss/dh_t||        for an RNN whose loss depends on its last state alone
    norms[t] = ||dLoss/dc_t||        for an LSTM whose loss depends on its last state alone

At every step back, an RNN's gradient is multiplied by W_h and by tanh', an LSTM's by the forget gate.
"""

from __future__ import annotations

import numpy as np

from seqmem.reference.activations import Array
from seqmem.reference.lstm import lstm_step_backward, lstm_step_forward
from seqmem.reference.rnn import rnn_step_backward, rnn_step_forward


def rnn_gradient_norms(xs: Array, h0: Array, W_x: Array, W_h: Array, b: Array, d_h: Array) -> Array:
    """Return the norms (T + 1,) of the gradients of h0, h_1, ..., h_T.

    Args:
        xs: the inputs of all steps, (T, B, D).
        h0: the state before the first step, (B, H).
        W_x: (D, H).
        W_h: (H, H).
        b: (H,).
        d_h: the gradient of the last state, (B, H), the only upstream gradient.

    >>> xs, h0, W_h = np.zeros((3, 1, 2)), np.zeros((1, 2)), 0.5 * np.eye(2)
    >>> rnn_gradient_norms(xs, h0, np.zeros((2, 2)), W_h, np.zeros(2), np.array([[0.0, 1.0]]))
    array([0.125, 0.25 , 0.5  , 1.   ])
    """
    h = h0
    steps = []
    for x in xs:
        h, step = rnn_step_forward(x, h, W_x, W_h, b)
        steps.append(step)
    norms = np.zeros(len(xs) + 1)
    norms[-1] = np.sqrt((d_h**2).sum())
    for t in reversed(range(len(xs))):
        d_h = rnn_step_backward(d_h, steps[t])["h_prev"]
        norms[t] = np.sqrt((d_h**2).sum())
    return norms


def lstm_gradient_norms(
    xs: Array, h0: Array, c0: Array, W_x: Array, W_h: Array, b: Array, d_c: Array
) -> Array:
    """Return the norms (T + 1,) of the gradients of c0, c_1, ..., c_T.

    Args:
        xs: the inputs of all steps, (T, B, D).
        h0: the output before the first step, (B, H).
        c0: the cell state before the first step, (B, H).
        W_x: (4, D, H).
        W_h: (4, H, H).
        b: (4, H).
        d_c: the gradient of the last cell state, (B, H); the last output has none.

    >>> xs, zeros, b = np.zeros((3, 1, 2)), np.zeros((1, 2)), np.zeros((4, 2))
    >>> b[1] = 5.0  # the forget gate is open
    >>> weights = (np.zeros((4, 2, 2)), np.zeros((4, 2, 2)), b)
    >>> lstm_gradient_norms(xs, zeros, zeros, *weights, np.array([[0.0, 1.0]])).round(2)
    array([0.98, 0.99, 0.99, 1.  ])
    """
    h, c = h0, c0
    steps = []
    for x in xs:
        h, c, step = lstm_step_forward(x, h, c, W_x, W_h, b)
        steps.append(step)
    norms = np.zeros(len(xs) + 1)
    norms[-1] = np.sqrt((d_c**2).sum())
    d_h = np.zeros_like(h0)
    for t in reversed(range(len(xs))):
        d_step = lstm_step_backward(d_h, d_c, steps[t])
        d_h, d_c = d_step["h_prev"], d_step["c_prev"]
        norms[t] = np.sqrt((d_c**2).sum())
    return norms
