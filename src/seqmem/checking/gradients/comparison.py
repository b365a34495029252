"""One array's gradient compared with the right gradient."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from seqmem.checking.report import Row, Verdict
from seqmem.module import Array

EMPTY = "empty: not put to the test"
ZERO = "zero: not put to the test by these inputs"
TINY = "nothing but rounding: not put to the test by these inputs"
WIDE = 1e-3  # an error bar, relative to the array's largest entry, with which nothing can be judged


class Comparison(NamedTuple):
    """The gradient of one array from the backward pass, and the right gradient."""

    name: str
    shape: tuple[int, ...]
    got: Array | None  # None if it cannot be compared
    right: Array
    bar: Array  # the error bar of the right gradient
    scale: float  # the unit of a relative difference
    note: str = ""
    unread: bool = False  # whether the forward pass declares to ignore the array
    kink: Array | None = None  # where the function has a kink or jumps; None: nowhere

    def wrong(self, tolerance: float, floor: float) -> Array:
        """Return a bool array, True where the gradient is wrong."""
        if self.got is None:
            return np.ones(self.right.shape, bool)
        return ~(np.abs(self.got - self.right) <= tolerance * max(self.scale, floor) + 3 * self.bar)

    def unsure(self, tolerance: float, floor: float) -> Array:
        """Return a bool array, True where the gradient may be wrong because the error bar is too wide."""
        if self.got is None:
            return np.zeros(self.right.shape, bool)
        scale = max(self.scale, floor)
        near = np.abs(self.got - self.right) <= tolerance * scale
        wide = ~near & (self.bar > WIDE * scale)
        if self.kink is not None:  # the mean of the slopes to both sides is as good as either, and as bad
            wide |= self.kink
        return ~self.wrong(tolerance, floor) & wide

    def untested(self, tolerance: float, floor: float) -> str:
        """Return why the gradient was not tested, or "": if untested, zeros would pass as well."""
        if self.got is None or self.wrong(tolerance, floor).any():
            return ""
        if not self.right.size:
            return EMPTY
        if not (self.right.any() or self.got.any()):
            return "" if self.unread else ZERO
        zeros = self._replace(got=np.zeros(self.right.shape))
        passes = not (zeros.wrong(tolerance, floor).any() or zeros.unsure(tolerance, floor).any())
        return TINY if passes else ""

    def row(self, tolerance: float, floor: float) -> Row:
        """Return this comparison as a row of the report."""
        if self.got is None:
            return Row(self.name, self.shape, "wrong", math.inf, None, self.note)
        untested = self.untested(tolerance, floor)
        if untested:
            return Row(self.name, self.shape, "cannot tell", 0.0, None, untested)
        if not (self.right.any() or self.got.any()):
            return Row(self.name, self.shape, "right", 0.0, None, "not read: its gradient is zero")
        difference = np.abs(self.got - self.right)
        wrong, unsure = self.wrong(tolerance, floor), self.unsure(tolerance, floor)
        counted = np.where(np.isnan(difference), np.inf, difference)
        shown = wrong if wrong.any() else unsure
        counted = np.where(shown, counted, -1) if shown.any() else counted
        worst = np.unravel_index(np.argmax(counted), difference.shape)
        largest, scale = float(difference[worst]), max(self.scale, floor)
        error = math.inf if math.isnan(largest) else largest / scale if scale else largest
        verdict: Verdict = "wrong" if wrong.any() else "cannot tell" if unsure.any() else "right"
        bar = float(self.bar[worst])
        right = f"{self.right[worst]:.6g}" + (f" ± {bar:.0e}" if bar else "")
        note = f"got {self.got[worst] + 0.0:.6g}, right is {right}"
        if verdict == "cannot tell":
            has_kink = self.kink is not None and self.kink[worst]
            note += f": the function {'has a kink or jumps' if has_kink else 'is noisy'} there"
        where = tuple(int(i) for i in worst) if self.right.shape == self.shape else None
        return Row(self.name, self.shape, verdict, error, where, note)
