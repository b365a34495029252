"""The losses of a regression, and their derivatives: squared, absolute and Huber error.

e    = prediction - target                       for each of the N numbers that count
squared     e²                                   derivative 2 e
absolute    |e|                                  derivative sign(e), 0 where e is 0
huber       e² / 2 for |e| <= delta              derivative e
            delta (|e| - delta / 2) beyond       derivative delta sign(e)
loss = mean of these, or with weights s: sum of s · these / sum of s
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from seqmem.layers.counted import as_mask, check_finite, check_some
from seqmem.module import Array
from seqmem.validation import Axis, as_array, as_floats, as_positive, as_weights

Errors = Callable[[Array], tuple[Array, Array]]  # from e to the terms of the mean, and their derivatives


def mse_loss(
    predictions: Array, targets: Array, mask: Array | None = None, *, sample_weights: Array | None = None
) -> tuple[Any, Array]:
    """Return the mean squared error of the numbers that count, and its derivative.

    Masked numbers are never read: they may be NaN.

    Args:
        predictions: real numbers of any shape, such as (B, K) or (T, B, K).
        targets: real numbers of the same shape, finite where they count.
        mask: True where a number counts, bool of the predictions' shape or of its first axes: (T, B) for
            predictions (T, B, K) applies to all K numbers at once. None if all numbers count.
        sample_weights: the weight of each number, finite, at least 0, with the axes of a mask. The mean is
            then weighted.

    Returns:
        (loss, d_predictions): a float (complex for complex predictions), and dloss/dpredictions in the shape
        of the predictions, float32 for float32 and float64 for integers. Predictions that are not finite
        give a loss that is not finite.

    Raises:
        ValueError: for a wrong shape, a target that counts and is not finite, a negative weight, or no number
            that counts.
        TypeError: for predictions or targets that are not real numbers, a mask that is not bool.

    >>> loss, d_predictions = mse_loss(np.array([[1.0], [5.0]]), np.array([[3.0], [4.0]]))
    >>> loss, d_predictions.tolist()
    (2.5, [[-2.0], [1.0]])
    """
    return _mean("mse_loss", predictions, targets, mask, sample_weights, lambda e: (e**2, 2 * e))


def mae_loss(
    predictions: Array, targets: Array, mask: Array | None = None, *, sample_weights: Array | None = None
) -> tuple[Any, Array]:
    """Return the mean absolute error of the numbers that count, and its derivative (torch's l1_loss).

    The derivative is 0 where a prediction is exactly right.

    Args:
        predictions, targets, mask, sample_weights: as in `mse_loss`.

    Returns:
        (loss, d_predictions), as from `mse_loss`.

    Raises:
        ValueError, TypeError: as from `mse_loss`.

    >>> loss, d_predictions = mae_loss(np.array([1.0, 5.0]), np.array([3.0, np.nan]), np.array([True, False]))
    >>> loss, d_predictions.tolist()
    (2.0, [-1.0, 0.0])
    """

    def errors(e: Array) -> tuple[Array, Array]:
        sign = np.sign(e.real)
        return sign * e, sign

    return _mean("mae_loss", predictions, targets, mask, sample_weights, errors)


def huber_loss(
    predictions: Array,
    targets: Array,
    mask: Array | None = None,
    *,
    sample_weights: Array | None = None,
    delta: float = 1.0,
) -> tuple[Any, Array]:
    """Return the mean Huber error of the numbers that count, and its derivative (Huber, 1964).

    It is half the squared error up to `delta`, and linear beyond, so that outliers count less.

    Args:
        predictions, targets, mask, sample_weights: as in `mse_loss`.
        delta: above 0, in the unit of the targets.

    Returns:
        (loss, d_predictions), as from `mse_loss`.

    Raises:
        ValueError, TypeError: as from `mse_loss`.

    >>> loss, d_predictions = huber_loss(np.array([0.5, 9.0]), np.array([0.0, 4.0]), delta=2.0)
    >>> loss, d_predictions.tolist()
    (4.0625, [0.25, 1.0])
    """
    delta = as_positive(delta, "huber_loss", "delta")

    def errors(e: Array) -> tuple[Array, Array]:
        sign = np.sign(e.real)
        near = np.abs(e.real) <= delta
        return np.where(near, e**2 / 2, delta * (sign * e - delta / 2)), np.where(near, e, delta * sign)

    return _mean("huber_loss", predictions, targets, mask, sample_weights, errors)


def _mean(
    caller: str, predictions: Any, targets: Any, mask: Any, sample_weights: Any, errors: Errors
) -> tuple[Any, Array]:
    predictions, targets, mask, weights = _as_inputs(caller, predictions, targets, mask, sample_weights)
    counted = None if mask is None or mask.all() else np.flatnonzero(mask)
    total: Any = targets.size if counted is None else counted.size
    ours, theirs = predictions.reshape(-1), targets.reshape(-1)
    if counted is not None:
        ours, theirs = ours[counted], theirs[counted]
    shares: Any = 1.0
    if weights is not None:
        shares = weights.reshape(-1) if counted is None else weights.reshape(-1)[counted]
        total = shares.sum()
    check_some(total, caller)

    with np.errstate(all="ignore"):  # the loss itself shows values that are not finite
        e = ours.astype(np.result_type(ours, np.float64)) - theirs
        values, slopes = errors(e)
        loss = (values * shares).sum() / total
        slopes = (slopes * (shares / total)).astype(predictions.dtype)
    if counted is None:
        return loss.item(), slopes.reshape(predictions.shape)
    d_predictions = np.zeros_like(predictions)
    d_predictions.reshape(-1)[counted] = slopes
    return loss.item(), d_predictions


def _as_inputs(
    caller: str, predictions: Any, targets: Any, mask: Any, sample_weights: Any
) -> tuple[Array, Array, Array | None, Array | None]:
    """Return all inputs as arrays in the shape of the predictions; a weight of 0 is masked."""
    single = getattr(predictions, "dtype", None) in (np.float32, np.complex64)
    dtype = np.dtype(np.float32 if single else np.float64)
    predictions = as_floats(predictions, dtype, ("...",), caller, "predictions")
    axes: tuple[Axis, ...] = tuple(
        (size, f"axis {axis} of predictions") for axis, size in enumerate(predictions.shape)
    )
    if as_array(targets, caller, "targets").dtype.kind == "c":
        raise TypeError(f"{caller}: targets is complex, expected real numbers")
    targets = as_floats(targets, np.dtype(np.float64), axes, caller, "targets")

    def whole(array: Array) -> Array:
        missing = predictions.ndim - array.ndim
        return np.broadcast_to(array.reshape(array.shape + (1,) * missing), predictions.shape)

    if mask is not None:
        mask = whole(as_mask(mask, axes[: as_array(mask, caller, "mask").ndim], caller))
    if sample_weights is not None:
        own = axes[: as_array(sample_weights, caller, "sample_weights").ndim]
        weights = whole(as_weights(sample_weights, own, caller, "sample_weights", _shared(mask, own)))
        mask = weights > 0 if mask is None else mask & (weights > 0)
    else:
        weights = None
    check_finite(targets, mask, caller, "targets")
    return predictions, targets, mask, weights


def _shared(mask: Array | None, axes: tuple[Axis, ...]) -> Array | None:
    """Return, for positions with these axes, where any number of a position counts."""
    return None if mask is None else np.asarray(mask.any(axis=tuple(range(len(axes), mask.ndim))))
