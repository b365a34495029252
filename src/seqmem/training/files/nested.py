"""Nested values as JSON and arrays: dicts, lists, tuples, numbers, texts and arrays are restored exactly.

    {"waited": 2, "kept": {"W": array}, "best": nan}
    {"dict": {"waited": 2, "kept": {"dict": {"W": {"array": "kept.W"}}}, "best": {"float": "nan"}}}

Strings, integers, booleans, None and finite numbers are themselves. A list of floats becomes an array, since
the history of a training has thousands.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from seqmem.module import Array

# The dtypes that a file stores as another one: the dtype in the file, and whether the bits remain.
_STORED_AS = {
    **dict.fromkeys(("bool", "int8", "int16", "int32", "uint16", "uint32"), ("int64", False)),
    "uint64": ("int64", True),
    "float16": ("float32", False),
}
_DIRECTLY = ("float64", "float32", "int64", "uint8")


def pack(value: Any, prefix: str) -> tuple[Any, dict[str, Array]]:
    """Return a nested value as JSON, and the arrays that the JSON refers to by name.

    Args:
        value: dicts with string keys, lists, tuples, strings, numbers, None and arrays of real numbers.
        prefix: the beginning of all arrays' names.

    Raises:
        TypeError: for a value of another kind; the message names its place.

    >>> pack({"best": float("inf"), "rows": (1, 2)}, "")
    ({'dict': {'best': {'float': 'inf'}, 'rows': {'tuple': [1, 2]}}}, {})
    """
    arrays: dict[str, Array] = {}
    return _pack(value, "", prefix, arrays), arrays


def unpack(packed: Any, read: Callable[[str], Array]) -> Any:
    """Return the value that was packed.

    Args:
        packed: JSON, from anywhere.
        read: returns the array of a name.

    Raises:
        ValueError: for JSON that `pack` does not produce.

    >>> unpack({"dict": {"best": {"float": "inf"}, "rows": {"tuple": [1, 2]}}}, {}.__getitem__)
    {'best': inf, 'rows': (1, 2)}
    """
    if isinstance(packed, list):
        return [unpack(item, read) for item in packed]
    if not isinstance(packed, dict):
        return packed
    if set(packed) == {"array", "dtype"}:
        return _restored(read(str(packed["array"])), packed["dtype"])
    if len(packed) == 1:
        ((kind, inner),) = packed.items()
        if kind == "dict" and isinstance(inner, dict):
            return {key: unpack(item, read) for key, item in inner.items()}
        if kind == "tuple" and isinstance(inner, list):
            return tuple(unpack(item, read) for item in inner)
        if kind == "float" and inner in ("nan", "inf", "-inf"):
            return float(inner)
        if kind == "array":
            return read(str(inner))
        if kind == "floats":
            return [float(number) for number in np.atleast_1d(read(str(inner)))]
    raise ValueError(f"{str(packed)[:80]} in the place of a value")


def _pack(value: Any, place: str, prefix: str, arrays: dict[str, Array]) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"float": str(float(value))}
    if isinstance(value, np.ndarray):
        return _packed_array(value, place, prefix, arrays)
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"dict": {key: _pack(item, _at(place, key), prefix, arrays) for key, item in value.items()}}
    if isinstance(value, list) and value and all(isinstance(item, float) for item in value):
        return {"floats": _add(np.array(value, np.float64), place, prefix, arrays)}
    if type(value) in (list, tuple):
        items = [_pack(item, _at(place, k), prefix, arrays) for k, item in enumerate(value)]
        return {"tuple": items} if isinstance(value, tuple) else items
    kind = "dict with other keys than strings" if isinstance(value, dict) else type(value).__name__
    raise TypeError(f"{place} is of type {kind}, which a file cannot hold")


def _packed_array(array: Array, place: str, prefix: str, arrays: dict[str, Array]) -> dict[str, str]:
    name = array.dtype.name
    if name in _DIRECTLY:
        return {"array": _add(array, place, prefix, arrays)}
    if name not in _STORED_AS:
        raise TypeError(f"{place} has dtype {array.dtype}, which a file cannot hold")
    stored, same_bits = _STORED_AS[name]
    plain = np.array(array, array.dtype.newbyteorder("="), order="C")
    other = plain.view(stored) if same_bits else plain.astype(stored)
    return {"array": _add(other, place, prefix, arrays), "dtype": name}


def _restored(array: Array, name: Any) -> Array:
    if name not in _STORED_AS or array.dtype.name != _STORED_AS[name][0]:
        raise ValueError(f"an array of {array.dtype} in the place of {str(name)[:80]}")
    return array.view(name) if _STORED_AS[name][1] else array.astype(name, copy=False)


def _add(array: Array, place: str, prefix: str, arrays: dict[str, Array]) -> str:
    name = prefix + place
    while name in arrays:  # {"a.b": x, "a": {"b": y}}
        name += "'"
    arrays[name] = array
    return name


def _at(place: str, key: str | int) -> str:
    plain = re.sub(r"[^\w.-]", "_", str(key))
    return f"{place}.{plain}" if place else plain
