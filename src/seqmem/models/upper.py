"""The layers of a decoder above the first: at every step, each reads the output of the layer below.

a_k = dropout(h_{k-1}) @ W_x + b + ...        inside the loop, because h_{k-1} is known only there
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from seqmem.cells import Cell
from seqmem.cells.names import names_of
from seqmem.cells.tape import Record, Run, Tape
from seqmem.module import Array, Grads


class UpperCache(NamedTuple):
    """The values that the forward pass of a layer passes to its backward pass."""

    tape: Tape
    xs: Array  # (T·B, H) the layer's input
    scale: Array | None  # (T, B, H) the factor of dropout; None if nothing was dropped


class UpperAt(NamedTuple):
    """The views that a step uses."""

    a: Array  # (G, B, H) pre-activations
    h_below: Array  # (B, H)
    scale: Array | None  # (B, H)
    arguments: Sequence[Any]  # of the cell's step


class UpperStepper:
    """Takes the steps of one layer.

    Args:
        cell: the cell of the layer.
        tape: the tape of the layer, with the initial state.
        below: the tape of the layer below.
        scale: as in `UpperCache`.
        n_steps: the maximum number of steps.
    """

    def __init__(self, cell: Cell[Any], tape: Tape, below: Tape, scale: Array | None, n_steps: int) -> None:
        dtype = tape.room.dtype
        self._tape, self._below, self._scale = tape, below, scale
        self._step, self._names = cell.step, names_of(cell.step)
        self._given = cell.given(self._names, tape, n_steps)
        self._way_in = cell.way_in(slice(None), tape.batch_size, n_steps, dtype)
        self._bias = np.empty(
            (cell.n_gates, 1, cell.hidden_size) if cell.gates else (1, cell.hidden_size), dtype
        )
        cell.project(np.empty((1, 0), dtype), self._bias, slice(0, 0))  # no columns of x: the bias alone

    def along(self, run: Run) -> Iterator[UpperAt]:
        """Yield the views of every step of a run."""
        own = self._tape.steps(("a",), run)
        below = self._below.steps(("h",), run)
        arguments = self._tape.steps(self._names, run, self._given)
        scales = [None] * run.n_steps if self._scale is None else self._scale
        for (a,), (h_below,), scale, values in zip(own, below, scales, arguments, strict=False):
            yield UpperAt(a, h_below, scale, values)

    def take(self, at: UpperAt) -> None:
        """Take a step."""
        a, h_below, scale, arguments = at
        np.add(self._way_in(h_below if scale is None else h_below * scale), self._bias, out=a)
        self._step(*arguments)

    def cache(self) -> UpperCache:
        """Return the values for the backward pass, after the last step."""
        hs = np.ascontiguousarray(self._below.array("h"))
        scale = self._scale
        return UpperCache(self._tape, hs if scale is None else hs * scale.reshape(hs.shape), scale)


class UpperBack:
    """Propagates the gradient back through the steps of one layer.

    Args:
        cell: the cell of the layer.
        cache: the cache of the forward pass.
        back: the tape of the layer with memory for gradients.
        d_parts: the gradient of the final state on entry, of the initial state on exit.
        d_hs: the upstream gradient of the outputs, (T·B, H).
        run: the run of all steps.
        record: the list for the gradients of the states, for `trace_gradients`.
    """

    def __init__(
        self,
        cell: Cell[Any],
        cache: UpperCache,
        back: Tape,
        d_parts: list[Array],
        d_hs: Array,
        run: Run,
        record: Record | None,
    ) -> None:
        T, B, H = run.n_steps, run.n, cell.input_size
        self._cell, self._cache, self._back = cell, cache, back
        self.d_parts, self._xs = d_parts, cache.xs.reshape(T, B, H)
        self.d_below = np.zeros((T * B, H), back.room.dtype)  # the upstream gradient of the layer below
        self._d_below = self.d_below.reshape(T, B, H)
        self._way_back: Callable[[Array, Array], Array] = cell.way_back(slice(None), B, T, back.room.dtype)
        self._d_as = back.steps((cell.input_gradient,), run, last_first=True)
        self._steps = cell.steps_back(back, [run], d_parts, d_hs, record)

    def step(self, t: int) -> None:
        """Propagate the gradient through step t, to the output of the layer below."""
        next(self._steps)
        (d_a,) = next(self._d_as)
        d_x = self._way_back(d_a, self._xs[t])
        scale = self._cache.scale
        self._d_below[t] = d_x if scale is None else d_x * scale[t]

    def grads(self) -> Grads:
        """Return the gradients of the cell's parameters, after the first step."""
        return self._cell.gradients(self._cache.xs, self._back, slice(0, 0))[1]

    def d_state(self) -> Any:
        """Return the gradient of the layer's initial state, after the first step."""
        return self._cell.of_parts(self.d_parts)


def after_upper(upper: Sequence[UpperBack], steps: Iterator[None], n_steps: int) -> Iterator[None]:
    """Backpropagate each step through the upper layers, the highest first, and then through the lowest."""
    for t in reversed(range(n_steps)):
        for layer in upper:
            layer.step(t)
        next(steps)
        yield
