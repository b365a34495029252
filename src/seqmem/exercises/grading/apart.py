"""A submission's answers: its code runs within walls, and its output is read only as numbers."""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from seqmem.checking.submissions.boxed import Ran, harmless, run_box, threads_of_one
from seqmem.checking.submissions.walls import Measures, UnusableError
from seqmem.exercises.asking import Answer, NoNumberError, Question, Trouble, packed, plain, unpacked

MOST_ANSWERS = 32 << 20  # the maximum size of the answers in bytes
KEPT_TROUBLE = 40, 4000  # lines and characters of an error
KEPT_NOTE = 5, 500
_PASSED_ON = ("PYTHONPATH", "LD_LIBRARY_PATH", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "SYSTEMROOT")
_PACKAGE = Path(__file__).parents[2]
_JUNK = Trouble("ended", "the answer is not readable: does it write to files that it did not open?")


class Asked(NamedTuple):
    """The answers of a submission's code."""

    answers: tuple[Answer, ...]  # one for each question
    printed: str = ""  # the beginning of its output
    notes: tuple[str, ...] = ()  # on everything left out when its file was read


def ask(
    files: Mapping[str, bytes],
    main: str,
    questions: Sequence[Question],
    measures: Measures | None = None,
    forbids: Sequence[str] = (),
) -> Asked:
    """Run a submission's code in a separate process, within walls, and return its answers.

    Args:
        files: the submission's files, by name relative to its folder.
        main: the file that answers.
        questions: the result of `questions`.
        measures: the resource limits of the code.
        forbids: packages that the code must not import.

    Raises:
        UnusableError: if this machine cannot run code within walls.
        ValueError: for a file name that leads out of the folder.
    """
    used = measures or Measures()
    hidden = [str(_PACKAGE)] if any(name.partition(".")[0] == "seqmem" for name in forbids) else []
    folder = Path(tempfile.mkdtemp(prefix="seqmem-grading-"))
    try:
        order = {
            "do": "seqmem.exercises.grading.inside:answer",
            "walls": {"measures": list(used), "folder": str(folder), "hidden": hidden},
            "files": {_inner(name): base64.b64encode(data).decode() for name, data in files.items()},
            "main": _inner(main),
            "questions": packed(tuple(questions)),
            "forbids": list(forbids),
            "hidden": hidden,
        }
        ran = run_box(order, folder, _environment(folder), used.seconds, MOST_ANSWERS)
    finally:
        remove(folder)
    return _asked(ran, len(questions))


def _inner(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\\" in name or "\0" in name:
        raise ValueError(f"{name!r} leads out of the submission's folder")
    return str(path)


def _environment(folder: Path) -> dict[str, str]:
    """Return an environment with only those variables of this process that Python and NumPy need."""
    own = {"HOME": str(folder), "TMPDIR": str(folder), "PATH": os.defpath, "LANG": "C.UTF-8"}
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    if "PYTHONPATH" in passed:
        paths = passed["PYTHONPATH"].split(os.pathsep)
        passed["PYTHONPATH"] = os.pathsep.join(os.path.abspath(path) for path in paths if path)
    return own | passed | threads_of_one()


def _asked(ran: Ran, count: int) -> Asked:
    why = _why(ran)
    answers: list[Answer] = []
    notes: list[str] = []
    for k, line in enumerate(ran.lines):
        try:
            piece = ran.piece(line)
        except (ValueError, RecursionError):
            why = why or _JUNK
            break
        if "unusable" in piece and k == 0:  # later lines may be the code's
            raise UnusableError(harmless(str(piece["unusable"]), *KEPT_TROUBLE))
        notes += [_note(note) for note in _listed(piece.get("notes"))]
        if "trouble" in piece:
            why = _read(piece["trouble"], Trouble) or _JUNK
        elif "answer" in piece and len(answers) < count:
            answers.append(_read(piece["answer"], Answer) or Answer(trouble=_JUNK))
    rest = Answer(trouble=why or _JUNK)
    return Asked((*answers, *[rest] * (count - len(answers))), ran.printed, tuple(notes[:10]))


def _why(ran: Ran) -> Trouble | None:
    """Return why an answer is incomplete, from the end of the process."""
    if ran.size > MOST_ANSWERS:
        return Trouble("ended", f"the answer is longer than {MOST_ANSWERS >> 20} MB")
    if not ran.why:
        return None
    return Trouble("time" if "endless loop" in ran.why else "ended", ran.why)


def _read(value: Any, kind: type) -> Any:
    """Return an answer or trouble that may be forged; None if it is neither."""
    try:
        found = unpacked(value)
    except Exception:  # noqa: BLE001 - a forged array's description can raise anything, even a SyntaxError
        return None
    if kind is Trouble:
        return _clean(found)
    if type(found) is not Answer or type(found.results) is not tuple or type(found.changed) is not tuple:
        return None
    if not all(type(name) is str for name in found.changed) or type(found.seconds) not in (int, float):
        return None
    if found.trouble is not None:
        trouble = _clean(found.trouble)
        return None if trouble is None else Answer(trouble=trouble)
    changed = tuple(harmless(name, *KEPT_NOTE) for name in found.changed)
    try:
        return Answer(plain(found.results), changed, float(found.seconds))
    except NoNumberError as error:
        return Answer(trouble=Trouble("no number", str(error)))


def _clean(trouble: Any) -> Trouble | None:
    if type(trouble) is not Trouble or type(trouble.frames) is not tuple:
        return None
    if not all(type(text) is str for text in (trouble.kind, trouble.message, *trouble.frames)):
        return None
    frames = tuple(harmless(frame, *KEPT_NOTE) for frame in trouble.frames[:20])
    return Trouble(harmless(trouble.kind, 1, 50), harmless(trouble.message, *KEPT_TROUBLE), frames)


def _note(note: Any) -> str:
    return harmless(str(note).partition(". --run-all")[0], *KEPT_NOTE)  # an option that a grader has not


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def remove(folder: Path) -> None:
    """Remove a folder in whatever state the code left it: without permissions, or too deep to walk."""
    if folder.is_symlink():
        folder.unlink()
        return
    try:
        shutil.rmtree(folder)
    except (OSError, RecursionError):
        _flatten(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _flatten(folder: Path) -> None:
    """Empty a folder by moving deeply nested entries to its top, so that no path is too long."""
    name, number, left = f"{folder}/{secrets.token_hex(8)}", 0, [str(folder)]
    while left:
        inner = left.pop()
        with contextlib.suppress(OSError):
            os.chmod(inner, 0o700)
            for entry in list(os.scandir(inner)):
                if not entry.is_dir(follow_symlinks=False):
                    os.unlink(entry.path)
                    continue
                number += 1
                os.chmod(entry.path, 0o700)
                os.rename(entry.path, f"{name}-{number}")
                left.append(f"{name}-{number}")
            if inner != str(folder):
                os.rmdir(inner)
