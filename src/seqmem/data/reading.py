"""Text files: UTF-8 with any line endings, and errors that name the line."""

from __future__ import annotations

import codecs
import os
from pathlib import Path

_OTHER_ENCODINGS = (  # UTF-32 first: its little-endian mark starts with that of UTF-16
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


def read_text(path: str | os.PathLike[str]) -> str:
    """Return the text of a file that must be UTF-8.

    Raises:
        ValueError: with the file and the line for bytes that are not UTF-8; UTF-16 is reported as such.
        OSError: if the file cannot be read.
    """
    name, data = os.fspath(path), Path(path).read_bytes()
    for mark, encoding in _OTHER_ENCODINGS:
        if data.startswith(mark):
            raise ValueError(f"{name}, line 1: not UTF-8 but {encoding}: save the file as UTF-8")
    zero = data.find(b"\0")
    if zero >= 0:
        where = f"{name}, line {_line_ends(data[:zero]) + 1}"
        raise ValueError(f"{where}: a zero byte, as in UTF-16 without a byte order mark, expected UTF-8")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        where = f"{name}, line {_line_ends(data[: error.start]) + 1}"
        raise ValueError(f"{where}: not UTF-8 at byte 0x{data[error.start]:02x}") from None


def split_lines(text: str) -> list[str]:
    """Return the lines of a text, which end with LF, CR LF or CR, in any mixture.

    U+2028, U+0085 and the like are characters of a line.

    >>> split_lines("a\\r\\nb\\rc\\u2028d")
    ['a', 'b', 'c\\u2028d']
    """
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _line_ends(data: bytes) -> int:
    return data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")
