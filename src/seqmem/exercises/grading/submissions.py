"""A class's submissions: a folder per student, single files or notebooks, and which file answers what."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from seqmem.checking.reading.source import UnreadableError, source_of
from seqmem.exercises.catalogue import all_exercises
from seqmem.exercises.exercise import Exercise

MOST_FILE, MOST_TOTAL, MOST_FILES = (
    8 << 20,
    32 << 20,
    200,
)  # bytes of a file and of all, files, of one student
SUFFIXES = (".py", ".ipynb")
_SKIPPED = {"__pycache__", "__MACOSX", "node_modules", "venv", "site-packages"}


class Submission(NamedTuple):
    """The files that one student handed in."""

    student: str
    folder: Path
    names: tuple[str, ...]  # of the files, relative to the folder
    notes: tuple[str, ...] = ()  # on everything left out

    def files(self) -> dict[str, bytes]:
        """Return the contents of the files; unreadable files are left out."""
        found = {}
        for name in self.names:
            data = _read(self.folder / name)
            if data is not None:
                found[name] = data
        return found


class Answered(NamedTuple):
    """The file that answers an exercise."""

    main: str = ""  # "" for none
    notes: tuple[str, ...] = ()


def submissions_in(folder: Path, exercises: Iterable[Exercise] = ()) -> list[Submission]:
    """Return the submissions in a folder, by student.

    Args:
        folder: contains a folder for each student, or files whose names contain a student and an exercise; a
            folder of files named only after exercises is the submission of one student.
        exercises: the exercises whose names to look for; empty for all.

    Raises:
        ValueError: if there is nothing to grade in it.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder}: {'not a folder' if folder.exists() else 'no such folder'}")
    known = [exercise.name for exercise in exercises] or [exercise.name for exercise in all_exercises()]
    singles: dict[str, list[str]] = {}
    found: list[Submission] = []
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry.name in _SKIPPED or entry.is_symlink():
            continue
        if entry.is_dir():
            found.append(_submission(entry.name, entry, _walk(entry)))
        elif entry.suffix.lower() in SUFFIXES:
            singles.setdefault(_student_of(entry.stem, known) or folder.resolve().name, []).append(entry.name)
    taken = {one.student for one in found}
    for student, names in singles.items():
        whose = f"{student} (files)" if student in taken else student
        found.append(_submission(whose, folder, [(name, "") for name in names]))
    if not found:
        raise ValueError(f"{folder}: it contains no folder of a student, no Python file and no notebook")
    return sorted(found, key=lambda one: one.student)


def one_submission(folder: Path) -> Submission:
    """Return a folder as the submission of one student.

    Raises:
        ValueError: if there is no such folder.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder}: {'not a folder' if folder.exists() else 'no such folder'}")
    return _submission(folder.resolve().name, folder, _walk(folder))


def _submission(student: str, folder: Path, entries: Iterable[tuple[str, str]]) -> Submission:
    names: list[str] = []
    notes: list[str] = []
    total = 0
    for name, why in entries:
        size = 0 if why else (folder / name).stat().st_size
        if not why and size > MOST_FILE:
            why = f"is larger than {MOST_FILE >> 20} MB"
        if not why and (total + size > MOST_TOTAL or len(names) >= MOST_FILES):
            why = f"is one too many: {MOST_FILES} files of {MOST_TOTAL >> 20} MB in all are read"
        if why:
            notes.append(f"{name} {why}, and was left out")
            continue
        total += size
        names.append(name)
    return Submission(student, folder, tuple(names), tuple(notes[:20]))


def _walk(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the files in a folder by name, each with the reason for leaving it out; links are left out."""
    for where, folders, files in os.walk(folder, followlinks=False):
        base = Path(where)
        for name in sorted(folders):
            if (base / name).is_symlink():
                yield str((base / name).relative_to(folder).as_posix()), "is a link"
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _SKIPPED)
        for name in sorted(files):
            path = base / name
            shown = path.relative_to(folder).as_posix()
            mode = path.lstat().st_mode
            if name.startswith(".") or "\\" in shown:
                continue
            yield shown, "" if stat.S_ISREG(mode) else "is a link" if stat.S_ISLNK(mode) else "is not a file"


def _read(path: Path) -> bytes | None:
    try:
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None
    with os.fdopen(number, "rb") as file:
        return file.read(MOST_FILE + 1)[:MOST_FILE]


def plain_name(text: str) -> str:
    """Return a name without changes and additions by operating systems and platforms.

    >>> plain_name("LSTM step-Backward (2)")
    'lstm_step_backward_2'
    """
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def _student_of(stem: str, known: Sequence[str]) -> str:
    """Return the student in a file's name; "" if the name contains only an exercise."""
    plain = plain_name(stem)
    for name in sorted(known, key=len, reverse=True):
        where = re.search(rf"(^|_){re.escape(name)}(_\d+)?(_|$)", plain)
        if where:
            rest = re.sub(
                rf"[\W_]*{re.escape(name).replace('_', r'[^a-z0-9]+')}[\W_]*\d*[\W_]*", "_", stem, flags=re.I
            )
            return rest.strip(" _-.()")
    return stem


def answered(
    submission: Submission, files: dict[str, bytes], exercise: Exercise, known: Sequence[str]
) -> Answered:
    """Return which file of a submission answers an exercise.

    It is the file that is named after the exercise, or whose name contains the exercise's. If no file is
    named after any exercise, it is a file that defines the exercise's functions. If the names of two
    exercises fit, the longer one counts. A changed file takes precedence over an unchanged one, because
    students who use notebooks do not change the files.
    """
    scripts = [name for name in files if name.lower().endswith(SUFFIXES)]
    stems = {name: plain_name(Path(name).stem) for name in scripts}
    named = [name for name in scripts if any(_is_named(stems[name], other, known) for other in known)]
    own = [name for name in named if _is_named(stems[name], exercise.name, known)]
    if own:
        begun = {name for name in own if is_begun(files[name], name, exercise)}
        own.sort(key=lambda name: (name not in begun, stems[name] != exercise.name, *_order(name)))
        first, *others = own
        others = [name for name in others if name in begun]
        note = f"{', '.join(others[:5])} would answer it, too: {first} was graded"
        return Answered(first, (note,) if others else ())
    wanted = set(exercise.functions)
    defining = sorted((name for name in scripts if wanted <= functions_of(files[name], name)), key=_order)
    defining = [name for name in defining if name not in named]
    if not defining:
        return Answered()
    if named:  # next to a file with the right name may be modules that it imports, with the given functions
        note = f"{defining[0]} defines {', '.join(exercise.functions)}, but is not named after the exercise"
        return Answered("", (note,))
    return Answered(defining[0])


def _order(name: str) -> tuple[int, bool, str]:
    return name.count("/"), not name.endswith(".py"), name


def _is_named(stem: str, name: str, known: Sequence[str]) -> bool:
    inside = [other for other in known if re.search(rf"(^|_){re.escape(other)}(_|$)", stem)]
    return bool(inside) and max(inside, key=len) == name


def functions_of(data: bytes, name: str) -> set[str]:
    """Return the names of the functions and classes that a file defines; empty if it cannot be read."""
    try:
        tree = source_of(data, name).tree
    except UnreadableError:
        return set()
    return {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}


def is_begun(data: bytes, name: str, exercise: Exercise) -> bool:
    """Return whether a file contains more of an exercise than the unfilled functions."""
    try:
        tree = source_of(data, name).tree
    except UnreadableError:
        return True  # somebody has written in it
    own = [
        node
        for node in tree.body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name in exercise.functions
    ]
    return not own or not all("raise NotImplementedError" in ast.unparse(node) for node in own)


def digest_of(files: dict[str, bytes], main: str) -> str:
    """Return a digest that distinguishes a submission from others and from its own earlier versions."""
    digest = hashlib.sha256(main.encode())
    for name in sorted(files):
        digest.update(hashlib.sha256(name.encode()).digest() + hashlib.sha256(files[name]).digest())
    return digest.hexdigest()[:24]
