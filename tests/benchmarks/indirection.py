"""Count what a reader enters who follows one LSTM layer, forward + backward: files and functions of seqmem.

    python tests/benchmarks/indirection.py

Counted is what the interpreter enters: each code object once, after a first pass has filled the caches.
Before Python 3.12 a comprehension is a code object of its own. The exit code is 1 when there are more than
there must be.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests/, which pytest puts there too

import seqmem
from benchmarks.problems import layer_problem
from benchmarks.subjects import ours

PACKAGE = Path(seqmem.__file__).parent
SHAPE = (20, 32, 32, 64)  # T, B, D, H
MOST_FILES, MOST_FUNCTIONS = 6, 25


def main() -> None:
    """The command."""
    found = in_package(
        entered(ours.layer(layer_problem("lstm", SHAPE, "float32")).runs["forward + backward"])
    )
    for file, functions in found.items():
        print(f"{file} ({len(functions)})", *functions, sep="\n    ")
    counts = (
        ("files", len(found), MOST_FILES),
        ("functions", sum(map(len, found.values())), MOST_FUNCTIONS),
    )
    for what, count, most in counts:
        print(f"{count} {what}, at most {most}: {'reached' if count <= most else 'MISSED'}")
    sys.exit(any(count > most for _, count, most in counts))


def entered(run: Callable[[], Any]) -> set[CodeType]:
    """The code objects that a call enters, once it has been called before."""
    found = set()

    def look(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            found.add(frame.f_code)

    run()
    before = sys.getprofile()
    sys.setprofile(look)
    try:
        run()
    finally:
        sys.setprofile(before)
    return found


def in_package(codes: Iterable[CodeType], package: Path = PACKAGE) -> dict[str, list[str]]:
    """The functions in a package's files, in the order in which they stand there."""
    found: dict[str, list[str]] = {}
    for code in sorted(codes, key=lambda code: (code.co_filename, code.co_firstlineno, code.co_qualname)):
        path = Path(code.co_filename)
        if path.is_relative_to(package):
            functions = found.setdefault(path.relative_to(package).as_posix(), [])
            functions.append(f"{code.co_qualname}, line {code.co_firstlineno}")
    return found


if __name__ == "__main__":
    main()
