"""Pairs of texts from a tab-separated file, cut into the symbols that a vocabulary holds.

Case is kept: "Le" and "le" are two symbols. Lower the text before it is split if that is not wanted.
"""

from __future__ import annotations

import functools
import os
import re
import unicodedata
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Literal, TypeVar

from seqmem.initializers import Rng, as_generator
from seqmem.validation import as_size

Level = Literal["char", "word"]
SomePair = TypeVar("SomePair", bound=tuple[Sequence[Hashable], Sequence[Hashable]])

_NO_SPACE_BEFORE = frozenset(".,;:!?…%)]}'")
_NO_SPACE_AFTER = frozenset("([{¿¡")


def read_pairs(path: str | os.PathLike[str], level: Level = "char") -> list[tuple[list[str], list[str]]]:
    """The pairs of a UTF-8 file with a source, a tab and a target on each line.

    Columns after the second are ignored, as are a byte order mark, spaces around a text, blank lines, and
    the carriage returns of Windows line ends.

    Args:
        path: the file.
        level: "char" or "word", as in `split_symbols`.

    Returns:
        (source symbols, target symbols) of each line, in order; no side is empty.

    Raises:
        ValueError: with the file and the line (from 1) for a line that has no tab, an empty side or bytes
            that are not UTF-8; for a file without a pair.
        OSError: when the file cannot be read.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "pairs.tsv")
    ...     _ = file.write_text("He sat.\\tIl s'assit.\\n", encoding="utf-8")
    ...     read_pairs(file, level="word")
    [(['He', 'sat', '.'], ['Il', "s'", 'assit', '.'])]
    """
    _check_level(level, "read_pairs")
    pairs = []
    lines = Path(path).read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    for number, line in enumerate(lines, start=1):
        where = f"{os.fspath(path)}, line {number}"
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"{where}: not UTF-8 at byte 0x{line[error.start]:02x}") from None
        columns = [column.strip() for column in text.split("\t")]
        if columns == [""]:
            continue
        if len(columns) == 1:
            raise ValueError(f"{where}: no tab, expected a source, a tab and a target")
        source, target = columns[:2]
        if not source or not target:
            raise ValueError(f"{where}: the {'target' if source else 'source'} is empty")
        pairs.append((split_symbols(source, level), split_symbols(target, level)))
    if not pairs:
        raise ValueError(f"{os.fspath(path)}: no pairs, expected a source, a tab and a target on each line")
    return pairs


def split_symbols(text: str, level: Level) -> list[str]:
    """The characters or the words of a text, in Unicode's composed form (NFC).

    Characters are all characters, spaces included. Words leave white space out, and each punctuation mark
    is a symbol of its own, with two exceptions inside words: an apostrophe stays with what is before it
    ("s'assit" is "s'", "assit") and a hyphen with what is behind it ("dit-il" is "dit", "-il"). The curly
    apostrophe inside a word becomes the straight one; 3.14 and 9:30 stay whole.

    Args:
        text: any text.
        level: "char" or "word".

    Raises:
        ValueError: for another level.

    >>> split_symbols("Va !", "char")
    ['V', 'a', ' ', '!']
    >>> split_symbols("L\\u2019eau n'est-elle pas (très) froide ?", "word")
    ["L'", 'eau', "n'", 'est', '-elle', 'pas', '(', 'très', ')', 'froide', '?']
    """
    _check_level(level, "split_symbols")
    text = unicodedata.normalize("NFC", text)
    if level == "char":
        return list(text)
    return [_straight(symbol) for symbol in _word_pattern().findall(text)]


def join_symbols(symbols: Sequence[str], level: Level) -> str:
    """A readable text of symbols: `split_symbols` of it gives the same symbols back.

    At the word level the white space is not the original's, but English usage: none before a comma or a
    question mark, one between words.

    Args:
        symbols: what `split_symbols` gave, or a model.
        level: "char" or "word".

    Raises:
        ValueError: for another level.

    >>> join_symbols(["L'", "eau", "n'", "est", "-elle", "pas", "(", "très", ")", "froide", "?"], "word")
    "L'eau n'est-elle pas (très) froide?"
    """
    _check_level(level, "join_symbols")
    if level == "char":
        return "".join(symbols)
    text = ""
    for before, symbol in zip(["", *symbols], symbols, strict=False):
        text += symbol if not before or _touch(before, symbol) else f" {symbol}"
    return text


def train_validation_split(
    pairs: Sequence[SomePair], held_out: int, rng: Rng = None
) -> tuple[list[SomePair], list[SomePair]]:
    """Pairs for training and pairs for validation, with no source on both sides.

    Args:
        pairs: (source, target) sequences.
        held_out: how many pairs to hold out, drawn at random. All pairs of a source go together, so there are
            a few more when the last source drawn has several targets.
        rng: decides which.

    Returns:
        (training, validation), each in the order of `pairs`.

    Raises:
        ValueError: for a held_out below 1 or one that leaves nothing to train on.

    >>> pairs = [("go", "va"), ("go", "marche"), ("stop", "halte"), ("run", "cours")]
    >>> training, validation = train_validation_split(pairs, held_out=1, rng=1)
    >>> training
    [('stop', 'halte'), ('run', 'cours')]
    >>> validation
    [('go', 'va'), ('go', 'marche')]
    """
    as_size(held_out, "train_validation_split", "held_out")
    rows_of: dict[tuple[Hashable, ...], list[int]] = {}
    for row, (source, _) in enumerate(pairs):
        rows_of.setdefault(tuple(source), []).append(row)
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


@functools.cache
def _word_pattern() -> re.Pattern[str]:
    # \w lacks the combining marks and joiners without which Hindi, Thai or Persian words fall to pieces
    marks = "".join(c for c in map(chr, range(0x300, 0x20000)) if unicodedata.category(c).startswith("M"))
    letter = rf"[\w{marks}\u200c\u200d]"
    number = r"\d+(?:[.,:]\d+)+"
    word = rf"(?:(?<={letter})-)?{letter}+(?:['\u2019](?={letter}))?"
    return re.compile(rf"{number}|{word}|\S")


def _straight(symbol: str) -> str:
    return symbol[:-1] + "'" if len(symbol) > 1 and symbol[-1] == "\u2019" else symbol


def _touch(before: str, symbol: str) -> bool:
    ends_in_apostrophe = len(before) > 1 and before[-1] == "'"
    starts_with_hyphen = len(symbol) > 1 and symbol[0] == "-"
    return ends_in_apostrophe or starts_with_hyphen or symbol in _NO_SPACE_BEFORE or before in _NO_SPACE_AFTER


def _check_level(level: str, caller: str) -> None:
    if level not in ("char", "word"):
        raise ValueError(f"{caller}: level is {level!r}, expected 'char' or 'word'")
