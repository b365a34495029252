"""The command exercises: files with gaps to fill, their checks, and tools for instructors."""

from __future__ import annotations

import argparse
from typing import Any

from seqmem.cli.exercises import course, folder, grading, student

PARTS = (folder, student, course, grading)  # each adds its commands


def add(commands: Any) -> None:
    """Add this command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "exercises", help="self-grading exercises that explain what is wrong"
    )
    inner = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for part in PARTS:
        part.add(inner)
