"""Arrays within an object: found, named, replaced and compared, however the author stores them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from seqmem.module import Array

Step = tuple[str, Any]  # ("attr", name), ("key", key) or ("item", index)
Path = tuple[Step, ...]
DEPTH = 5
_VALUES = {"v", "value", "data", "val", "w", "array", "param", "values"}
_HOLDERS = re.compile(r"^_*(params?|parameters|weights?|theta|state_dict|vars|model|variables)_*$", re.I)
_GRADIENTS = re.compile(r"^_*(\w*grads?|\w*gradients?|d_?params?|deltas?|diffs?)_*$", re.I)


class Slot(NamedTuple):
    """An array and all paths to it."""

    array: Array
    paths: tuple[Path, ...]

    @property
    def path(self) -> Path:
        """The most informative path: by names, not by numbers."""
        return min(self.paths, key=lambda path: (any(kind == "item" for kind, _ in path), len(path)))

    @property
    def name(self) -> str:
        """The name in the author's code."""
        return name_of(self.path)


def name_of(path: Path) -> str:
    """Return a path as a name: W of self.params["W"], W of self.W.value, params[0] of self.params[0]."""
    words = [
        (kind, step)
        for kind, step in path
        if not (kind == "attr" and _HOLDERS.match(str(step)) and len(path) > 1)
    ]
    if len(words) > 1 and words[-1][0] == "attr" and words[-1][1] in _VALUES:
        words = words[:-1]
    if not words or words[-1][0] == "item":
        return ".".join(str(s) for k, s in path if k != "item") + "".join(
            f"[{s}]" for k, s in path if k == "item"
        )
    return str(words[-1][1]) if len(words) == 1 else ".".join(str(step) for _, step in words)


def slots(root: Any) -> list[Slot]:
    """Return the floating-point arrays within an object, through attributes and containers."""
    found: dict[int, tuple[Array, list[Path]]] = {}
    for path, array in _walk(root, (), set()):
        found.setdefault(id(array), (array, []))[1].append(path)
    return [Slot(array, tuple(paths)) for array, paths in found.values()]


def _walk(value: Any, path: Path, seen: set[int]) -> Iterator[tuple[Path, Array]]:
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "fc" and value.size:
            yield path, value
        return
    if len(path) >= DEPTH or id(value) in seen or isinstance(value, (str, bytes, type)):
        return
    seen = seen | {id(value)}
    for step, part in steps(value):
        yield from _walk(part, (*path, step), seen)


def steps(value: Any) -> Iterator[tuple[Step, Any]]:
    """Yield the contents of a container or of an object of a user's class."""
    if isinstance(value, dict):
        yield from ((("key", key), part) for key, part in list(value.items()) if isinstance(key, (str, int)))
    elif isinstance(value, (list, tuple)):
        yield from ((("item", k), part) for k, part in enumerate(value[:200]))
    if _is_somebodys(value):
        yield from ((("attr", key), part) for key, part in list(vars(value).items()))


def _is_somebodys(value: Any) -> bool:
    module = type(value).__module__ or ""
    return (
        hasattr(value, "__dict__")
        and not callable_only(value)
        and not module.startswith(("numpy", "builtins"))
    )


def callable_only(value: Any) -> bool:
    """Return whether a value is a function, a class or a module."""
    return isinstance(value, type) or type(value).__name__ in (
        "function",
        "builtin_function_or_method",
        "module",
        "method",
    )


def get(root: Any, path: Path) -> Any:
    """Return the value at the end of a path; None if the path ends earlier."""
    for kind, step in path:
        try:
            root = getattr(root, step) if kind == "attr" else root[step]
        except (AttributeError, KeyError, IndexError, TypeError):
            return None
    return root


def put(root: Any, path: Path, value: Any) -> None:
    """Put a value at the end of a path; a tuple on the path is replaced by a new one."""
    *head, (kind, step) = path
    owner = get(root, tuple(head))
    if isinstance(owner, tuple):
        parts = list(owner)
        parts[step] = value
        put(root, tuple(head), type(owner)(*parts) if hasattr(owner, "_fields") else tuple(parts))
    elif kind == "attr":
        setattr(owner, step, value)
    elif owner is not None:
        owner[step] = value


def is_holder(name: str) -> bool:
    """Return whether a name is that of a container of parameters."""
    return bool(_HOLDERS.match(name))


def is_gradient(path: Path) -> bool:
    """Return whether a path ends at a gradient, by its names."""
    words = [str(step) for kind, step in path if kind != "item"]
    holder = any(_GRADIENTS.match(word) or re.match(r"^d_?[A-Z]\w*$|^d[bWUVh]$", word) for word in words)
    last = words[-1] if words else ""
    return holder or bool(
        re.match(r"^(d_?[A-Z]\w*|d[bWUVh]\w*|grad_?\w+|\w+_?grad|\w+_diff|d|g|dv|dLd\w+)$", last)
    )
