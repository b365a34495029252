"""The command memory: how far back each kind of network remembers."""

from __future__ import annotations

import argparse
from typing import Any

from seqmem.cli.arguments import seed, size
from seqmem.cli.terminal.output import check_folder
from seqmem.cli.terminal.screen import terminal_width
from seqmem.data import recall
from seqmem.experiments import memory_command


def add(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser("memory", help="how far back each kind of network remembers")
    parser.add_argument(
        "--quick", action="store_true", help="fewer seeds and distances: three minutes, not twenty"
    )
    parser.add_argument("--lags", type=size, nargs="+", metavar="N", help="distances to test, in words")
    parser.add_argument("--seeds", type=seed, nargs="+", metavar="SEED", help="a run of each kind for each")
    parser.add_argument("--folder", metavar="DIR", help="where finished runs are kept: it goes on from there")
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
        memory_command(
            quick=arguments.quick,
            lags=arguments.lags,
            seeds=arguments.seeds,
            folder=arguments.folder,
            progress=True,  # in a log, too: it takes minutes
            as_json=arguments.json,
            width=terminal_width(),
        )
    )
