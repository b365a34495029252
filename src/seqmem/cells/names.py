"""The argument names of a cell's methods, and the position in memory of the value that each name refers to.

The names of a method's arguments say which values the method uses. For a cell with the gates i, f, o, g and
the state `LSTMState(h, c)`:

    a, a_f, a_ifo            pre-activations: of all gates, of one gate, of adjacent gates
    i, ifo, ifog             gates: one (n, H), several (3, n, H)
    c_prev, c                the state before the step, and after the step
    tanh_c                   any other value that the cell keeps
    d_h, d_c                 the upstream gradient of the state after the step, to be replaced by the gradient
                             of the state before the step
    d_a, d_a_f, d_a_if       the arrays for the gradients of the pre-activations
    recurrent, recurrent_rz  x -> x @ W_h, of all gates or of some; the next call overwrites the result.
                             recurrent_rz_n returns one product in two parts
    through, through_rz      (d_a, d_x) -> d_x = d_a @ W_h^T, written to d_x
    half, one                0.5 and 1 as arrays of the pass's dtype: Python numbers slow a step down by 5 %
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from seqmem.module import Array

Axes = tuple[tuple[str, str], ...]  # names with their axes
VARIABLE = 0x04 | 0x08  # inspect.CO_VARARGS, inspect.CO_VARKEYWORDS


class Layout(NamedTuple):
    """The positions of a cell's values among the blocks of H columns, as the cell's declarations imply."""

    gates: tuple[str, ...]
    kept: tuple[str, ...]  # the other values that a step keeps
    fields: tuple[str, ...]  # the parts of the state
    local: tuple[str, ...]  # the values that a backward pass writes in addition to d_a
    traced: bool  # whether the gates leave the pre-activations as they are
    other_kept: Axes  # the values whose axes are not (B, H), kept in separate arrays
    other_local: Axes
    first_a: int  # the first block of pre-activations
    first_state: int
    n_forward: int  # blocks of a forward pass
    n_backward: int  # blocks of a backward pass


class Place(NamedTuple):
    """The position of a value."""

    room: str  # "forward", "backward"; "" for a value that is given to a pass or not (B, H)
    block: Any = None  # an index or a slice of the room's blocks
    before: bool = False  # whether it is the state before the step


@functools.cache
def layout_of(
    gates: tuple[str, ...], kept: Axes, fields: tuple[str, ...], local: Axes, traced: bool
) -> Layout:
    """Lay out the values that a cell keeps, with the axes of each value."""
    n_gates, n_a = len(gates), max(1, len(gates))
    kept_blocks, local_blocks = (tuple(name for name, axes in own if axes == "BH") for own in (kept, local))
    other_kept, other_local = (tuple(one for one in own if one[1] != "BH") for own in (kept, local))
    first_a = 0
    if traced:
        first_a = n_gates
    elif not gates:  # tanh(a) is h, and takes its place
        first_a = len(kept_blocks)
    first_state = (n_a if traced else 0) + n_gates + len(kept_blocks)
    return Layout(
        gates,
        kept_blocks,
        fields,
        local_blocks,
        traced,
        other_kept=other_kept,
        other_local=other_local,
        first_a=first_a,
        first_state=first_state,
        n_forward=first_state + len(fields),
        n_backward=n_a + len(local_blocks),
    )


@functools.cache
def places_of(layout: Layout, names: tuple[str, ...]) -> tuple[Place, ...]:
    """Return the positions of the named values."""
    return tuple(_place(layout, name) for name in names)


def _place(layout: Layout, name: str) -> Place:
    gates, kept, fields, local = layout[:4]
    for prefix, room, first in (("d_a", "backward", 0), ("a", "forward", layout.first_a)):
        part = gate_index(gates, name.removeprefix(prefix).removeprefix("_"))
        if name == prefix:
            return Place(room, slice(first, first + len(gates)) if gates else first)
        if name.startswith(f"{prefix}_") and part is not None:
            return Place(room, _shifted(part, first))
    part = gate_index(gates, name)
    if part is not None:
        return Place("forward", part)
    if name in local:
        return Place("backward", max(1, len(gates)) + local.index(name))
    forward, first = (*kept, *fields), layout.n_forward - len(kept) - len(fields)
    if name in forward:
        return Place("forward", first + forward.index(name))
    field = name.removesuffix("_prev")
    if field in fields:  # what else a step keeps has no value before the first
        return Place("forward", first + forward.index(field), before=True)
    return Place("")


def gate_index(gates: tuple[str, ...], letters: str) -> Any:
    """Return the index of one gate or of adjacent gates on the gate axis; None for anything else."""
    if letters in gates:
        return gates.index(letters)
    at = "".join(gates).find(letters)
    return slice(at, at + len(letters)) if letters and at >= 0 else None


def _shifted(index: Any, by: int) -> Any:
    return slice(index.start + by, index.stop + by) if isinstance(index, slice) else index + by


def names_of(method: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of a method's arguments.

    Raises:
        TypeError: for `*args`, `**kwargs` and keyword-only arguments, which name no value.
    """
    code = method.__code__
    names: tuple[str, ...] = code.co_varnames[1 : code.co_argcount]
    if code.co_flags & VARIABLE or code.co_kwonlyargcount:
        raise TypeError(
            f"{method.__qualname__} has *args, **kwargs or keyword-only arguments, "
            "expected positional ones that name values"
        )
    return names


class Product(NamedTuple):
    """The product that a name such as `recurrent_rz_n` refers to."""

    name: str
    is_through: bool
    gates: Any  # an index of W_h's gate axis
    parts: tuple[Any, ...]  # slices of the result's gate axis; empty for the whole result


@functools.cache
def products_of(gates: tuple[str, ...], names: tuple[str, ...]) -> tuple[Product, ...]:
    """Return the products among the names; unknown names are reported later, on look-up."""
    found = []
    for name in names:
        kind, *groups = name.split("_")
        letters = "".join(groups)
        index = gate_index(gates, letters) if groups else ...
        if kind in ("recurrent", "through") and index is not None:
            parts = [gate_index(tuple(letters), group) for group in groups] if groups[1:] else []
            found.append(Product(name, kind == "through", index, tuple(parts)))
    return tuple(found)


def unknown_name(
    name: str, names: tuple[str, ...], layout: Layout, backward: bool, further: Iterable[str]
) -> TypeError:
    """Return the error for an argument that names no value.

    Args:
        name: the argument.
        names: all arguments of the method.
        layout: the values that the cell has.
        backward: whether the method is part of the backward pass.
        further: names of values that are given to the pass, or whose axes are not (B, H).
    """
    gates, kept, fields, local = layout[:4]
    known = [
        "a",
        *(f"a_{gate}" for gate in gates),
        *gates,
        *kept,
        *fields,
        *(f"{one}_prev" for one in fields),
    ]
    if backward:
        known += ["d_a", *(f"d_a_{gate}" for gate in gates), *local]
    together = f"; a_{gates[0]}{gates[1]} and the like for adjacent gates" if gates[1:] else ""
    return TypeError(
        f"the argument {name!r} in ({', '.join(names)}) names no value of this cell, "
        f"expected some of {', '.join(dict.fromkeys([*known, *further]))}{together}"
    )


@functools.cache
def constants_of(dtype: Any) -> dict[str, Array]:
    """Return the named constants as read-only arrays."""
    constants = {"half": np.array(0.5, dtype), "one": np.array(1, dtype)}
    for constant in constants.values():
        constant.flags.writeable = False
    return constants


@functools.cache
def halves(n_gates: int, n_sigmoids: int, dtype: Any) -> Array:
    """Return (G, 1, 1): 0.5 for the sigmoid gates and 1 for the others, both exact binary factors."""
    scale = np.ones((n_gates, 1, 1), dtype)
    scale[:n_sigmoids] = 0.5
    scale.flags.writeable = False
    return scale
