"""Returned numbers compared with the right ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.checking.contract.pairing import spelled
from seqmem.exercises.exercise import SMALL, Part, Task
from seqmem.nests import tree_leaves

LEAST = 1e-3  # the minimum unit of a relative difference

_TEXT = np.array("no number")


def close(got: Any, right: Any, tolerance: float) -> bool:
    """Return whether numbers are right up to rounding, relative to the largest of them."""
    one, other = np.asarray(got), np.asarray(right)
    if one.shape != other.shape or one.dtype.kind not in "biufc" or one.dtype.kind == "c" != other.dtype.kind:
        return False
    if other.dtype.kind in "bi":
        return bool(np.array_equal(one, other))
    size = max(float(np.max(np.abs(other), initial=0.0)), LEAST)
    return bool(np.all(np.abs(one - other) <= tolerance * size))


def as_numbers(value: Any) -> Any:
    """Return a value as an array; a value without numbers becomes a text array, which equals nothing."""
    try:
        array = np.asarray(value)
    except (ValueError, TypeError):  # nested lists of unequal lengths
        return _TEXT
    return array if array.dtype.kind in "biufc" else _TEXT


def is_number(value: Any) -> bool:
    """Return whether a value is a number, or an array of numbers."""
    return np.asarray(value).dtype.kind in "biufc"


def part_of(part: Part, array: Any, task: Task) -> Any:
    """Return an array, or one gate of it; None if it does not have that gate."""
    if not part.gate:
        return array
    k = task.gates.index(part.gate)
    return array[k] if np.ndim(array) and len(array) == len(task.gates) else None


def named_arrays(result: Any, wanted: dict[str, Any]) -> dict[str, Any]:
    """Return gradients by name: from a dict by key, with or without a leading d; from a tuple in order."""
    result = _arrays_of_lists(result)
    if isinstance(result, dict):
        leaves = {name.removeprefix("params."): leaf for name, leaf in tree_leaves(result, "")}
        found: dict[str, Any] = {}
        for name in wanted:
            key = spelled(name, leaves)
            if key in leaves:
                found[name] = leaves.pop(key)
        return found | leaves
    if result is None:
        return {}
    parts = result if isinstance(result, (tuple, list)) else (result,)
    if any(isinstance(part, dict) for part in parts):
        merged: dict[str, Any] = {}
        plain = [part for part in parts if not isinstance(part, dict)]
        for part in parts:
            merged |= part if isinstance(part, dict) else {}
        by_name = named_arrays(merged, wanted)
        waiting = [name for name in wanted if name not in by_name]
        return by_name | dict(zip(waiting, plain, strict=False))
    return dict(zip(wanted, parts, strict=False)) | {
        f"number {k + 1}": part for k, part in enumerate(parts) if k >= len(wanted)
    }


def as_given(result: Any, wanted: dict[str, Any]) -> dict[str, Any]:
    """Return gradients by their own names, without d; those of a tuple by the wanted names, in order."""
    result = _arrays_of_lists(result)
    if not isinstance(result, dict):
        return {name: value for name, value in named_arrays(result, wanted).items() if name in wanted}
    found = {}
    for name, value in result.items():
        short = name.removeprefix("d_") if name.startswith("d_") else name.removeprefix("d")
        found[short or name] = value
    return {name: value for name, value in found.items() if isinstance(value, np.ndarray)}


def _arrays_of_lists(value: Any) -> Any:
    """Return a nest with arrays in place of lists of numbers, and of such lists of equal lengths."""
    if isinstance(value, dict):
        return {name: _arrays_of_lists(part) for name, part in value.items()}
    if isinstance(value, tuple):
        return tuple(map(_arrays_of_lists, value))
    if isinstance(value, list) and value and not any(isinstance(part, (np.ndarray, dict)) for part in value):
        array = as_numbers(value)
        return value if array is _TEXT else array
    return value


def listed(names: list[str]) -> str:
    """Return names as a text: x, h_prev and W_x."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def sizes_text(task: Task) -> str:
    """Return the sizes of the axes in a task's first set of numbers."""
    letters = dict.fromkeys("".join(task.axes.values()))
    sizes = [f"{letter} = {SMALL[letter]}" for letter in letters if letter in SMALL]
    gates = f", and {len(task.gates)} gates" if task.gates else ""
    return f"in this check {', '.join(sizes)}{gates}"


def shape_text(name: str, right: Any, task: Task) -> str:
    """Return a shape with the letters of its axes: (4, 7, 5), which is (4, D, H)."""
    shape, letters = np.shape(right), task.axes.get(name, "")
    if not letters:
        return str(shape)
    symbols = [str(len(task.gates)) if letter == "G" else letter for letter in letters]
    return f"{shape}: ({', '.join(symbols)}{',' if len(symbols) == 1 else ''})"
