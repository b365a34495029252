"""The source of the initial weights of a model that is about to be filled from a file."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


class BoundedGenerator(np.random.Generator):
    """Provides the initial weights of a model about to be filled, but no more than the file contains.

    They are zeros, because they will be overwritten.
    """

    def __init__(self, left: int) -> None:
        super().__init__(np.random.PCG64(0))
        self._left = left

    def _spend(self, size: Any) -> None:
        self._left -= 1 if size is None else math.prod(size) if isinstance(size, tuple) else int(size)
        if self._left < 0:
            raise ValueError("a model with more parameters than there are numbers in the file")

    def uniform(self, low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Any:
        self._spend(size)
        return np.zeros(() if size is None else size)

    def standard_normal(self, size: Any = None, *args: Any, **options: Any) -> Any:
        self._spend(size)
        return np.zeros(() if size is None else size)
