"""python -m seqmem."""

import sys

from seqmem.cli import main

if __name__ == "__main__":
    sys.exit(main())
