"""Error messages for the user: one line, in the terms of the command line."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import shutil
import sys
import unicodedata
from argparse import Namespace
from pathlib import Path

from seqmem.insight.folding import WIDTH, fold_lines
from seqmem.registry import ROOMS
from seqmem.training import CheckpointError

LONGEST = 1000  # characters of a message; the middle of a longer one is left out
_COMMANDS = Path(__file__).parents[1]  # the folder of the commands and of this subpackage
_CALLER = re.compile(r"([A-Za-z]\w*)(\.\w+)?: (?=.)")


def message_of(error: BaseException, arguments: Namespace) -> str:
    """Return an error as one line.

    An OSError is reported as its file and its reason. The name of the library function that raised a
    ValueError means nothing to a user and is left out; an argument is named by its option.

    Args:
        error: the exception that a command raised.
        arguments: the arguments of the command.
    """
    if isinstance(error, MemoryError):
        return one_line(f"not enough memory: {error}" if str(error) else "not enough memory")
    if isinstance(error, OSError):
        where = error.filename
        if where is None and _was_printing(error):
            where = "standard output"
        if where is None or not error.strerror:
            return one_line(error.strerror or str(error))
        return one_line(f"{os.fsdecode(where)}: {error.strerror}")
    text = str(error)
    if not isinstance(error, CheckpointError):
        found = _CALLER.match(text)
        if found and found[1] in _public_names() and not os.path.lexists(found[0][:-2]):
            text = text[found.end() :]
        name = text.split(" ", 1)[0]
        if name in vars(arguments) and text.startswith(f"{name} is "):
            text = f"--{name.replace('_', '-')}{text[len(name) :]}"
    return one_line(text)


def _public_names() -> set[str]:
    rooms = (importlib.import_module(f"seqmem.{room}") for room in ROOMS)
    return {name for room in rooms for name in getattr(room, "__all__", ())}


def one_line(text: str) -> str:
    """Return a text without line breaks and other control characters, and without its middle if it is long.

    >>> one_line("a name\\nof two lines, and \\x1b[2J")
    'a name\\\\nof two lines, and \\\\x1b[2J'
    """
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"
    return "".join(
        repr(character)[1:-1] if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") else character
        for character in text
    )


def say(text: str) -> None:
    """Write a line to stderr, folded on a terminal; if that fails, do nothing."""
    with contextlib.suppress(OSError, ValueError):
        if sys.stderr.isatty():
            text = fold_lines(text, shutil.get_terminal_size((WIDTH, 24)).columns)
        print(text, file=sys.stderr, flush=True)


def settle_output() -> None:
    """Flush stdout; discard what cannot be written, or the interpreter would fail as it ends."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):  # a stream without a file descriptor
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, sys.stdout.fileno())
            os.close(null)


def _was_printing(error: BaseException) -> bool:
    """Return whether print raised an error: only print writes to a file without a name here."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and _COMMANDS in Path(trace.tb_frame.f_code.co_filename).parents
