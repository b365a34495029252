"""A submission's answers: its code is run within walls, and what comes back is read as numbers alone."""

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
from seqmem.exercises.asking import Answer, Question, Trouble, packed, unpacked

MOST_ANSWERS = 64 << 20  # bytes
KEPT_TROUBLE = 40, 4000  # lines and characters of an error
KEPT_NOTE = 5, 500
_PASSED_ON = ("PYTHONPATH", "LD_LIBRARY_PATH", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "SYSTEMROOT")
_PACKAGE = Path(__file__).parents[2]
_JUNK = Trouble("ended", "what came back is no answer: does it write to files that it did not open?")


class Asked(NamedTuple):
    """What a submission's code answered."""

    answers: tuple[Answer, ...]  # one for each question
    printed: str = ""  # the beginning of what it printed
    notes: tuple[str, ...] = ()  # what was left out when its file was read


def ask(
    files: Mapping[str, bytes],
    main: str,
    questions: Sequence[Question],
    measures: Measures | None = None,
    forbids: Sequence[str] = (),
) -> Asked:
    """Run a submission's code in a process of its own, within walls, and return its answers.

    Args:
        files: the submission's, by name relative to its folder.
        main: the one that is asked.
        questions: as `questions` made them.
        measures: how much the code may use.
        forbids: packages that it must not import.

    Raises:
        UnusableError: when this machine cannot run anybody's code within walls.
        ValueError: for a file's name that leads out of its folder.
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
    """Nothing of this process's but what Python and NumPy need."""
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
    for line in ran.lines:
        try:
            piece = ran.piece(line)
        except (ValueError, RecursionError):
            why = why or _JUNK
            break
        if "unusable" in piece:
            raise UnusableError(harmless(str(piece["unusable"]), *KEPT_TROUBLE))
        notes += [_note(note) for note in _listed(piece.get("notes"))]
        if "trouble" in piece:
            why = _read(piece["trouble"], Trouble) or _JUNK
        elif "answer" in piece and len(answers) < count:
            answers.append(_read(piece["answer"], Answer) or Answer(trouble=_JUNK))
    rest = Answer(trouble=why or _JUNK)
    return Asked((*answers, *[rest] * (count - len(answers))), ran.printed, tuple(notes[:10]))


def _why(ran: Ran) -> Trouble | None:
    """Why an answer is not whole, as the process's end has it."""
    if ran.size > MOST_ANSWERS:
        return Trouble("ended", f"what came back is longer than {MOST_ANSWERS >> 20} MB")
    if not ran.why:
        return None
    return Trouble("time" if "endless loop" in ran.why else "ended", ran.why)


def _read(value: Any, kind: type) -> Any:
    """An answer or trouble that may be forged; None where it is neither."""
    try:
        found = unpacked(value)
    except Exception:  # noqa: BLE001 - a forged array's description can be anything, a SyntaxError among it
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
    return Answer(found.results, changed, float(found.seconds))


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
    """Remove a folder, however its owner left it: closed, or too deep to walk."""
    if folder.is_symlink():
        folder.unlink()
        return
    try:
        shutil.rmtree(folder)
    except (OSError, RecursionError):
        _flatten(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _flatten(folder: Path) -> None:
    """Empty a folder by moving what lies deep in it to its top, where no path is long."""
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
