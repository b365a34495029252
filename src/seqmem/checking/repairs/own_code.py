"""The functions of a user's file that a pass runs, the values that they saw, and runs with changed lines."""

from __future__ import annotations

import ast
import contextlib
import copy
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqmem.checking.reading.hints import tree_of

Shape = tuple[int, ...]
MOST_VALUES = 60  # of a function, or of an object, to examine


@dataclass(frozen=True, eq=False)
class Own:
    """A function of a file."""

    function: types.FunctionType
    owner: str  # the class that has it as a method; ""
    tree: ast.FunctionDef  # changed in place during a trial
    shapes: dict[str, Shape]  # of the values at its last return, by expression: "x", "self.W"

    def line(self, node: ast.AST) -> int:
        """Return the line of the file that contains a node."""
        return self.function.__code__.co_firstlineno + getattr(node, "lineno", 1) - 1


def functions_run(names: dict[str, Any], path: str, call: Callable[[], Any]) -> list[Own]:
    """Return the functions of a file that a call runs, in the order in which they first return.

    Args:
        names: the file's definitions.
        path: the file's path, as in its code objects.
        call: runs the functions.
    """
    known = {function.__code__: (function, owner) for function, owner in _functions(names, path)}
    left: dict[types.CodeType, dict[str, Any]] = {}

    def watch(frame: types.FrameType, event: str, _: Any) -> None:
        if event == "return" and frame.f_code in known:
            left[frame.f_code] = dict(frame.f_locals)

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        call()
    finally:
        sys.setprofile(before)
    found = []
    for code, values in left.items():
        function, owner = known[code]
        tree = tree_of(function)
        if tree is not None and (not code.co_freevars or code.co_freevars == ("__class__",)):
            tree = copy.deepcopy(tree)
            tree.decorator_list = []
            found.append(Own(function, owner, tree, _shapes(values)))
    return found


def _functions(names: dict[str, Any], path: str) -> Iterator[tuple[types.FunctionType, str]]:
    for value in list(names.values()):
        if isinstance(value, types.FunctionType) and value.__code__.co_filename == path:
            yield value, ""
        elif isinstance(value, type):
            for method in vars(value).values():
                function = getattr(method, "__func__", method)
                if isinstance(function, types.FunctionType) and function.__code__.co_filename == path:
                    yield function, value.__name__


def _shapes(values: dict[str, Any]) -> dict[str, Shape]:
    """Return the shapes of arrays and numbers, including those within objects and lists."""
    found: dict[str, Shape] = {}
    for name, value in list(values.items())[:MOST_VALUES]:
        if _is_float(value) or (isinstance(value, np.ndarray) and value.ndim > 1):  # for example a mask
            found[name] = np.shape(value)
        elif hasattr(value, "__dict__") and not isinstance(value, (type, types.ModuleType)):
            inner = list(vars(value).items())[:MOST_VALUES]
            found |= {f"{name}.{key}": np.shape(part) for key, part in inner if _is_float(part)}
    return found


def _is_float(value: Any) -> bool:
    if isinstance(value, float):
        return True
    dtype = getattr(value, "dtype", None)
    return hasattr(value, "shape") and ("float" in str(dtype) or "complex" in str(dtype))


@contextlib.contextmanager
def as_changed(own: Own) -> Iterator[None]:
    """Run a function as its tree has it in the block.

    Raises:
        SyntaxError: for a tree that is not valid Python.
    """
    before = own.function.__code__
    own.function.__code__ = _compiled(own, before)
    try:
        yield
    finally:
        own.function.__code__ = before


def _compiled(own: Own, before: types.CodeType) -> types.CodeType:
    body: ast.stmt = own.tree
    if own.owner:  # its class's name is part of its private names
        body = ast.copy_location(ast.ClassDef(own.owner, [], [], [own.tree], []), own.tree)
    code: types.CodeType = compile(ast.Module([body], []), before.co_filename, "exec")
    for name in (own.owner, own.tree.name) if own.owner else (own.tree.name,):
        inner = (const for const in code.co_consts if isinstance(const, types.CodeType))
        code = next(const for const in inner if const.co_name == name)
    if code.co_freevars != before.co_freevars:
        raise SyntaxError("the change needs other variables of the functions around it")
    return code
