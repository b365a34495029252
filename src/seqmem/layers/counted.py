"""Which positions a loss counts, and how much each: masks, ignored targets and weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.module import Array
from seqmem.validation import Axis, as_array, brief, check_shape


def as_mask(value: Any, axes: tuple[Axis, ...], caller: str) -> Array:
    """Return a mask as an array of bools with the given axes.

    Raises:
        TypeError: for a mask of another dtype.
        ValueError: for another shape.
    """
    mask = as_array(value, caller, "mask")
    if mask.dtype != np.bool_:
        raise TypeError(f"{caller}: mask has dtype {mask.dtype}, expected bool")
    check_shape(mask, axes, caller, "mask")
    return mask


def as_weights(
    value: Any, axes: tuple[Axis, ...], caller: str, name: str, mask: Array | None = None
) -> Array:
    """Return weights as float64: finite and at least 0 wherever the mask is True, and 0 elsewhere.

    Raises:
        TypeError: for weights that are not real numbers.
        ValueError: for another shape, or a weight that is negative or not finite, with its place.
    """
    weights = as_array(value, caller, name)
    if weights.dtype.kind not in "fiu":
        raise TypeError(f"{caller}: {name} has dtype {weights.dtype}, expected real numbers")
    check_shape(weights, axes, caller, name)
    weights = weights.astype(np.float64)
    if mask is not None:
        weights = np.where(mask, weights, 0.0)
    wrong = ~(np.isfinite(weights) & (weights >= 0))
    if wrong.any():
        where = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise ValueError(
            f"{caller}: {name} holds {weights[where]} at {list(where)}, expected finite numbers of at least 0"
        )
    return weights


def check_some(total: float, caller: str) -> None:
    """Raise when no position is left to take the mean over.

    Raises:
        ValueError: for a total weight of 0.
    """
    if not total > 0:
        raise ValueError(f"{caller}: mean of nothing: no position is left to take the mean over")


def check_finite(values: Array, mask: Array | None, caller: str, name: str) -> None:
    """Raise for a value that counts and is nan or inf.

    Raises:
        ValueError: with the value and its place.
    """
    bad = ~np.isfinite(values)
    if mask is not None:
        bad &= mask
    if bad.any():
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        came = brief(repr(float(values[where])))
        raise ValueError(f"{caller}: {name} holds {came} at {list(where)}, expected a finite number")
