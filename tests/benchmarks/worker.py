"""One process of a measurement: `python -m benchmarks.worker JOB`, JSON in, JSON out.

Its own process, because the threads of OpenBLAS and of OpenMP disturb each other inside one.
"""

from __future__ import annotations

import importlib.util
import json
import resource
import statistics
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.contests import Job

PROJECTIONS = 3


def main() -> None:
    """Do the job on the command line and print what came out."""
    order = json.loads(sys.argv[1])
    job = Job(**order["job"])
    check_source(job.source)
    task = getattr(importlib.import_module(f"benchmarks.subjects.{job.subject}"), job.task)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(order["threads"])
    problem = problem_of(job)
    found = task() if problem is None else task(problem)
    answer: dict[str, Any] = {"digest": None}
    if isinstance(found, dict):  # a task that measures itself
        answer["figures"] = found
    else:
        if order["digest"]:
            answer["digest"] = {name: digest(name, array) for name, array in found.results().items()}
        answer["figures"] = {}
        if job.gauge == "bytes":
            answer["figures"] = peak(found.runs["forward + backward"])
        elif order["seconds"]:
            answer["figures"] = {
                name: median_seconds(run, order["seconds"], order["least"])
                for name, run in found.runs.items()
            }
    print(json.dumps(answer))


def check_source(source: str) -> None:
    """An older seqmem is the one that is imported: an installed one must not take its place."""
    spec = importlib.util.find_spec("seqmem") if source else None
    if spec and not Path(spec.origin or "").is_relative_to(source):
        raise ImportError(f"seqmem is imported from {spec.origin}, expected from {source}")


def problem_of(job: Job) -> Any:
    """What the job computes with; None for a task that needs nothing."""
    if not job.shape:
        return None
    problems = importlib.import_module("benchmarks.problems")
    if job.task == "training":
        readout = "all" if job.kind == "readout" else "state"
        return problems.translation_problem(job.shape, job.dtype, job.kind == "unequal", readout)
    if job.task == "stack":
        return problems.stack_problem(job.shape, job.dtype)
    if job.task == "classifier":
        return problems.classifier_problem(job.shape, job.dtype)
    if job.task in ("decoding", "beam"):
        return problems.without_end(problems.translation_problem(job.shape, job.dtype))
    return problems.layer_problem(job.kind, job.shape, job.dtype)


def median_seconds(run: Callable[[], Any], seconds: float, least: int) -> float:
    """The median time of a call, after a warm-up.

    Calls until `seconds` are over and there are at least `least` of them; a call so slow that these would
    take more than ten times `seconds` is repeated less.
    """
    start = time.perf_counter()
    run()
    while time.perf_counter() - start < seconds / 3:
        run()
    times: list[float] = []
    total = 0.0
    while total < 10 * seconds and (total < seconds or len(times) < least):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
        total += times[-1]
    return statistics.median(times)


def peak(run: Callable[[], Any]) -> dict[str, float]:
    """The process's largest resident set after one call: what the call added, and the whole."""
    unit = 1 if sys.platform == "darwin" else 1024
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    run()
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"peak memory added": (after - before) * unit, "peak memory of the process": after * unit}


def digest(name: str, array: Any) -> list[float]:
    """An array's norm and its products with random directions: what differs in any entry differs here."""
    import numpy as np

    flat = np.asarray(array, np.float64).ravel()
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    products = [float(flat @ rng.standard_normal(flat.size)) for _ in range(PROJECTIONS)]
    return [float(np.linalg.norm(flat)), *products]


if __name__ == "__main__":
    main()
