"""The progress line of training; the only output of the library, and only on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Protocol, TextIO

REFRESH = 0.1  # seconds between two updates of a live line
LOG_REFRESH = 8.0  # seconds between lines that cannot be overwritten: less than ten even with a long step

Text = str | Callable[[], str]  # a line, or what makes it when it is shown


class Progress(Protocol):
    """A display of the state of training."""

    def show(self, fraction: float, text: Text, *, last: bool = False) -> None:
        """Show the completed fraction of the training and the line; `last` if it is an epoch's last."""

    def close(self) -> None:
        """Leave the last line visible and begin a new one."""


class Silent:
    """Shows nothing."""

    def show(self, fraction: float, text: Text, *, last: bool = False) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class Line:
    """A line that is overwritten on a terminal and in a notebook; whole lines, few of them, anywhere else.

    Args:
        stream: where to write.
        live: whether a carriage return on the stream overwrites the line.
        brief: whether the end of a training too short for a line is shown; only where a line is not live.
    """

    def __init__(self, stream: TextIO, live: bool, brief: bool = True) -> None:
        self._stream, self._live, self._shows_end = stream, live, live or brief
        self._width = 0
        self._due = time.monotonic() + (0.0 if live else LOG_REFRESH)

    def show(self, fraction: float, text: Text, *, last: bool = False) -> None:
        """Write the line when it is due; a live line also after each epoch, others at the very end."""
        now = time.monotonic()
        at_end = last and (self._live or (self._shows_end and fraction >= 1))
        if now < self._due and not at_end:
            return
        self._due = now + (REFRESH if self._live else LOG_REFRESH)
        self._shows_end = True
        text = text if isinstance(text, str) else text()
        import shutil  # which brings the compression libraries along

        width = shutil.get_terminal_size().columns
        line = _shortened(f"{fraction:4.0%} {text}", width - 1 if self._live else width)
        if self._live:
            self._stream.write("\r" + line.ljust(self._width))
            self._width = len(line)  # a shorter line must overwrite this one
        else:
            self._stream.write(line + "\n")
        self._stream.flush()

    def close(self) -> None:
        """End the live line."""
        if self._live and self._width:
            self._stream.write("\n")
            self._stream.flush()


def _shortened(line: str, width: int) -> str:
    """Return a line shortened to a width by dropping some of its parts, which two spaces separate.

    The first part, the state of training, stays; the parts next to it are dropped first.
    """
    parts = line.split("  ")
    while len(parts) > 1 and len("  ".join(parts)) > width:
        del parts[1]
    return "  ".join(parts)[:width]  # a live line that filled two rows could not be overwritten


class Bar:
    """The same line after a tqdm bar."""

    def __init__(self, tqdm: Any, stream: TextIO) -> None:
        bar_format = "{percentage:3.0f}%|{bar:20}| {desc}"
        self._bar = tqdm(total=1.0, file=stream, bar_format=bar_format, mininterval=0, dynamic_ncols=True)
        self._due = 0.0

    def show(self, fraction: float, text: Text, *, last: bool = False) -> None:
        """Redraw the bar when it is due, and always at the end of an epoch."""
        now = time.monotonic()
        if now < self._due and not last:
            return
        self._due = now + REFRESH
        self._bar.n = min(fraction, 1.0)
        self._bar.set_description_str(text if isinstance(text, str) else text())  # redraws too

    def close(self) -> None:
        """Leave the bar visible."""
        self._bar.close()


def make_progress(wanted: bool | None) -> Progress:
    """Return a display of the progress: none for False, a live line on a terminal or in a notebook otherwise.

    Elsewhere, None and True write a line every few seconds, and True also writes the last line in any case.
    """
    stream = sys.stderr  # looked up now: it may have been redirected; None under pythonw
    if stream is None or wanted is False:
        return Silent()
    if type(stream).__module__.startswith("ipykernel"):  # a notebook's: no terminal, but it overwrites
        return Line(stream, live=True)
    if not stream.isatty():
        return Line(stream, live=False, brief=bool(wanted))
    try:
        from tqdm import tqdm
    except ImportError:
        return Line(stream, live=True)
    return Bar(tqdm, stream)


def duration(seconds: float) -> str:
    """Return seconds in the format of a clock.

    >>> duration(59.6), duration(3725)
    ('1:00', '1:02:05')
    """
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
