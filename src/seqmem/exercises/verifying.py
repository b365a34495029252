"""Verification of exercises: stubs are not started, solutions pass, planted mistakes are named."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from seqmem.checking.catalogue.kinds import KINDS
from seqmem.checking.catalogue.mistakes.record import Mistake
from seqmem.checking.catalogue.recognise import CLOSE, agree
from seqmem.exercises.asking import answers, trouble_of
from seqmem.exercises.cutting import imports_of_seqmem, parameters_of, solution, stub
from seqmem.exercises.exercise import Exercise, Task
from seqmem.exercises.judging.judge import empty_report, judge
from seqmem.exercises.judging.naming import as_kind
from seqmem.exercises.judging.questions import questions
from seqmem.exercises.judging.report import ExerciseReport

_FILE = "<exercise>"


class Fault(NamedTuple):
    """A fault of an exercise."""

    exercise: str
    what: str


@dataclass(frozen=True)
class Verified:
    """The result of verifying; printable."""

    exercises: int
    planted: int  # mistakes
    named: int  # of those that were planted
    faults: tuple[Fault, ...]

    @property
    def passed(self) -> bool:
        """True if all exercises are sound."""
        return not self.faults

    def __str__(self) -> str:
        lines = [f"{fault.exercise}: {fault.what}" for fault in self.faults]
        count = f"{self.exercises} exercise{'s' * (self.exercises != 1)}"
        few = (
            f"{count}: every stub is not started, every solution passes; "
            f"{self.named} of {self.planted} planted mistakes caught and named"
        )
        return "\n".join([*lines, few if self.passed else f"{len(self.faults)} faults in {count}"])


def verify(
    exercises: Iterable[Exercise], seed: int = 0, tell: Callable[[str], Any] | None = None
) -> Verified:
    """Verify exercises: their stubs, their solutions, and all mistakes of the catalogue that fit them.

    Args:
        exercises: the exercises to verify.
        seed: the seed of the numbers.
        tell: called with the name of each exercise before it is verified.
    """
    faults: list[Fault] = []
    count = planted = named = 0
    for exercise in exercises:
        if tell is not None:
            tell(exercise.name)
        count += 1
        broken = _broken(exercise)
        if broken:
            faults.append(Fault(exercise.name, broken))
            continue
        faults += [Fault(exercise.name, what) for what in _of_texts(exercise, seed)]
        for mistake, text in mistaken_solutions(exercise):
            planted += 1
            what = _of_mistake(exercise, mistake, text, seed)
            named += not what
            faults += [Fault(exercise.name, what)] * bool(what)
    return Verified(count, planted, named, tuple(faults))


def report_on_text(exercise: Exercise, text: str, seed: int = 0) -> ExerciseReport:
    """Return the report on a trusted text, which runs in this process."""
    asked = questions(exercise, np.random.default_rng(seed), parameters_of(text))
    names: dict[str, Any] = {"__name__": "exercise"}
    try:
        exec(compile(text, _FILE, "exec"), names)  # ours, or an instructor's
    except Exception as error:  # noqa: BLE001 - whatever it raises is what there is to say
        return empty_report(exercise, trouble_of(error, _FILE))
    return judge(exercise, asked, answers(names, asked, _FILE), imports_of_seqmem(text))


def mistaken_solutions(exercise: Exercise) -> Iterator[tuple[Mistake, str]]:
    """Yield the solutions of an exercise with one known mistake each."""
    if exercise.planted is not None:
        return
    whole = solution(exercise)
    for task in exercise.tasks:
        for mistake in known_of(task):
            text = _planted(whole, task.function, mistake)
            if text:
                yield mistake, text


def known_of(task: Task) -> tuple[Mistake, ...]:
    """Return the known mistakes of a task's function."""
    place = "backward" if task.is_backward else "forward"
    of_kind = KINDS[task.kind].mistakes if task.kind else ()
    return (*(one for one in of_kind if one.place == place), *task.known)


def _planted(text: str, function: str, mistake: Mistake) -> str:
    """Return a text with a mistake in one of its functions; "" unless its line occurs exactly once."""
    head, found, tail = text.partition(f"\ndef {function}(")
    lines = tail.split("\n")
    end = next((k for k, line in enumerate(lines) if k and line[:1].strip() and line[:1] != ")"), len(lines))
    places = [k for k in range(end) if lines[k].partition("  #")[0].strip() == mistake.line]
    if not found or len(places) != 1:
        return ""
    (k,) = places
    indent = lines[k][: len(lines[k]) - len(lines[k].lstrip())]
    lines[k] = "\n".join(indent + line for line in mistake.becomes.splitlines())
    return head + found + "\n".join(lines)


def _broken(exercise: Exercise) -> str:
    """Return the error that the exercise's own solution raises; "" if there is none."""
    for task in exercise.tasks:
        try:
            task.right(task.problem(np.random.default_rng(0)))
        except Exception as error:  # noqa: BLE001 - an instructor's code
            return f"{task.function} cannot be run by its own inputs: {type(error).__name__}: {error}"
    return ""


def _of_texts(exercise: Exercise, seed: int) -> Iterator[str]:
    report = report_on_text(exercise, stub(exercise), seed)
    if report.verdict != "not started":
        yield f"its stub is {report.verdict}, expected not started:\n{report}"
    report = report_on_text(exercise, solution(exercise), seed)
    if not report.passed:
        yield f"its solution is {report.verdict}:\n{report}"


def _of_mistake(exercise: Exercise, mistake: Mistake, text: str, seed: int) -> str:
    """Return what is wrong with the verdict on a planted mistake; "" if nothing is."""
    report = report_on_text(exercise, text, seed)
    if report.passed:
        return f"{mistake.code} is not caught: {mistake.line} -> {mistake.becomes}"
    codes = [cause.code for cause in report.causes]
    if mistake.code in codes or _is_the_same(exercise, mistake, codes, seed):
        return ""
    return f"{mistake.code} is caught, and named {', '.join(codes) or 'nothing'}"


def _is_the_same(exercise: Exercise, mistake: Mistake, codes: list[str], seed: int) -> bool:
    """Return whether a mistake has another's name because both give the same numbers, as in a single step."""
    for task in exercise.tasks:
        others = [one for one in known_of(task) if one.code in codes]
        if not task.kind or mistake not in known_of(task) or len(others) != 1:
            continue
        case = as_kind(task, task.problem(np.random.default_rng(seed)))
        both = [KINDS[task.kind].run(case.inputs, case.upstream, (one,)) for one in (mistake, *others)]
        return all(agree(one, other, CLOSE) for one, other in zip(*both, strict=True) if one)
    return False
