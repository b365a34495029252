"""The memory of a pass: the values that its steps store, views of them by name, and rearranged weights.

The layout is chosen for speed: allocating memory can take a third of a pass (docs/performance.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import repeat
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import numpy as np

from seqmem.cells.names import Layout, constants_of, places_of, products_of, unknown_name
from seqmem.cells.noise import QUIET, Noise, multiplied
from seqmem.module import Array

State = Any  # the array h (B, H), or a named tuple of such arrays with h first: its type alone describes it
S = TypeVar("S")  # the state of a cell: Array, LSTMState, ...
Multiply = Callable[[Array], Any]  # x to x @ W
Through = Callable[[Array, Array], Array]  # (d_a, d_x) to d_x = d_a @ W^T
Record = list[tuple[Array, ...]]  # for each step, last step first, the gradients of the state's parts

NOTHING: Mapping[str, Any] = MappingProxyType({})
FEW = 4  # up to this many steps, rearranging a weight costs more than it gains
PAID_BYTES = 1 << 14  # of a weight: what a step of a single sequence gains pays for rearranging so much of it


def keep_freed_memory() -> None:
    """Make the process keep the memory that a pass frees, for the next pass.

    glibc returns the top of its heap to the operating system as soon as the heap's free end exceeds twice the
    largest block that was ever freed. A pass frees a dozen blocks of one size, so the next pass would have to
    fetch all of their pages again. Freeing one large, untouched block once is enough to raise the threshold
    (mallopt(3), the dynamic mmap threshold; blocks above 32 MiB do not count). On other systems, or if the
    environment sets these thresholds, it does nothing.
    """
    np.empty(31 << 20, np.uint8)


keep_freed_memory()


class Run(NamedTuple):
    """Consecutive steps with the same sequences; each step's rows follow those of the step before."""

    rows: int  # the first step's first row
    n_steps: int
    n: int  # sequences: rows of a step
    before: int  # the index of the first previous state among the states

    @property
    def stop(self) -> int:
        """The index after the last row."""
        return self.rows + self.n_steps * self.n

    def cut(self, start: int, stop: int) -> Run:
        """Return the run of some of these steps."""
        first = start * self.n
        return Run(self.rows + first, stop - start, self.n, self.before + first)


def fields_of(state_type: type[Any]) -> tuple[str, ...]:
    """Return the names of a state's arrays."""
    names: tuple[str, ...] = getattr(state_type, "_fields", ("h",))
    return names


def parts_of(state: State) -> Sequence[Any]:
    """Return the arrays of a state."""
    return state if isinstance(state, tuple) else (state,)


def state_of(state_type: type[S], parts: Sequence[Any]) -> S:
    """Return the state that consists of the given arrays."""
    return state_type(*parts) if hasattr(state_type, "_fields") else parts[0]


def as_parts(state_type: type[Any], state: Any, caller: str, name: str) -> list[tuple[str, Any]]:
    """Check a state from a caller and return its parts, each with a name; None means a state of None.

    Raises:
        TypeError: if the value does not have the state's structure.
    """
    fields = getattr(state_type, "_fields", None)
    if fields is None:
        return [(name, state)]
    if state is None:
        state = (None,) * len(fields)
    if not isinstance(state, (tuple, list)) or len(state) != len(fields):
        expected = f"{state_type.__name__}({', '.join(fields)})"
        raise TypeError(f"{caller}: {name} is of type {type(state).__name__}, expected {expected}")
    return [(f"{name}.{field}", part) for field, part in zip(fields, state, strict=True)]


def is_state(state: Any, state_type: type[Any], shape: tuple[int, ...], dtype: Any) -> bool:
    """Return whether a value is a state whose arrays have this shape and dtype, contiguous and aligned."""
    if type(state) is not state_type:
        return False
    for part in parts_of(state):
        if (
            type(part) is not np.ndarray
            or part.shape != shape
            or part.dtype != dtype
            or not part.flags.carray
        ):
            return False
    return True


class Tape:
    """The values of the N rows of a pass, by name: the values that the steps store for the backward pass.

    Attributes:
        room: (blocks, B + N, H) one array: the initial state's rows, then the gates and so on of each row.
        before: (N,) the index among the B + N states of the state before each row; None if B rows above.
        noise: the recurrent dropout and zoneout between the steps.
        other: arrays with other axes, by name, with the rows on axis -2.
        back: (blocks, N, H) one array for a backward pass.
    """

    def __init__(
        self,
        layout: Layout,
        room: Array,
        n_rows: int,
        before: Array | None,
        other: dict[str, Array],
        back: Any = None,
        noise: Noise = QUIET,
    ) -> None:
        self.layout, self.room, self.before, self.other, self.back = layout, room, before, other, back
        self.noise = noise
        self.n_rows, self.batch_size = n_rows, room.shape[1] - n_rows

    def states(self) -> list[Array]:
        """Return the parts of the state, (B + N, H) each: first the initial, then that after each row."""
        return list(self.room[self.layout.first_state :])

    def array(self, name: str) -> Array:
        """Return a value for all rows."""
        return self.rows((name,), slice(0, self.n_rows))[0]

    def rows(
        self,
        names: tuple[str, ...],
        rows: slice,
        before: slice | Array | None = None,
        given: Mapping[str, Any] = NOTHING,
        steps: tuple[int, ...] = (),
    ) -> list[Any]:
        """Return the named values of some rows at once, (N, H) or (G, N, H).

        Args:
            names: the names of the values.
            rows: the rows.
            before: the slice of the states before the rows, if they are known to be contiguous.
            given: values that are not on the tape.
            steps: (T, n) to return the rows as T steps of n rows, (T, n, H) or (G, T, n, H).
        """
        found: list[Any] = []
        forward = self.room[:, rows.start + self.batch_size : rows.stop + self.batch_size]
        backward = None if self.back is None else self.back[:, rows]
        if steps:  # once for all names
            forward = forward.reshape(len(forward), *steps, forward.shape[2])
            backward = None if backward is None else backward.reshape(len(backward), *forward.shape[1:])
        if before is None:
            before = rows if self.before is None else self.before[rows]
        for name, (room, block, is_before) in zip(names, places_of(self.layout, names), strict=True):
            if name in given:
                found.append(given[name])
            elif is_before:
                states = self.room[block]
                state = states[before] if isinstance(before, slice) else states.take(before, axis=0)
                found.append(state.reshape(forward.shape[1:]) if steps else state)
            elif room == "forward":
                found.append(forward[block])
            elif room and backward is not None:
                found.append(backward[block])
            elif name in self.other:
                other = self.other[name][..., rows, :]
                found.append(other.reshape(*other.shape[:-2], *steps, other.shape[-1]) if steps else other)
            else:
                further = [*self.other, *given, "recurrent" if self.back is None else "through"]
                raise unknown_name(name, names, self.layout, self.back is not None, further)
        return found

    def steps(
        self,
        names: tuple[str, ...],
        run: Run,
        given: Mapping[str, Any] = NOTHING,
        last_first: bool = False,
    ) -> Iterator[Sequence[Any]]:
        """Yield the named values at each step of a run, as views that are all created here, before the loop.

        Args:
            names: the names of the values.
            run: the steps.
            given: values that are the same at every step.
            last_first: whether to go from the last step to the first.
        """
        if len(names) <= len(given) and all(name in given for name in names):  # would loop forever
            raise TypeError(f"the arguments ({', '.join(names)}) name no value of a step")
        rows = slice(run.rows, run.stop)
        before = slice(run.before, run.before + rows.stop - rows.start)
        if run.n_steps == 1:  # a single step, or lengths that all differ
            return iter((self.rows(names, rows, before, given),))
        columns: list[Any] = []
        order = -1 if last_first else 1
        values = self.rows(names, rows, before, given, (run.n_steps, run.n))
        for name, value in zip(names, values, strict=True):
            if name in given:
                columns.append(repeat(value))
            else:
                columns.append((value if value.ndim == 3 else value.swapaxes(0, 1))[::order])
        return zip(*columns, strict=False)


def empty_blocks(n_blocks: int, n_rows: int, hidden_size: int, dtype: Any, batch_size: int) -> Array:
    """Allocate (n_blocks, n_rows, H) as one array, uninitialised.

    Each block is contiguous, which suits products over all rows. For a single sequence, the blocks of a row
    are adjacent instead: all values of a step are then contiguous.
    """
    if batch_size == 1:
        return np.empty((n_rows, n_blocks, hidden_size), dtype).swapaxes(0, 1)
    return np.empty((n_blocks, n_rows, hidden_size), dtype)


def multiplying(
    W: Array,
    batch_size: int,
    n_steps: int,
    dtype: Any,
    scale: Array | None = None,
    parts: tuple[slice, ...] = (),
) -> Multiply:
    """Return a function from x (n, D) to x @ W of every gate, (G, n, F); its next call overwrites the result.

    Args:
        W: (G, D, F), or (D, F) of a single gate.
        batch_size: B, the largest n; for a single sequence, one product over all gates side by side is
            faster.
        n_steps: the number of calls.
        dtype: of the product.
        scale: (G, 1, 1), a factor of the product; the weight is multiplied once, before the loop.
        parts: slices of the gate axis; the result is returned in these parts.
    """
    if not rearranging_pays(W, batch_size, n_steps):

        def once(x: Array) -> Any:
            product = np.matmul(x, W)
            if scale is not None:
                product *= scale
            return in_parts(product, parts)

        return once
    if W.ndim == 3 and batch_size == 1:
        G, _, F = W.shape
        side_by_side = np.concatenate(list(W), axis=1)
        if scale is not None:
            side_by_side *= scale.repeat(F)
        row = np.empty((1, G * F), dtype)
        of_row = in_parts(row.reshape(G, 1, F), parts)

        def of_one(x: Array) -> Any:
            np.dot(x, side_by_side, row)  # faster than matmul for one row
            return of_row

        return of_one
    scaled = W if scale is None else W * scale
    room = np.empty((*W.shape[:-2], batch_size, W.shape[-1]), dtype)
    of_all = in_parts(room, parts)

    def multiplied(x: Array) -> Any:
        if len(x) == batch_size:
            np.matmul(x, scaled, room)
            return of_all
        return in_parts(np.matmul(x, scaled, room[..., : len(x), :]), parts)

    return multiplied


def rearranging_pays(W: Array, batch_size: int, n_steps: int) -> bool:
    """Return whether the products of so many steps gain more than a rearranged copy of W costs."""
    return n_steps >= FEW and (batch_size > 1 or n_steps * PAID_BYTES >= W.nbytes)


def in_parts(product: Array, parts: tuple[slice, ...]) -> Any:
    """Return a product as a whole, or in parts along the gate axis."""
    return tuple([product[part] for part in parts]) if parts else product


def transposing(W: Array, batch_size: int, n_steps: int, dtype: Any) -> Through:
    """Return a function from (d_a, d_x) to d_x = d_a @ W^T, summed over the gates: x @ W backwards.

    W^T is copied, because a product with a transposed view takes up to twice the time.
    """
    pays = rearranging_pays(W, batch_size, n_steps)
    W_T = np.ascontiguousarray(W.swapaxes(-1, -2)) if pays else W.swapaxes(-1, -2)
    if W.ndim == 2 or (batch_size == 1 and pays):
        W_T = W_T.reshape(-1, W.shape[-2])
        width = len(W_T)
        return lambda d_a, d_x: np.dot(d_a.reshape(len(d_x), width), W_T, d_x)
    each = np.empty((len(W_T), batch_size, W_T.shape[-1]), dtype)

    def through(d_a: Array, d_x: Array) -> Array:
        of_gates = np.matmul(d_a, W_T, each[:, : len(d_x)])
        return np.add.reduce(of_gates, axis=0, out=d_x)

    return through


def weight_gradient(x: Array, d_a: Array) -> Array:
    """Return the gradient of W in a = x @ W: from x (N, D) and d_a (G, N, F) or (N, F) to W's shape."""
    return x.T * d_a if len(x) == 1 else np.matmul(x.T, d_a)  # matmul is slow if there is nothing to sum


def products(
    names: tuple[str, ...], gates: tuple[str, ...], W_h: Array, scale: Array | None, tape: Tape, n_steps: int
) -> dict[str, Any]:
    """Return the values of the names `recurrent`, `through`, `half` and `one`."""
    B, dtype = tape.batch_size, tape.room.dtype
    found: dict[str, Any] = dict(constants_of(dtype))
    for name, is_through, index, parts in products_of(gates, names):
        if is_through:
            found[name] = transposing(W_h[index], B, n_steps, dtype)
        else:
            own = None if scale is None else scale[index]
            found[name] = multiplying(W_h[index], B, n_steps, dtype, own, parts)
    keep = tape.noise.keep_first
    return found if keep is None else multiplied(found, keep)
