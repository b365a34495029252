"""python -m seqmem."""

import os
import signal
import sys
from typing import Any

INTERRUPTED = 130  # the exit code that shells expect after Ctrl-C


def main() -> int:
    """Run the command line, with one thread for matrix products unless the environment says otherwise.

    Products this small gain little from a second thread, and become many times slower when other programs
    keep the cores busy: the threads wait for each other at every step.
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
    """Let Ctrl-C end the process at once during the imports: there is nothing to clean up yet.

    An exception would not do: some imports turn every exception raised inside them into an error of another
    type.

    Returns:
        The previous handler; None if it stays, as in a shell's background job, which ignores Ctrl-C.
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
