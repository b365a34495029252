"""Where a wrong array is wrong: which gates, steps and rows, and one entry as an example."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.checking.catalogue.recognise import CLOSE
from seqmem.checking.contract.pairing import Returned
from seqmem.checking.contract.subject import Subject
from seqmem.checking.gradients.comparison import Comparison
from seqmem.checking.gradients.locate import places_in
from seqmem.exercises.exercise import Problem, Task

MOST = 6  # sentences


class ArraysSubject(Subject):
    """The arrays of a problem, for whoever asks for their axes and gates; it runs nothing."""

    def __init__(self, task: Task, problem: Problem, right: dict[str, Any]) -> None:
        self.title, self.gates, self._task = task.function, task.gates, task
        arrays = {
            name: np.asarray(value) for name, value in (problem.inputs | right).items() if np.ndim(value)
        }
        self.arrays = arrays
        self.integers = {}

    def call_forward(self, arrays: Any) -> tuple[Any, Any]:
        raise NotImplementedError  # where the numbers came from is another process

    def call_backward(self, upstream: Any, cache: Any) -> Returned:
        raise NotImplementedError  # as above

    def axes(self, name: str) -> str:
        return self._task.axes.get(name, "")


def comparisons(got: dict[str, Any], right: dict[str, Any]) -> list[Comparison]:
    """Return a comparison for each array that came back in its shape, and is wrong."""
    found = []
    for name, value in right.items():
        if name not in got or np.shape(got[name]) != np.shape(value):
            continue
        array, own = np.asarray(value, dtype=np.float64), np.asarray(got[name])
        if own.dtype.kind not in "biuf":
            continue
        scale = float(np.max(np.abs(array), initial=0.0))
        one = Comparison(name, array.shape, own, array, np.zeros(array.shape), scale)
        if one.wrong(CLOSE, 1e-3).any():
            found.append(one)
    return found


def where(task: Task, problem: Problem, got: dict[str, Any], right: dict[str, Any]) -> list[str]:
    """Return a sentence for each place where an array is wrong, and the worst entry of the first."""
    subject = ArraysSubject(task, problem, right)
    found: list[str] = []
    wrong = comparisons(got, right)
    for one in wrong:
        mask = one.wrong(CLOSE, 1e-3)
        found += [f"{one.name}: {text}" for text in places_in(subject, one.name, mask)]
    for one in wrong[:1]:
        row = one.row(CLOSE, 1e-3)
        at = f" at {list(row.where)}" if row.where else ""
        found.append(f"{one.name}{at}: {row.note}")
    return found[:MOST]
