"""A sign of life in a log, for work that does not report progress."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from seqmem.cli.terminal.messages import say
from seqmem.training.progress import duration

INTERVAL = 8.0  # seconds: a reader of the log waits at most ten


@contextmanager
def heartbeat(what: str) -> Iterator[None]:
    """Write a line to stderr every few seconds while the block runs, unless stderr is a terminal.

    Args:
        what: the name of the work: with "checking", the line is "seqmem: checking, 0:08".
    """
    if sys.stderr.isatty():
        yield
        return
    start, over = time.monotonic(), threading.Event()

    def beat() -> None:
        while not over.wait(INTERVAL):
            say(f"seqmem: {what}, {duration(time.monotonic() - start)}")

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
