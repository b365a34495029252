"""The command translate: texts in, a saved model's answers out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Any

from seqmem.cli.arguments import size
from seqmem.cli.terminal.output import naming
from seqmem.cli.terminal.screen import heatmap
from seqmem.tasks import Translator


def add(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser("translate", help="translate with a saved model")
    parser.add_argument("model", metavar="MODEL", help="what train or demo saved")
    parser.add_argument("text", nargs="*", metavar="TEXT", help="what to translate; lines of stdin if none")
    parser.add_argument("--attention", action="store_true", help="show what each symbol looked at")
    parser.add_argument("--max-length", type=size, default=100, help="in symbols (default: %(default)s)")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> None:
    """Translate texts, or the lines of standard input."""
    with naming(arguments.model):
        translator = Translator.load(arguments.model)
    if not arguments.text and sys.stdin.isatty():
        print("seqmem: reading lines to translate from the terminal, end with Ctrl-D", file=sys.stderr)
    lines = arguments.text or map(_readable, _standard_input())
    for line in lines:
        (one,) = translator.translate([line], max_length=arguments.max_length)
        print(one.text)
        if arguments.attention:
            print(heatmap(one), end="\n\n")
        sys.stdout.flush()  # line by line, for whoever is at the other end of a pipe


def _standard_input() -> Iterator[str]:
    with naming("standard input"):
        yield from sys.stdin


def _readable(line: str) -> str:
    if "\0" in line:  # other bytes that are not UTF-8 spoil a symbol, these spoil every one
        raise ValueError("standard input holds a zero byte, as UTF-16 has, expected UTF-8")
    return line
