"""Text folded to a number of columns: tables with multi-line cells, and lines broken between words.

Widths are columns of a terminal, not characters: a combining mark has width 0, a wide character width 2.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Sequence

WIDTH = 80  # columns, by default
GAP = 2  # columns between two columns of a table


def display_width(text: str) -> int:
    """Return the number of columns that a text takes in a terminal.

    Args:
        text: one line, without control characters.

    >>> display_width("สวัสดี"), display_width("漢字"), display_width("e\\u0301")
    (4, 4, 1)
    """
    return sum(_columns(character) for character in text)


def starts_with_mark(text: str) -> bool:
    """Return whether a text begins with a character that a terminal draws over the previous one."""
    return bool(text) and _columns(text[0]) == 0


def fold_lines(text: str, width: int = WIDTH) -> str:
    """Break long lines of a text between words.

    Args:
        text: any number of lines; lines that fit are unchanged.
        width: in columns; a longer word is not broken.

    Returns:
        The text; continuation lines are indented by two more columns than the line that they continue.

    >>> print(fold_lines("short\\n  a line that is too long", 14))
    short
      a line that
        is too
        long
    """
    return "\n".join(folded for line in text.split("\n") for folded in _fold_line(line, width, 2))


def fold_words(text: str, width: int = WIDTH, indent: int = 0) -> list[str]:
    """Break a line between words, and a word that is wider than a line within it.

    Args:
        text: one line, without control characters.
        width: in columns.
        indent: columns before the first line; the others have two more.

    >>> fold_words("a very longword", 8, 1)
    [' a very', '   longw', '   ord']
    """
    room = max(1, width - indent - 2)
    parts: list[str] = []
    for word in text.split(" "):
        left = room
        for character in word:
            left -= _columns(character)
            if left < 0:
                parts.append(" ")
                left = room - _columns(character)
            parts.append(character)
        parts.append(" ")
    lines = fold_lines(" " * indent + "".join(parts).rstrip(" "), width).split("\n")
    return [line.rstrip() for line in lines]


def fold_table(
    rows: Sequence[Sequence[str]], width: int = WIDTH, *, numbers: bool = False, whole: bool = False
) -> list[str]:
    """Lay out a table within a width.

    Columns are narrowed and their cells folded into lines; if even single words do not fit side by side, the
    columns are split into blocks, one below the other, each with the first column.

    Args:
        rows: the cells, the same number in each row; the first row is the header, the first cell of each row
            its name.
        width: columns of the whole table.
        numbers: whether to right-align all columns but the first.
        whole: whether to keep cells in one line, with fewer columns side by side.

    Returns:
        The lines of the table.

    >>> print("\\n".join(fold_table([("", "RNN", "LSTM"), ("long memory", "no", "cell state")], 18)))
            RNN  LSTM
    long    no   cell
    memory       state
    """
    columns = list(zip(*rows, strict=True))
    least = [max(map(display_width if whole else _longest_word, column)) for column in columns]
    lines: list[str] = []
    for block in _blocks(least, width):
        chosen = [0, *block]
        block_columns = [columns[k] for k in chosen]
        widths = _narrowed(block_columns, width, [least[k] for k in chosen])
        folded = [
            [_fold_line(cell, size, 0) for cell in column]
            for column, size in zip(block_columns, widths, strict=True)
        ]
        lines += [""] if lines else []
        used = [max(map(display_width, itertools.chain(*column))) for column in folded]
        for cells in zip(*folded, strict=True):
            lines += _row_lines(cells, used, numbers)
    return lines


def _columns(character: str) -> int:
    """Return the number of columns of one character.

    A mark of category Mn or Me is drawn over its base, whatever its combining class: Thai vowels have class
    0. The vowels and final consonants of conjoining Hangul complete the wide consonant before them.
    """
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    if "\u1160" <= character <= "\u11ff" or "\ud7b0" <= character <= "\ud7fb":
        return 0
    return 1 + (unicodedata.east_asian_width(character) in "WF")


def _longest_word(cell: str) -> int:
    indent = len(cell) - len(cell.lstrip())
    return indent + max(map(display_width, cell.split()), default=0)


def _blocks(least: Sequence[int], width: int) -> list[list[int]]:
    """Return the columns of each block, without the first column: as many as fit, at least one."""
    blocks: list[list[int]] = []
    used = width + 1
    for k in range(1, len(least)):
        if used + GAP + least[k] > width:
            blocks.append([])
            used = least[0]
        blocks[-1].append(k)
        used += GAP + least[k]
    return blocks or [[]]


def _narrowed(columns: Sequence[Sequence[str]], width: int, least: Sequence[int]) -> list[int]:
    """Return the columns' widths, at least the least: narrowed where that adds the fewest lines."""
    widths = [max(map(display_width, column)) for column in columns]
    heights = [_heights(column, size) for column, size in zip(columns, widths, strict=True)]
    while sum(widths) + GAP * (len(widths) - 1) > width:
        best = None
        for k in range(len(widths)):
            if widths[k] > least[k]:
                narrower = _heights(columns[k], widths[k] - 1)
                others = [own for j, own in enumerate(heights) if j != k]
                lines = sum(map(max, zip(narrower, *others, strict=True)))
                if best is None or (lines, -widths[k]) < best[:2]:
                    best = (lines, -widths[k], k, narrower)
        if best is None:
            break
        _, _, k, heights[k] = best
        widths[k] -= 1
    return widths


def _heights(cells: Sequence[str], width: int) -> list[int]:
    return [len(_fold_line(cell, width, 0)) for cell in cells]


def _row_lines(cells: Sequence[Sequence[str]], widths: Sequence[int], numbers: bool) -> list[str]:
    """Return the lines of a row of folded cells."""
    lines = []
    for parts in itertools.zip_longest(*cells, fillvalue=""):
        line = ""
        for k, (part, width) in enumerate(zip(parts, widths, strict=True)):
            space = " " * (width - display_width(part))
            line += (" " * GAP if k else "") + (space + part if numbers and k else part + space)
        lines.append(line.rstrip())
    return lines


def _fold_line(line: str, width: int, deeper: int) -> list[str]:
    if display_width(line) <= width:
        return [line]
    indent = line[: len(line) - len(line.lstrip(" "))]
    lines, current = [], ""
    for space, word in re.findall(r"(\s*)(\S+)", line):
        if current.strip() and display_width(current + space + word) > width:
            lines.append(current)
            current = indent + " " * deeper + word
        else:
            current += space + word
    return [*lines, current]
