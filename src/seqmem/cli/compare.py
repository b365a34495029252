"""The command compare: the lecture's table with figures from this machine."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from seqmem.cli.terminal.messages import message_of
from seqmem.cli.terminal.output import naming
from seqmem.cli.terminal.screen import terminal_width
from seqmem.experiments import Experiment, compare_command


def add(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser("compare", help="the lecture's table with figures from this machine")
    parser.add_argument("--memory", metavar="FILE", help="what `memory --json` printed, for the horizons")
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
                raise ValueError(f"it is of {memory.title!r:.80}")
        except ValueError as error:
            reason = message_of(error, arguments)
            raise ValueError(f"{arguments.memory}: not what `memory --json` prints: {reason}") from None
    print(compare_command(memory, as_json=arguments.json, width=terminal_width()))
