"""python -m seqmem."""

import os
import sys


def main() -> int:
    """The command line, with one thread for the matrix products unless the environment says otherwise.

    Products as small as these gain little from a second thread, and lose nearly everything where other work
    keeps the cores busy: at every step each thread then waits until the other gets its turn.
    """
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    from seqmem.cli import main as command_line  # NumPy reads the variables when it is imported

    return command_line()


if __name__ == "__main__":
    sys.exit(main())
