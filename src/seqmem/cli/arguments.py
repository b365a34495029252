"""Argument types with readable error messages."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from seqmem.validation import as_fraction, as_positive, as_size


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


def seed(text: str) -> int:
    """Return an integer of at least 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer of at least 0")
    return int(text)


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
        "had not been interrupted; only --epochs may differ. Without that file, start",
    )
