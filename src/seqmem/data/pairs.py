"""Pairs of texts from a tab-separated file, as symbols."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from seqmem.data.bounds import too_long
from seqmem.data.reading import read_text, split_lines
from seqmem.data.text import MARK, Level, check_level, prepared, stripped
from seqmem.initializers import Rng, as_generator
from seqmem.validation import WrongTypeError, as_list, as_path, as_size, brief

SomePair = TypeVar("SomePair", bound=tuple[Sequence[Hashable], Sequence[Hashable]])

_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)*(?:[eE][+-]?\d+)?")


def read_pairs(
    path: str | os.PathLike[str],
    level: Level = "char",
    *,
    columns: tuple[int, int] | None = None,
    max_symbols: int | None = None,
    on_too_long: Callable[[str], object] | None = None,
) -> list[tuple[list[str], list[str]]]:
    """Return the pairs of a UTF-8 file with a source, a tab and a target on each line.

    A line ends with LF, CR LF or CR, in any mixture; U+2028, U+0085 and the like are characters of a text.
    Each text is prepared by `prepare_text`, which drops white space and byte order marks around it. Blank
    lines are ignored, and so are all other columns.

    In a file of three or more columns, a first or second column of numbers only (ids, scores) is an error
    unless `columns` is given; a header above the numbers makes no difference. In a file of two columns,
    numbers are valid sources and targets: "12+7" and "19".

    Args:
        path: the file.
        level: "char" or "word", as in `split_symbols`.
        columns: the columns of source and target, counted from 0; None means the first two.
        max_symbols: the limit of a batch, as in `BucketedBatches`, where it is `default_max_symbols` by
            default; a line beyond it is too long. None means no limit.
        on_too_long: called with a message that gives the line for each line that is too long, which is then
            left out; if None, such a line is an error.

    Returns:
        (source symbols, target symbols) of each line, in order; no side is empty.

    Raises:
        ValueError: with the file and the line (from 1) for a line that lacks a column, or has an empty side,
            too many symbols, or a byte order mark between two lines that were joined into one; for bytes
            that are not UTF-8, with UTF-16 reported as such; for a column of numbers; for a file without a
            pair.
        OSError: if the file cannot be read.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "pairs.tsv")
    ...     _ = file.write_text("1276\\tHe sat.\\tIl s'assit.\\n", encoding="utf-8")
    ...     read_pairs(file, level="word", columns=(1, 2))
    [(['He', 'sat', '.'], ['Il', "s'", 'assit', '.'])]
    """
    check_level(level, "read_pairs")
    as_path(path, "read_pairs")
    first, second = (0, 1) if columns is None else _as_columns(columns)
    if max_symbols is not None:
        as_size(max_symbols, "read_pairs", "max_symbols")
    name, text = os.fspath(path), read_text(path)
    if columns is None and any(map(_is_number, itertools.chain(*_head(text, name)))):
        _refuse_numbers([cells for _, cells in _lines(text, name)], name)
    pairs, left_out, last = [], 0, max(first, second)
    for number, cells in _lines(text, name):
        if len(cells) <= last:
            lacking = _lacking(cells, None if columns is None else (first, second))
            raise ValueError(f"{name}, line {number}: {lacking}")
        source, target = prepared(cells[first], level), prepared(cells[second], level)
        if not source or not target:
            raise ValueError(f"{name}, line {number}: the {'target' if source else 'source'} is empty")
        complaint = max_symbols and too_long(len(source), len(target) + 1, max_symbols)
        if complaint:
            if on_too_long is None:
                raise ValueError(f"{name}, line {number}: {complaint}")
            on_too_long(f"{name}, line {number}: {complaint}: left out")
            left_out += 1
            continue
        pairs.append((source, target))
    if not pairs:
        because = f"all {left_out:,} lines are too long, " if left_out else ""
        raise ValueError(f"{name}: no pairs, {because}expected a source, a tab and a target on each line")
    return pairs


def check_pair(pair: Any, caller: str, position: int, *, any_target: bool = False) -> None:
    """Raise unless a value is two sequences; a string of two characters would pass for a pair.

    With `any_target`, the second need not be a sequence: a label.
    """
    if isinstance(pair, (str, bytes)) or not hasattr(pair, "__len__"):
        raise WrongTypeError(f"{caller}: pairs[{position}] is {pair!r}, expected a pair: source, target")
    if len(pair) != 2:
        raise ValueError(
            f"{caller}: pairs[{position}] has {len(pair)} entries, expected 2: source and target symbols"
        )
    for side, symbols in enumerate(pair[:1] if any_target else pair):
        if not hasattr(symbols, "__iter__"):
            came = brief(repr(symbols))
            raise WrongTypeError(
                f"{caller}: pairs[{position}][{side}] is {came}, expected a sequence of symbols"
            )


def train_validation_split(
    pairs: Sequence[SomePair], held_out: int, rng: Rng = None
) -> tuple[list[SomePair], list[SomePair]]:
    """Return pairs for training and pairs for validation, with no source on both sides.

    Args:
        pairs: (source, target) sequences.
        held_out: the number of pairs to hold out, drawn at random. All pairs of a source stay together, so
            there are a few more if the last drawn source has several targets.
        rng: seed or generator for the choice.

    Returns:
        (training, validation), each in the order of `pairs`.

    Raises:
        ValueError: for a held_out below 1 or one that leaves no pairs for training; for an entry that is not
            a pair.

    >>> pairs = [("go", "va"), ("go", "marche"), ("stop", "halte"), ("run", "cours")]
    >>> training, validation = train_validation_split(pairs, held_out=1, rng=1)
    >>> training
    [('stop', 'halte'), ('run', 'cours')]
    >>> validation
    [('go', 'va'), ('go', 'marche')]
    """
    as_size(held_out, "train_validation_split", "held_out")
    pairs = as_list(pairs, "train_validation_split", "pairs", "pairs of source and target symbols")
    rows_of: dict[Hashable, list[int]] = {}
    for row, pair in enumerate(pairs):
        check_pair(pair, "train_validation_split", row, any_target=True)
        rows_of.setdefault(_key(pair[0]), []).append(row)
    sources = list(rows_of.values())
    chosen: set[int] = set()
    for index in as_generator(rng).permutation(len(sources)):
        if len(chosen) >= held_out:
            break
        chosen.update(sources[index])
    if len(chosen) < held_out or len(chosen) == len(pairs):
        raise ValueError(
            f"train_validation_split: held_out is {held_out}, which leaves nothing to train on: "
            f"there are {len(pairs)} pairs of {len(sources)} different sources"
        )
    training = [pair for row, pair in enumerate(pairs) if row not in chosen]
    return training, [pair for row, pair in enumerate(pairs) if row in chosen]


def _key(source: Any) -> Hashable:
    """Return a key that equal sources share: their symbols, or the numbers of features."""
    if isinstance(source, np.ndarray):
        return source.shape, source.dtype.str, source.tobytes()
    return tuple(source)


def _lines(text: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the unchanged cells of each line that is not blank."""
    marked = MARK in text
    for number, line in enumerate(split_lines(text), start=1):
        cells = line.split("\t")
        if len(cells) == 1 and not stripped(line):
            continue
        if marked and MARK in line and any(MARK in stripped(cell) for cell in cells[1:-1]):
            raise ValueError(
                f"{name}, line {number}: a byte order mark inside a text, with tabs on both sides, as when "
                "files are joined and one lacks its final line end: add the line end, or remove the mark"
            )
        yield number, cells


def _head(text: str, name: str) -> Iterator[list[str]]:
    """Yield the cells of the first two lines: if neither holds a number, no column is all numbers."""
    return (cells for _, cells in itertools.islice(_lines(text, name), 2))


def _lacking(cells: list[str], columns: tuple[int, int] | None) -> str:
    if columns is None:
        return "no tab, expected a source, a tab and a target"
    s = "" if len(cells) == 1 else "s"
    return f"{len(cells)} column{s}, expected at least {max(columns) + 1}: columns={columns}"


def _as_columns(columns: Any) -> tuple[int, int]:
    integers = isinstance(columns, (tuple, list)) and all(
        isinstance(one, (int, np.integer)) and not isinstance(one, bool) for one in columns
    )
    if not integers or len(columns) != 2 or min(columns) < 0 or columns[0] == columns[1]:
        raise (ValueError if integers else WrongTypeError)(
            f"read_pairs: columns is {columns!r}, expected two different integers of at least 0: "
            "source and target"
        )
    return int(columns[0]), int(columns[1])


def _refuse_numbers(rows: list[list[str]], name: str) -> None:
    """Raise if one of the first two columns holds numbers and a further column could be meant instead."""
    for column in (0, 1):
        values = [cells[column] for cells in rows if len(cells) > column]
        header = len(values) > 2 and not _is_number(values[0])
        if not all(map(_is_number, values[header:])) or not _mostly(any(map(stripped, r[2:])) for r in rows):
            continue
        texts = [
            other
            for other in range(max(map(len, rows)))
            if _mostly(len(r) > other and bool(stripped(r[other])) and not _is_number(r[other]) for r in rows)
        ]
        instead = ""
        if len(texts) > 1:
            instead = (
                f"columns=({texts[0]}, {texts[1]}) (--columns {texts[0]} {texts[1]}) or, if it is intended, "
            )
        shown = ", ".join(map(stripped, values[header:][:3]))
        raise ValueError(
            f"{name}: column {column}, counted from 0, holds only numbers, such as ids or scores: "
            f"{shown:.60}; specify the columns of source and target: {instead}columns=(0, 1) (--columns 0 1)"
        )


def _is_number(cell: str) -> bool:
    return _NUMBER.fullmatch(stripped(cell)) is not None


def _mostly(votes: Iterable[bool]) -> bool:
    counted = list(votes)
    return 2 * sum(counted) > len(counted)
