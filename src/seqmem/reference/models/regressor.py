"""A regressor of sequences, from features to the loss and back.

    h_t = gru(x_t, h_{t-1})
    y   = the last h @ W + b, cut into horizon pieces of K numbers        (horizon, B, K)
    y_t = h_t @ W + b, if every step predicts                          (T, B, K)
    loss = mean squared error of the numbers that count

The GRU is `gru_before`. Parameters come in one dict, under the names that they have in a
`seqmem.SequenceRegressor` with a `Recurrent` layer of a GRU cell:

    encoder.cell.W_x (3, D, H), .W_h (3, H, H), .b (3, H)     output.W (H, horizon K), output.b (horizon K,)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.reference.activations import Array
from seqmem.reference.gru_before import gru_before_backward, gru_before_forward
from seqmem.reference.layers import linear_backward, linear_forward
from seqmem.reference.losses.regression import squared_error_backward, squared_error_forward

Params = dict[str, Array]


def sequence_regressor_forward(
    xs: Array, h0: Array, targets: Array, weights: Array, mask: Array, every_step: bool, params: Params
) -> tuple[Array, Array, Any]:
    """Return the loss, a zero-dimensional array, the last state (B, H) and the cache for the backward pass.

    Args:
        xs: (T, B, D).
        h0: the state before the first step, (B, H).
        targets: (horizon, B, K), or (T, B, K) with every_step; finite everywhere.
        weights: the weight of each number, in the targets' shape; 0 means masked.
        mask: (T, B) bool, True within a sequence.
        every_step: whether each step predicts.
        params: all parameters by name.

    >>> import seqmem
    >>> layer = seqmem.Recurrent(seqmem.GRUCell(3, 4, rng=0))
    >>> model = seqmem.SequenceRegressor(layer, 2, horizon=6, rng=1)
    >>> xs, targets, mask = np.ones((5, 2, 3)), np.ones((6, 2, 2)), np.ones((5, 2), bool)
    >>> loss, h, cache = sequence_regressor_forward(
    ...     xs, np.zeros((2, 4)), targets, np.ones((6, 2, 2)), mask, False, model.params
    ... )
    >>> grads = sequence_regressor_backward(1.0, np.zeros((2, 4)), cache)["params"]
    >>> batch = seqmem.SequenceBatch(xs, np.array([5, 5]), targets, np.ones((6, 2), bool))
    >>> fast_loss, fast_grads = model.loss_and_grads(batch)
    >>> bool(np.isclose(loss, fast_loss)), all(np.allclose(grads[name], fast_grads[name]) for name in grads)
    (True, True)
    """
    W_x, W_h, b = (params[f"encoder.cell.{name}"] for name in ("W_x", "W_h", "b"))
    W_o = params["output.W"]
    hs, h, gru = gru_before_forward(xs, h0, W_x, W_h, b, mask)
    shown = hs if every_step else h
    y, output = linear_forward(shown, W_o, params["output.b"])
    steps = y if every_step else y.reshape(len(y), len(targets), -1).swapaxes(0, 1)
    loss, error = squared_error_forward(steps, targets, weights)
    return loss, h, (gru, output, error, every_step, hs)


def sequence_regressor_backward(d_loss: float, d_h: Array, cache: Any) -> dict[str, Any]:
    """Return the gradients of xs, of h0 and, under "params", of the parameters.

    Args:
        d_loss: 1 if nothing follows the loss.
        d_h: the gradient of the last state over other paths, (B, H).
        cache: the cache that `sequence_regressor_forward` returned.
    """
    gru, output, error, every_step, hs = cache
    # from loss, error = squared_error_forward(steps, targets, weights)
    d_steps = squared_error_backward(d_loss, error)["predictions"]
    # from steps = y if every_step else y.reshape(len(y), len(targets), -1).swapaxes(0, 1)
    d_y = d_steps if every_step else d_steps.swapaxes(0, 1).reshape(d_steps.shape[1], -1)
    # from y, output = linear_forward(shown, W_o, params["output.b"])
    d_output = linear_backward(d_y, output)
    d_shown = d_output["x"]
    # from shown = hs if every_step else h: the last state is used twice
    d_hs = d_shown if every_step else np.zeros_like(hs)
    d_h = d_h if every_step else d_h + d_shown
    # from hs, h, gru = gru_before_forward(xs, h0, W_x, W_h, b, mask)
    d_gru = gru_before_backward(d_hs, d_h, gru)
    grads = {f"encoder.cell.{name}": d_gru[name] for name in ("W_x", "W_h", "b")}
    grads |= {"output.W": d_output["W"], "output.b": d_output["b"]}
    return {"xs": d_gru["xs"], "h0": d_gru["h0"], "params": grads}
