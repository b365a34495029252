"""A check of functions in this process: in a notebook, or at a prompt."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from seqmem.exercises.asking import answers
from seqmem.exercises.catalogue import exercise_named
from seqmem.exercises.cutting import solution
from seqmem.exercises.exercise import Exercise
from seqmem.exercises.judging.judge import judge
from seqmem.exercises.judging.questions import questions
from seqmem.exercises.judging.report import ExerciseReport
from seqmem.validation import as_count

_NOTEBOOK = "<ipython-input"


def check(name: str, *functions: Any, seed: int = 0) -> ExerciseReport:
    """Check functions that answer an exercise.

    Args:
        name: the name of the exercise.
        *functions: the student's functions, in the order of the exercise or under its names; or a dict of all
            names, such as `globals()`. Functions that the exercise gives need not be passed.
        seed: the student's seed, for an exercise with a bug to find.

    Returns:
        An `ExerciseReport`, which a notebook shows as a table, and `print` as text.

    Raises:
        ValueError: for an unknown name; the message suggests the nearest.
        TypeError: for anything but functions, or no function at all.

    >>> from seqmem import reference
    >>> check("rnn_step_backward", reference.rnn_step_backward).passed
    True
    >>> print(check("rnn_step_backward", lambda d_h, cache: None).first.says)
    rnn_step_backward returns nothing: is a return missing?
    """
    exercise = exercise_named(name, as_count(seed, "check", "seed"))
    names = _given(exercise) | _named(exercise, functions)
    parameters = {own: _parameters(names[own]) for own in names if inspect.isfunction(names[own])}
    asked = questions(exercise, np.random.default_rng(), parameters)
    return judge(exercise, asked, answers(names, asked))


def _given(exercise: Exercise) -> dict[str, Any]:
    """Return the given names of the exercise's file."""
    names: dict[str, Any] = {"__name__": "exercise"}
    exec(compile(solution(exercise), "<given>", "exec"), names)  # a source of ours
    return {own: value for own, value in names.items() if own not in exercise.functions}


def _named(exercise: Exercise, functions: tuple[Any, ...]) -> dict[str, Any]:
    """Return the student's functions under the exercise's names."""
    if not functions:
        raise TypeError(f"check: no function was passed, expected {', '.join(exercise.functions)}")
    found: dict[str, Any] = {}
    waiting: list[Callable[..., Any]] = []
    for one in functions:
        if isinstance(one, Mapping):
            found |= {own: value for own, value in one.items() if callable(value)}
        elif not callable(one):
            came = type(one).__name__
            raise TypeError(f"check: {one!r:.40} is of type {came}, expected a function of yours")
        elif getattr(one, "__name__", "") in exercise.functions:
            found[one.__name__] = one
        else:
            waiting.append(one)
    left = [own for own in exercise.functions if own not in found]
    if len(waiting) > len(left):
        taken = ", ".join(exercise.functions)
        raise TypeError(f"check: {len(functions)} functions were passed, {exercise.name} takes {taken}")
    return found | dict(zip(left, waiting, strict=False))


def _parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    return tuple(inspect.signature(function).parameters)
