"""The output of checked code: only the first lines are printed, because a check makes a thousand calls."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

MOST_LINES = 10


class _FirstLines(io.TextIOBase):
    """A stream that passes on the first lines and counts all; after the check, it passes on everything."""

    def __init__(self, stream: TextIO) -> None:
        self.stream, self.lines, self.done = stream, 0, False

    def write(self, text: str, /) -> int:
        """Pass on the part of a text that belongs to the first lines."""
        if self.done:
            return self.stream.write(text)
        room = max(0, MOST_LINES - self.lines)
        self.lines += text.count("\n")
        self.stream.write("".join(text.splitlines(keepends=True)[:room]))
        return len(text)

    def flush(self) -> None:
        """Flush the underlying stream."""
        self.stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextmanager
def first_lines() -> Iterator[list[str]]:
    """Let code print only its first lines; afterwards the list contains a note about the rest.

    >>> with first_lines() as notes:
    ...     for k in range(1000):
    ...         print("called", end="\\n" if k > 1 else ", ")
    called, called, called
    called
    called
    called
    called
    called
    called
    called
    called
    called
    >>> notes
    ['its code prints 998 lines while it is checked: the first 10 are shown']
    """
    notes: list[str] = []
    before = sys.stdout
    if before is None:  # as under pythonw
        yield notes
        return
    stream = _FirstLines(before)
    sys.stdout = stream
    try:
        yield notes
    finally:
        stream.done = True  # code that kept the stream prints as before
        if sys.stdout is stream:
            sys.stdout = before
        if stream.lines > MOST_LINES:
            text = (
                f"its code prints {stream.lines} lines while it is checked: the first {MOST_LINES} are shown"
            )
            notes.append(text)
