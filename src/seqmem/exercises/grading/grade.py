"""One student's answer to one exercise, graded: run within walls with individual numbers, judged here."""

from __future__ import annotations

import hashlib
import re
import time
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from seqmem.checking.reading.source import UnreadableError, source_of
from seqmem.checking.submissions.walls import Measures, UnusableError
from seqmem.exercises.asking import Answer, Trouble
from seqmem.exercises.catalogue import all_exercises, exercise_named, unknown
from seqmem.exercises.course import course_exercises
from seqmem.exercises.cutting import imports_of_seqmem, parameters_of
from seqmem.exercises.exercise import Exercise
from seqmem.exercises.grading.apart import Asked, ask, run_whole
from seqmem.exercises.grading.record import Grade, GradedCheck, Mistake
from seqmem.exercises.grading.submissions import functions_of
from seqmem.exercises.judging.judge import empty_report, judge, of_whole_file
from seqmem.exercises.judging.questions import questions
from seqmem.exercises.judging.report import ExerciseReport

MOST_IMPORTS = 5  # imports to show
_WHOLE = (
    "time",
    "memory",
    "ended",
    "unreadable",
    "forbidden",
    "error",
)  # troubles that a whole file may have


class Work(NamedTuple):
    """The data that a worker needs to grade one answer; plain values, which can go to any machine."""

    student: str
    exercise: str
    files: dict[str, bytes]
    main: str  # the file that answers; "" for none
    digest: str
    seed: str  # the grader's secret
    measures: Measures = Measures()
    notes: tuple[str, ...] = ()
    course: str = ""  # the folder of a course's own exercises, which the worker can read; "" for ours


def grade(work: Work) -> Grade:
    """Return the grade of an answer.

    Raises:
        UnusableError: if this machine cannot run code within walls.
    """
    exercise = exercise_of(work.exercise, work.course, _students_seed(work))
    if not work.main:
        return _without(work, exercise, "not handed in", "no file answers it")
    start = time.monotonic()
    try:
        report, asked = report_on(work, exercise)
    except UnusableError:
        raise
    except Exception as error:  # noqa: BLE001 - one answer that cannot be judged must not cost the class its marks
        text = f"the grader could not judge it ({type(error).__name__}: {error!s:.200}): look at it yourself"
        return _without(work, exercise, "error", text)
    return _graded(work, report, asked, time.monotonic() - start)


def _students_seed(work: Work) -> int:
    """Return the seed that drew a student's bug, according to the file."""
    data = work.files.get(work.main, b"")
    found = re.search(rb"\bSeed: (\d{1,18})\b", data)
    return int(found[1]) if found else 0


def exercise_of(name: str, course: str = "", seed: int = 0) -> Exercise:
    """Return an exercise of a course's folder or of the library.

    Raises:
        ValueError: for an unknown name; the message suggests the nearest.
    """
    if not course:
        return exercise_named(name, seed)
    known = {exercise.name: exercise for exercise in course_exercises(Path(course))}
    if name in known:
        return known[name]
    raise ValueError(unknown(name, list(known)))


def rng_of(work: Work) -> np.random.Generator:
    """Return the generator of an answer's numbers.

    It differs for each student, exercise and version of the files, and none can be derived from another
    without the seed: a report reveals nothing about the next numbers.
    """
    text = "\0".join((work.seed, work.student, work.exercise, work.digest))
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest(), "big"))


def report_on(work: Work, exercise: Exercise, whole: bool = False) -> tuple[ExerciseReport, Asked]:
    """Return the report on an answer, and the result of running it.

    Args:
        work: the answer.
        exercise: the exercise that it answers.
        whole: whether a file with lines that were left out is run as a whole, too.

    Raises:
        UnusableError: if this machine cannot run code within walls.
    """
    try:
        text = source_of(work.files[work.main], work.main).text
    except UnreadableError as error:
        return empty_report(exercise, Trouble("unreadable", str(error.args[0]))), Asked(())
    asked = questions(exercise, rng_of(work), parameters_of(text))
    imports = _imports(work, exercise, text)
    if imports:
        return judge(exercise, asked, (), imports), Asked((Answer(trouble=Trouble("forbidden", "")),))
    forbids = ("seqmem",) if exercise.forbids_seqmem else ()
    given = ask(work.files, work.main, asked, work.measures, forbids)
    trouble = _of_all(given.answers)
    if trouble is not None:
        return empty_report(exercise, trouble), given
    if any(answer.trouble is not None and answer.trouble.kind == "missing" for answer in given.answers):
        other = _answers_another(work, exercise)
        if other:
            return empty_report(exercise, Trouble("missing", other)), given
    report = judge(exercise, asked, given.answers)
    if not given.notes:
        return report, given
    raises = run_whole(work.files, work.main, work.measures, forbids) if whole else None
    is_book = work.main.endswith(".ipynb")  # lines have no number there, and its check is not run
    return of_whole_file(report, () if is_book else given.notes, raises, whole), given


def _imports(work: Work, exercise: Exercise, text: str) -> list[str]:
    """Return the imports of seqmem in the file and in the files that it imports, if they are forbidden."""
    if not exercise.forbids_seqmem:
        return []
    found = imports_of_seqmem(text)
    seen, left = {work.main}, _beside(work, text)
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        try:
            inner = source_of(work.files[name], name).text
        except UnreadableError:
            continue  # it cannot be imported, either
        found += [f"{name}, {line}" for line in imports_of_seqmem(inner)]
        left += _beside(work, inner)
    return found[:MOST_IMPORTS]


def _beside(work: Work, text: str) -> list[str]:
    """Return the submission's files that a text may import."""
    roots = set(re.findall(r"^\s*(?:import|from)\s+\.*(\w+)", text, re.M))
    names = {name: PurePosixPath(name).with_suffix("").parts for name in work.files if name.endswith(".py")}
    return [name for name, parts in names.items() if roots & set(parts)]


def _of_all(answers: tuple[Answer, ...]) -> Trouble | None:
    """Return the trouble that all answers have in common; None if there is none."""
    troubles = {
        answer.trouble for answer in answers if answer.trouble is None or answer.trouble.kind != "not asked"
    }
    only = troubles.pop() if len(troubles) == 1 else None
    return only if only is not None and only.kind in _WHOLE else None


def _answers_another(work: Work, exercise: Exercise) -> str:
    """Return a sentence about a file that answers another exercise; "" if it answers none."""
    own = functions_of(work.files[work.main], work.main)
    if own & set(exercise.functions):
        return ""
    for other in all_exercises():
        if other.functions and set(other.functions) <= own:
            return (
                f"{work.main} defines {', '.join(other.functions)} and not {', '.join(exercise.functions)}: "
                f"is it an answer to {other.name}?"
            )
    return ""


def _without(work: Work, exercise: Exercise, status: str, says: str) -> Grade:
    nothing = empty_report(exercise, Trouble("missing", says))
    return Grade(
        work.student,
        work.exercise,
        status,
        0.0,
        nothing.max_score,
        work.main,
        work.digest,
        says,
        nothing.parts,
        notes=work.notes,
    )


def _graded(work: Work, report: ExerciseReport, asked: Asked, seconds: float) -> Grade:
    first = report.first
    has_failed = first is not None and first.name == "runs" and report.verdict == "wrong" and not report.score
    checks = tuple(
        GradedCheck(one.name, one.verdict, one.score, one.max_score, one.says, tuple(map(str, one.details)))
        for one in report.checks
    )
    mistakes = dict.fromkeys(Mistake(cause.code, cause.message) for cause in report.causes)
    return Grade(
        work.student,
        work.exercise,
        "failed" if has_failed else "wrong" if report.verdict == "started" else report.verdict,
        round(report.score, 4),
        report.max_score,
        work.main,
        work.digest,
        first.says if first is not None else f"not yet: {report.left}" if report.left else "",
        report.parts,
        checks,
        tuple(mistakes),
        report.layout,
        (*work.notes, *asked.notes),
        asked.printed,
        round(seconds, 3),
    )
