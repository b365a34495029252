"""The command predict: answers of a saved task to lines of text."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from seqmem.cli.terminal.output import naming
from seqmem.data.reading import read_text, split_lines
from seqmem.tasks import load_task


def add(commands: Any) -> None:
    """Add this command to the parser."""
    parser = commands.add_parser(
        "predict", help="predict labels, tags, forecasts or texts with a saved model"
    )
    parser.add_argument("model", metavar="MODEL", help="a model that train saved")
    parser.add_argument(
        "text", nargs="*", metavar="TEXT", help="an input (default: the lines of FILE or of stdin)"
    )
    parser.add_argument(
        "--file", metavar="FILE", help="a text, or a step of a series to forecast, on each line"
    )
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> None:
    """Print the answers to texts, or to the lines of a file or of standard input."""
    with naming(arguments.model):
        task = load_task(arguments.model)
    if arguments.text and arguments.file:
        raise ValueError("both TEXT and --file were given, expected one of them")
    for answer in task.answer_lines(_lines(arguments)):
        print(answer, flush=True)  # line by line, for the reader of a pipe


def _lines(arguments: argparse.Namespace) -> Iterable[str]:
    if arguments.text:
        found: Iterable[str] = arguments.text
        return found
    if arguments.file:
        with naming(arguments.file):
            lines = split_lines(read_text(arguments.file))
        return lines[:-1] if lines[-1] == "" else lines
    return standard_input()


def standard_input() -> Iterator[str]:
    """Yield the lines of standard input, without their ends."""
    if sys.stdin.isatty():
        print("seqmem: reading lines from the terminal, end with Ctrl-D", file=sys.stderr)
    with naming("standard input"):
        for line in sys.stdin:
            if "\0" in line:  # other invalid bytes affect one symbol, zero bytes affect all
                raise ValueError("standard input contains a zero byte, as in UTF-16, expected UTF-8")
            yield line.rstrip("\r\n")
