"""Heat maps made of text: they need no other package, and suit screen readers and log files."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np

from seqmem.insight.attention import as_attention
from seqmem.insight.folding import display_width, starts_with_mark
from seqmem.module import Array
from seqmem.tasks.translator import Translation
from seqmem.validation import as_floats, as_size

_UNPRINTABLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
SHADES = " ░▒▓█"
ASCII_SHADES = " .:*#"


def attention_heatmap(
    weights: Translation | Array,
    source: Sequence[str] | None = None,
    target: Sequence[str] | None = None,
    *,
    ascii_only: bool = False,
    width: int | None = None,
) -> str:
    """Draw attention weights as shades: a line for each target symbol, a column for each source symbol.

    Args:
        weights: a Translation, as from `Translator.translate`; or an array (T, S), each row adding up to 1.
        source: S symbols, the column heads; None means those of the Translation.
        target: T symbols, the row heads; None means those of the Translation.
        ascii_only: shade with ASCII characters, for a terminal without block characters.
        width: columns of the terminal; source symbols that do not fit side by side continue in another map
            below the first. None for a single map of any width.

    Returns:
        Lines of text: the darker the cell, the larger the weight; an empty cell is below an eighth. A
        combining mark that is a symbol by itself is shown on a dotted circle, in a separate column.

    Raises:
        TypeError: for weights that are not numbers, or symbols that are not strings.
        ValueError: if the weights' shape does not match the symbols.

    >>> print(attention_heatmap(np.array([[0.9, 0.1], [0.5, 0.5]]), ["le", "chat"], ["the", "cat"]))
        le chat
    the ██
    cat ▒▒ ▒▒▒▒
    """
    shown, source, target = as_attention(weights, source, target, "attention_heatmap")
    width = None if width is None else as_size(width, "attention_heatmap", "width")
    shades = ASCII_SHADES if ascii_only else SHADES
    letters = all(len(symbol) == 1 for symbol in source)  # characters are adjacent, words are separated
    gap = "" if letters else " "
    heads = [_printable(symbol) for symbol in source]
    names = [_printable(symbol) for symbol in target]
    margin = max((display_width(name) for name in names), default=0)
    levels = np.clip(np.rint(np.nan_to_num(shown) * (len(shades) - 1)), 0, len(shades) - 1).astype(int)
    maps = []
    for columns in _side_by_side(heads, len(gap), None if width is None else width - margin - 1):
        lines = [" " * margin + " " + gap.join(heads[columns])]
        for name, row in zip(names, levels[:, columns], strict=True):
            cells = [
                shades[level] * display_width(head) for level, head in zip(row, heads[columns], strict=True)
            ]
            lines.append(name + " " * (margin - display_width(name)) + " " + gap.join(cells))
        maps.append("\n".join(line.rstrip() for line in lines))
    return "\n\n".join(maps)


def _side_by_side(heads: Sequence[str], gap: int, room: int | None) -> list[slice]:
    """Return the columns of each map, side by side: as many as there is room for, at least one."""
    if room is None:
        return [slice(None)]
    starts, used = [0], 0
    for column, head in enumerate(heads):
        if column > starts[-1] and used + display_width(head) > room:
            starts.append(column)
            used = 0
        used += display_width(head) + gap
    return [slice(start, end) for start, end in zip(starts, [*starts[1:], len(heads)], strict=True)]


def _printable(symbol: str) -> str:
    """Return a symbol that neither moves the cursor nor draws over the previous column.

    Control characters and line separators become a dot; a mark without a base is shown on a dotted circle.
    """
    shown = "".join("·" if unicodedata.category(one) in _UNPRINTABLE else one for one in symbol)
    return f"◌{shown}" if starts_with_mark(shown) else shown


def trace_heatmap(values: Array, *, ascii_only: bool = False) -> str:
    """Draw a quantity of a trace as shades: a line for each unit, a column for each step.

    Args:
        values: (T, H), of one sequence: `trace["f"][:, 0]`. Shaded by magnitude, the largest darkest.
        ascii_only: shade with ASCII characters.

    Returns:
        Lines of text; a minus precedes a unit that is negative on average.

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
