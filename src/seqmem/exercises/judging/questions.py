"""The calls of a student's functions."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from seqmem.checking.catalogue.kinds import KINDS
from seqmem.checking.catalogue.layouts import Layout, layouts
from seqmem.exercises.asking import Call, Question
from seqmem.exercises.exercise import LARGE, Exercise, Problem, Task
from seqmem.nests import tree_leaves

MOST_LAYOUTS = 700  # layouts to try if the names identify the arguments
REPEAT = 3  # repetitions of a timed call

_USUAL = ((), ("",), ("i", "f", "g", "o"), ("z", "r", "n"))  # no gates, and the frameworks' orders

Parameters = Mapping[str, tuple[str, ...]]


class About(NamedTuple):
    """The purpose of a question."""

    task: int
    purpose: str  # "values", "again" or "speed"
    problem: Problem
    layout: Layout | None = None  # None for the reference's own
    axes: tuple[int, ...] = ()  # the order of the data's axes in that layout


def questions(
    exercise: Exercise, rng: np.random.Generator, parameters: Parameters | None = None
) -> list[Question]:
    """Return the calls to make.

    Args:
        exercise: the exercise.
        rng: draws the numbers; a grader's is secret, so that constants earn nothing.
        parameters: the names of the parameters of the student's functions, as `parameters_of` reads them from
            a file: if they suggest another layout, it is tried as well. None for the stub's.
    """
    found: list[Question] = []
    for k, task in enumerate(exercise.tasks):
        first, second = task.problem(rng), task.second_problem(rng)
        base = len(found)
        found.append(_question(task, About(k, "values", first)))
        found.append(_question(task, About(k, "again", second), again=first))
        if task.is_timed:
            large = task.problem(rng, LARGE)
            found.append(_question(task, About(k, "speed", large))._replace(repeat=REPEAT))
        for layout in islice(_other_layouts(task, parameters or {}), MOST_LAYOUTS):
            axes = _axes_of(layout, task, first)
            own = About(k, "values", first, layout, axes)
            found.append(_question(task, own)._replace(instead_of=base))
            again = own._replace(purpose="again", problem=second)
            found.append(_question(task, again, again=first)._replace(instead_of=base))
    return found


def _question(task: Task, about: About, again: Problem | None = None) -> Question:
    """Return one pass, or forward and backward; with `again`, another forward and two backward passes."""
    problem = about.problem
    forward = Call(task.glue or task.forward, _arguments(task, about), keeps_last=task.has_cache)
    calls: tuple[Call, ...]
    shapes = _shapes(task, problem)
    if not task.is_backward:
        other = forward._replace(arguments=_arguments(task, about._replace(problem=again or problem)))
        calls = (forward,) if again is None else (forward, other, forward)
    else:
        upstream = tuple(_turned(value, about.axes) for value in problem.upstream)
        back = Call(task.function, upstream, cache_of=0)
        other = forward._replace(arguments=_arguments(task, about._replace(problem=again or problem)))
        calls = (forward, back) if again is None else (forward, other, back, back)
    return Question(calls, shapes=shapes, about=about)


def _shapes(task: Task, problem: Problem) -> tuple[tuple[int, ...], ...]:
    """Return the shapes of the forward pass's results, if they matter because layouts are tried."""
    if not task.kind:
        return ()
    returned = task.of_reference(task.forward)(**problem.inputs)
    shown = returned[:-1] if task.has_cache else returned
    return tuple(np.shape(leaf) for _, leaf in tree_leaves(shown, ""))


def _arguments(task: Task, about: About) -> Any:
    if about.layout is not None:
        return about.layout.pack(about.problem.inputs)
    if task.expected is not None:
        return tuple(about.problem.inputs.values())
    names = inspect.signature(task.of_reference(task.forward)).parameters
    return tuple(about.problem.inputs[name] for name in names if name in about.problem.inputs)


def layouts_returned(task: Task, problem: Problem, names: tuple[str, ...]) -> Iterator[About]:
    """Yield the layouts, other than the reference's, that the names of returned gradients allow."""
    if not task.kind or task.kind == "clipping" or not names:
        return
    for layout in islice(layouts(KINDS[task.kind], list(names)), MOST_LAYOUTS):
        yield About(0, "values", problem, layout, _axes_of(layout, task, problem))


def _other_layouts(task: Task, parameters: Parameters) -> Iterator[Layout]:
    """Yield the layouts, other than the reference's, that the names of a student's parameters allow."""
    if not task.kind or task.kind == "clipping" or task.forward not in parameters:
        return
    kind, names = KINDS[task.kind], parameters[task.forward]
    as_in_stub = names == tuple(inspect.signature(task.of_reference(task.forward)).parameters)
    if as_in_stub and task.is_backward:  # its forward pass was given
        return
    usual = (task.gates, *_USUAL)
    for k, layout in enumerate(layouts(kind, list(names))):
        if not as_in_stub or (k and layout.order in usual):
            yield layout


def _axes_of(layout: Layout, task: Task, problem: Problem) -> tuple[int, ...]:
    """Return how a layout permutes the data's axes; () if it does not."""
    name = next((own for own in ("xs", "x") if own in problem.inputs), "")
    if not name:
        return ()
    whole = problem.inputs[name]
    marks = {key: np.full(np.shape(value), -1) for key, value in problem.inputs.items()}
    marks[name] = np.arange(whole.size).reshape(whole.shape)
    packed = next((p for p in (packer(marks) for packer in layout.packers.values()) if np.max(p) > -1), None)
    if packed is None or packed.shape == whole.shape:
        return ()
    return tuple(whole.shape.index(size) for size in packed.shape)


def _turned(value: Any, axes: tuple[int, ...]) -> Any:
    """Return an upstream gradient in the layout of the outputs."""
    if not axes or np.ndim(value) < 2:
        return value
    if np.ndim(value) == len(axes):
        return np.ascontiguousarray(np.transpose(value, axes))
    return np.ascontiguousarray(value.T) if len(axes) == 3 and axes == (2, 1, 0) else value
