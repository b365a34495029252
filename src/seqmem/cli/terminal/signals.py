"""SIGTERM and SIGHUP as exceptions, so that what cleans up after Ctrl-C cleans up after them too."""

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
        number: the signal's.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    def __str__(self) -> str:
        return f"ended by {signal.Signals(self.number).name}"


@contextmanager
def ending_by_exception() -> Iterator[None]:
    """Within the block SIGTERM and SIGHUP raise Terminated, once, and end the processes of pools.

    A signal that the caller ignores, as nohup does, or handles in a way of its own stays as it is.
    """
    ours: list[signal.Signals] = []

    def end(number: int, frame: FrameType | None) -> None:
        for one in ours:
            signal.signal(one, signal.SIG_IGN)  # nothing interrupts the cleaning up; timeout sends it twice
        for child in multiprocessing.active_children():
            child.terminate()  # or a pool would first finish what it has begun
        raise Terminated(number)

    if threading.current_thread() is threading.main_thread():  # no other may set a handler
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
