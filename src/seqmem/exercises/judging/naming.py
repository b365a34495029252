"""The cause of a wrong array: the catalogue's name if one mistake gives exactly these numbers."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from seqmem.checking.catalogue.kinds import KINDS
from seqmem.checking.catalogue.kinds import Problem as KindProblem
from seqmem.checking.catalogue.mistakes.record import Mistake, mistaken_names
from seqmem.checking.catalogue.recognise import CLOSE, Found, KnownResults, agree
from seqmem.checking.gradients.explain import causes as explanations
from seqmem.checking.report import Cause
from seqmem.exercises.exercise import Part, Problem, Task, parts_of
from seqmem.exercises.judging.comparing import close, is_number, part_of
from seqmem.exercises.judging.places import ArraysSubject, by_gate, comparisons
from seqmem.exercises.judging.questions import About

CONVENTIONS = ("z-keeps", "reset-after", "reset-before")  # in the codes of variants that are right elsewhere


def why(
    task: Task, problems: Sequence[Problem], got: Sequence[dict[str, Any]], right: Sequence[dict[str, Any]]
) -> tuple[Cause, ...]:
    """Return the causes: the catalogue's first, otherwise how the wrong array derives from the right one.

    Args:
        task: the function to judge.
        problems: two sets of numbers, of which the first shows that something is wrong.
        got: the returned arrays for each, by name.
        right: the right arrays for each.
    """
    got = [{name: value for name, value in one.items() if is_number(value)} for one in got]
    named = _known(task, problems, got)
    if named:
        return named
    found = _explained(task, problems, got, right)
    if task.is_backward:
        return found
    return tuple(replace(cause, message=_of_output(cause.message)) for cause in found)


def _of_output(message: str) -> str:
    """Return an explanation of a gradient as one of a forward pass's output."""
    return message.replace("the right gradient", "the right value").replace("the gradient of", "the value of")


def _explained(
    task: Task, problems: Sequence[Problem], got: Sequence[dict[str, Any]], right: Sequence[dict[str, Any]]
) -> tuple[Cause, ...]:
    """Return how wrong arrays derive from the right ones, and the mistakes that explain parts of them."""
    subject = ArraysSubject(task, problems[0], right[0])
    wrong = comparisons(got[0], right[0], task.tolerance)
    whole = explanations(subject, wrong, task.tolerance)
    told = {name for cause in whole for name in cause.message.partition(":")[0].split(", ")}
    parts = _of_parts(task, problems, got, told)
    gates = by_gate(task, [one for one in wrong if one.name not in told])
    left = {f"{part.array} of gate {part.gate}" for part in parts}
    rest = [one for one in gates if " of gate " in one.name and one.name not in left]
    return (*whole, *map(_cause, dict.fromkeys(parts.values())), *explanations(subject, rest, task.tolerance))


def conventions(causes: Sequence[Cause]) -> tuple[Cause, ...]:
    """Return those causes that are another convention, not a mistake."""
    return tuple(cause for cause in causes if any(word in cause.code for word in CONVENTIONS))


def described(about: About, task: Task) -> str:
    """Return a layout in words, from the way in which it packs the reference's arrays."""
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
    texts: list[str] = []
    turned = [
        f"{own} {np.shape(packed[own])}"
        for own, names in owners.items()
        if _is_transposed(packed[own], [np.asarray(inputs[name]) for name in names], len(task.gates))
    ]
    if about.axes:
        first = {(1, 0, 2): "the batch first", (1, 0): "a column a row of the batch", (2, 1, 0): "columns"}
        texts.append(f"data with {first.get(about.axes, str(about.axes))}")
    for own, names in owners.items():
        shape = np.shape(packed[own])
        if len(names) > 1:
            texts.append(f"{own} {shape} joins {' and '.join(names)}")
        elif task.axes.get(names[0], "").startswith("G") and shape != np.shape(inputs[names[0]]):
            texts.append(f"{own} {shape} has the gates of {names[0]} side by side" * (len(shape) < 3) or own)
    texts += [f"{', '.join(turned)} transposed"] * bool(turned)
    if task.gates and layout.order and layout.order != task.gates:
        texts.append(f"gates in the order {', '.join(layout.order)}")
    return "; ".join(dict.fromkeys(texts)) or "names of its own"


def _is_transposed(packed: Any, inputs: Sequence[Any], gates: int) -> bool:
    """Return whether a packed matrix has the outputs, gates by gates, along its first axis."""
    if any(value.ndim < 2 for value in inputs) or np.ndim(packed) < 2:
        return False
    if len(inputs) == 1 and packed.ndim == inputs[0].ndim:
        return packed.shape[-2:] == inputs[0].shape[:-3:-1] and not np.array_equal(packed, inputs[0])
    outputs = inputs[0].shape[-1] * (max(1, gates) if inputs[0].ndim == 3 and packed.ndim == 2 else 1)
    return packed.shape[-2] == outputs and packed.shape[-1] != outputs


def _known(task: Task, problems: Sequence[Problem], got: Sequence[dict[str, Any]]) -> tuple[Cause, ...]:
    """Return the catalogue's name for the result, if the same mistake gives both problems' numbers."""
    if not got[0]:
        return ()
    found = _of_kind(task, problems, got) if task.kind else None
    found = found or _of_task(task, problems, got)
    return tuple(map(_cause, found or ()))


def _cause(mistake: Mistake) -> Cause:
    return Cause(mistake.code, f"{mistake.message} {mistake.hint}")


def _of_kind(task: Task, problems: Sequence[Problem], got: Sequence[dict[str, Any]]) -> Found | None:
    """Return one or two mistakes of the gradient check's catalogue."""
    kind = KINDS[task.kind]
    cases = [as_kind(task, one) for one in problems]
    arrays = [_without_holder(one) for one in got]
    tables = [KnownResults(kind, case) for case in cases]
    place = "backward" if task.is_backward else "forward"
    found = None
    if kind.is_differentiated:
        first = tables[0]
        found = first.backward_mistakes(arrays[0]) if task.is_backward else first.forward_mistake(arrays[0])
    if not found:  # two mistakes may give the same numbers once, and not twice
        fitting = [
            [one.mistakes for one in table.singles(place) if agree(own, one.results, CLOSE)]
            for table, own in zip(tables, arrays, strict=True)
        ]
        both = [one for one in fitting[0] if one in fitting[1]]
        return both[0] if len(both) == 1 else None
    outputs, gradients = kind.run(cases[1].inputs, cases[1].upstream, found)
    confirmed = not arrays[1] or agree(arrays[1], gradients if task.is_backward else outputs, CLOSE)
    return found if confirmed else None


def _of_parts(
    task: Task, problems: Sequence[Problem], got: Sequence[dict[str, Any]], told: set[str]
) -> dict[Part, Mistake]:
    """Return a mistake for each part that a mistake explains: an array, or a gate of it.

    Args:
        task: the function that is judged.
        problems: two sets of numbers.
        got: the results for both sets.
        told: the arrays that are already explained.
    """
    if not task.kind or not KINDS[task.kind].is_differentiated:
        return {}
    tables = [KnownResults(KINDS[task.kind], as_kind(task, one)) for one in problems]
    place = "backward" if task.is_backward else "forward"
    singles = [{one.mistakes[0]: one.results for one in table.singles(place)} for table in tables]
    rights = [table.gradients if task.is_backward else table.outputs for table in tables]
    found: dict[Part, Mistake] = {}
    for part in parts_of(task):
        pairs = list(zip(got, rights, strict=True))
        if part.array in told or any(part.array not in one for pair in pairs for one in pair):
            continue
        if any(_agrees(part, one, right, task) for one, right in pairs):
            continue
        fitting = [
            mistake
            for mistake in singles[0]
            if all(
                mistake in table and _agrees(part, one, table[mistake], task)
                for one, table in zip(got, singles, strict=True)
            )
        ]
        if len(fitting) == 1:
            found[part] = fitting[0]
    return found


def _agrees(part: Part, one: dict[str, Any], other: dict[str, Any], task: Task) -> bool:
    """Return whether two results agree on a part."""
    if part.array not in other:
        return False
    own, theirs = (part_of(part, arrays[part.array], task) for arrays in (one, other))
    return own is not None and theirs is not None and close(own, theirs, task.tolerance)


def _of_task(task: Task, problems: Sequence[Problem], got: Sequence[dict[str, Any]]) -> Found | None:
    """Return a known mistake of the function itself."""
    for mistake in task.known:
        reference = sys.modules[task.of_reference(task.function).__module__]
        names = mistaken_names(reference, (mistake,))
        functions = {name: names.get(name, task.of_reference(name)) for name in (task.forward, task.function)}
        try:
            with np.errstate(all="ignore"):
                wrong = [task.run(problem, functions) for problem in problems]
        except Exception:  # noqa: BLE001 - a mistake may not run on every problem
            continue
        if all(_gives(task, one, other) for one, other in zip(got, wrong, strict=True)):
            return (mistake,)
    return None


def _gives(task: Task, got: dict[str, Any], wrong: dict[str, Any]) -> bool:
    """Return whether the returned numbers are those of a mistake."""
    return set(got) == set(wrong) and all(
        close(np.nan_to_num(got[name]), np.nan_to_num(wrong[name]), task.tolerance)
        and np.array_equal(np.isnan(got[name]), np.isnan(wrong[name]))
        for name in got
    )


def as_kind(task: Task, problem: Problem) -> KindProblem:
    """Return a problem in the catalogue's form, in which arrays from a dict are separate inputs."""
    inputs: dict[str, Any] = {}
    for name, value in problem.inputs.items():
        inputs |= value if isinstance(value, dict) else {name: value}
    return KindProblem(inputs, dict(zip(task.outputs, problem.upstream, strict=False)))


def _without_holder(got: dict[str, Any]) -> dict[str, Any]:
    """Return the arrays of a returned dict under their own names; unchanged if there is none."""
    inner = {name.partition(".")[2]: value for name, value in got.items() if "." in name}
    return inner or got
