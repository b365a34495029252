"""The logistic function, and the array type of all signatures in this room.

s = sigmoid(a) = 1 / (1 + exp(-a))        its derivative in terms of its value: s * (1 - s)
g = tanh(a)                               its derivative in terms of its value: 1 - g**2
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]


def sigmoid(a: Array) -> Array:
    """Return 1 / (1 + exp(-a)), computed as (1 + tanh(a/2)) / 2, which cannot overflow.

    >>> sigmoid(np.array([-1e4, 0.0, 1e4]))
    array([0. , 0.5, 1. ])
    """
    return 0.5 * (1 + np.tanh(0.5 * a))
