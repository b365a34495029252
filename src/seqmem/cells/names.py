"""What the names of a cell's arguments stand for: where in the memory of a pass each value has its place.

A cell's methods say by the names of their arguments which values they want. Of a cell with the gates i, f, o,
g and the state `LSTMState(h, c)`:

    a, a_f, a_ifo            pre-activations: of all gates, of one, of neighbours
    i, ifo, ifog             gates: one (n, H), several (3, n, H)
    c_prev, c                the state before the step, and after it
    tanh_c                   whatever else the cell keeps
    d_h, d_c                 the upstream gradient of the state after the step; turned into that before it
    d_a, d_a_f, d_a_if       where the gradients of the pre-activations go
    recurrent, recurrent_rz  x -> x @ W_h, of all gates or of some; its next call overwrites what it returned.
                             recurrent_rz_n returns one product in two parts
    through, through_rz      (d_a, d_x) -> d_x = d_a @ W_h^T, written to d_x
    half, one                0.5 and 1 as arrays of the pass's dtype: a Python number costs a step 5 % more
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
    """Which block of H columns holds which value; what a cell says of itself decides it."""

    gates: tuple[str, ...]
    kept: tuple[str, ...]  # what else a step keeps
    fields: tuple[str, ...]  # of the state
    local: tuple[str, ...]  # what a backward pass writes beside d_a
    traced: bool  # whether the gates leave the pre-activations as they are
    other_kept: Axes  # what has other axes than (B, H), with them: memory of its own
    other_local: Axes
    first_a: int  # the first block of pre-activations
    first_state: int
    n_forward: int  # blocks of a forward pass
    n_backward: int  # blocks of a backward pass


class Place(NamedTuple):
    """Where a value stands."""

    room: str  # "forward", "backward"; "" for what is given to a pass or has other axes than (B, H)
    block: Any = None  # an index or a slice of the room's blocks
    before: bool = False  # of the state: the one before the step


@functools.cache
def layout_of(gates: tuple[str, ...], kept: Axes, fields: tuple[str, ...], local: Axes, traced: bool) -> Layout:
    """Lay out what a cell keeps, with the axes of each value."""
    in_blocks = [tuple(name for name, axes in own if axes == "BH") for own in (kept, local)]
    elsewhere = [tuple(one for one in own if one[1] != "BH") for own in (kept, local)]
    n_gates = len(gates)
    n_a = max(1, n_gates)
    first_a = 0
    if traced:
        first_a = n_gates
    elif not gates:  # tanh(a) is h, and takes its place
        first_a = len(in_blocks[0])
    first_state = (n_a if traced else 0) + n_gates + len(in_blocks[0])
    return Layout(
        gates,
        in_blocks[0],
        fields,
        in_blocks[1],
        traced,
        *elsewhere,
        first_a=first_a,
        first_state=first_state,
        n_forward=first_state + len(fields),
        n_backward=n_a + len(in_blocks[1]),
    )


@functools.cache
def places_of(layout: Layout, names: tuple[str, ...]) -> tuple[Place, ...]:
    """Where the values of those names stand."""
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
    """Where one gate, or neighbouring ones, stand along the gate axis; None for anything else."""
    if letters in gates:
        return gates.index(letters)
    at = "".join(gates).find(letters)
    return slice(at, at + len(letters)) if letters and at >= 0 else None


def _shifted(index: Any, by: int) -> Any:
    return slice(index.start + by, index.stop + by) if isinstance(index, slice) else index + by


def names_of(method: Callable[..., Any]) -> tuple[str, ...]:
    """The names of a method's arguments.

    Raises:
        TypeError: for `*args`, `**kwargs` and keyword-only arguments, which name nothing or are not passed.
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
    """What a name such as `recurrent_rz_n` asks for."""

    name: str
    is_through: bool
    gates: Any  # an index of W_h's gate axis
    parts: tuple[Any, ...]  # of the result's gate axis; none when it is wanted whole


@functools.cache
def products_of(gates: tuple[str, ...], names: tuple[str, ...]) -> tuple[Product, ...]:
    """The products among the names; what is no product is found to be nothing else where it is looked for."""
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
    """Return the error for an argument that names no value where it is asked for.

    Args:
        name: the argument.
        names: all arguments of the method.
        layout: says what the cell has.
        backward: whether it is asked for in a backward pass.
        further: the names of what is given to the pass, or has other axes than (B, H).
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
    together = f"; a_{gates[0]}{gates[1]} and the like of neighbouring gates" if gates[1:] else ""
    return TypeError(
        f"the argument {name!r} in ({', '.join(names)}) names no value of this cell, "
        f"expected some of {', '.join(dict.fromkeys([*known, *further]))}{together}"
    )


@functools.cache
def constants_of(dtype: Any) -> dict[str, Array]:
    """The numbers that have a name, as arrays that nobody can write to."""
    constants = {"half": np.array(0.5, dtype), "one": np.array(1, dtype)}
    for constant in constants.values():
        constant.flags.writeable = False
    return constants


@functools.cache
def halves(n_gates: int, n_sigmoids: int, dtype: Any) -> Array:
    """(G, 1, 1): 0.5 for the sigmoid gates and 1 for the others, exact factors in binary arithmetic."""
    scale = np.ones((n_gates, 1, 1), dtype)
    scale[:n_sigmoids] = 0.5
    scale.flags.writeable = False
    return scale
