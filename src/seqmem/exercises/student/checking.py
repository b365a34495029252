"""A check of a student's file: run apart, judged here, and remembered when it passes."""

from __future__ import annotations

from pathlib import Path

from seqmem.checking.submissions.walls import Measures
from seqmem.exercises.exercise import Exercise
from seqmem.exercises.grading.grade import Work, report_on
from seqmem.exercises.judging.report import ExerciseReport
from seqmem.exercises.student.folder import Folder

SECONDS = 30.0


def check_exercise(
    folder: Folder, exercise: Exercise, seconds: float = SECONDS
) -> tuple[ExerciseReport, str]:
    """Check the file of an exercise; return the report, and the beginning of what the file printed.

    Args:
        folder: the student's.
        exercise: one of its.
        seconds: after which the file is ended.

    Raises:
        ValueError: when the file was deleted; says how to bring it back.
        UnusableError: when this machine cannot run the file apart.
    """
    file = folder.file_of(exercise)
    if not file.is_file():
        raise ValueError(
            f"{file.name} is not there any more: python -m seqmem exercises reset {exercise.name} "
            "writes it anew"
        )
    report, printed = check_path(file, exercise, seconds)
    if report.passed:
        folder.pass_(exercise)
    return report, printed


def check_path(file: Path, exercise: Exercise, seconds: float = SECONDS) -> tuple[ExerciseReport, str]:
    """Check any file against an exercise; return the report, and what the file printed."""
    data = file.read_bytes()
    work = Work(
        "student",
        exercise.name,
        {file.name: data},
        file.name,
        "",
        str(exercise.seed),
        Measures(seconds=seconds),
    )
    report, asked = report_on(work, exercise)
    return report, asked.printed
