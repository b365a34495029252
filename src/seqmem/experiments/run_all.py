"""Runs of an experiment: functions of their settings, with any executor, resumed from a folder.

Runs are submitted to any `concurrent.futures.Executor`; a run whose file is already in the folder is not run
again.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any

from seqmem.training.progress import make_progress

Run = Mapping[str, Any]

PATIENCE = 1.0  # seconds without a finished run until the progress is shown again


def run_all(
    function: Callable[[Run], dict[str, Any]],
    runs: Sequence[Run],
    *,
    executor: Executor | None = None,
    folder: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
    work: Callable[[Run], float] | None = None,
) -> list[dict[str, Any]]:
    """Return the record of every run, in the order of the runs; records in the folder are read.

    A file is written under another name and then renamed, so an interruption leaves no incomplete file; a
    file that cannot be read or belongs to other settings is replaced.

    Args:
        function: a picklable function of a run: a function at module level.
        runs: the arguments of the function, each a mapping with "kind", "course", "seed", "longest" and any
            other entries.
        executor, folder, progress: as in `memory_horizon`.
        work: the expected work of a run in any unit, for the progress line; None means the same for all.

    Raises:
        Any exception that a run raises, after the active runs have ended and have been written.
    """
    place = None if folder is None else Path(folder)
    paths = [None if place is None else place / _file_name(function, run) for run in runs]
    stored = [_read_record(path, run) for path, run in zip(paths, runs, strict=True)]
    records = {index: record for index, record in enumerate(stored) if record is not None}
    missing = [index for index in range(len(runs)) if index not in records]
    shown, works = make_progress(progress), [1.0 if work is None else work(run) for run in runs]
    last = "the first of them under way"
    try:
        with contextlib.ExitStack() as stack:
            if missing and executor is None:
                executor = stack.enter_context(_own_processes(len(missing)))
            for finished in _finished(executor, function, runs, missing):
                if finished is not None:
                    index, record = finished
                    records[index] = record
                    _write_record(paths[index], runs[index], record)
                    last = _name(runs[index])
                part = sum(works[done] for done in records) / sum(works)
                text = f"run {len(records)}/{len(runs)}  {last}"
                shown.show(part, text, last=len(records) == len(runs))
    finally:
        shown.close()
    return [records[index] for index in range(len(runs))]


def _finished(
    executor: Any, function: Callable[[Run], dict[str, Any]], runs: Sequence[Run], wanted: Sequence[int]
) -> Iterator[tuple[int, dict[str, Any]] | None]:
    """Yield the records of runs as they finish; after a failure, those of active runs, then raise it.

    If no run finishes for a while, yield None, so that the caller can show progress.
    """
    futures: dict[Future[dict[str, Any]], int] = {
        executor.submit(function, dict(runs[index])): index for index in wanted
    }
    failure: BaseException | None = None
    try:
        pending = set(futures)
        while pending:
            ended, pending = wait(pending, PATIENCE, FIRST_COMPLETED)
            if not ended:
                yield None
            for future in ended:
                if future.cancelled():
                    continue
                error = future.exception()
                if error is None:
                    yield futures[future], future.result()
                else:
                    failure = failure or error
                    _cancel(futures)
    finally:
        _cancel(futures)  # after an interruption; a finished experiment has an empty queue
    if failure is not None:
        raise failure


def _cancel(futures: Iterable[Future[dict[str, Any]]]) -> None:
    for future in futures:
        future.cancel()


@contextlib.contextmanager
def _own_processes(most: int) -> Iterator[Executor]:
    """Yield a pool with a process per processor, each with one BLAS thread, so that they do not compete.

    A library reads these variables when it is loaded, so they are set while the processes start, and only if
    the user has not set them.
    """
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    added = [name for name in names if name not in os.environ]
    os.environ.update(dict.fromkeys(added, "1"))
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(min(most, available), mp_context=context) as executor:
            try:
                yield executor
            except BaseException:
                executor.shutdown(wait=False, cancel_futures=True)  # Ctrl-C does not wait for queued runs
                raise
    finally:
        for name in added:
            os.environ.pop(name, None)


def _name(run: Run) -> str:
    longest = f", {run['longest']} words" if run["course"] == "alone" else ""
    return f"{run['kind']}, {run['course']}{longest}, seed {run['seed']}"


def _file_name(function: Callable[..., Any], run: Run) -> str:
    text = f"{function.__name__} {run['kind']} {run['course']} {run['longest']} seed {run['seed']}"
    plain = "".join(letter if letter.isalnum() else "-" for letter in text.replace(" + ", "-"))
    settings = zlib.crc32(json.dumps(dict(run), sort_keys=True).encode())  # files of other settings are kept
    return f"{plain}-{settings:08x}.json"


def _read_record(path: Path | None, run: Run) -> dict[str, Any] | None:
    """Return the stored record of exactly this run; None if there is none."""
    if path is None:
        return None
    try:
        stored = json.loads(path.read_text("utf-8"))
        return dict(stored["record"]) if stored["run"] == json.loads(json.dumps(dict(run))) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_record(path: Path | None, run: Run, record: dict[str, Any]) -> None:
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)  # only now that there is a record
    unfinished = path.with_suffix(f".{os.getpid()}.part")
    try:
        unfinished.write_text(json.dumps({"run": dict(run), "record": record}, indent=1), "utf-8")
        os.replace(unfinished, path)
    except BaseException as error:
        unfinished.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.strerror:  # with the name that the user knows
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
