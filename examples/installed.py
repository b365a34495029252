"""Where an installed package keeps its data, for the examples; or how to install it, and exit code 3."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

# One thread for the matrix products, too small for a second one to help; set before NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

QUICK = "--quick" in sys.argv  # a short form, to see that a script runs
MISSING_PACKAGE = 3


def installed(module: str, package: str) -> Path:
    """Return the folder of a module that `pip install package` brings, without importing it."""
    found = find_spec(module)
    if found is None or found.origin is None:
        print(f"this example needs a package: pip install {package}", file=sys.stderr)
        sys.exit(MISSING_PACKAGE)
    return Path(found.origin).parent
