"""The positions at which a wrong array is wrong: gates, steps and rows, and one entry as an example."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.checking.contract.pairing import Returned
from seqmem.checking.contract.subject import Subject
from seqmem.checking.gradients.comparison import Comparison
from seqmem.checking.gradients.locate import places_in
from seqmem.exercises.exercise import Problem, Task
from seqmem.exercises.judging.comparing import LEAST

MOST = 6  # sentences


class ArraysSubject(Subject):
    """The arrays of a problem, to look up axes and gates; it runs nothing."""

    def __init__(self, task: Task, problem: Problem, right: dict[str, Any]) -> None:
        self.title, self.gates, self._task = task.function, task.gates, task
        arrays = {
            name: np.asarray(value) for name, value in (problem.inputs | right).items() if np.ndim(value)
        }
        self.arrays = arrays
        self.integers = {}

    def call_forward(self, arrays: Any) -> tuple[Any, Any]:
        raise NotImplementedError  # the numbers come from another process

    def call_backward(self, upstream: Any, cache: Any) -> Returned:
        raise NotImplementedError  # as above

    def axes(self, name: str) -> str:
        return self._task.axes.get(name, "")


def comparisons(got: dict[str, Any], right: dict[str, Any], tolerance: float) -> list[Comparison]:
    """Return a comparison for each returned array that has the right shape but wrong numbers."""
    found = []
    for name, value in right.items():
        if name not in got or np.shape(got[name]) != np.shape(value):
            continue
        array, own = np.asarray(value, dtype=np.float64), np.asarray(got[name])
        if own.dtype.kind not in "biuf":
            continue
        scale = float(np.max(np.abs(array), initial=0.0))
        one = Comparison(name, array.shape, own, array, np.zeros(array.shape), scale)
        if one.wrong(tolerance, LEAST).any():
            found.append(one)
    return found


def by_gate(task: Task, found: list[Comparison]) -> list[Comparison]:
    """Return comparisons in which an array is replaced by its wrong gates."""
    split: list[Comparison] = []
    for one in found:
        if one.got is None or not task.axes.get(one.name, "").startswith("G"):
            split.append(one)
            continue
        for k, gate in enumerate(task.gates):
            part = one._replace(
                name=f"{one.name} of gate {gate}",
                shape=one.shape[1:],
                got=one.got[k],
                right=one.right[k],
                bar=one.bar[k],
                scale=float(np.max(np.abs(one.right[k]), initial=0.0)),
            )
            split += [part] if part.wrong(task.tolerance, LEAST).any() else []
    return split


def where(task: Task, problem: Problem, got: dict[str, Any], right: dict[str, Any]) -> list[str]:
    """Return a sentence for each place where an array is wrong, and the worst entry of the first array."""
    subject = ArraysSubject(task, problem, right)
    found: list[str] = []
    wrong = comparisons(got, right, task.tolerance)
    for one in wrong:
        mask = one.wrong(task.tolerance, LEAST)
        found += [f"{one.name}: {text}" for text in places_in(subject, one, mask)]
    for one in wrong[:1]:
        row = one.row(task.tolerance, LEAST)
        at = f" at {list(row.where)}" if row.where else ""
        is_truth = np.asarray(right[one.name]).dtype.kind == "b"
        found += [] if is_truth and not np.ndim(right[one.name]) else [f"{one.name}{at}: {row.note}"]
    return found[:MOST]
