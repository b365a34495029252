"""Texts and their symbols, for training and for use.

Case is kept: "Le" and "le" are two symbols. To ignore case, lower the text before splitting it.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Sequence
from typing import Literal

from seqmem.validation import as_choice, as_text, as_texts

Level = Literal["char", "word"]
NORMAL_FORM: Literal["NFC"] = "NFC"
MARK = "\ufeff"  # the byte order mark

# What str.strip strips, and the mark: both are meaningless at the edge of a text.
_AROUND = (
    "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680"
    "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000" + MARK
)
_NO_SPACE_BEFORE = frozenset(".,;:!?…%)]}'")
_NO_SPACE_AFTER = frozenset("([{¿¡")


def prepare_text(text: str, level: Level, *, strip: bool = True) -> list[str]:
    """Return the symbols of a text in the form that a model reads; `read_pairs` and `Translator` call this.

    White space and byte order marks around the text are dropped, and the rest is split by `split_symbols`,
    which composes accents (NFC). Nothing else is changed: case, white space inside a text, invisible
    characters such as U+200B, and compatibility forms ("ﬁ", "１") are kept.

    Args:
        text: any text.
        level: "char" or "word".
        strip: whether to drop white space and byte order marks around the text.

    Raises:
        TypeError: for something that is not a string.
        ValueError: for another level.

    >>> prepare_text("\\ufeffGo on.\\xa0\\r\\n", "word")
    ['Go', 'on', '.']
    """
    if not isinstance(text, str):
        raise TypeError(f"prepare_text: text is of type {type(text).__name__}, expected a string")
    check_level(level, "prepare_text")
    return prepared(text, level) if strip else _split(text, level)


def prepared(text: str, level: Level) -> list[str]:
    """Return the symbols of a text, as `prepare_text` does, without its checks."""
    return _split(stripped(text), level)


def stripped(text: str) -> str:
    """Return a text without the white space and byte order marks around it."""
    text = text.strip()
    return text.strip(_AROUND) if MARK in text else text


def split_symbols(text: str, level: Level) -> list[str]:
    """Return the characters or the words of a text, in Unicode's composed form (NFC).

    Characters are all characters, including spaces. Words exclude white space, and each punctuation mark is a
    separate symbol, with two exceptions inside words: an apostrophe belongs to the preceding part ("s'assit"
    is "s'", "assit") and a hyphen to the following part ("dit-il" is "dit", "-il"). The curly apostrophe
    inside a word becomes the straight one; 3.14 and 9:30 remain whole.

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
    check_level(level, "split_symbols")
    return _split(as_text(text, "split_symbols", "text"), level)


def _split(text: str, level: Level) -> list[str]:
    text = unicodedata.normalize(NORMAL_FORM, text)
    if level == "char":
        return list(text)
    return [_straight(symbol) for symbol in _word_pattern().findall(text)]


def join_symbols(symbols: Sequence[str], level: Level) -> str:
    """Return a readable text of symbols, which `split_symbols` splits into the same symbols again.

    At the word level, white space follows English usage, not the original text: none before a comma or a
    question mark, one space between words.

    Args:
        symbols: the result of `split_symbols`, or of a model.
        level: "char" or "word".

    Raises:
        ValueError: for another level.

    >>> join_symbols(["L'", "eau", "n'", "est", "-elle", "pas", "(", "très", ")", "froide", "?"], "word")
    "L'eau n'est-elle pas (très) froide?"
    """
    check_level(level, "join_symbols")
    symbols = as_texts(symbols, "join_symbols", "symbols")
    if level == "char":
        return "".join(symbols)
    text = ""
    for before, symbol in zip(["", *symbols], symbols, strict=False):
        text += symbol if not before or _touch(before, symbol) else f" {symbol}"
    return text


@functools.cache
def _word_pattern() -> re.Pattern[str]:
    # \w lacks the combining marks and joiners that Hindi, Thai or Persian words need to stay whole
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


def check_level(level: str, caller: str) -> None:
    """Raise unless a value is a level."""
    as_choice(level, ("char", "word"), caller, "level")
