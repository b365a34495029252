"""Which BLAS a run of the tests computes with: rounding, though never a verdict, depends on it."""

import ctypes
from pathlib import Path
from typing import Any

import numpy as np

FOLDERS = (Path(np.__file__).parent.parent / "numpy.libs", Path(np.__file__).parent / ".dylibs")
PREFIXES, SUFFIXES = ("", "scipy_"), ("", "64_")  # of OpenBLAS' symbols, as NumPy's wheels name them


def description() -> str:
    """OpenBLAS' kernel and number of threads, as far as the library that NumPy brought with it tells."""
    for path in (path for folder in FOLDERS for path in folder.glob("*openblas*")):
        try:
            library = ctypes.CDLL(str(path))  # NumPy has loaded it, so this is the same one
        except OSError:
            continue
        kernel = _function(library, "openblas_get_corename")
        threads = _function(library, "openblas_get_num_threads")
        if kernel is not None and threads is not None:
            kernel.restype = ctypes.c_char_p
            n = threads()
            return f"OpenBLAS, kernel {kernel().decode()}, {n} thread{'s' * (n != 1)}"
    name = np.show_config(mode="dicts")["Build Dependencies"]["blas"].get("name", "unknown")
    return f"{name}, kernel and threads unknown"


def _function(library: Any, name: str) -> Any:
    found = (getattr(library, prefix + name + suffix, None) for prefix in PREFIXES for suffix in SUFFIXES)
    return next((function for function in found if function is not None), None)
