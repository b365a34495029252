"""Nests: arrays in tuples, named tuples, lists and dicts, such as states, inputs and outputs.

A leaf is anything that is not a container. None and strings hold no numbers: they stay in place and have no
name. A leaf's name is its position: `name.field` in a named tuple, `name.key` in a dict, `name[0]` elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

_FUNCTIONS = (FunctionType, BuiltinFunctionType, MethodType, np.ufunc)


def tree_map(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """Apply a function to every leaf of a nest, and to the leaves at the same positions in other nests.

    >>> tree_map(lambda x, y: x + y, (1, [2, None]), (10, [20, None]))
    (11, [22, None])
    """
    if isinstance(tree, np.ndarray):
        return function(tree, *others)
    if tree is None or isinstance(tree, str):
        return tree
    if isinstance(tree, (tuple, list)):
        parts = [tree_map(function, *branches) for branches in zip(tree, *others, strict=True)]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    if isinstance(tree, dict):
        return {
            key: tree_map(function, part, *(other[key] for other in others)) for key, part in tree.items()
        }
    return function(tree, *others)


def tree_leaves(tree: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the leaves of a nest in order, each with its name.

    >>> list(tree_leaves({"x": 1, "state": (2, None)}, ""))
    [('x', 1), ('state[0]', 2)]
    """
    parts = tree_branches(tree, name)
    if parts is not None:
        for own, part in parts:
            yield from tree_leaves(part, own)
    elif tree is not None and not isinstance(tree, str):
        yield name, tree


def tree_replace(tree: Any, name: str, leaves: Mapping[str, Any]) -> Any:
    """Return the same nest with some leaves replaced by name; the other leaves stay.

    >>> tree_replace((1, [2, 3]), "x", {"x[0]": 10, "x[1][1]": 30})
    (10, [2, 30])
    """
    parts = tree_branches(tree, name)
    if parts is None:
        return leaves.get(name, tree)
    return tree_like(tree, [tree_replace(part, own, leaves) for own, part in parts])


def tree_branches(tree: Any, name: str) -> list[tuple[str, Any]] | None:
    """Return the parts of a container, each with its name; None for a leaf."""
    if isinstance(tree, dict):
        return [(f"{name}.{key}" if name else str(key), part) for key, part in tree.items()]
    if isinstance(tree, (tuple, list)):
        fields = getattr(tree, "_fields", None)
        names = (
            [f"{name}.{field}" for field in fields] if fields else [f"{name}[{k}]" for k in range(len(tree))]
        )
        return list(zip(names, tree, strict=True))
    return None


def tree_like(tree: Any, parts: list[Any]) -> Any:
    """Return a container of the same kind with other parts, in the same order."""
    if isinstance(tree, dict):
        return dict(zip(tree, parts, strict=True))
    return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)


def as_arrays(value: Any) -> Any:
    """Convert the leaves of an input to arrays: tuples and dicts are nests, a list of numbers is an array.

    >>> as_arrays(([1, 2], None))
    (array([1, 2]), None)
    """
    if isinstance(value, (tuple, dict)):
        return tree_like(value, [as_arrays(part) for _, part in tree_branches(value, "") or ()])
    return value if value is None or isinstance(value, str) else np.asarray(value)


def reachable_arrays(value: Any, name: str, through_calls: bool = False) -> Iterator[tuple[str, Any]]:
    """Yield the arrays that an object refers to, each with a name: through containers, sets and attributes.

    Args:
        value: any object.
        name: the beginning of the arrays' names.
        through_calls: whether to look into callable objects as well (but never into functions), to yield an
            array under each of its names, and to yield numbers as arrays.

    >>> [name for name, _ in reachable_arrays({"kept": [np.zeros(2)], "again": {np.float64}}, "cache")]
    ['cache.kept[0]']
    """
    return _reach(value, name, through_calls, {})


def _reach(value: Any, name: str, through_calls: bool, seen: dict[int, Any]) -> Iterator[tuple[str, Any]]:
    """Yield as `reachable_arrays`; `seen` keeps the objects alive, so that no id is reused."""
    if through_calls and isinstance(value, (np.ndarray, int, float)):
        yield name, np.asarray(value)
        return
    if id(value) in seen or isinstance(value, (str, bytes, type, ModuleType)):
        return
    if callable(value) and (isinstance(value, _FUNCTIONS) or not through_calls):
        return
    seen[id(value)] = value
    if isinstance(value, np.ndarray):
        yield name, value
    else:
        for own, part in _references(value, name):
            yield from _reach(part, own, through_calls, seen)


def _references(value: Any, name: str) -> Iterable[tuple[str, Any]]:
    parts = tree_branches(value, name)
    if parts is not None:
        return parts
    if isinstance(value, Mapping):
        return [(f"{name}.{key}", part) for key, part in value.items()]
    if isinstance(value, (set, frozenset)):
        return [(f"{name}[{k}]", part) for k, part in enumerate(value)]
    slots = [slot for kind in type(value).__mro__ for slot in getattr(kind, "__slots__", ())]
    keys = [*getattr(value, "__dict__", ()), *slots]
    return [(f"{name}.{key}", getattr(value, key)) for key in keys if hasattr(value, key)]
