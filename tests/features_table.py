"""Write the table of every public name: what it is, the source of its equations, and the tests that show it.

    python tests/features_table.py            print the table
    python tests/features_table.py --write    put it into docs/features.md

A name is public if the package or one of its rooms has it in `__all__`. The first line of its docstring
says what it is; the source of its equations stands in its docstring or, of a module, in that of its file. The
plain passes of `seqmem.reference` have a table of their own.
"""

import ast
import functools
import importlib
import inspect
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from seqmem.module import Module

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "features.md"
BEGIN = "<!-- written by tests/features_table.py -->\n"
END = "<!-- end of the table -->\n"
ROOMS = {  # in reading order, with titles
    "cells": "Cells",
    "layers": "Layers and losses",
    "contexts": "Contexts",
    "models": "Models",
    "search": "Search",
    "tasks": "Tasks",
    "training": "Training",
    "data": "Data",
    "sklearn": "In scikit-learn's way",
    "interop": "Other libraries",
    "checking": "Checking",
    "insight": "Insight",
    "experiments": "Experiments",
    "pages": "Pages",
    "exercises": "Exercises",
}
SOURCE = re.compile(
    r"(?P<who>[A-Z][\w'-]+(?:, [A-Z][\w'-]+)*(?: & [A-Z][\w'-]+| et al\.)?)(?:, | \()(?P<year>(?:19|20)\d\d)\b"
)
CHECKS = re.compile(r"gradcheck|assert_gradients|check_module|complex step|complex_step|CONTRACT_CHECKS")
VALUES = {  # public names without a docstring of their own
    "State": "The type of a cell's state: an array, or a named tuple of arrays.",
    "PAD": "The id of the padding, 0.",
    "START": "The id of the symbol before a sequence, 1.",
    "END": "The id of the symbol after a sequence, 2.",
    "UNKNOWN": "The id of every symbol that is not in a vocabulary, 3.",
    "CONTRACT_CHECKS": "The names of the checks of `check_module`.",
    "KINDS": "The kinds of function that `gradcheck_functions(like=...)` knows.",
}
EVERYWHERE = ("test_wrong_types.py", "test_protocol.py")  # name what others test
BATTERY = ROOT / "tests" / "test_protocol.py"  # checks the gradients of every module of the library


class Feature(NamedTuple):
    """A row of the table."""

    name: str
    file: Path  # that defines it
    purpose: str
    sources: str  # of the equations; "" without any
    gradient: Path | None  # the tests of the gradient; None for a name without a derivative
    tests: Path | None  # other tests; None if those of the gradient are all


class TestFile(NamedTuple):
    """A file of tests."""

    path: Path
    words: Counter[str]  # how often each word stands in it
    checks: bool  # whether it compares gradients
    imports: frozenset[tuple[str, str]]  # modules of seqmem with the names that are imported from them


def public(room: str) -> list[str]:
    """Return the public names of a room."""
    return sorted(importlib.import_module(f"seqmem.{room}").__all__)


def has_derivative(value: Any) -> bool:
    """Whether a public value is a module, or a loss, which returns its gradient."""
    if inspect.isclass(value):
        return issubclass(value, Module)
    return inspect.isfunction(value) and value.__module__.startswith("seqmem.layers.")


@functools.cache
def feature(room: str, name: str) -> Feature:
    """Return the row of a public name.

    Args:
        room: the room that has the name in `__all__`.
        name: the name.
    """
    value = getattr(importlib.import_module(f"seqmem.{room}"), name)
    file = file_of(value, room)
    document = VALUES.get(name) or inspect.getdoc(value) or ""
    using = {
        test.path: test.words[name]
        for test in tests_of_the_project()
        if name in test.words and not _means_another(test, name, value)
    }
    tests = max(
        using,
        key=lambda path: (
            path.stem == f"test_{file.stem}",
            path.name not in EVERYWHERE,
            room in path.parts,
            using[path],
        ),
        default=None,
    )
    gradient, sources = None, sources_in(document)
    if has_derivative(value):
        sources = sources or sources_in(sys.modules[value.__module__].__doc__ or "")
        checking = {
            test.path: using[test.path]
            for test in tests_of_the_project()
            if test.checks and test.path in using
        }
        gradient = tests if tests in checking else BATTERY if inspect.isclass(value) else None
        gradient = gradient or max(checking, key=checking.__getitem__, default=None)
    return Feature(
        name,
        file,
        " ".join(document.split("\n\n")[0].split()).replace("|", "\\|"),
        sources,
        gradient,
        tests if tests != gradient else None,
    )


def _means_another(test: TestFile, name: str, value: Any) -> bool:
    """Whether a test file imports another object under this name."""
    return any(
        getattr(importlib.import_module(module), name, value) is not value
        for module, imported in test.imports
        if imported == name
    )


def sources_in(text: str) -> str:
    """Return the papers and books that a text names, "Cho et al., 2014", in the order of the text."""
    found = [f"{match['who']}, {match['year']}" for match in SOURCE.finditer(" ".join(text.split()))]
    return "; ".join(dict.fromkeys(found))


def file_of(value: Any, room: str) -> Path:
    """Return the file that defines a value; the room's own for a constant."""
    name = value.__name__ if inspect.ismodule(value) else getattr(value, "__module__", f"seqmem.{room}")
    module = sys.modules.get(name) if name.startswith("seqmem.") else None
    return Path(str((module or sys.modules[f"seqmem.{room}"]).__file__))


def rows(room: str) -> list[Feature]:
    """Return the rows of a room."""
    return [feature(room, name) for name in public(room)]


@functools.cache
def tests_of_the_project() -> list[TestFile]:
    """Return what is to know of every test file."""
    found = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        text = path.read_text("utf-8")
        if path.name != "test_features.py":  # it names what it finds without tests
            found.append(
                TestFile(
                    path, Counter(re.findall(r"\w+", text)), bool(CHECKS.search(text)), _imports_in(text)
                )
            )
    return found


def _imports_in(text: str) -> frozenset[tuple[str, str]]:
    """Return what a file imports from modules of seqmem, as pairs of module and name."""
    return frozenset(
        (node.module, one.name)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "seqmem"
        for one in node.names
    )


def table() -> str:
    """Return the tables of all rooms as they stand in the document."""
    parts = []
    for room, title in ROOMS.items():
        parts += [f"## {title}", "", f"`seqmem.{room}`", ""]
        parts += [
            "| name | what it is | source of the equations | gradient checked in | tests |",
            "|---|---|---|---|---|",
        ]
        parts += [_line(row) for row in rows(room)] + [""]
    return "\n".join(parts)


def _line(row: Feature) -> str:
    links = [_link(path) for path in (row.gradient, row.tests)]
    cells = [f"[`{row.name}`](../{_short(row.file)})", row.purpose, row.sources, *links]
    return f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |")


def _link(path: Path | None) -> str:
    return "" if path is None else f"[{path.relative_to(ROOT / 'tests')}](../{_short(path)})"


def _short(path: Path) -> str:
    return path.resolve().relative_to(ROOT).as_posix()


def in_document(text: str) -> str:
    """Return the table that stands in the text of a document."""
    return text.partition(BEGIN)[2].partition(END)[0]


def write() -> None:
    """Replace the table in the document."""
    text = DOCUMENT.read_text("utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    DOCUMENT.write_text(before + begin + table() + end + after, encoding="utf-8")


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        write()
    else:
        sys.stdout.write(table())
