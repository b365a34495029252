"""The Python code in a file: a script, or a notebook's code cells, with Python 2 syntax converted."""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
from pathlib import Path
from typing import Any, NamedTuple

MOST_BYTES = 64 << 20  # of a file to read
_PYTHON = {"", "python", "python2", "python3", "ipython"}  # kernel languages whose cells can be run
_OTHER_CELL = re.compile(
    r"\s*%%\s*(bash|sh|html|javascript|js|latex|perl|ruby|r|cython|writefile|file|svg|markdown)\b", re.I
)
_SHELL = re.compile(r"\s*(%|!|\?)|.*[^#\"']\?\s*$")
_RAISE = re.compile(r"^(\s*raise\s+\w+)\s*,\s*(.+)$")
_EXCEPT = re.compile(r"^(\s*except\s+[\w.()\s,]+?)\s*,\s*(\w+)\s*:\s*$")


class UnreadableError(Exception):
    """A file without readable Python; the argument is a sentence that says why."""


class Source(NamedTuple):
    """The code of a file."""

    tree: ast.Module
    text: str
    notes: tuple[str, ...]  # on everything left out or converted
    is_python2: bool = False


def read_source(path: Path) -> Source:
    """Return the code of a file.

    Args:
        path: a Python file, or a notebook.

    Raises:
        UnreadableError: for anything else.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableError(f"it cannot be read: {error.strerror}") from None
    return source_of(data, str(path))


def source_of(data: bytes, name: str) -> Source:
    """Return the code of a file that was read already; its name says whether it is a notebook.

    Raises:
        UnreadableError: for anything else.
    """
    if len(data) > MOST_BYTES:
        raise UnreadableError(f"it is larger than {MOST_BYTES >> 20} MB")
    is_notebook = data.lstrip()[:1] == b"{" and b'"nbformat"' in data
    if is_notebook or name.lower().endswith(".ipynb"):
        text, notes = _notebook(data)
    else:
        text, notes = _decoded(data), []
    return _parsed(text, name, notes)


def _decoded(data: bytes) -> str:
    if b"\0" in data:
        raise UnreadableError("it is not valid Python: source code cannot contain null bytes")
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return data.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
    except (SyntaxError, UnicodeDecodeError, LookupError):
        return data.decode("latin-1").replace("\r\n", "\n").replace("\r", "\n")


def _notebook(data: bytes) -> tuple[str, list[str]]:
    """Return the code cells of a notebook, concatenated, without lines that only a notebook can run."""
    try:
        book = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"it is named like a notebook, but is not JSON: {str(error)[:200]}") from None
    cells = book.get("cells") if isinstance(book, dict) else None
    if cells is None and isinstance(book, dict) and isinstance(book.get("worksheets"), list):
        cells = [cell for sheet in book["worksheets"] for cell in sheet.get("cells", [])]
    if not isinstance(cells, list):
        raise UnreadableError("it is not a notebook: it has no list of cells")
    language = _language(book)
    if language.lower() not in _PYTHON:
        raise UnreadableError(f"it is a notebook of {language}, expected Python")
    lines: list[str] = []
    left_out = {"lines of magics and shell": 0, "cells of other languages": 0}
    for cell in cells:
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        text = cell.get("source", cell.get("input", ""))
        text = "".join(map(str, text)) if isinstance(text, list) else str(text)
        if _OTHER_CELL.match(text):
            left_out["cells of other languages"] += 1
            continue
        kept = [_without_magic(line) for line in _joined_magics(text)]
        left_out["lines of magics and shell"] += sum(line is None for line in kept)
        lines += ["" if line is None else line for line in kept]
    notes = [f"{count} {what} skipped" for what, count in left_out.items() if count]
    return "\n".join(lines) + "\n", notes


def _language(book: dict[str, Any]) -> str:
    metadata = book.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    for key, name in (("kernelspec", "language"), ("language_info", "name")):
        about = metadata.get(key)
        if isinstance(about, dict) and isinstance(about.get(name), str):
            return str(about[name])
    return ""


def _joined_magics(text: str) -> list[str]:
    """Return the lines of a cell; continuations of a shell line belong to it."""
    lines: list[str] = []
    continued = False
    for line in text.split("\n"):
        lines.append("!" if continued else line)
        continued = line.rstrip().endswith("\\") and (continued or bool(re.match(r"\s*[%!]", line)))
    return lines


def _without_magic(line: str) -> str | None:
    """Return a line without its magic; None if nothing is left."""
    if re.match(r"\s*%%?(time|timeit|prun|capture)\b", line):
        return None
    return None if _SHELL.match(line) and not line.lstrip().startswith("#") else line


def _parsed(text: str, name: str, notes: list[str]) -> Source:
    try:
        return Source(ast.parse(text, name), text, tuple(notes))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        first = error
    mended, count = _mended(text)
    if not count:
        raise UnreadableError(f"it is not valid Python: {_where(first)}")
    try:
        tree = ast.parse(mended, name)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise UnreadableError(f"it is not valid Python: {_where(first)}") from None
    notes.append(f"Python 2: {count} line{'s' * (count > 1)} (print and its like) read as Python 3")
    return Source(tree, mended, tuple(notes), is_python2=True)


def _where(error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.lineno:
        line = (error.text or "").strip()
        return f"line {error.lineno}: {type(error).__name__}: {error.msg}" + (f"\n    {line}" if line else "")
    return f"{type(error).__name__}: {error}"


def _mended(text: str) -> tuple[str, int]:
    """Return Python 2 statements as Python 3, and the number of changed lines."""
    lines = [
        line.expandtabs(8) if "\t" in line[: len(line) - len(line.lstrip())] else line
        for line in text.split("\n")
    ]
    quoted = [k for k, line in enumerate(lines) if line.count("`") == 2 and line.lstrip()[:1] != "#"]
    for k in quoted:
        lines[k] = re.sub(r"`([^`\"']+)`", r"repr(\1)", lines[k])
    changed = len(quoted)
    for k, line in enumerate(lines):
        last = _end_of_print(lines, k)
        if last > k:
            lines[k], lines[last] = re.sub(r"\bprint\b", "print(", line, count=1), lines[last].rstrip() + ")"
            changed += 1
            continue
        mended = _EXCEPT.sub(r"\1 as \2:", _RAISE.sub(r"\1(\2)", line))
        mended = re.sub(r"\b(0[0-7]+|0x[0-9a-fA-F]+|\d+)L\b", r"\1", mended).replace("<>", "!=")
        mended = re.sub(r"(\.shape\[\d+\]|\blen\(\w+\)) */ *(?=\w)", r"\1 // ", mended)
        mended = _print_as_call(mended)
        if mended != line:
            lines[k] = mended
            changed += 1
    return "\n".join(lines), changed


def _end_of_print(lines: list[str], first: int) -> int:
    """Return the index of the last line of a print statement that starts in a line, or that line's own."""
    if not re.match(r"^\s*print\s+[^(>\s]", lines[first]):
        return first
    depth = 0
    for k in range(first, min(first + 20, len(lines))):
        code = re.sub(r"\"[^\"]*\"|'[^']*'", "", _split_comment(lines[k])[0])
        depth += sum(sign in "([{" for sign in code) - sum(sign in ")]}" for sign in code)
        if depth <= 0 and not code.endswith("\\"):
            return k
    return first


def _print_as_call(line: str) -> str:
    head = re.match(r"^(\s*(?:.*?:\s+)?)print\b(.*)$", line)
    if not head or line.lstrip().startswith("#"):
        return line
    before, rest = head[1], head[2].strip()
    if before.strip() and not re.match(r"\s*(if|else|elif|for|while|try|except|with)\b.*:\s+$", before):
        return line
    if rest.startswith("(") and _closes_at_end(rest):
        return line
    code, comment = _split_comment(rest)
    redirected = re.match(r">>\s*[\w.]+\s*,?(.*)$", code)
    code = (redirected[1] if redirected else code).strip()
    code = code.removesuffix(",").strip()
    return f"{before}print({code}){comment}"


def _closes_at_end(rest: str) -> bool:
    depth = 0
    for k, sign in enumerate(_split_comment(rest)[0].rstrip()):
        depth += (sign in "([{") - (sign in ")]}")
        if depth == 0:
            return k == len(_split_comment(rest)[0].rstrip()) - 1
    return True  # it continues in the next line


def _split_comment(code: str) -> tuple[str, str]:
    quote = ""
    for k, sign in enumerate(code):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'":
            quote = sign
        elif sign == "#":
            return code[:k].rstrip(), "  " + code[k:]
    return code.rstrip(), ""
