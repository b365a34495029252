"""LSTMs on top of each other (Schmidhuber, 1992; Graves et al., 2013), with dropout between them.

    hs_0 = lstm_0(xs)        hs_k = lstm_k(dropout(hs_{k-1}))

xs (T, B, D), hs_k (T, B, H). Parameters come in one dict, under the names that they have in a `seqmem.LSTM`:

    layers.0.cell.W_x (4, D, H), .W_h (4, H, H), .b (4, H)
    layers.k.cell.W_x (4, H, H), .W_h (4, H, H), .b (4, H)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.reference.activations import Array
from seqmem.reference.layers import dropout_backward, dropout_forward
from seqmem.reference.lstm import lstm_backward, lstm_forward

Params = dict[str, Array]


def stack_forward(
    xs: Array, h0s: Array, c0s: Array, params: Params, keeps: Array, rate: float, mask: Array | None = None
) -> tuple[Array, Array, Array, Any]:
    """Return hs of the last layer (T, B, H), the last h and c of all layers, (L, B, H) each, and the cache.

    Args:
        xs: the inputs of all steps, (T, B, D).
        h0s: the output of each layer before the first step, (L, B, H).
        c0s: the cell state of each layer before the first step, (L, B, H).
        params: all parameters by name.
        keeps: True for outputs that dropout keeps, of each layer but the last, (L - 1, T, B, H) bool.
        rate: the probability of setting an entry to 0.
        mask: (T, B) bool, True within a sequence; None if all have T steps.

    >>> import seqmem
    >>> layer = seqmem.LSTM(3, 4, num_layers=2, rng=0)
    >>> xs, state, keeps = np.ones((5, 2, 3)), np.zeros((2, 2, 4)), np.ones((1, 5, 2, 4), bool)
    >>> hs, h, c, cache = stack_forward(xs, state, state, layer.params, keeps, 0.0)
    >>> bool(np.allclose(hs, layer.forward(xs)[0][0]))
    True
    >>> list(stack_backward(hs, h, c, cache)["params"])[:2]
    ['layers.1.cell.W_x', 'layers.1.cell.W_h']
    """
    mask = np.ones(xs.shape[:2], bool) if mask is None else mask
    hs = xs
    last_h = []
    last_c = []
    layers = []
    drops = []
    for k in range(len(h0s)):
        if k > 0:
            hs, drop = dropout_forward(hs, keeps[k - 1], rate)
            drops.append(drop)
        W_x, W_h, b = (params[f"layers.{k}.cell.{name}"] for name in ("W_x", "W_h", "b"))
        hs, h, c, layer = lstm_forward(hs, h0s[k], c0s[k], W_x, W_h, b, mask)
        last_h.append(h)
        last_c.append(c)
        layers.append(layer)
    return hs, np.stack(last_h), np.stack(last_c), (layers, drops)


def stack_backward(d_hs: Array, d_h: Array, d_c: Array, cache: Any) -> dict[str, Any]:
    """Return the gradients of xs, h0s, c0s and, under "params", of all parameters.

    Args:
        d_hs: the gradient of the last layer's outputs, (T, B, H).
        d_h: the gradient of every layer's last output as a state, (L, B, H).
        d_c: the gradient of every layer's last cell state, (L, B, H).
        cache: the cache that `stack_forward` returned.
    """
    layers, drops = cache
    d_h0s = np.zeros_like(d_h)
    d_c0s = np.zeros_like(d_c)
    grads: Params = {}
    for k in reversed(range(len(layers))):
        # from hs, h, c, layer = lstm_forward(hs, h0s[k], c0s[k], W_x, W_h, b, mask)
        d_layer = lstm_backward(d_hs, d_h[k], d_c[k], layers[k])
        d_hs = d_layer["xs"]
        d_h0s[k] = d_layer["h0"]
        d_c0s[k] = d_layer["c0"]
        grads |= {f"layers.{k}.cell.{name}": d_layer[name] for name in ("W_x", "W_h", "b")}
        # from hs, drop = dropout_forward(hs, keeps[k - 1], rate): the lowest layer reads xs itself
        if k > 0:
            d_hs = dropout_backward(d_hs, drops[k - 1])["x"]
    # from hs = xs
    d_xs = d_hs
    return {"xs": d_xs, "h0s": d_h0s, "c0s": d_c0s, "params": grads}
