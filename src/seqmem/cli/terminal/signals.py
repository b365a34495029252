"""SIGTERM and SIGHUP as exceptions, so that the clean-up after Ctrl-C runs after them as well."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Terminated(BaseException):
    """The process was asked to end.

    Attributes:
        number: the number of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    def __str__(self) -> str:
        return f"ended by {signal.Signals(self.number).name}"


@contextmanager
def ending_by_exception() -> Iterator[None]:
    """Make SIGTERM and SIGHUP raise Terminated once within the block, and end the processes of pools.

    A signal that the caller ignores, as nohup does, or handles otherwise is left alone.
    """
    ours: list[signal.Signals] = []

    def end(number: int, frame: FrameType | None) -> None:
        for one in ours:
            signal.signal(one, signal.SIG_IGN)  # the clean-up is not interrupted: timeout sends it twice
        for child in multiprocessing.active_children():
            child.terminate()  # otherwise a pool would first finish its running tasks
        raise Terminated(number)

    if threading.current_thread() is threading.main_thread():  # only the main thread may set a handler
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            if number is not None and signal.getsignal(number) == signal.SIG_DFL:
                ours.append(number)
                signal.signal(number, end)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)
