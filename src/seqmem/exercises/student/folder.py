"""A folder of exercises on a student's disk: its files and its progress, none of which is ever lost."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from seqmem.checking.reading.source import UnreadableError, source_of
from seqmem.exercises.catalogue import all_exercises, unknown
from seqmem.exercises.course import course_exercises
from seqmem.exercises.cutting import stub
from seqmem.exercises.exercise import Exercise
from seqmem.exercises.notebooks import as_text, notebook

MARK = ".seqmem-exercises.json"
NOTEBOOKS = "notebooks"
OLD = "old"
_VERSION = 1
_README = """# Exercises

    python -m seqmem exercises list              lists the exercises and your progress
    python -m seqmem exercises check             checks the next one; NAME for another, --watch to repeat
    python -m seqmem exercises hint NAME         prints the next of three hints, each more specific
    python -m seqmem exercises reset NAME        starts again; your file is kept in the folder old
    python -m seqmem exercises solution NAME     prints the solution once you have passed, or with --give-up

Open a file, read the given code, and replace `raise NotImplementedError` by your lines. The folder notebooks
contains the same exercises as notebooks. Your seed is {seed}: it selects the mistakes in the last
exercises.
"""

State = Literal["passed", "passed, changed since", "given up", "started", "not started", "deleted"]


@dataclass
class Folder:
    """A student's folder.

    Args:
        path: the folder.
        seed: the student's seed.
        course: the folder of a course's own exercises; "" for the library's.
        passed: for each passed exercise, the digests of the files that passed, separated by spaces.
        hints: for each exercise, the number of hints read.
        given_up: the exercises whose solution was shown.
    """

    path: Path
    seed: int = 0
    course: str = ""
    passed: dict[str, str] = field(default_factory=dict)
    hints: dict[str, int] = field(default_factory=dict)
    given_up: list[str] = field(default_factory=list)

    @property
    def exercises(self) -> tuple[Exercise, ...]:
        """Its exercises, in order."""
        return course_exercises(Path(self.course)) if self.course else all_exercises(self.seed)

    def named(self, name: str) -> Exercise:
        """Return an exercise by its name, its number or its file.

        Raises:
            ValueError: for an unknown name; the message suggests the nearest.
        """
        exercises = self.exercises
        stem = Path(name).name.removesuffix(".py").removesuffix(".ipynb")
        for k, exercise in enumerate(exercises):
            if stem in (exercise.name, str(k + 1), f"{k + 1:02}", _stem(k, exercise)):
                return exercise
        raise ValueError(unknown(stem, [exercise.name for exercise in exercises]))

    def file_of(self, exercise: Exercise) -> Path:
        """Return the path of an exercise's file, whether the file exists or not."""
        names = [one.name for one in self.exercises]
        return self.path / f"{_stem(names.index(exercise.name), exercise)}.py"

    def notebook_of(self, exercise: Exercise) -> Path:
        """Return the path of an exercise's notebook."""
        return self.path / NOTEBOOKS / f"{self.file_of(exercise).stem}.ipynb"

    def state_of(self, exercise: Exercise) -> State:
        """Return the student's progress on an exercise, in its file or in its notebook."""
        file, book = self.file_of(exercise), self.notebook_of(exercise)
        answer = self.answer_of(exercise)
        known = self.passed.get(exercise.name, "").split()
        if any(digest(one) in known for one in (file, book) if one.is_file()):
            return "passed"
        if not answer.is_file():
            return "deleted"
        if known:
            return "passed, changed since"
        if exercise.name in self.given_up:
            return "given up"
        return "not started" if self._is_stub(answer, exercise) else "started"

    def answer_of(self, exercise: Exercise) -> Path:
        """Return the exercise's file, or its notebook if only the notebook was written to."""
        file, book = self.file_of(exercise), self.notebook_of(exercise)
        if file.is_file() and not self._is_stub(file, exercise):
            return file
        return book if book.is_file() and not self._is_stub(book, exercise) else file

    def _is_stub(self, file: Path, exercise: Exercise) -> bool:
        if file.suffix != ".ipynb":
            return file.read_text("utf-8", errors="replace") == stub(exercise)
        return digest(file) == _digest_of(as_text(notebook(exercise)).encode(), file.name)

    def next_one(self) -> Exercise | None:
        """Return the first exercise that is not passed; None if all are passed."""
        return next((one for one in self.exercises if self.state_of(one) != "passed"), None)

    def reset(self, exercise: Exercise, in_notebook: bool = False) -> Path | None:
        """Write an exercise's file again; return the path of the kept old file, if there was one.

        Args:
            exercise: an exercise of the folder.
            in_notebook: whether to write the notebook.
        """
        file = self.notebook_of(exercise) if in_notebook else self.file_of(exercise)
        new = as_text(notebook(exercise)) if in_notebook else stub(exercise)
        kept = None
        if file.exists() and file.read_text("utf-8", errors="replace") != new:
            kept = _free(self.path / OLD, file)
            kept.parent.mkdir(exist_ok=True)
            file.rename(kept)
        file.parent.mkdir(exist_ok=True)
        file.write_text(new, "utf-8")
        self.passed.pop(exercise.name, None)
        self.given_up = [name for name in self.given_up if name != exercise.name]
        self.save()
        return kept

    def record_pass(self, exercise: Exercise, file: Path) -> None:
        """Record that an exercise was passed by a file as it is now."""
        found = self.passed.get(exercise.name, "").split()
        self.passed[exercise.name] = " ".join(dict.fromkeys([*found, digest(file)]))
        self.save()

    def save(self) -> None:
        """Write the progress to the folder."""
        about: dict[str, Any] = {"version": _VERSION, "seed": self.seed, "course": self.course}
        about |= {"passed": self.passed, "hints": self.hints, "given_up": self.given_up}
        new = self.path / f"{MARK}.new"
        new.write_text(json.dumps(about, indent=1) + "\n", "utf-8")
        new.replace(self.path / MARK)


def new_folder(path: Path, seed: int, course: str = "") -> Folder:
    """Write a folder of exercises.

    Args:
        path: a folder that is empty or does not exist.
        seed: the student's seed.
        course: the folder of a course's own exercises; "" for the library's.

    Raises:
        ValueError: for any other path; nothing is written then.
    """
    if path.exists() and not path.is_dir():
        raise ValueError(f"{path} is a file, expected a folder or an unused name")
    if (path / MARK).exists():
        raise ValueError(
            f"{path} contains exercises already; nothing was written; "
            "python -m seqmem exercises reset NAME restores one file"
        )
    if path.is_dir() and any(path.iterdir()):
        raise ValueError(f"{path} is not empty, and nothing was written: name a new folder")
    where = str(Path(course).resolve()) if course else ""
    folder = Folder(path, seed, where)
    exercises = folder.exercises  # before anything is written
    (path / NOTEBOOKS).mkdir(parents=True)
    for k, exercise in enumerate(exercises):
        (path / f"{_stem(k, exercise)}.py").write_text(stub(exercise), "utf-8")
        (path / NOTEBOOKS / f"{_stem(k, exercise)}.ipynb").write_text(as_text(notebook(exercise)), "utf-8")
    (path / "README.md").write_text(_README.format(seed=seed), "utf-8")
    folder.save()
    return folder


def folder_at(path: Path) -> Folder:
    """Return the folder of exercises at a path: the path itself, one above it, or its subfolder "exercises".

    Raises:
        ValueError: if there is none.
    """
    for place in (path.resolve(), *path.resolve().parents, path.resolve() / "exercises"):
        if (place / MARK).is_file():
            return _read(place)
    raise ValueError(
        f"there are no exercises in {path.resolve()}: python -m seqmem exercises init writes them"
    )


def digest(file: Path) -> str:
    """Return a digest of a file's code, which ignores everything else in a notebook."""
    return _digest_of(file.read_bytes(), file.name)


def _digest_of(data: bytes, name: str) -> str:
    if name.endswith(".ipynb"):
        with contextlib.suppress(UnreadableError):
            data = source_of(data, name).text.encode()
    return hashlib.sha256(data).hexdigest()


def _read(place: Path) -> Folder:
    try:
        about = json.loads((place / MARK).read_text("utf-8"))
        return Folder(
            place,
            int(about["seed"]),
            str(about["course"]),
            {str(name): str(value) for name, value in about["passed"].items()},
            {str(name): int(value) for name, value in about["hints"].items()},
            _texts(about["given_up"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
        raise ValueError(
            f"{place / MARK} cannot be read: delete it, and run init in an empty folder; your files stay"
        ) from None


def _texts(values: Iterable[Any]) -> list[str]:
    return [str(value) for value in values]


def _stem(k: int, exercise: Exercise) -> str:
    return f"{k + 1:02}_{exercise.name}"


def _free(folder: Path, file: Path) -> Path:
    """Return a name in a folder that no file has."""
    k = 1
    while (folder / f"{file.stem}-{k}{file.suffix}").exists():
        k += 1
    return folder / f"{file.stem}-{k}{file.suffix}"
