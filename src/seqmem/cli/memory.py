"""The command memory: measure how far back each kind of network remembers."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import asdict
from typing import Any

from seqmem.cli.arguments import seed, size
from seqmem.cli.terminal.output import check_folder
from seqmem.cli.terminal.screen import terminal_width
from seqmem.data import recall
from seqmem.experiments import BottleneckSettings, MemorySettings, bottleneck, memory_horizon
from seqmem.experiments.experiment import experiment_text
from seqmem.insight.folding import WIDTH


def add(commands: Any) -> None:
    """Add this command to the parser."""
    parser = commands.add_parser("memory", help="measure how far back each kind of network remembers")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="fewer seeds, initial biases and distances: four minutes instead of thirty",
    )
    parser.add_argument("--lags", type=size, nargs="+", metavar="N", help="distances to test, in words")
    parser.add_argument(
        "--seeds", type=seed, nargs="+", metavar="SEED", help="run every kind of network once per seed"
    )
    parser.add_argument("--folder", metavar="DIR", help="folder for finished runs, which are not run again")
    parser.add_argument("--json", action="store_true", help="print all settings and runs as JSON")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> None:
    """Measure how far back each kind of network remembers."""
    if arguments.lags and min(arguments.lags) < recall.SHORTEST:
        raise ValueError(
            f"--lags {min(arguments.lags)}: expected distances of at least {recall.SHORTEST} words"
        )
    if arguments.folder:
        check_folder("--folder", arguments.folder)
    print(
        memory_text(
            quick=arguments.quick,
            distances=arguments.lags,
            seeds=arguments.seeds,
            folder=arguments.folder,
            progress=True,  # even in a log, because it takes minutes
            as_json=arguments.json,
            width=terminal_width(),
        )
    )


def memory_text(
    *,
    quick: bool = False,
    distances: Sequence[int] | None = None,
    seeds: Sequence[int] | None = None,
    folder: str | os.PathLike[str] | None = None,
    executor: Executor | None = None,
    progress: bool | None = None,
    as_json: bool = False,
    width: int = WIDTH,
) -> str:
    """Return the command's output: both experiments, as text or as JSON.

    Args:
        quick: whether to use the quick settings rather than the full ones.
        distances: the distances to test, instead of the settings' own; the longest is also the longest for
            training.
        seeds: the seeds, instead of the settings' own.
        folder: the folder for finished runs, from which the command resumes.
        executor, progress: as in `memory_horizon`.
        as_json: JSON with all settings and records instead of tables: {"memory": ..., "bottleneck": ...}.
        width: maximum width of the tables in columns.
    """
    memory = asdict(MemorySettings.quick() if quick else MemorySettings.full())
    length = asdict(BottleneckSettings.quick() if quick else BottleneckSettings.full())
    if distances is not None:
        memory |= {
            "distances": tuple(sorted(set(distances))),
            "alone_distances": tuple(sorted(set(distances))),
            "longest": max(distances, default=0),
        }
    if seeds is not None:
        memory["seeds"] = length["seeds"] = tuple(sorted(set(seeds)))
    first = memory_horizon(MemorySettings(**memory), executor=executor, folder=folder, progress=progress)
    second = bottleneck(BottleneckSettings(**length), executor=executor, folder=folder, progress=progress)
    if as_json:
        return json.dumps({"memory": asdict(first), "bottleneck": asdict(second)}, indent=1)
    return "\n\n".join(experiment_text(found, width) for found in (first, second))
