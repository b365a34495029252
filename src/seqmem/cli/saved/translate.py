"""The command translate: translate texts with a saved model."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Any

from seqmem.cli.arguments import add_search, search_options, size
from seqmem.cli.terminal.output import naming
from seqmem.cli.terminal.screen import heatmap
from seqmem.tasks import Translation, Translator


def add(commands: Any) -> None:
    """Add this command to the parser."""
    parser = commands.add_parser("translate", help="translate with a saved model")
    parser.add_argument("model", metavar="MODEL", help="a model that train or demo saved")
    parser.add_argument(
        "text", nargs="*", metavar="TEXT", help="a text to translate (default: the lines of stdin)"
    )
    parser.add_argument("--attention", action="store_true", help="show the attention of each symbol")
    add_search(parser)
    parser.add_argument(
        "--n-best",
        type=size,
        metavar="N",
        help="print the N best of the beam: score, 'ended' or 'cut off', and text, separated by tabs",
    )
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> None:
    """Translate texts, or the lines of standard input."""
    with naming(arguments.model):
        translator = Translator.load(arguments.model)
    if not arguments.text and sys.stdin.isatty():
        print("seqmem: reading lines to translate from the terminal, end with Ctrl-D", file=sys.stderr)
    lines = arguments.text or map(_readable, _standard_input())
    for line in lines:
        options = search_options(arguments)
        (found,) = translator.translate([line], **options, n_best=arguments.n_best or 1)
        for one in found:
            print(n_best_line(one) if arguments.n_best else one.text)
            if arguments.attention:
                print(heatmap(one), end="\n\n")
        sys.stdout.flush()  # line by line, for the reader of a pipe


def n_best_line(one: Translation) -> str:
    """Return the line of one of several translations of a text."""
    return f"{one.normalized_score:.4f}\t{'ended' if one.ended else 'cut off'}\t{one.text}"


def _standard_input() -> Iterator[str]:
    with naming("standard input"):
        yield from sys.stdin


def _readable(line: str) -> str:
    if "\0" in line:  # other invalid bytes affect one symbol, zero bytes affect all
        raise ValueError("standard input contains a zero byte, as in UTF-16, expected UTF-8")
    return line
