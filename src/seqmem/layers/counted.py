"""The positions that count in a loss."""

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


def check_some(total: float, caller: str) -> None:
    """Raise if no position is left for a mean.

    Raises:
        ValueError: for a total weight of 0.
    """
    if not total > 0:
        raise ValueError(f"{caller}: mean of nothing: no position is left to average")


def check_finite(values: Array, mask: Array | None, caller: str, name: str) -> None:
    """Raise if a value that counts is nan or inf.

    Raises:
        ValueError: with the value and its position.
    """
    bad = ~np.isfinite(values)
    if mask is not None:
        bad &= mask
    if bad.any():
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        came = brief(repr(float(values[where])))
        raise ValueError(f"{caller}: {name} holds {came} at {list(where)}, expected a finite number")
