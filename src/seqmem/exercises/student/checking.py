"""A check of a student's file: run in a separate process, judged here, and recorded if it passes."""

from __future__ import annotations

import re
from pathlib import Path

from seqmem.checking.submissions.walls import Measures
from seqmem.exercises.asking import Trouble
from seqmem.exercises.exercise import Exercise
from seqmem.exercises.grading.grade import Work, report_on
from seqmem.exercises.grading.submissions import functions_of
from seqmem.exercises.judging.comparing import listed
from seqmem.exercises.judging.judge import empty_report
from seqmem.exercises.judging.report import ExerciseReport
from seqmem.exercises.student.folder import Folder

SECONDS = 30.0
_HEAD = re.compile(rb"exercises check (\w+)")


def check_exercise(
    folder: Folder, exercise: Exercise, file: Path | None = None, seconds: float = SECONDS
) -> tuple[ExerciseReport, str]:
    """Check the file of an exercise; return the report, and the beginning of what the file printed.

    Args:
        folder: the student's folder.
        exercise: one of the folder's exercises.
        file: the answer; None means the exercise's own file or notebook.
        seconds: the time limit of the file.

    Raises:
        ValueError: if the file was deleted; the message says how to restore it.
        UnusableError: if this machine cannot isolate the file.
    """
    file = folder.answer_of(exercise) if file is None else file
    if not file.is_file():
        raise ValueError(
            f"{file.name} does not exist any more: python -m seqmem exercises reset {exercise.name} "
            "restores it"
        )
    report, printed = check_path(file, exercise, seconds)
    if report.passed:
        folder.record_pass(exercise, file)
    return report, printed


def _made_for(data: bytes) -> str:
    """Return the name of the exercise that a file says it is of; "" where it says none."""
    found = _HEAD.search(data)
    return found[1].decode() if found else ""


def _defines(data: bytes, name: str, exercise: Exercise) -> bool:
    return bool(functions_of(data, name) & set(exercise.functions))


def check_path(file: Path, exercise: Exercise, seconds: float = SECONDS) -> tuple[ExerciseReport, str]:
    """Check any file against an exercise; return the report, and what the file printed."""
    data = file.read_bytes()
    other = _made_for(data)
    if other and other != exercise.name and not _defines(data, file.name, exercise):
        text = f"{file.name} holds {other}, and no {listed(list(exercise.functions))}"
        return empty_report(exercise, Trouble("missing", text)), ""
    work = Work(
        "student",
        exercise.name,
        {file.name: data},
        file.name,
        "",
        str(exercise.seed),
        Measures(seconds=seconds),
    )
    report, asked = report_on(work, exercise, whole=True)
    return report, asked.printed
