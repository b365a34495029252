"""A file run from its first line to its last, as `import` runs it: more than its functions."""

from __future__ import annotations

import ast
import linecache
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from seqmem.checking.reading.loading import patience
from seqmem.checking.reading.source import Source, UnreadableError, read_source
from seqmem.exercises.asking import Answer, packed, trouble_of
from seqmem.exercises.grading.forbidding import refuse
from seqmem.exercises.grading.inside import write_files

PATIENCE = 3.0  # seconds for the whole file

Emit = Callable[[dict[str, Any]], None]


def run(order: dict[str, Any], emit: Emit) -> None:
    """Run a file, in a box of its own, and emit an {"answer": ...}, with its trouble if it raises.

    Args:
        order: "files", "main", "forbids" and "hidden", as for `inside.answer`.
        emit: called once.
    """
    write_files(order["files"])
    main = Path.cwd() / order["main"]
    forbids = order["forbids"]
    refuse(forbids, order["hidden"])
    try:
        source = read_source(main)
    except UnreadableError:
        source = Source(ast.Module([], []), "", ())  # a check of the functions says so
    lines = source.text.splitlines(keepends=True)
    linecache.cache[str(main)] = (len(source.text), None, lines, str(main))
    names: dict[str, Any] = {"__name__": main.stem, "__file__": str(main)}
    tree = without_checks(source.tree) if forbids else source.tree
    try:
        with patience(PATIENCE), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(compile(tree, str(main), "exec"), names)
    except BaseException as error:  # noqa: BLE001 - whatever a file raises is what is reported
        emit({"answer": packed(Answer(trouble=trouble_of(error, str(main), PATIENCE)))})
        return
    emit({"answer": packed(Answer())})


def without_checks(tree: ast.Module) -> ast.Module:
    """Return a file without its imports of seqmem at the top and the statements that use them.

    >>> ast.unparse(without_checks(ast.parse("from seqmem.exercises import check\\nx = 1\\ncheck('x', f)")))
    'x = 1'
    """
    dropped: set[str] = set()
    kept: list[ast.stmt] = []
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)) and _is_of_seqmem(node):
            dropped |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
            continue
        used = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) or not used & dropped:
            kept.append(node)
    return ast.Module(kept, [])


def _is_of_seqmem(node: ast.Import | ast.ImportFrom) -> bool:
    names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
    return any(name.partition(".")[0] == "seqmem" for name in names)
