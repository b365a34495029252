"""Grades as a table: a row for each student and exercise, for a spreadsheet or a campus system."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable
from pathlib import Path

from seqmem.exercises.grading.record import Grade

COLUMNS = (
    *("student", "exercise", "status", "score", "max_score", "parts_right", "parts", "mistakes", "says"),
    *("layout", "file", "seconds", "notes"),
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # the possible first characters of a spreadsheet formula


def as_csv(grades: Iterable[Grade]) -> str:
    """Return grades as CSV.

    A text that a spreadsheet would evaluate gets a leading apostrophe, because students choose names of
    files.

    >>> print(as_csv([Grade("ada", "rnn_step_forward", "right", 3.0, 3.0)]).splitlines()[1])
    ada,rnn_step_forward,right,3,3,0,0,,,,,0,
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for grade in grades:
        writer.writerow(
            [
                *map(_harmless, (grade.student, grade.exercise, grade.status)),
                f"{grade.score:g}",
                f"{grade.max_score:g}",
                sum(grade.parts.values()),
                len(grade.parts),
                " ".join(mistake.code for mistake in grade.mistakes),
                *map(_harmless, (" ".join(grade.says.split()), grade.layout, grade.file)),
                f"{grade.seconds:g}",
                _harmless("; ".join(grade.notes)),
            ]
        )
    return stream.getvalue()


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def is_own(path: Path) -> bool:
    """Return whether `write` wrote a file."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.readline().rstrip("\n") == ",".join(COLUMNS)
    except OSError:
        return False


def write(text: str, path: Path) -> None:
    """Write a text to a file atomically: a concurrent reader sees the old or the new content."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, encoding="utf-8", newline="\n")
    os.replace(part, path)
