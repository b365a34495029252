"""The command inspect: what is in a file, without reading its arrays."""

from __future__ import annotations

import argparse
from typing import Any

from seqmem.cli.terminal.output import naming
from seqmem.cli.terminal.screen import folded
from seqmem.training.files.summary import summary


def add(commands: Any) -> None:
    """Add this command to the parser."""
    parser = commands.add_parser("inspect", help="print what is in a file of a model, without loading it")
    parser.add_argument("file", metavar="FILE", help="a file that save, train or fit(checkpoint=...) wrote")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> None:
    """Print the contents of a file."""
    with naming(arguments.file):
        print(folded(summary(arguments.file)))
