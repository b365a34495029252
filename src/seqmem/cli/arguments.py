"""Argument types with readable error messages."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from seqmem.validation import as_fraction, as_positive, as_rate, as_size


def _argument(check: Callable[[Any, str, str], Any], number: type) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        try:
            return check(number(text), "argument", "value")
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a positive {'integer' if number is int else 'number'}"
            ) from None

    return parse


size = _argument(as_size, int)
positive = _argument(as_positive, float)


def fraction(text: str) -> float:
    """Return a number of at least 0 and below 1."""
    try:
        return as_fraction(float(text), "argument", "value")
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 up to, not including, 1") from None


def rate(text: str) -> float:
    """Return a finite number of at least 0."""
    try:
        return as_rate(float(text), "argument", "value")
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 0") from None


def count(text: str) -> int:
    """Return an integer of at least 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer of at least 0")
    return int(text)


seed = count


def add_search(parser: argparse.ArgumentParser) -> None:
    """Add the options of a translator's search."""
    parser.add_argument(
        "--max-length", type=size, default=100, help="the maximum number of symbols (default: %(default)s)"
    )
    parser.add_argument(
        "--min-length", type=count, default=0, help="the minimum number of symbols (default: %(default)s)"
    )
    parser.add_argument(
        "--beam",
        type=size,
        default=1,
        metavar="SIZE",
        help="prefixes kept at each step (default: %(default)s, greedy search)",
    )
    parser.add_argument(
        "--length-penalty",
        type=rate,
        default=0.0,
        metavar="ALPHA",
        help="larger values favour longer translations (default: %(default)s)",
    )
    parser.add_argument(
        "--no-repeat-ngram-size",
        type=count,
        default=0,
        metavar="N",
        help="never repeat N symbols (default: %(default)s, no such rule)",
    )
    parser.add_argument(
        "--replace-unknown",
        action="store_true",
        help="write the source symbol with the largest attention weight for an unknown one",
    )


def search_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the options of a search as `Translator.translate` takes them."""
    return {
        "max_length": arguments.max_length,
        "min_length": arguments.min_length,
        "beam_size": arguments.beam,
        "length_penalty": arguments.length_penalty,
        "no_repeat_ngram_size": arguments.no_repeat_ngram_size,
        "replace_unknown": arguments.replace_unknown,
    }


def add_force(parser: argparse.ArgumentParser) -> None:
    """Add the option --force, without which a command replaces only files that seqmem itself wrote."""
    parser.add_argument(
        "--force", action="store_true", help="replace other files as well, but never an input file"
    )


def add_resume(parser: argparse.ArgumentParser) -> None:
    """Add the option --resume, which continues an interrupted training."""
    parser.add_argument(
        "--resume",
        action="store_true",
        help="continue the interrupted training in MODEL with the same arguments and files, exactly as if it "
        "had not been interrupted; only --epochs may differ. Without that file, start a new training",
    )
