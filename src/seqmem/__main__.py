"""python -m seqmem."""

import os
import signal
import sys
from typing import Any

INTERRUPTED = 130  # what a shell expects after Ctrl-C


def main() -> int:
    """The command line, with one thread for the matrix products unless the environment says otherwise.

    Products as small as these gain little from a second thread, and lose nearly everything where other work
    keeps the cores busy: at every step each thread then waits until the other gets its turn.
    """
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    before = _end_at_interrupt()
    try:
        from seqmem.cli.main import main as command_line  # NumPy reads the variables when it is imported
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, before)
    try:
        return command_line()
    except KeyboardInterrupt:  # before or after the command itself
        os.write(2, b"seqmem: interrupted\n")
        return INTERRUPTED


def _end_at_interrupt() -> Any:
    """Let Ctrl-C end the process at once: within an import there is nothing to clean up, and no command yet.

    An exception would not do: some imports turn whatever is raised inside them into errors of their own.

    Returns:
        What Ctrl-C did before; None when that stays, as in a shell's background job, which ignores it.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return None

    def end(number: int, frame: object) -> None:
        os.write(2, b"seqmem: interrupted\n")
        os._exit(INTERRUPTED)

    try:
        return signal.signal(signal.SIGINT, end)
    except ValueError:  # not in the main thread, where no signal arrives
        return None


if __name__ == "__main__":
    sys.exit(main())
