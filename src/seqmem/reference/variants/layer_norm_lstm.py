"""A layer-normalised LSTM: the normalisation, one step, then a sequence of steps.

Ba, Kiros & Hinton (2016), equations 20 to 22:

    a = LN(x @ W_x; s_x, t_x) + LN(h_prev @ W_h; s_h, t_h) + b      (4, B, H)
    i = sigmoid(a_i)                      input gate
    f = sigmoid(a_f)                      forget gate
    o = sigmoid(a_o)                      output gate
    g = tanh(a_g)                         candidate
    c = f * c_prev + i * g                cell state
    h = o * tanh(LN(c; s_c, t_c))         output
    LN(z; s, t) = s * (z - mean(z)) / sqrt(var(z) + eps) + t

Mean and variance of a row are computed over all units, in the first line also over all gates. x (B, D),
h_prev, c_prev, h and c (B, H), W_x (4, D, H), W_h (4, H, H), b, s_x, t_x, s_h and t_h (4, H), s_c, t_c (H,).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.reference.activations import Array, sigmoid
from seqmem.reference.masks import hold_backward, hold_forward, zero_padding_backward, zero_padding_forward


def normalise_forward(z: Array, axes: Any, eps: float) -> tuple[Array, Any]:
    """Return z with mean 0 and variance 1 along some axes, and the cache for `normalise_backward`.

    >>> z_hat, cache = normalise_forward(np.array([[1.0, 3.0]]), 1, 0.0)
    >>> z_hat, normalise_backward(np.array([[1.0, 1.0]]), cache)["z"]
    (array([[-1.,  1.]]), array([[0., 0.]]))
    """
    centred = z - z.mean(axis=axes, keepdims=True)
    var = (centred**2).mean(axis=axes, keepdims=True)
    sd = np.sqrt(var + eps)
    z_hat = centred / sd
    return z_hat, (z_hat, sd, axes)


def normalise_backward(d_z_hat: Array, cache: Any) -> dict[str, Array]:
    """Return the gradient of z, with the paths of each entry, of the mean and of the variance."""
    z_hat, sd, axes = cache
    # from z_hat = centred / sd
    d_centred = d_z_hat / sd
    d_sd = -(d_z_hat * z_hat / sd).sum(axis=axes, keepdims=True)
    # from sd = np.sqrt(var + eps)
    d_var = d_sd / (2 * sd)
    # from var = (centred**2).mean(axis=axes, keepdims=True)
    n = z_hat.size / sd.size
    d_centred = d_centred + d_var * 2 * z_hat * sd / n
    # from centred = z - z.mean(axis=axes, keepdims=True)
    d_z = d_centred - d_centred.mean(axis=axes, keepdims=True)
    return {"z": d_z}


def layer_norm_lstm_step_forward(
    x: Array,
    h_prev: Array,
    c_prev: Array,
    W_x: Array,
    W_h: Array,
    b: Array,
    s_x: Array,
    t_x: Array,
    s_h: Array,
    t_h: Array,
    s_c: Array,
    t_c: Array,
) -> tuple[Array, Array, Any]:
    """Return h and c, (B, H) each, and the cache for `layer_norm_lstm_step_backward`; eps is 1e-5.

    Args:
        x: the input of the step, (B, D).
        h_prev: the output before the step, (B, H).
        c_prev: the cell state before the step, (B, H).
        W_x: (4, D, H).
        W_h: (4, H, H).
        b, s_x, t_x, s_h, t_h: (4, H) each.
        s_c, t_c: (H,) each.

    >>> x, state, one, zero = np.ones((2, 3)), np.ones((2, 5)), np.ones((4, 5)), np.zeros((4, 5))
    >>> weights = (np.ones((4, 3, 5)), np.ones((4, 5, 5)), zero, one, zero, one, zero, one[0], zero[0])
    >>> h, c, cache = layer_norm_lstm_step_forward(x, state, state, *weights)
    >>> c[0], layer_norm_lstm_step_backward(np.zeros((2, 5)), np.ones((2, 5)), cache)["c_prev"][0]
    (array([0.5, 0.5, 0.5, 0.5, 0.5]), array([0.5, 0.5, 0.5, 0.5, 0.5]))
    """
    x_product = x @ W_x  # (4, B, H)
    h_product = h_prev @ W_h
    x_hat, x_norm = normalise_forward(x_product, (0, 2), 1e-5)
    h_hat, h_norm = normalise_forward(h_product, (0, 2), 1e-5)
    a = s_x[:, None] * x_hat + t_x[:, None] + s_h[:, None] * h_hat + t_h[:, None] + b[:, None]
    a_i, a_f, a_o, a_g = a
    i = sigmoid(a_i)
    f = sigmoid(a_f)
    o = sigmoid(a_o)
    g = np.tanh(a_g)
    c = f * c_prev + i * g
    c_hat, c_norm = normalise_forward(c, 1, 1e-5)
    tanh_m = np.tanh(s_c * c_hat + t_c)
    h = o * tanh_m
    return (
        h,
        c,
        (
            *(x, h_prev, c_prev, W_x, W_h, s_x, s_h, s_c, (i, f, o, g), tanh_m),
            *((x_hat, h_hat, c_hat), (x_norm, h_norm, c_norm)),
        ),
    )


def layer_norm_lstm_step_backward(d_h: Array, d_c: Array, cache: Any) -> dict[str, Array]:
    """Return the gradients of all inputs of the step.

    Args:
        d_h: dLoss/dh over all paths after the step, (B, H).
        d_c: dLoss/dc over all paths except through this step's h, (B, H).
        cache: the cache that `layer_norm_lstm_step_forward` returned.
    """
    x, h_prev, c_prev, W_x, W_h, s_x, s_h, s_c, gates, tanh_m, hats, norms = cache
    i, f, o, g = gates
    x_hat, h_hat, c_hat = hats
    x_norm, h_norm, c_norm = norms
    # from h = o * tanh_m
    d_o = d_h * tanh_m
    d_tanh_m = d_h * o
    # from tanh_m = np.tanh(s_c * c_hat + t_c)
    d_m = d_tanh_m * (1 - tanh_m**2)
    d_s_c = (d_m * c_hat).sum(axis=0)
    d_t_c = d_m.sum(axis=0)
    d_c_hat = d_m * s_c
    # from c_hat, c_norm = normalise_forward(c, 1, 1e-5): c is used twice, here and after the step
    d_c = d_c + normalise_backward(d_c_hat, c_norm)["z"]
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
    # from a = s_x[:, None] * x_hat + t_x[:, None] + s_h[:, None] * h_hat + t_h[:, None] + b[:, None]
    d_s_x = (d_a * x_hat).sum(axis=1)
    d_s_h = (d_a * h_hat).sum(axis=1)
    d_b = d_a.sum(axis=1)
    d_t_x = d_b
    d_t_h = d_b
    d_x_hat = d_a * s_x[:, None]
    d_h_hat = d_a * s_h[:, None]
    # from h_hat, h_norm = normalise_forward(h_product, (0, 2), 1e-5)
    d_h_product = normalise_backward(d_h_hat, h_norm)["z"]
    # from x_hat, x_norm = normalise_forward(x_product, (0, 2), 1e-5)
    d_x_product = normalise_backward(d_x_hat, x_norm)["z"]
    # from h_product = h_prev @ W_h
    d_W_h = h_prev.T @ d_h_product
    d_h_prev = (d_h_product @ W_h.transpose(0, 2, 1)).sum(axis=0)
    # from x_product = x @ W_x
    d_W_x = x.T @ d_x_product
    d_x = (d_x_product @ W_x.transpose(0, 2, 1)).sum(axis=0)
    d_inputs = {"x": d_x, "h_prev": d_h_prev, "c_prev": d_c_prev}
    grads = {"W_x": d_W_x, "W_h": d_W_h, "b": d_b}
    gains = {"s_x": d_s_x, "t_x": d_t_x, "s_h": d_s_h, "t_h": d_t_h, "s_c": d_s_c, "t_c": d_t_c}
    return d_inputs | grads | gains


def layer_norm_lstm_forward(
    xs: Array,
    h0: Array,
    c0: Array,
    W_x: Array,
    W_h: Array,
    b: Array,
    s_x: Array,
    t_x: Array,
    s_h: Array,
    t_h: Array,
    s_c: Array,
    t_c: Array,
    mask: Array | None = None,
) -> tuple[Array, Array, Array, Any]:
    """Return hs (T, B, H), the last state h and c, (B, H) each, and the cache for `layer_norm_lstm_backward`.

    Args:
        xs: the inputs of all steps, (T, B, D).
        h0: the output before the first step, (B, H).
        c0: the cell state before the first step, (B, H).
        W_x: (4, D, H).
        W_h: (4, H, H).
        b, s_x, t_x, s_h, t_h: (4, H) each.
        s_c, t_c: (H,) each.
        mask: (T, B) bool, True within a sequence; None if all have T steps. In the padding, hs is 0 and
            the state does not change.

    >>> xs, state = np.ones((6, 2, 3)), np.zeros((2, 5))
    >>> ones, zeros = np.ones((4, 5)), np.zeros((4, 5))
    >>> weights = (np.ones((4, 3, 5)), np.ones((4, 5, 5)), zeros, ones, zeros, ones, zeros, ones[0], zeros[0])
    >>> hs, h, c, cache = layer_norm_lstm_forward(xs, state, state, *weights)
    >>> grads = layer_norm_lstm_backward(np.ones((6, 2, 5)), state, state, cache)
    >>> hs.shape, c.shape, list(grads)
    ((6, 2, 5), (2, 5), ['xs', 'h0', 'c0', 'W_x', 'W_h', 'b', 's_x', 't_x', 's_h', 't_h', 's_c', 't_c'])
    """
    mask = np.ones(xs.shape[:2], bool) if mask is None else mask
    xs, _ = zero_padding_forward(xs, mask)
    weights = (W_x, W_h, b, s_x, t_x, s_h, t_h, s_c, t_c)
    h, c = h0, c0
    outputs = []
    steps = []
    for x, valid in zip(xs, mask, strict=True):
        h_prev, c_prev = h, c
        new_h, new_c, step = layer_norm_lstm_step_forward(x, h_prev, c_prev, *weights)
        h, _ = hold_forward(new_h, h_prev, valid)
        c, _ = hold_forward(new_c, c_prev, valid)
        outputs.append(h)
        steps.append(step)
    hs, _ = zero_padding_forward(np.stack(outputs), mask)
    return hs, h, c, (xs, mask, steps, W_x, W_h, b, s_x, t_x, s_h, t_h, s_c, t_c)


def layer_norm_lstm_backward(d_hs: Array, d_h: Array, d_c: Array, cache: Any) -> dict[str, Array]:
    """Return the gradients of all inputs of `layer_norm_lstm_forward`: backpropagation through time.

    Args:
        d_hs: the gradient of the outputs, (T, B, H).
        d_h: the gradient of the last output as a state, (B, H).
        d_c: the gradient of the last cell state, (B, H).
        cache: the cache that `layer_norm_lstm_forward` returned.
    """
    xs, mask, steps, W_x, W_h, b, s_x, t_x, s_h, t_h, s_c, t_c = cache
    T = len(xs)
    d_xs = np.zeros_like(xs)
    d_W_x = np.zeros_like(W_x)
    d_W_h = np.zeros_like(W_h)
    d_b = np.zeros_like(b)
    d_s_x = np.zeros_like(s_x)
    d_t_x = np.zeros_like(t_x)
    d_s_h = np.zeros_like(s_h)
    d_t_h = np.zeros_like(t_h)
    d_s_c = np.zeros_like(s_c)
    d_t_c = np.zeros_like(t_c)
    # from hs, _ = zero_padding_forward(np.stack(outputs), mask)
    d_hs = zero_padding_backward(d_hs, mask)["xs"]
    for t in reversed(range(T)):
        # from outputs.append(h): an output is shown, and the next step starts from it
        d_h = d_h + d_hs[t]
        # from c, _ = hold_forward(new_c, c_prev, valid)
        d_hold_c = hold_backward(d_c, mask[t])
        # from h, _ = hold_forward(new_h, h_prev, valid)
        d_hold_h = hold_backward(d_h, mask[t])
        # from new_h, new_c, step = layer_norm_lstm_step_forward(x, h_prev, c_prev, *weights)
        d_step = layer_norm_lstm_step_backward(d_hold_h["new"], d_hold_c["new"], steps[t])
        d_W_x += d_step["W_x"]
        d_W_h += d_step["W_h"]
        d_b += d_step["b"]
        d_s_x += d_step["s_x"]
        d_t_x += d_step["t_x"]
        d_s_h += d_step["s_h"]
        d_t_h += d_step["t_h"]
        d_s_c += d_step["s_c"]
        d_t_c += d_step["t_c"]
        d_xs[t] = d_step["x"]
        d_h = d_hold_h["prev"] + d_step["h_prev"]
        d_c = d_hold_c["prev"] + d_step["c_prev"]
    # from xs, _ = zero_padding_forward(xs, mask)
    d_xs = zero_padding_backward(d_xs, mask)["xs"]
    # from h, c = h0, c0
    d_h0 = d_h
    d_c0 = d_c
    d_inputs = {"xs": d_xs, "h0": d_h0, "c0": d_c0}
    grads = {
        "W_x": d_W_x,
        "W_h": d_W_h,
        "b": d_b,
        "s_x": d_s_x,
        "t_x": d_t_x,
        "s_h": d_s_h,
        "t_h": d_t_h,
        "s_c": d_s_c,
        "t_c": d_t_c,
    }
    return d_inputs | grads
