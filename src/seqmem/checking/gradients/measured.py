"""The comparison of every gradient of a subject with the right gradient."""

from __future__ import annotations

import time
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from seqmem.checking.contract.conduct import Watched
from seqmem.checking.contract.pairing import Returned
from seqmem.checking.contract.subject import Named
from seqmem.checking.gradients.comparison import Comparison
from seqmem.checking.gradients.derivatives import Derivatives, flat
from seqmem.checking.gradients.partial_upstreams import PartialUpstreams
from seqmem.checking.report import Row
from seqmem.module import Array

DIRECTIONS = 3  # compared for each array of a large subject
SECONDS = 2.0  # processor time for comparing every element of a pass
LONGER = 10.0  # the same for wrong arrays, to find positions and causes
LARGE = 10_000_000  # a Jacobian with more numbers is not kept
NO_GRADIENT = "no gradient was returned"


class Limits(NamedTuple):
    """The limits on the comparison of every element."""

    elements: int = 20_000  # of a subject; with more, no array is compared by element
    seconds: float = SECONDS  # processor time


class Measured:
    """The measurements of a subject: each array's gradient and the right gradient.

    Args:
        passes: the subject's passes, with the gradients that they returned.
        tolerance: the largest relative error of a right gradient.
        limits: the limits on the comparison of every element; beyond them, random directions are compared.
        rng: draws the directions.
    """

    def __init__(self, passes: Watched, tolerance: float, limits: Limits, rng: np.random.Generator) -> None:
        self.passes, self.tolerance, self.rng = passes, tolerance, rng
        self.subject = passes.subject
        self.derivatives = Derivatives(self.subject, rng)
        self.upstream = flat(passes.upstream).astype(np.float64)
        # (size, n_outputs) for arrays whose Jacobian is small enough to keep
        self.jacobians: dict[str, Array] = {}
        self.sizes = {name: array.size for name, array in self.subject.arrays.items()}
        few = sum(self.sizes.values()) <= limits.elements
        self.by_element = self._within(limits.seconds, self.sizes) if few else set()
        self.may_look_closer = few
        self.comparisons = [self._compared(name) for name in self.subject.arrays]
        # A gradient that consists of rounding errors is compared with the other gradients and the outputs:
        # with this floor, the default tolerance is at most four rounding errors of the largest of them.
        weighted = np.abs(self.upstream * flat(passes.outputs))
        scales = [comparison.scale for comparison in self.comparisons]
        self.floor = 1e-3 * max([*scales, float(np.max(weighted, initial=0.0))])

    @property
    def elementwise(self) -> bool:
        """True if every element was compared."""
        return self.by_element == set(self.sizes)

    def look_closer(self) -> None:
        """Compare every element of the arrays with a wrong direction, smallest first."""
        along = [c for c in self.wrong if c.got is not None and c.name not in self.by_element]
        if not along or not self.may_look_closer:
            return
        for name in self._within(LONGER, {c.name: self.sizes[c.name] for c in along}):
            found = self._every_element(name)._replace(unread=name in self.subject.unread)
            if found.wrong(self.tolerance, self.floor).any():
                self.comparisons[list(self.sizes).index(name)] = found
                self.by_element.add(name)
        self.__dict__.pop("rows")  # computed again on the next access

    def _within(self, seconds: float, sizes: dict[str, int]) -> set[str]:
        """Choose the arrays, smallest first, whose elements can be compared in this processor time.

        Processor time, not wall time: the choice does not depend on the machine's other work.
        """
        usable = [name for name, size in sizes.items() if size]
        if not usable:
            return set(sizes)
        times = []
        for _ in range(2):
            start = time.thread_time()
            self.derivatives.along(usable[0], index=0)
            times.append(time.thread_time() - start)
        chosen, elements = set[str](), 0
        for name in sorted(sizes, key=lambda name: sizes[name]):
            elements += sizes[name]
            if elements * min(times) > seconds:
                break
            chosen.add(name)
        return chosen

    @cached_property
    def partial(self) -> PartialUpstreams:
        """The parts of the upstream gradient."""
        return PartialUpstreams(self.subject, self.passes.upstream, self.jacobians)

    @cached_property
    def rows(self) -> list[Row]:
        """The rows of a report: one per array, and one per superfluous gradient."""
        surplus = self.passes.gradients.surplus
        rows = [comparison.row(self.tolerance, self.floor) for comparison in self.comparisons]
        return rows + [Row(name, (), "wrong", np.inf, None, note) for name, note in surplus.items()]

    @property
    def wrong(self) -> list[Comparison]:
        """The comparisons that found a wrong gradient."""
        pairs = zip(self.comparisons, self.rows, strict=False)
        return [comparison for comparison, row in pairs if row.verdict == "wrong"]

    @property
    def untested(self) -> list[str]:
        """The names of the arrays whose gradients could not have been refuted."""
        return [c.name for c in self.comparisons if c.untested(self.tolerance, self.floor)]

    def directions(self, name: str, region: tuple[slice, ...] = (), n: int = DIRECTIONS) -> Comparison:
        """Compare along random directions of one array, or of a region of it."""
        got = np.asarray(self.passes.gradients[name])
        gots, rights, bars, kinks, scale = np.empty(n), np.empty(n), np.empty(n), np.zeros(n, bool), 0.0
        for k in range(n):
            direction = np.zeros(got.shape)
            direction[region] = self.rng.standard_normal(direction[region].shape)
            slope = self.derivatives.along(name, direction)
            rights[k], bars[k] = slope.value @ self.upstream, slope.bar @ np.abs(self.upstream)
            kinks[k] = (slope.kink & (self.upstream != 0)).any()
            parts = got.astype(np.float64) * direction
            gots[k] = parts.sum()
            slope_size = 0.0 if kinks[k] else abs(float(rights[k]))  # at a jump it can be any number
            scale = max(scale, float(np.sqrt(np.sum(parts**2))), slope_size)
        return Comparison(name, got.shape, gots, rights, bars, scale, kink=kinks)

    def gradients_of(self, upstream: Named) -> Returned:
        """Run both passes once more, with another upstream gradient for the backward pass."""
        _, record = self.subject.forward(self.subject.arrays)
        with np.errstate(all="ignore"):
            gradients = self.subject.backward(upstream, record)
        self.passes.inputs.restore()
        return gradients

    def _compared(self, name: str) -> Comparison:
        array, got = self.subject.arrays[name], self.passes.gradients.get(name)
        note = _unusable(array, got)
        if note:
            nothing = np.zeros(array.shape)
            return Comparison(name, array.shape, None, nothing, nothing, 0.0, note)
        found = self._every_element(name) if name in self.by_element else self.directions(name)
        return found._replace(unread=name in self.subject.unread)

    def _every_element(self, name: str) -> Comparison:
        array, got = self.subject.arrays[name], np.asarray(self.passes.gradients[name])
        right: Array = np.empty(array.size)
        bar: Array = np.empty(array.size)
        kink: Array = np.zeros(array.size, bool)
        jacobian = None
        if array.size * self.upstream.size <= LARGE:
            jacobian = self.jacobians[name] = np.empty((array.size, self.upstream.size))
        for index in range(array.size):
            slope = self.derivatives.along(name, index=index)
            right[index] = slope.value @ self.upstream
            bar[index] = slope.bar @ np.abs(self.upstream)
            kink[index] = (slope.kink & (self.upstream != 0)).any()
            if jacobian is not None:
                jacobian[index] = slope.value
        # at a jump the slope can be any number, so nothing is compared with it
        scale = float(np.max(np.abs(right), initial=0.0, where=~kink if not kink.all() else kink))
        right, bar, kink = (part.reshape(array.shape) for part in (right, bar, kink))
        return Comparison(name, array.shape, got, right, bar, scale, kink=kink)


def _unusable(array: Array, got: Any) -> str:
    """Return why a gradient cannot be compared; "" if it can."""
    if got is None:
        return NO_GRADIENT
    if np.shape(got) != array.shape:
        return f"the gradient has shape {np.shape(got)}, expected {array.shape}"
    found = np.asarray(got)
    if found.dtype.kind not in "fciub":
        return f"the gradient has dtype {found.dtype}, expected numbers"
    if found.dtype.kind == "c" and array.dtype.kind != "c":
        return "the gradient is complex"
    if not np.isfinite(found).all():
        index = [int(k) for k in np.argwhere(~np.isfinite(found))[0]]
        return f"the gradient is {found[tuple(index)]} at {index}"
    return ""
