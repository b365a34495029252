"""The inside of a grader's box: a submission's file is read and its functions are called.

The output is trusted only as numbers, because code that runs here can forge any of it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

from seqmem.checking.reading.loading import load
from seqmem.checking.reading.source import UnreadableError
from seqmem.exercises.asking import Trouble, each_answer, exit_call, packed, trouble_of, unpacked
from seqmem.exercises.grading.forbidding import ForbiddenError, refuse

Emit = Callable[[dict[str, Any]], None]


def answer(order: dict[str, Any], emit: Emit) -> None:
    """Carry out a grader's order.

    Args:
        order: "files", base64 by relative name; "main", the file that answers; "questions", packed;
            "forbids", packages that it must not import; "hidden", the folders of those packages;
            "seconds", the time limit of a question.
        emit: called with {"trouble": ...} if nothing can be asked, otherwise with {"notes": ...} and an
            {"answer": ...} for each question.
    """
    write_files(order["files"])
    main = Path.cwd() / order["main"]
    questions = unpacked(order["questions"])
    forbids, hidden, seconds = order["forbids"], order["hidden"], order["seconds"]
    order.clear()  # the code must not find it
    try:
        refuse(forbids, hidden)
        loaded = load(main)
    except BaseException as error:  # noqa: BLE001 - whatever a file raises is why it has no answers
        emit({"trouble": packed(_trouble(error, str(main)))})
        return
    emit({"notes": list(loaded.notes)})
    for found in each_answer(loaded.names, questions, str(main), seconds):
        emit({"answer": packed(found)})


def write_files(files: dict[str, str]) -> None:
    """Write files, base64 by relative name, into this folder."""
    for name, text in files.items():
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(text))


def _trouble(error: BaseException, file: str) -> Trouble:
    if isinstance(error, UnreadableError):
        return Trouble("unreadable", str(error.args[0]))
    if isinstance(error, ForbiddenError):
        return Trouble("forbidden", str(error))
    if isinstance(error, SystemExit):
        return Trouble("ended", f"it calls {exit_call(error)} when it is imported")
    return trouble_of(error, file)
