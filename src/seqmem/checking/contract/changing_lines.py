"""The line of a user's code that changes an array it was given.

The code runs once more under Python's tracing, and the arrays are compared before and after every line. Only
code that is known to change an array is run in this way: correct code loses no time.
"""

from __future__ import annotations

import linecache
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

import numpy as np

from seqmem.checking.contract.subject import Named

PATIENCE = 1.0  # seconds, after which no more lines are compared
_FOREIGN = (Path(__file__).parents[1], Path(np.__file__).parent)  # checking, numpy

Marks = dict[str, tuple[Any, ...]]


class Line(NamedTuple):
    """A line of a user's code."""

    number: int
    text: str


def line_of(error: BaseException) -> Line | None:
    """Return the innermost line of the user's own code in an error's traceback."""
    found, tb = None, error.__traceback__
    while tb is not None:
        if not _is_foreign(tb.tb_frame.f_code):
            found = _line(tb.tb_frame.f_code.co_filename, tb.tb_lineno)
        tb = tb.tb_next
    return found


def changing_lines(run: Callable[[], Any], state: Callable[[], Named]) -> dict[str, Line]:
    """Run a function and find the first line that changes each array.

    Args:
        run: the function; its exceptions are suppressed.
        state: returns the watched arrays by name; an array that disappears counts as changed.

    Returns:
        The line for the name of each array that changes.
    """
    watch = _Watch(state)
    before = sys.gettrace()
    sys.settrace(watch.entered)
    try:
        run()
    except Exception:  # noqa: BLE001 - the lines before the error are known
        pass
    finally:
        sys.settrace(before)
    return watch.found


class _Watch:
    """A tracing function that compares the state before and after a line."""

    def __init__(self, state: Callable[[], Named]) -> None:
        self.state, self.found = state, dict[str, Line]()
        self.before = self.start = _marks(state())
        self.last: tuple[str, int] | None = None
        self.end = time.monotonic() + PATIENCE

    def entered(self, frame: FrameType, event: str, argument: Any) -> Any:
        """Handle the start of a call: only lines of the user's code are compared."""
        return None if _is_foreign(frame.f_code) else self.on

    def on(self, frame: FrameType, event: str, argument: Any) -> Any:
        """Handle the start of a line or the end of a call."""
        if event not in ("line", "return"):
            return self.on
        if self.last is not None:
            self._look(self.last)
        self.last = frame.f_code.co_filename, frame.f_lineno
        if event == "return":
            back = frame.f_back
            known = back is not None and not _is_foreign(back.f_code)
            self.last = (back.f_code.co_filename, back.f_lineno) if back is not None and known else None
        return self.on

    def _look(self, last: tuple[str, int]) -> None:
        if time.monotonic() > self.end:
            return
        now = _marks(self.state())
        for name, mark in self.start.items():
            if name not in self.found and now.get(name) != self.before.get(name, mark):
                self.found[name] = _line(*last)
        self.before = now


def _marks(arrays: Named) -> Marks:
    return {
        name: (array.shape, array.dtype.str, hash(array.tobytes()))
        for name, array in arrays.items()
        if array.dtype != object
    }


def _line(filename: str, number: int) -> Line:
    return Line(number, linecache.getline(filename, number).strip())


def _is_foreign(code: CodeType) -> bool:
    name = code.co_filename
    return name.startswith("<frozen") or any(Path(name).is_relative_to(folder) for folder in _FOREIGN)
