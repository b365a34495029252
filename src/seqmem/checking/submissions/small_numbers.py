"""Small numbers that a forward pass adds, as in log(p + 1e-7), and that its backward pass leaves out.

Such a pass is right for the function that its author means, but not for the code as written. The error
depends on the inputs, so no tolerance distinguishes it from a mistake. Instead, the small numbers are set to
zero: the gradients must then be right to rounding.
"""

from __future__ import annotations

import ast
import inspect
import re
import sysconfig
import textwrap
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple, TypeGuard

LARGEST = 1e-5  # the largest small number
_NAMES = re.compile(r"eps|tiny|delta|smooth|small", re.IGNORECASE)
_GUARDS = {"maximum", "max", "clip", "fmax"}  # functions of which a small number may be an argument


class Small(NamedTuple):
    """A small number in the checked code."""

    value: float
    line: int  # 0 if unknown
    put: Callable[[float], None]  # replaces it by another number


def small_numbers(functions: Iterable[Any], objects: Iterable[Any] = ()) -> list[Small]:
    """Find the small numbers that functions, and the functions that they call, add.

    Args:
        functions: the functions to start from; those of a library are left out.
        objects: objects whose attributes may be such numbers and whose methods are searched.
    """
    owned = list(_nested(objects))
    known = list(_reached([*functions, *(type(one) for one in owned)]))
    found = [small for function in known for small in (*_literals(function), *_defaults(function))]
    spaces: list[dict[str, Any]] = [function.__globals__ for function in known]
    spaces += [vars(one) for one in owned]
    seen: set[int] = set()
    for space in spaces:
        if id(space) not in seen:
            seen.add(id(space))
            found += [Small(v, 0, partial(space.__setitem__, k)) for k, v in space.items() if _is_named(k, v)]
    return found


@contextmanager
def without(numbers: list[Small]) -> Iterator[None]:
    """Replace small numbers by zeros temporarily."""
    try:
        for small in numbers:
            small.put(0.0)
        yield
    finally:
        for small in numbers:
            small.put(small.value)


def _is_small(value: Any) -> bool:
    return isinstance(value, float) and 0 < value <= LARGEST


def _is_named(name: Any, value: Any) -> bool:
    return _is_small(value) and isinstance(name, str) and bool(_NAMES.search(name))


def _nested(objects: Iterable[Any]) -> Iterator[Any]:
    """Yield the objects of classes in the checked code, and the objects that they contain."""
    waiting, seen = list(objects), set[int]()
    while waiting:
        one = waiting.pop()
        if isinstance(one, (list, tuple, dict)):
            waiting += one.values() if isinstance(one, dict) else one
        elif id(one) not in seen and _is_object(one):
            seen.add(id(one))
            waiting += vars(one).values()
            yield one


def _is_object(one: Any) -> bool:
    return hasattr(one, "__dict__") and not isinstance(one, (type, ModuleType, FunctionType))


def _reached(roots: Iterable[Any]) -> Iterator[FunctionType]:
    """Yield the functions in the checked code that the roots are, have, or name."""
    waiting, seen = list(roots), set[int]()
    while waiting:
        one = waiting.pop()
        if isinstance(one, (staticmethod, classmethod, MethodType)):
            one = one.__func__
        if isinstance(one, type) and id(one) not in seen:
            seen.add(id(one))
            waiting += [value for kind in one.__mro__ for value in vars(kind).values()]
        if not isinstance(one, FunctionType) or id(one) in seen or _is_foreign(one.__code__):
            continue
        seen.add(id(one))
        yield one
        names = {name for code in _codes(one.__code__) for name in code.co_names}
        for value in (one.__globals__.get(name) for name in names):
            parts = [vars(value).get(name) for name in names] if isinstance(value, ModuleType) else [value]
            waiting += [part for part in parts if isinstance(part, (type, FunctionType))]
        waiting += [cell.cell_contents for cell in one.__closure__ or () if _is_filled(cell)]


def _is_filled(cell: Any) -> bool:
    try:
        return isinstance(cell.cell_contents, FunctionType)
    except ValueError:
        return False


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield from _codes(part)


def _is_foreign(code: CodeType) -> bool:
    return any(Path(code.co_filename).is_relative_to(folder) for folder in _libraries())


@cache
def _libraries() -> tuple[Path, ...]:
    paths = (sysconfig.get_path(key) for key in ("stdlib", "purelib", "platlib"))
    return (Path(__file__).parents[2], *map(Path, paths))


def _literals(function: FunctionType) -> Iterator[Small]:
    """Yield the small numbers in a function that are used only as terms of a sum or as bounds."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return
    added, others = dict[float, int](), set[float]()
    for node in ast.walk(tree):
        for part in ast.iter_child_nodes(node):
            value = part.value if isinstance(part, ast.Constant) else None
            if isinstance(value, float) and _is_small(value):
                if _is_added(node):
                    added.setdefault(value, node.lineno + function.__code__.co_firstlineno - 1)
                else:
                    others.add(value)
    for value, line in added.items():
        if value not in others:
            yield Small(value, line, partial(_put_literal, function, function.__code__, value))


def _is_added(node: ast.AST) -> TypeGuard[ast.expr]:
    """Return whether a number under this node is a term of a sum, or a bound."""
    match node:
        case ast.BinOp(op=ast.Add()):
            return True
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name in _GUARDS
        case _:
            return False


def _put_literal(function: FunctionType, code: CodeType, value: float, other: float) -> None:
    function.__code__ = code if other == value else _exchanged(function.__code__, value, other)


def _exchanged(code: CodeType, value: float, other: float) -> CodeType:
    consts = tuple(
        _exchanged(part, value, other)
        if isinstance(part, CodeType)
        else other
        if isinstance(part, float) and part == value
        else part
        for part in code.co_consts
    )
    return code.replace(co_consts=consts)


def _defaults(function: FunctionType) -> Iterator[Small]:
    """Yield the small numbers that are defaults of parameters named like small numbers."""
    line = function.__code__.co_firstlineno
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    values = function.__defaults__ or ()
    for place, name in enumerate(names[len(names) - len(values) :]):
        if _is_named(name, values[place]):
            yield Small(values[place], line, partial(_put_default, function, place))
    keywords = function.__kwdefaults__ or {}
    for name, value in keywords.items():
        if _is_named(name, value):
            yield Small(value, line, partial(keywords.__setitem__, name))


def _put_default(function: FunctionType, place: int, other: float) -> None:
    values = list(function.__defaults__ or ())
    values[place] = other
    function.__defaults__ = tuple(values)
