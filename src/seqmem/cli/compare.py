"""The command compare: the lecture's table with measurements from this machine."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from seqmem.cli.terminal.messages import message_of
from seqmem.cli.terminal.output import naming
from seqmem.cli.terminal.screen import terminal_width
from seqmem.experiments import Experiment, comparison
from seqmem.experiments.comparison_table import comparison_text
from seqmem.insight.folding import WIDTH


def add(commands: Any) -> None:
    """Add this command to the parser."""
    parser = commands.add_parser("compare", help="the lecture's table with measurements from this machine")
    parser.add_argument("--memory", metavar="FILE", help="the output of `memory --json`, for the horizons")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> None:
    """Print the lecture's table."""
    memory = None
    if arguments.memory:
        try:
            with naming(arguments.memory):
                memory = Experiment.from_json(Path(arguments.memory).read_text(encoding="utf-8"))
            if memory.title != "memory horizon":
                raise ValueError(f"its title is {memory.title!r:.80}")
        except ValueError as error:
            reason = message_of(error, arguments)
            raise ValueError(f"{arguments.memory}: not the output of `memory --json`: {reason}") from None
    print(compare_text(memory, as_json=arguments.json, width=terminal_width()))


def compare_text(memory: Experiment | None = None, *, as_json: bool = False, width: int = WIDTH) -> str:
    """Return the output of `python -m seqmem compare`.

    Args:
        memory: a memory experiment, for example `Experiment.from_json(path.read_text())`; None without one.
        as_json: whether to return the figures as JSON instead of the table.
        width: maximum width of the table in columns.
    """
    table = comparison(memory)
    return table.to_json() if as_json else comparison_text(table, width)
