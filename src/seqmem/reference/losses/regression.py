"""The mean squared, absolute and Huber error of predictions, with a weight per number; 0 means masked.

e = prediction - target
loss = sum of weight · error(e) / sum of the weights
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.reference.activations import Array


def squared_error_forward(predictions: Array, targets: Array, weights: Array) -> tuple[Array, Any]:
    """Return the loss, a zero-dimensional array, and the cache for `squared_error_backward`.

    Args:
        predictions: of any shape.
        targets: of the same shape, finite everywhere.
        weights: of the same shape, the weight of each number.

    >>> loss, cache = squared_error_forward(np.array([1.0, 5.0]), np.array([3.0, 4.0]), np.ones(2))
    >>> float(loss), squared_error_backward(1.0, cache)["predictions"].tolist()
    (2.5, [-2.0, 1.0])
    """
    counted = weights.sum()
    e = predictions - targets
    errors = e**2
    loss = (errors * weights).sum() / counted
    return np.asarray(loss), (e, weights, counted)


def squared_error_backward(d_loss: float, cache: Any) -> dict[str, Array]:
    """Return the gradient of the predictions; d_loss is 1 if nothing follows the loss."""
    e, weights, counted = cache
    # from loss = (errors * weights).sum() / counted
    d_errors = d_loss * weights / counted
    # from errors = e**2
    d_e = d_errors * 2 * e
    # from e = predictions - targets
    d_predictions = d_e
    return {"predictions": d_predictions}


def absolute_error_forward(predictions: Array, targets: Array, weights: Array) -> tuple[Array, Any]:
    """Return the loss, a zero-dimensional array, and the cache for `absolute_error_backward`.

    Args:
        predictions: of any shape.
        targets: of the same shape, finite everywhere.
        weights: of the same shape, the weight of each number.

    >>> loss, cache = absolute_error_forward(np.array([1.0, 5.0]), np.array([3.0, 4.0]), np.ones(2))
    >>> float(loss), absolute_error_backward(1.0, cache)["predictions"].tolist()
    (1.5, [-0.5, 0.5])
    """
    counted = weights.sum()
    e = predictions - targets
    sign = np.sign(e.real)
    errors = sign * e
    loss = (errors * weights).sum() / counted
    return np.asarray(loss), (sign, weights, counted)


def absolute_error_backward(d_loss: float, cache: Any) -> dict[str, Array]:
    """Return the gradient of the predictions; it is 0 where a prediction is exactly right."""
    sign, weights, counted = cache
    # from loss = (errors * weights).sum() / counted
    d_errors = d_loss * weights / counted
    # from errors = sign * e
    d_e = d_errors * sign
    # from e = predictions - targets
    d_predictions = d_e
    return {"predictions": d_predictions}


def huber_error_forward(
    predictions: Array, targets: Array, weights: Array, delta: float = 1.0
) -> tuple[Array, Any]:
    """Return the loss (Huber, 1964), a zero-dimensional array, and the cache for `huber_error_backward`.

    Args:
        predictions: of any shape.
        targets: of the same shape, finite everywhere.
        weights: of the same shape, the weight of each number.
        delta: up to this error the loss is quadratic, beyond it linear.

    >>> loss, cache = huber_error_forward(np.array([0.5, 9.0]), np.array([0.0, 4.0]), np.ones(2), delta=2.0)
    >>> float(loss), huber_error_backward(1.0, cache)["predictions"].tolist()
    (4.0625, [0.25, 1.0])
    """
    counted = weights.sum()
    e = predictions - targets
    near = abs(e.real) <= delta
    sign = np.sign(e.real)
    errors = np.where(near, e**2 / 2, delta * (sign * e - delta / 2))
    loss = (errors * weights).sum() / counted
    return np.asarray(loss), (e, near, sign, delta, weights, counted)


def huber_error_backward(d_loss: float, cache: Any) -> dict[str, Array]:
    """Return the gradient of the predictions; d_loss is 1 if nothing follows the loss."""
    e, near, sign, delta, weights, counted = cache
    # from loss = (errors * weights).sum() / counted
    d_errors = d_loss * weights / counted
    # from errors = np.where(near, e**2 / 2, delta * (sign * e - delta / 2))
    d_e = d_errors * np.where(near, e, delta * sign)
    # from e = predictions - targets
    d_predictions = d_e
    return {"predictions": d_predictions}
