"""Pretrained word vectors, from the text files of GloVe, word2vec and fastText."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np

from seqmem.data.text import MARK, NORMAL_FORM
from seqmem.data.vocabulary import SPECIALS, Vocabulary
from seqmem.module import Array
from seqmem.validation import as_path, brief, check_type

MAX_WIDTH = 4096  # numbers per vector
MAX_LINE = 64 * (MAX_WIDTH + 64)  # bytes per line: a number has at most 64, and so does a symbol


class WordVectors(NamedTuple):
    """A table of vectors for a vocabulary."""

    table: Array  # (V, E) float64; 0 for ids without a vector
    found: Array  # (V,) bool, whether the file has a vector for this id


def read_vectors(path: str | os.PathLike[str], vocabulary: Vocabulary) -> WordVectors:
    """Return the vectors that a text file contains for the symbols of a vocabulary.

    A line contains a symbol and its numbers, separated by single spaces; a first line with two integers, the
    number of lines and of numbers, is the header of word2vec and fastText. Only vectors of the vocabulary are
    kept, so the memory is that of the table, however long the file is. If a symbol occurs twice, the first
    vector is used, as in other readers. Symbols are composed (NFC), like the symbols of texts.

    `Embedding.from_vectors(*read_vectors(path, vocabulary), rng=0)` makes an embedding of the vectors;
    `model.embedding.W[found] = table[found]` copies them into a model.

    Args:
        path: a UTF-8 file, not compressed.
        vocabulary: the vocabulary.

    Returns:
        The table, and which of its rows were found; the special ids have no vectors.

    Raises:
        ValueError: with the file and the line for a line whose numbers are too few, too many, not numbers or
            not finite, a line that is too long, or bytes that are not UTF-8; for a file without a vector, or
            without a vector for this vocabulary.
        TypeError: for anything but a path and a Vocabulary.
        OSError: if the file cannot be read.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "vectors.txt")
    ...     _ = file.write_text("the 0.5 -1\\ncat 2 3e-1\\n", encoding="utf-8")
    ...     read_vectors(file, Vocabulary(["cat", "purrs"])).table[4:]
    array([[2. , 0.3],
           [0. , 0. ]])
    """
    as_path(path, "read_vectors")
    check_type(vocabulary, Vocabulary, "read_vectors", "vocabulary")
    name = os.fspath(path)
    ids = {symbol: i for i, symbol in enumerate(vocabulary.symbols, start=len(SPECIALS))}
    found = np.zeros(len(vocabulary), bool)
    table: Array | None = None
    with open(path, "rb") as file:
        for number, line in _lines(file, name):
            if table is None:
                width = _width(line, name, number)
                if width is None:
                    continue  # a header
                table = np.zeros((len(vocabulary), width))
            parts = line.rsplit(" ", table.shape[1])
            _check_line(parts, table.shape[1], name, number)
            index = ids.get(_composed(parts[0]))
            if index is not None and not found[index]:
                table[index] = _numbers(parts[1:], name, number)
                found[index] = True
    if table is None:
        raise ValueError(f"{name}: no vectors, expected a symbol and its numbers on each line")
    if not found.any():
        raise ValueError(
            f"{name}: no vector for any of the {len(ids):,} symbols of the vocabulary: are the symbols of "
            "another level, language or case?"
        )
    return WordVectors(table, found)


def _lines(file: BinaryIO, name: str) -> Iterator[tuple[int, str]]:
    """Yield the number of each line that is not blank, and its text without surrounding white space."""
    number = 0
    while data := file.readline(MAX_LINE + 1):
        number += 1
        if len(data) > MAX_LINE:
            raise ValueError(f"{name}, line {number}: more than {MAX_LINE:,} bytes, expected a word vector")
        if number == 1 and data[:2] in (b"\x1f\x8b", b"PK"):
            raise ValueError(f"{name}: a compressed file, expected its text: unpack it first")
        try:
            line = data.decode("utf-8").strip(MARK + " \t\r\n")
        except UnicodeDecodeError as error:
            place = f"byte 0x{data[error.start]:02x}"
            raise ValueError(f"{name}, line {number}: not UTF-8 at {place}") from None
        if line:
            yield number, line


def _width(line: str, name: str, number: int) -> int | None:
    """Return how many numbers a vector has, from the first line; None for a header."""
    parts = line.split(" ")
    if len(parts) == 2 and all(part.isascii() and part.isdigit() for part in parts) and number == 1:
        return None
    width = len(parts) - 1
    while width and not _is_number(parts[-width]):
        width -= 1  # the symbol itself contains spaces
    if not 1 <= width <= MAX_WIDTH:
        raise ValueError(
            f"{name}, line {number}: {width:,} numbers, expected a symbol and 1 to {MAX_WIDTH:,} numbers "
            "with single spaces between them"
        )
    return width


def _check_line(parts: list[str], width: int, name: str, number: int) -> None:
    # a symbol may contain spaces, for example ". . .", but must not end with a superfluous number
    if len(parts) <= width or not parts[0] or (" " in parts[0] and _is_number(parts[0].rsplit(" ", 1)[1])):
        came = "fewer" if len(parts) <= width else "more"
        raise ValueError(
            f"{name}, line {number}: {came} than {width} numbers after a symbol, expected as many as in the "
            "first line"
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _numbers(parts: list[str], name: str, number: int) -> list[float]:
    try:
        values = [float(part) for part in parts]
    except ValueError:
        wrong = next(part for part in parts if not _is_number(part))
        raise ValueError(f"{name}, line {number}: {brief(repr(wrong))}, expected a number") from None
    if not np.isfinite(values).all():
        raise ValueError(f"{name}, line {number}: a number that is not finite, expected finite numbers")
    return values


def _composed(symbol: str) -> str:
    return symbol if symbol.isascii() else unicodedata.normalize(NORMAL_FORM, symbol)
