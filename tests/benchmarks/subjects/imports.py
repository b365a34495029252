"""What an import costs: a process that does nothing else, and the import itself inside it."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

REPEATS = 5
INSIDE = "import time; start = time.perf_counter(); {}; print(time.perf_counter() - start)"


def seqmem() -> dict[str, float]:
    """Seconds of `import seqmem`."""
    return cost_of("import seqmem")


def every_name() -> dict[str, float]:
    """Seconds until all that seqmem offers is there, whenever it imports it."""
    return cost_of("from seqmem import *")


def gradcheck() -> dict[str, float]:
    """Seconds until the gradient check is there."""
    return cost_of("from seqmem import gradcheck")


def numpy() -> dict[str, float]:
    """Seconds of `import numpy`."""
    return cost_of("import numpy")


def cost_of(statement: str) -> dict[str, float]:
    """Medians of several fresh processes, the files being in the system's cache."""
    whole, inside = [], []
    for repeat in range(REPEATS + 1):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", statement], check=True)
        seconds = time.perf_counter() - start
        command = [sys.executable, "-c", INSIDE.format(statement)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True)
        if repeat:  # the first fills the cache
            whole.append(seconds)
            inside.append(float(answer.stdout))
    return {"whole process": statistics.median(whole), "inside the process": statistics.median(inside)}
