"""The record of a grading: a line of JSON for each student and exercise.

The file makes an interrupted grading resumable, and all reports are made from it. It contains the secret
seed, so only its owner may read it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

FORMAT = 1
STATUSES = ("right", "wrong", "not started", "not handed in", "failed", "error")


@dataclass(frozen=True)
class Mistake:
    """A recognised mistake."""

    code: str
    message: str


@dataclass(frozen=True)
class GradedCheck:
    """One check of an exercise, as in a `Check`."""

    name: str
    verdict: str
    score: float
    max_score: float
    says: str = ""
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class Grade:
    """The result of one student's answer to one exercise.

    `status` is "right", "wrong", "not started" (the unchanged stub), "not handed in", "failed" (the code did
    not run, or not to its end) or "error" (the grader could not judge it: check by hand).
    """

    student: str
    exercise: str
    status: str
    score: float
    max_score: float
    file: str = ""
    digest: str = ""
    says: str = ""  # the first thing that is not right, in a sentence
    parts: dict[str, bool] = field(default_factory=dict)  # the units of credit, and whether each is right
    checks: tuple[GradedCheck, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    layout: str = ""
    notes: tuple[str, ...] = ()
    printed: str = ""
    seconds: float = 0.0

    def to_line(self) -> str:
        """Return the grade as a line of JSON."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_dict(found: Any) -> Grade:
        """Return a grade from its JSON.

        Raises:
            ValueError: for anything else.
        """
        try:
            known = {one.name for one in fields(Grade)}
            values = {key: value for key, value in found.items() if key in known}
            values["checks"] = tuple(
                GradedCheck(**{**check, "details": tuple(check["details"])}) for check in values["checks"]
            )
            values["mistakes"] = tuple(Mistake(**mistake) for mistake in values["mistakes"])
            values["notes"] = tuple(values["notes"])
            return Grade(**values)
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"not a grade: {type(error).__name__}: {error}") from None


class Record:
    """The file of a grading.

    Args:
        path: the file; it need not exist.

    Raises:
        ValueError: if another kind of file has that name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seed = ""
        self.settings: dict[str, Any] = {}
        self.grades: dict[tuple[str, str], Grade] = {}  # by student and exercise, the latest of each
        if path.exists():
            self._load()

    def _load(self) -> None:
        try:
            lines = self.path.read_text("utf-8").splitlines()
            head = json.loads(lines[0]) if lines else {}
            if head.get("seqmem_grades") != FORMAT:
                raise ValueError("its first line is not the head of a record")
        except (ValueError, AttributeError) as error:
            raise ValueError(f"{self.path} is not a record of grades of this version: {error}") from None
        self.seed, self.settings = str(head["seed"]), dict(head.get("settings", {}))
        for k, line in enumerate(lines[1:]):
            try:
                grade = Grade.from_dict(json.loads(line))
            except ValueError:
                if k == len(lines) - 2:  # the machine stopped while the line was written
                    break
                raise ValueError(f"{self.path}: line {k + 2} is not a grade") from None
            self.grades[grade.student, grade.exercise] = grade

    def begin(self, seed: str, settings: dict[str, Any]) -> None:
        """Write the file again, with its grades, so that more can be added."""
        self.seed, self.settings = seed, settings
        head = json.dumps({"seqmem_grades": FORMAT, "seed": seed, "settings": settings})
        lines = [head, *(grade.to_line() for grade in self.grades.values())]
        part = self.path.with_name(f"{self.path.name}.part")
        part.unlink(missing_ok=True)
        with os.fdopen(
            os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
        ) as file:
            file.write("\n".join(lines) + "\n")
        os.replace(part, self.path)

    def add(self, grade: Grade) -> None:
        """Record a grade, at once."""
        self.grades[grade.student, grade.exercise] = grade
        with self.path.open("a", encoding="utf-8") as file:
            file.write(grade.to_line() + "\n")

    def of(self, students: Iterable[str], exercises: Iterable[str]) -> list[Grade]:
        """Return the grades of some students and exercises, in that order."""
        names = list(exercises)
        pairs = ((student, exercise) for student in students for exercise in names)
        return [self.grades[pair] for pair in pairs if pair in self.grades]
