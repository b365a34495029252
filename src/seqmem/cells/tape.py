"""The memory of a pass: what its steps leave behind, views of it by name, and weights laid out for its steps.

What decides its form is time: a third of a pass can go into coming by its memory (docs/performance.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import numpy as np

from seqmem.cells.names import Layout, constants_of, places_of, products_of, unknown_name
from seqmem.module import Array

State = Any  # the array h (B, H), or a named tuple of such arrays with h first: described once, by its type
S = TypeVar("S")  # a cell's own: Array, LSTMState, ...
Multiply = Callable[[Array], Any]  # x to x @ W
Through = Callable[[Array, Array], Array]  # (d_a, d_x) to d_x = d_a @ W^T
Record = list[tuple[Array, ...]]  # of each step, last step first, the gradients of the state's parts

NOTHING: Mapping[str, Any] = MappingProxyType({})
FEW = 4  # steps for which laying out a weight anew costs more than it gains


def keep_freed_memory() -> None:
    """Let the process keep the memory that a pass frees, for the next pass.

    glibc returns the top of its heap to the operating system as soon as it exceeds twice the largest block
    that was ever freed. A pass frees a dozen of one size, so the next would come by all their pages anew. To
    have freed a large block once, of which no page was touched, is all it takes (mallopt(3), the dynamic mmap
    threshold; more than 32 MiB does not count). Elsewhere, or with these bounds in the environment, it does
    nothing.
    """
    np.empty(31 << 20, np.uint8)


keep_freed_memory()


class Run(NamedTuple):
    """Consecutive steps in which the same sequences run."""

    rows: int  # the first step's first row; each step's rows follow those of the step before it
    n_steps: int
    n: int  # sequences: rows of a step
    before: int  # where the state before the first step stands among the states
    after: int  # where the state after the first step stands

    def cut(self, start: int, stop: int) -> Run:
        """Some of its steps."""
        before = self.after + (start - 1) * self.n if start else self.before
        return Run(self.rows + start * self.n, stop - start, self.n, before, self.after + start * self.n)


def fields_of(state_type: type[Any]) -> tuple[str, ...]:
    """Return the names of a state's arrays."""
    names: tuple[str, ...] = getattr(state_type, "_fields", ("h",))
    return names


def parts_of(state: State) -> Sequence[Any]:
    """Return a state's arrays."""
    return state if isinstance(state, tuple) else (state,)


def state_of(state_type: type[S], parts: Sequence[Any]) -> S:
    """Return the state of the given arrays."""
    return state_type(*parts) if hasattr(state_type, "_fields") else parts[0]


def as_parts(state_type: type[Any], state: Any, caller: str, name: str) -> list[tuple[str, Any]]:
    """Return a state's parts with a name each at the public border; None stands for a state of None.

    Raises:
        TypeError: for something that is not of the state's structure.
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


class Tape:
    """The values of the N rows of a pass, by name; what the steps leave behind for the backward pass.

    Attributes:
        room: (blocks, B + N, H) in one piece: the initial state's rows, then a row's gates and so on.
        before: where the state before each of the N rows stands among the B + N.
        other: what has other axes, by name, with the rows on axis -2.
        back: (blocks, N, H) likewise, in a backward pass.
    """

    def __init__(
        self, layout: Layout, room: Array, n_rows: int, before: Any, other: dict[str, Array], back: Any = None
    ) -> None:
        self.layout, self.room, self.before, self.other, self.back = layout, room, before, other, back
        self.batch_size = room.shape[1] - n_rows

    def states(self) -> list[Array]:
        """The parts of the state, (B + N, H) each: the initial one, then that after each row."""
        return list(self.room[self.layout.states.start :])

    def array(self, name: str) -> Array:
        """A value of all rows."""
        return self.rows((name,), slice(None))[0]

    def rows(self, names: tuple[str, ...], rows: slice, given: Mapping[str, Any] = NOTHING) -> list[Any]:
        """The named values of some rows at once."""
        forward, found = self.room[:, self.batch_size :], []
        for name, (room, block, before, _) in zip(names, places_of(self.layout, names), strict=True):
            if name in given:
                found.append(given[name])
            elif before:
                found.append(self.room[block][self.before][rows])
            elif room == "forward":
                found.append(forward[block, rows])
            elif room and self.back is not None:
                found.append(self.back[block, rows])
            elif name in self.other:
                found.append(self.other[name][..., rows, :])
            else:
                raise self._unknown(name, names, given)
        return found

    def steps(
        self,
        names: tuple[str, ...],
        run: Run,
        given: Mapping[str, Any] = NOTHING,
        last_first: bool = False,
    ) -> Iterator[tuple[Any, ...]]:
        """The named values at each step of a run, as views that are all made here, before the loop.

        Args:
            names: of the values.
            run: the steps.
            given: values that are the same at every step.
            last_first: go through the steps from the last to the first.
        """
        if len(names) <= len(given) and all(name in given for name in names):  # none to write to, and no end
            raise TypeError(f"the arguments ({', '.join(names)}) name no value of a step")
        if run.n_steps == 1:  # a step alone, or lengths that all differ: no column to make
            return iter([self._step(names, run, given)])
        order = slice(None, None, -1 if last_first else None)
        forward = by_step(self.room[:, self.batch_size :], run)
        back: Any = None if self.back is None else by_step(self.back, run)
        columns: list[Any] = []
        places = places_of(self.layout, names)
        states: dict[int, list[Array]] = {}  # a state is new at one step and the one before at the next
        for name, (room, block, before, of_state) in zip(names, places, strict=True):
            if name in given:
                columns.append(repeat(given[name]))
            elif of_state:
                if block not in states:
                    states[block] = [self.room[block, run.before : run.before + run.n], *forward[:, block]]
                columns.append((states[block][:-1] if before else states[block][1:])[order])
            elif room == "forward":
                columns.append(forward[order, block])
            elif room and back is not None:
                columns.append(back[order, block])
            elif name in self.other:
                columns.append(by_step(self.other[name], run)[order])
            else:
                raise self._unknown(name, names, given)
        return zip(*columns, strict=False)  # constants have no end

    def _step(self, names: tuple[str, ...], run: Run, given: Mapping[str, Any]) -> tuple[Any, ...]:
        """The named values of a run of one step."""
        _, _, n, before, _ = run
        rows = slice(run.rows, run.rows + n)
        forward = slice(rows.start + self.batch_size, rows.stop + self.batch_size)
        found: list[Any] = []
        for name, (room, block, is_before, _) in zip(names, places_of(self.layout, names), strict=True):
            if name in given:
                found.append(given[name])
            elif is_before:
                found.append(self.room[block, before : before + n])
            elif room == "forward":
                found.append(self.room[block, forward])
            elif room and self.back is not None:
                found.append(self.back[block, rows])
            elif name in self.other:
                found.append(self.other[name][..., rows, :])
            else:
                raise self._unknown(name, names, given)
        return tuple(found)

    def _unknown(self, name: str, names: tuple[str, ...], given: Iterable[str]) -> TypeError:
        backward = self.back is not None
        product = "through" if backward else "recurrent"
        return unknown_name(name, names, self.layout, backward, [*self.other, *given, product])


def by_step(array: Array, run: Run) -> Array:
    """(N, F) or (G, N, F) to the run's steps, (steps, n, F) or (steps, G, n, F)."""
    *leading, _, F = array.shape
    part = array[..., run.rows : run.rows + run.n_steps * run.n, :].reshape(*leading, run.n_steps, run.n, F)
    return part.swapaxes(0, 1) if leading else part


def empty_blocks(n_blocks: int, n_rows: int, hidden_size: int, dtype: Any, batch_size: int) -> Array:
    """(n_blocks, n_rows, H) in one piece, uninitialised.

    Each block is contiguous, as products over all rows want it. With one sequence alone the blocks of a row
    lie side by side instead: all that a step touches is then one piece.
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
) -> Callable[[int], Multiply]:
    """For steps of n rows, x (n, D) to x @ W of every gate, (G, n, F); the next call overwrites it.

    Args:
        W: (G, D, F), or (D, F) of a single gate.
        batch_size: B; one sequence alone is a matrix-vector product, quicker over all gates side by side.
        n_steps: how often it will be used.
        dtype: of the product.
        scale: (G, 1, 1), which the product is multiplied by: the weight once, before the loop.
        parts: of the gate axis, when the result is wanted in parts.
    """
    joined = W.ndim == 3 and batch_size == 1 and n_steps >= FEW
    if joined:
        G, _, F = W.shape
        W = np.concatenate(list(W), axis=1)
        if scale is not None:
            W *= scale.repeat(F)
    elif scale is not None and n_steps >= FEW:
        W, scale = W * scale, None

    def of_rows(n: int) -> Multiply:
        if joined:
            row = np.empty((1, G * F), dtype)
            product, into = row.reshape(G, 1, F), row
            multiply: Callable[..., Any] = np.dot  # quicker than matmul for one row
        else:
            product = into = np.empty((*W.shape[:-2], n, W.shape[-1]), dtype)
            multiply = np.matmul
        result = tuple(product[part] for part in parts) if parts else product

        def multiplied(x: Array) -> Any:
            multiply(x, W, into)
            if scale is not None and not joined:
                np.multiply(product, scale, product)
            return result

        return multiplied

    return of_rows


def transposing(W: Array, batch_size: int, n_steps: int, dtype: Any) -> Callable[[int], Through]:
    """For steps of n rows, (d_a, d_x) to d_x = d_a @ W^T, summed over the gates: the way back through x @ W.

    W^T is laid out anew: a product with a transposed view takes up to twice the time.
    """
    W_T = W.swapaxes(-1, -2) if n_steps < FEW else np.ascontiguousarray(W.swapaxes(-1, -2))
    if W.ndim == 3 and batch_size == 1:
        W_T = W_T.reshape(-1, W.shape[1])

    def of_rows(n: int) -> Through:
        if W_T.ndim == 3:
            each = np.empty((len(W_T), n, W_T.shape[-1]), dtype)

            def summed(d_a: Array, d_x: Array) -> Array:
                np.matmul(d_a, W_T, each)
                return np.add.reduce(each, axis=0, out=d_x)

            return summed
        shape = (n, len(W_T))
        return lambda d_a, d_x: np.dot(d_a.reshape(shape), W_T, d_x)

    return of_rows


def weight_gradient(x: Array, d_a: Array) -> Array:
    """The gradient of W in a = x @ W, summed over all rows: (N, D) and (G, N, F) or (N, F) to W's shape."""
    return x.T * d_a if len(x) == 1 else np.matmul(x.T, d_a)  # matmul is slow where it has nothing to sum


def products(
    names: tuple[str, ...], gates: tuple[str, ...], W_h: Array, scale: Array | None, tape: Tape, n_steps: int
) -> Callable[[int], dict[str, Any]]:
    """What stands behind `recurrent`, `through`, `half` and `one` in steps of n rows."""
    B, dtype = tape.batch_size, tape.room.dtype
    constants = constants_of(dtype)
    makers: dict[str, Callable[[int], Any]] = {}
    for name, is_through, index, parts in products_of(gates, names):
        if is_through:
            makers[name] = transposing(W_h[index], B, n_steps, dtype)
        else:
            own = None if scale is None else scale[index]
            makers[name] = multiplying(W_h[index], B, n_steps, dtype, own, parts)
    return lambda n: constants | {name: make(n) for name, make in makers.items()}
