"""Heat maps made of text: they need nothing, and a screen reader or a log keeps them."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np

from seqmem.module import Array
from seqmem.validation import as_floats

SHADES = " ░▒▓█"
ASCII_SHADES = " .:*#"


def attention_heatmap(
    weights: Array, source: Sequence[str], target: Sequence[str], *, ascii_only: bool = False
) -> str:
    """Attention weights as shades: a line for each target symbol, a column for each source symbol.

    Args:
        weights: (T, S), each row adding up to 1.
        source: S symbols, the column heads.
        target: T symbols, the row heads.
        ascii_only: shade with ASCII characters, for a terminal that has no others.

    Returns:
        Lines of text: the darker, the more; an empty cell is less than an eighth.

    Raises:
        ValueError: when the weights' shape does not fit the symbols.

    >>> print(attention_heatmap(np.array([[0.9, 0.1], [0.5, 0.5]]), ["le", "chat"], ["the", "cat"]))
        le chat
    the ██
    cat ▒▒ ▒▒▒▒
    """
    axes = ((len(target), "the number of target symbols"), (len(source), "the number of source symbols"))
    weights = as_floats(weights, np.dtype(np.float64), axes, "attention_heatmap", "weights")
    shades = ASCII_SHADES if ascii_only else SHADES
    letters = all(len(symbol) == 1 for symbol in source)  # characters stand side by side, words apart
    gap = "" if letters else " "
    heads = [_printable(symbol) for symbol in source]
    names = [_printable(symbol) for symbol in target]
    margin = max((_width(name) for name in names), default=0)
    lines = [" " * margin + " " + gap.join(heads)]
    for name, row in zip(names, weights, strict=True):
        levels = np.clip(np.rint(np.nan_to_num(row) * (len(shades) - 1)), 0, len(shades) - 1).astype(int)
        cells = [shades[level] * _width(head) for level, head in zip(levels, heads, strict=True)]
        lines.append(name + " " * (margin - _width(name)) + " " + gap.join(cells))
    return "\n".join(line.rstrip() for line in lines)


def _printable(symbol: str) -> str:
    """A symbol that cannot move the cursor: control characters become a dot."""
    return "".join("·" if unicodedata.category(character)[0] == "C" else character for character in symbol)


def _width(symbol: str) -> int:
    """Columns that a symbol takes in a terminal: none for a combining mark, two for a wide character."""
    return sum(
        0 if unicodedata.combining(character) else 1 + (unicodedata.east_asian_width(character) in "WF")
        for character in symbol
    )


def trace_heatmap(values: Array, *, ascii_only: bool = False) -> str:
    """A quantity of a trace as shades: a line for each unit, a column for each step.

    Args:
        values: (T, H), one sequence's: `trace["f"][:, 0]`. Shaded by magnitude, the largest darkest.
        ascii_only: shade with ASCII characters.

    Returns:
        Lines of text; a minus stands before a unit that is negative on average.

    >>> print(trace_heatmap(np.array([[0.0, -1.0], [0.5, -1.0], [1.0, -0.2]])))
    0   ▒█
    1 -██░
    """
    values = as_floats(values, np.dtype(np.float64), ("T", "H"), "trace_heatmap", "values")
    shades = ASCII_SHADES if ascii_only else SHADES
    top = float(np.max(np.abs(values), initial=0.0)) or 1.0
    levels = np.rint(np.abs(values) / top * (len(shades) - 1)).astype(int)  # (T, H)
    width = len(str(max(0, values.shape[1] - 1)))
    return "\n".join(
        f"{unit:>{width}} {'-' if values[:, unit].mean() < 0 else ' '}"
        + "".join(shades[level] for level in levels[:, unit])
        for unit in range(values.shape[1] if len(values) else 0)
    )
