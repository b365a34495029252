"""Gradients that vanish: they end in 0, and not in subnormal numbers.

A gradient that shrinks from step to step ends below the smallest normal number of its dtype, where processors
compute ten to forty times more slowly. So the running gradient is rounded to 0 before: wherever its magnitude
is below tiny / eps, 1e-31 in float32 and 1e-292 in float64, numbers whose last digits are already below the
smallest normal number. A few steps pass between two roundings, since each costs as much as half a step.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from seqmem.module import Array

STEPS_BETWEEN = 16


@functools.cache
def smallest_kept(dtype: Any) -> Array:
    """Return the smallest magnitude of a running gradient that is not rounded to 0."""
    limits = np.finfo(dtype)
    return np.array(limits.tiny / limits.eps, limits.dtype)


def flush(parts: Sequence[Array], smallest: Array) -> None:
    """Set every entry below `smallest` to 0, in place; nan stays nan."""
    for part in parts:
        part *= np.abs(part) >= smallest
