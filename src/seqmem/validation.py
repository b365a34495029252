"""Checks of the arguments of public functions.

A message states what was received, what was expected, and which axis is concerned.

An axis is a letter if its size is free ("B"), or a pair of its size and its meaning ((32, "input_size")).
A leading "..." means any number of axes.
"""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Iterable
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from seqmem.module import Array

Axis = str | tuple[int, str]
AnyCache = TypeVar("AnyCache")


class WrongTypeError(TypeError, ValueError):
    """A value of the wrong type: a TypeError.

    It is also a ValueError, because a caller who computed a size of 2.5 sees a wrong number, not a wrong
    type.
    """


def as_floats(value: Any, dtype: np.dtype[Any], axes: tuple[Axis, ...], caller: str, name: str) -> Array:
    """Return a contiguous array of the working dtype; complex values stay complex, whatever the dtype."""
    if type(value) is np.ndarray and value.dtype == dtype and value.flags.carray:
        check_shape(value, axes, caller, name)
        return value  # the usual case: the code below would change nothing
    array = as_array(value, caller, name)
    if array.dtype.kind not in "fiubc":
        raise TypeError(f"{caller}: {name} has dtype {array.dtype}, expected real or complex numbers")
    check_shape(array, axes, caller, name)
    if array.dtype.kind == "c":
        dtype = np.result_type(dtype, np.complex64)
    flags = array.flags
    if array.dtype == dtype and flags.c_contiguous and flags.aligned:
        return array
    with np.errstate(all="ignore"):  # a value too large for the dtype becomes inf
        return np.require(array, dtype, ["C", "A"])


def as_ids(value: Any, size: int, axes: tuple[Axis, ...], caller: str, name: str) -> Array:
    """Return an integer array whose entries are from 0 to size - 1; NumPy itself would wrap -1 around."""
    array = as_array(value, caller, name)
    if array.dtype.kind not in "iu" and array.size:
        raise TypeError(f"{caller}: {name} has dtype {array.dtype}, expected integers")
    check_shape(array, axes, caller, name)
    # The usual case, in one pass: a negative id is a large unsigned number.
    if array.dtype == np.intp and array.size and np.maximum.reduce(array.view(np.uintp), axis=None) < size:
        return array
    outside = (array < 0) | (array >= size)
    if outside.any():
        where = tuple(int(i) for i in np.argwhere(outside)[0])
        raise ValueError(
            f"{caller}: {name} holds {array[where]} at {list(where)}, expected ids from 0 to {size - 1}"
        )
    return array.astype(np.intp, copy=False)


def as_lengths(value: Any, batch: int, longest: int, caller: str, longest_name: str = "T") -> Array | None:
    """Return lengths (B,) from 0 to T, in any order; None if every row is full."""
    if value is None:
        return None
    array = as_array(value, caller, "lengths")
    if array.dtype.kind not in "iu" and array.size:
        raise WrongTypeError(f"{caller}: lengths has dtype {array.dtype}, expected integers")
    check_shape(array, ((batch, "the batch size"),), caller, "lengths")
    outside = (array < 0) | (array > longest)
    if outside.any():
        row = int(np.argmax(outside))
        raise ValueError(
            f"{caller}: lengths[{row}] is {array[row]}, expected 0 to {longest} ({longest_name})"
        )
    return None if bool((array == longest).all()) else array.astype(np.intp, copy=False)


def as_upstream(value: Any, shape: tuple[int, ...], dtype: np.dtype[Any], caller: str, name: str) -> Array:
    """Return an upstream gradient with the shape and dtype of its output; None means a zero gradient."""
    if value is None:
        return np.zeros(shape, dtype)
    if type(value) is np.ndarray and value.shape == shape and value.dtype == dtype and value.flags.carray:
        return value  # the usual case: the code below would change nothing
    if _is_complex(value) and dtype.kind != "c":
        raise TypeError(f"{caller}: {name} is complex, expected {dtype}: the forward pass was real")
    axes = tuple((size, f"axis {axis} of the output") for axis, size in enumerate(shape))
    return as_floats(value, dtype, axes, caller, name)


def as_pair(value: Any, caller: str, name: str, expected: str) -> tuple[Any, Any]:
    """Return the two parts of a state or of an upstream gradient; None means a pair of None."""
    if value is None:
        return None, None
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"{caller}: {name} is of type {type(value).__name__}, expected {expected}")
    return value[0], value[1]


def working_dtype(dtype: np.dtype[Any] | None, *values: Any) -> np.dtype[Any]:
    """Return the dtype of a forward pass: the parameters' dtype, made complex if an input is complex.

    Without parameters it is float32 if every input is float32, and float64 otherwise.
    """
    if dtype is None:
        kinds = [getattr(getattr(one, "dtype", None), "type", None) for one in values if one is not None]
        single = all(kind in (np.float32, np.complex64) for kind in kinds)
        dtype = np.dtype(np.float32 if single else np.float64)
    for value in values:
        if value is not None and _is_complex(value):
            return np.result_type(dtype, np.complex64)
    return dtype


def as_size(value: Any, caller: str, name: str) -> int:
    """Return a size: an integer of at least 1."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise WrongTypeError(f"{caller}: {name} is {brief(repr(value))}, expected a positive integer")
    if value < 1:
        raise ValueError(f"{caller}: {name} is {value}, expected at least 1")
    return int(value)


def as_fraction(value: Any, caller: str, name: str) -> float:
    """Return a probability in [0, 1)."""
    _check_number(value, caller, name)
    if not 0 <= value < 1:
        raise ValueError(f"{caller}: {name} is {value!r}, expected a number from 0 up to, not including, 1")
    return float(value)


def as_positive(value: Any, caller: str, name: str) -> float:
    """Return a finite number above 0."""
    _check_number(value, caller, name)
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(f"{caller}: {name} is {value!r}, expected a finite number above 0")
    return float(value)


def as_rate(value: Any, caller: str, name: str) -> float:
    """Return a finite number of at least 0."""
    _check_number(value, caller, name)
    if not (value >= 0 and math.isfinite(value)):
        raise ValueError(f"{caller}: {name} is {value!r}, expected a finite number of at least 0")
    return float(value)


def as_number(value: Any, caller: str, name: str) -> float:
    """Return a finite number."""
    _check_number(value, caller, name)
    if not math.isfinite(value):
        raise ValueError(f"{caller}: {name} is {value!r}, expected a finite number")
    return float(value)


def as_longest(value: Any, caller: str) -> float | None:
    """Return the longest distance for initial gates: a finite number of steps, at least 2; or None."""
    if value is None:
        return None
    longest = as_number(value, caller, "chrono")
    if longest < 2:
        raise ValueError(f"{caller}: chrono is {value!r}, expected at least 2 steps")
    return longest


def as_flag(value: Any, caller: str, name: str) -> bool:
    """Return True or False; any other value would silently count as one of them."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{caller}: {name} is {brief(repr(value))}, expected True or False")
    return bool(value)


def as_choice(value: Any, choices: Collection[str], caller: str, name: str) -> str:
    """Return a string that is one of the choices."""
    if isinstance(value, str) and value in choices:
        return value
    expected = " or ".join(map(repr, choices))
    kind = ValueError if isinstance(value, str) else WrongTypeError
    raise kind(f"{caller}: {name} is {brief(repr(value))}, expected {expected}")


def as_index(value: Any, size: int, caller: str, name: str) -> int:
    """Return an index from 0 to size - 1; a negative index would silently count from the end."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise WrongTypeError(f"{caller}: {name} is {brief(repr(value))}, expected an integer")
    if not 0 <= value < size:
        raise ValueError(f"{caller}: {name} is {value}, expected 0 to {size - 1}")
    return int(value)


def as_texts(value: Any, caller: str, name: str) -> list[str]:
    """Return a list of strings; a single string would pass for a list of its characters."""
    found = as_list(value, caller, name, "a list of strings")
    for position, one in enumerate(found):
        if not isinstance(one, str):
            raise TypeError(f"{caller}: {name}[{position}] is {brief(repr(one))}, expected a string")
    return found


def as_list(value: Any, caller: str, name: str, expected: str) -> list[Any]:
    """Return a list of the elements of any iterable except a string."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise TypeError(f"{caller}: {name} is of type {type(value).__name__}, expected {expected}")
    return list(value)


def as_path(value: Any, caller: str, name: str = "path") -> str | os.PathLike[str]:
    """Return a path unchanged; an integer would be taken for an open file."""
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{caller}: {name} is of type {type(value).__name__}, expected a path")
    return value


def as_count(value: Any, caller: str, name: str) -> int:
    """Return an integer of at least 0."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise WrongTypeError(f"{caller}: {name} is {brief(repr(value))}, expected an integer of at least 0")
    if value < 0:
        raise ValueError(f"{caller}: {name} is {value}, expected an integer of at least 0")
    return int(value)


def as_integer(value: Any, caller: str, name: str) -> int:
    """Return an integer of any sign."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise WrongTypeError(f"{caller}: {name} is {brief(repr(value))}, expected an integer")
    return int(value)


def as_text(value: Any, caller: str, name: str) -> str:
    """Return a string unchanged."""
    if not isinstance(value, str):
        raise TypeError(f"{caller}: {name} is of type {type(value).__name__}, expected a string")
    return value


def check_iterable(value: Any, caller: str, name: str, expected: str) -> None:
    """Raise unless a value is iterable."""
    if not isinstance(value, Iterable) or (isinstance(value, np.ndarray) and value.ndim == 0):
        raise TypeError(f"{caller}: {name} is of type {type(value).__name__}, expected {expected}")


def check_callable(value: Any, caller: str, name: str) -> None:
    """Raise unless a value is callable or None."""
    if value is not None and not callable(value):
        raise TypeError(f"{caller}: {name} is of type {type(value).__name__}, expected a function")


def as_cache(value: Any, kind: type[AnyCache], caller: str) -> AnyCache:
    """Return the cache that a forward pass returned; raise for anything else."""
    check_type(value, kind, caller, "cache")
    return value


def check_type(value: Any, kind: type, caller: str, name: str) -> None:
    """Raise unless a value is an instance of a type."""
    if not isinstance(value, kind):
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        came = type(value).__name__
        raise TypeError(f"{caller}: {name} is of type {came}, expected {article} {kind.__name__}")


def with_hint(error: Exception, state: Any) -> Exception:
    """Return an error about a state, with a hint if the state looks like lengths passed by position."""
    try:
        array = np.asarray(state)
    except ValueError:  # a ragged list
        return error
    if array.ndim != 1 or array.dtype.kind not in "iu" or not array.size:
        return error
    caller, came = str(error).split(":", 1)[0], brief(repr(array.tolist()))
    return WrongTypeError(f"{caller}: state is a row of integers, {came}: pass lengths by name, lengths=...")


def as_param_dtype(dtype: npt.DTypeLike, caller: str) -> np.dtype[Any]:
    """Return the dtype for a module's parameters."""
    try:
        found = np.dtype(dtype)
    except TypeError:
        raise TypeError(f"{caller}: dtype is {dtype!r}, expected float64 or float32") from None
    if found not in (np.float32, np.float64):
        raise ValueError(f"{caller}: dtype is {found}, expected float64 or float32")
    return found


def check_shape(array: Array, axes: tuple[Axis, ...], caller: str, name: str) -> None:
    """Raise unless the array has these axes."""
    fixed, shape = axes, array.shape
    if axes and axes[0] == "...":
        fixed = axes[1:]
        shape = shape[max(0, len(shape) - len(fixed)) :]
    if len(shape) == len(fixed):
        for axis, size in zip(fixed, shape, strict=True):
            if not isinstance(axis, str) and axis[0] != size:
                break
        else:
            return
    inside = ", ".join(axis if isinstance(axis, str) else str(axis[0]) for axis in axes)
    expected = f"({inside},)" if len(axes) == 1 else f"({inside})"
    meanings = [f"{axis[0]} is {axis[1]}" for axis in axes if not isinstance(axis, str)]
    because = f": {', '.join(meanings)}" if meanings else ""
    raise ValueError(f"{caller}: {name} has shape {array.shape}, expected {expected}{because}")


def as_weights(
    value: Any, axes: tuple[Axis, ...], caller: str, name: str, mask: Array | None = None
) -> Array:
    """Return weights as float64: finite and at least 0 wherever the mask is True, and 0 elsewhere.

    Raises:
        TypeError: for weights that are not real numbers.
        ValueError: for another shape, or a weight that is negative or not finite; the message names
            its place.
    """
    weights = as_array(value, caller, name)
    if weights.dtype.kind not in "fiu":
        raise TypeError(f"{caller}: {name} has dtype {weights.dtype}, expected real numbers")
    check_shape(weights, axes, caller, name)
    weights = weights.astype(np.float64)
    if mask is not None:
        weights = np.where(mask, weights, 0.0)
    wrong = ~(np.isfinite(weights) & (weights >= 0))
    if wrong.any():
        where = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise ValueError(
            f"{caller}: {name} holds {weights[where]} at {list(where)}, expected finite numbers of at least 0"
        )
    return weights


def as_array(value: Any, caller: str, name: str) -> Array:
    """Return an array of any dtype; raise for a masked array or a ragged list."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{caller}: {name} is a masked array, expected a plain array (pass lengths or a mask)"
        )
    try:
        return np.asarray(value)
    except ValueError as error:  # a ragged list
        raise TypeError(f"{caller}: {name} has no array dtype: {error}") from None


def _is_complex(value: Any) -> bool:
    if type(value) is np.ndarray:
        return value.dtype.kind == "c"
    try:
        return np.iscomplexobj(value)
    except ValueError:  # a ragged list: as_array reports it
        return False


def as_returned(value: Any, caller: str, name: str) -> float:
    """Return the value of a user's function: a real number, or an array that holds one number."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    _check_number(value, caller, name)
    return float(value)


def _check_number(value: Any, caller: str, name: str) -> None:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{caller}: {name} is {brief(repr(value))}, expected a number")
    try:
        float(value)
    except OverflowError:
        raise ValueError(f"{caller}: {name} is an integer too large for a float") from None


def brief(text: str, limit: int = 80) -> str:
    """Shorten a text for a message: one line of at most `limit` characters without control characters.

    >>> brief("a\\tb"), brief("word " * 1000, 12)
    ('a\\\\tb', 'word word w…')
    """
    start = text[:limit]
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in start)
    return shown if len(shown) <= limit and len(text) <= limit else f"{shown[: limit - 1]}…"
