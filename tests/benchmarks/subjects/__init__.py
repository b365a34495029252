"""What is measured, one subject a file.

Each file has a function for each task that its subject can do: `layer` and `training` and `decoding` take a
problem and return a `Subject`; others take sizes and return numbers.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Subject(NamedTuple):
    """A task, ready to be timed."""

    runs: dict[str, Callable[[], Any]]  # what is timed, by its name in the table
    results: Callable[[], dict[str, np.ndarray]]  # its numbers in seqmem's layout: all subjects must agree
