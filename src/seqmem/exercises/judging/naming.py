"""Why a wrong array is wrong: the catalogue's name where one mistake gives just these numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqmem.checking.catalogue.kinds import KINDS
from seqmem.checking.catalogue.kinds import Problem as KindProblem
from seqmem.checking.catalogue.recognise import CLOSE, KnownResults, agree
from seqmem.checking.gradients.explain import causes as explanations
from seqmem.checking.report import Cause
from seqmem.exercises.exercise import Problem, Task
from seqmem.exercises.judging.places import ArraysSubject, comparisons
from seqmem.exercises.judging.questions import About

CONVENTIONS = ("z-keeps", "reset-after", "reset-before")  # in the codes of what is right elsewhere


def why(
    task: Task, problems: Sequence[Problem], got: Sequence[dict[str, Any]], right: Sequence[dict[str, Any]]
) -> tuple[Cause, ...]:
    """Return the causes: the catalogue's first, else what the wrong array is, seen from the right one."""
    named = _known(task, problems, got)
    if named:
        return named
    subject = ArraysSubject(task, problems[0], right[0])
    return tuple(explanations(subject, comparisons(got[0], right[0]), CLOSE))


def conventions(causes: Sequence[Cause]) -> tuple[Cause, ...]:
    """Return those causes that are another convention, not a mistake."""
    return tuple(cause for cause in causes if any(word in cause.code for word in CONVENTIONS))


def described(about: About, task: Task) -> str:
    """Return a layout in words, from how it packs the reference's arrays."""
    assert about.layout is not None
    layout, inputs = about.layout, about.problem.inputs
    owners: dict[str, list[str]] = {}
    for name in inputs:
        marks = {key: np.zeros(np.shape(value)) for key, value in inputs.items()}
        marks[name] = np.ones(np.shape(inputs[name]))
        for own, packer in layout.packers.items():
            if np.any(packer(marks)):
                owners.setdefault(own, []).append(name)
    packed = layout.pack(inputs)
    texts = []
    if about.axes:
        first = {(1, 0, 2): "the batch first", (1, 0): "a column a row of the batch", (2, 1, 0): "columns"}
        texts.append(f"data with {first.get(about.axes, str(about.axes))}")
    for own, names in owners.items():
        shape = np.shape(packed[own])
        if len(names) > 1:
            texts.append(f"{own} {shape} joins {' and '.join(names)}")
        elif task.axes.get(names[0], "").startswith("G") and shape != np.shape(inputs[names[0]]):
            texts.append(f"{own} {shape} has the gates of {names[0]} side by side" * (len(shape) < 3) or own)
    if task.gates and layout.order and layout.order != task.gates:
        texts.append(f"gates in the order {', '.join(layout.order)}")
    return "; ".join(dict.fromkeys(texts)) or "names of its own"


def _known(task: Task, problems: Sequence[Problem], got: Sequence[dict[str, Any]]) -> tuple[Cause, ...]:
    """Return the catalogue's name for what came back, where the same mistake gives both problems' numbers."""
    if not task.kind or not got[0]:
        return ()
    kind = KINDS[task.kind]
    cases = [KindProblem(one.inputs, dict(zip(task.outputs, one.upstream, strict=False))) for one in problems]
    known = KnownResults(kind, cases[0])
    found = known.backward_mistakes(got[0]) if task.is_backward else known.forward_mistake(got[0])
    if not found:
        return ()
    outputs, gradients = kind.run(cases[1].inputs, cases[1].upstream, found)
    if got[1] and not agree(got[1], gradients if task.is_backward else outputs, CLOSE):
        return ()
    return tuple(Cause(mistake.code, f"{mistake.message} {mistake.hint}") for mistake in found)
