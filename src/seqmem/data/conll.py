"""Sentences with a label for each word, from column files of the CoNLL shared tasks."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from seqmem.data.reading import read_text, split_lines
from seqmem.data.text import MARK, NORMAL_FORM
from seqmem.validation import WrongTypeError, as_path, as_size, brief

Sentence = tuple[list[str], list[str]]  # words, labels

_NOT_A_WORD = re.compile(r"\d+[-.]\d+")  # CoNLL-U's ids of contracted words and of empty words


def read_conll(
    path: str | os.PathLike[str],
    columns: tuple[int, int] = (0, -1),
    *,
    max_words: int | None = None,
    on_too_long: Callable[[str], object] | None = None,
) -> list[Sentence]:
    """Return the sentences of a UTF-8 file with a word and its labels on each line.

    A blank line ends a sentence. Columns are separated by tabs, or by white space if the first line of
    columns has no tab. Lines that begin with # and have another number of columns are comments, and
    -DOCSTART- lines are ignored. CoNLL-U's contracted words (3-4) and empty words (5.1) are left out if the
    first column contains ids. Words are composed (NFC), like the words of texts.

    Args:
        path: the file.
        columns: the columns of word and label, counted from 0, or from the end if negative: (0, -1) for
            CoNLL-2003, (1, 3) for the parts of speech of CoNLL-U.
        max_words: a longer sentence is too long; None means no limit.
        on_too_long: called with a message that gives the line of each sentence that is too long, which is
            then left out; if None, such a sentence is an error.

    Returns:
        (words, labels) of each sentence, in order.

    Raises:
        ValueError: with the file and the line for a line with another number of columns than the first, an
            empty word or label, a sentence that is too long, or bytes that are not UTF-8; for a file without
            a sentence.
        TypeError: for anything but a path, or columns that are not integers.
        OSError: if the file cannot be read.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "train.txt")
    ...     _ = file.write_text("Ada NNP B-PER\\nwrote VBD O\\n\\nYes UH O\\n", encoding="utf-8")
    ...     read_conll(file)
    [(['Ada', 'wrote'], ['B-PER', 'O']), (['Yes'], ['O'])]
    """
    as_path(path, "read_conll")
    word, label = _as_columns(columns)
    if max_words is not None:
        as_size(max_words, "read_conll", "max_words")
    name, sentences, left_out = os.fspath(path), [], 0
    for start, rows in _sentences(read_text(path), name, (word, label)):
        if max_words is not None and len(rows) > max_words:
            complaint = f"{name}, line {start}: {len(rows):,} words, expected at most {max_words:,}"
            if on_too_long is None:
                raise ValueError(complaint)
            on_too_long(f"{complaint}: left out")
            left_out += 1
            continue
        sentences.append(([cells[word] for cells in rows], [cells[label] for cells in rows]))
    if not sentences:
        because = f"all {left_out:,} are too long, " if left_out else ""
        raise ValueError(f"{name}: no sentences, {because}expected a word and its label on each line")
    return sentences


def _sentences(text: str, name: str, columns: tuple[int, int]) -> Iterator[tuple[int, list[list[str]]]]:
    """Yield the line at which each sentence begins, and the cells of its words."""
    width, tabs, start = 0, False, 0
    rows: list[list[str]] = []
    for number, line in enumerate([*split_lines(text), ""], start=1):
        line = unicodedata.normalize(NORMAL_FORM, line.strip(MARK + "\n\r "))
        if not line.strip():
            if rows:
                yield start, rows
            rows = []
            continue
        if not width and not line.startswith("#"):
            tabs = "\t" in line
            width = len(_cells(line, tabs))
            _check_width(width, columns, name, number)
        cells = _cells(line, tabs)
        if _says_nothing(line, cells, width, tabs):
            continue
        _check_cells(cells, width, columns, name, number)
        start = start if rows else number
        rows.append(cells)


def _cells(line: str, tabs: bool) -> list[str]:
    return [cell.strip() for cell in line.split("\t")] if tabs else line.split()


def _says_nothing(line: str, cells: list[str], width: int, tabs: bool) -> bool:
    if line.startswith("#"):
        return len(cells) != width
    return cells[0] == "-DOCSTART-" or (tabs and _NOT_A_WORD.fullmatch(cells[0]) is not None)


def _check_width(width: int, columns: tuple[int, int], name: str, number: int) -> None:
    if not all(-width <= column < width for column in columns) or columns[0] % width == columns[1] % width:
        s = "" if width == 1 else "s"
        raise ValueError(
            f"{name}, line {number}: {width} column{s}, expected a word and its label: columns={columns}"
        )


def _check_cells(cells: list[str], width: int, columns: tuple[int, int], name: str, number: int) -> None:
    if len(cells) != width:
        raise ValueError(
            f"{name}, line {number}: {len(cells)} columns, expected {width} as in the first line: "
            f"{brief(' '.join(cells), 60)}"
        )
    for column, what in zip(columns, ("word", "label"), strict=True):
        if not cells[column]:
            raise ValueError(f"{name}, line {number}: the {what} is empty")


def _as_columns(columns: Any) -> tuple[int, int]:
    integers = isinstance(columns, (tuple, list)) and all(
        isinstance(one, (int, np.integer)) and not isinstance(one, bool) for one in columns
    )
    if not integers or len(columns) != 2 or columns[0] == columns[1]:
        raise (ValueError if integers else WrongTypeError)(
            f"read_conll: columns is {brief(repr(columns))}, expected two different integers: word and label"
        )
    return int(columns[0]), int(columns[1])
