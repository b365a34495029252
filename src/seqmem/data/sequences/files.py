"""Series of numbers from text files: a step on each line."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Sequence

import numpy as np

from seqmem.data.reading import read_text, split_lines
from seqmem.data.text import stripped
from seqmem.module import Array
from seqmem.validation import as_count, as_list, as_path, brief

FORM = (
    "the numbers of a step on each line, separated by commas, semicolons, tabs or spaces; a first line of "
    "names and a first column of dates are left out"
)


def read_series(path: str | os.PathLike[str], columns: Sequence[int] | None = None) -> Array:
    """Return the series in a UTF-8 file with the numbers of a step on each line.

    Cells are separated by tabs, semicolons, commas or white space, the first of these that the first line
    contains. A first line without a number contains names and is left out, as is a first column that is not a
    number in the first line of numbers, such as a date. Blank lines are ignored.

    Args:
        path: the file.
        columns: the columns to use, counted from 0; None for all.

    Returns:
        (N, D) float64.

    Raises:
        ValueError: for a cell that is not a finite number, or a line with another number of cells than the
            first (the message names the file and the line); for a file without a number.
        TypeError: for anything but a path, or columns that are not integers.
        OSError: if the file cannot be read.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "co2.csv")
    ...     _ = file.write_text("month,co2\\n1958-03,316.1\\n1958-04,317.2\\n", encoding="utf-8")
    ...     read_series(file)
    array([[316.1],
           [317.2]])
    """
    as_path(path, "read_series")
    if columns is not None:
        chosen = as_list(columns, "read_series", "columns", "positions of columns")
        if not chosen:
            raise ValueError("read_series: columns is empty, expected at least one")
        columns = [as_count(one, "read_series", f"columns[{k}]") for k, one in enumerate(chosen)]
    return series_of(split_lines(read_text(path)), os.fspath(path), columns)


def series_of(lines: Iterable[str], name: str, columns: Sequence[int] | None = None) -> Array:
    """Return the series (N, D) of lines, like `read_series`; `name` is the file's name for messages."""
    numbered = ((number, _cells(line)) for number, line in enumerate(lines, start=1) if stripped(line))
    rows: list[list[float]] = []
    width = 0
    for number, cells in numbered:
        numbers = [_number(cell) for cell in cells]
        if not width:
            width = len(cells)
            if all(one is None for one in numbers):  # names
                continue
        if len(cells) != width:
            raise ValueError(
                f"{name}, line {number}: {len(cells)} cells, expected {width} as in the first line"
            )
        if columns is None:
            columns = range(int(width > 1 and numbers[0] is None), width)
        if max(columns) >= width:
            raise ValueError(f"{name}, line {number}: {width} columns, expected at least {max(columns) + 1}")
        rows.append([])
        for k in columns:
            value = numbers[k]
            if value is None:
                raise ValueError(f"{name}, line {number}: {brief(repr(cells[k]))} is not a finite number")
            rows[-1].append(value)
    if not rows:
        raise ValueError(f"{name}: holds no number, expected {FORM}")
    return np.array(rows)


def _cells(line: str) -> list[str]:
    mark = next((mark for mark in "\t;," if mark in line), None)
    cells = line.split(mark) if mark else re.split(r"\s+", line.strip())
    return [cell.strip().strip('"') for cell in cells]


def _number(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
