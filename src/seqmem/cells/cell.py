"""The base class of the recurrent cells; a single step is a pass over time with T = 1.

    features           the factor of W_x: x itself, or a function of each feature
    step               the recurrent product, the gates, the new state
    local_derivatives  the part of a step's derivative that needs no upstream gradient, many steps at once
    step_backward      the upstream gradient through one step
    collect            the gradients of the recurrent weights, all rows in one product, after the loop

A row is one sequence at one step; N rows are all steps of all sequences, step after step. The names of a
method's arguments say which values the method uses (cells/names.py lists them); methods write in place.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Generic, NamedTuple

import numpy as np
import numpy.typing as npt

from seqmem.cells.names import Axes, constants_of, halves, layout_of, names_of
from seqmem.cells.noise import QUIET, Noise, sought, zoned_back, zoned_step
from seqmem.cells.tape import (
    Record,
    Run,
    S,
    Tape,
    as_parts,
    empty_blocks,
    fields_of,
    is_state,
    multiplying,
    parts_of,
    products,
    state_of,
    transposing,
    weight_gradient,
)
from seqmem.cells.underflow import STEPS_BETWEEN, flush, smallest_kept
from seqmem.initializers import INITIALIZERS, Rng, as_generator
from seqmem.module import Array, Grads, Module
from seqmem.validation import (
    WrongTypeError,
    as_cache,
    as_choice,
    as_count,
    as_floats,
    as_param_dtype,
    as_size,
    as_upstream,
    working_dtype,
)

# Bytes of local derivatives to compute at once: few NumPy calls per step, and still in the L2 cache.
BLOCK_BYTES = 1 << 19
CACHED_BYTES = 1 << 19  # of the parts of a sum that are computed in one call: more would leave the cache


class GateWeights(NamedTuple):
    """One gate's parameters, as writable views."""

    W_x: Array  # (D, H)
    W_h: Array  # (H, H)
    b: Array  # (H,)


class StepCache(NamedTuple):
    """The values that `forward` passes to `backward`."""

    x: Array  # (B, D)
    tape: Tape


class Cell(Module, ABC, Generic[S]):
    """A recurrent cell: one step, its derivative, and its parameters with the gate axis leading.

    A subclass declares its gates and values, and implements `step`, `local_derivatives` and `step_backward`.
    It overrides `collect` if parameters other than W_x, W_h and b have gradients; docs/extending.md builds a
    cell.
    """

    gates: ClassVar[tuple[str, ...]] = ()  # one letter each, the order of the gate axis
    sigmoids: ClassVar[int] = 0  # the number of leading gates with halved weights: σ(a) = ½ tanh(a/2) + ½
    state_type: ClassVar[type[Any]] = np.ndarray  # the array h, or a named tuple with h first
    # The values that a step keeps in addition to gates and state, and those that local_derivatives writes in
    # addition to d_a, with their axes: "BH", "GBH", "B1" and the like.
    kept: Mapping[str, str] = MappingProxyType({})
    local: Mapping[str, str] = MappingProxyType({})
    # The arguments of `collect` that W_h multiplies; recurrent dropout replaces them by their kept part.
    recurrent_inputs: ClassVar[tuple[str, ...]] = ("h_prev",)
    # The name of dLoss/d(features @ W_x): a different name if a step transforms that product.
    input_gradient: ClassVar[str] = "d_a"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        rng: Rng,
        dtype: npt.DTypeLike,
        *,
        input_init: str = "glorot",
        recurrent_init: str = "orthogonal",
    ) -> None:
        name = type(self).__name__
        if len(set(self.gates)) < len(self.gates) or any(len(gate) != 1 for gate in self.gates):
            raise TypeError(f"{name}: gates is {self.gates}, expected one letter for each gate")
        self.input_size = as_size(input_size, name, "input_size")
        self.hidden_size = as_size(hidden_size, name, "hidden_size")
        D, H = self.input_size, self.hidden_size
        dtype = as_param_dtype(dtype, name)
        rng = as_generator(rng)
        gate_axis = (len(self.gates),) if self.gates else ()
        self.input_init = as_choice(input_init, INITIALIZERS, name, "input_init")
        self.recurrent_init = as_choice(recurrent_init, INITIALIZERS, name, "recurrent_init")
        self.W_x: Array = INITIALIZERS[input_init](rng, (*gate_axis, D, H), dtype)
        self.W_h: Array = INITIALIZERS[recurrent_init](rng, (*gate_axis, H, H), dtype)
        self.b: Array = np.zeros((*gate_axis, H), dtype)

    def gate(self, name: str) -> GateWeights:
        """Return a gate's weights and bias as writable views.

        Raises:
            ValueError: if the name is not in `gates`.
        """
        if not isinstance(name, str) or name not in self.gates:
            raise (ValueError if isinstance(name, str) else WrongTypeError)(
                f"{type(self).__name__}.gate: {name!r} is not one of {self.gates}"
            )
        k = self.gates.index(name)
        return GateWeights(self.W_x[k], self.W_h[k], self.b[k])

    def zero_state(self, batch_size: int) -> S:
        """Return the initial state of B sequences: zeros."""
        shape = (as_count(batch_size, f"{type(self).__name__}.zero_state", "batch_size"), self.hidden_size)
        return self.of_parts([np.zeros(shape, self.W_h.dtype) for _ in fields_of(self.state_type)])

    def output(self, state: S) -> Array:
        """Return the part of the state that is the cell's output: h (B, H)."""
        parts = parts_of(state)
        if len(parts) != len(fields_of(self.state_type)):
            raise TypeError(
                f"{type(self).__name__}.output: state has {len(parts)} parts, expected {self.state_type}"
            )
        return parts[0]

    def of_output(self, d_h: Array) -> S:
        """Return the upstream gradient of a state if only the output has a gradient."""
        return self.of_parts([d_h, *[None] * (len(fields_of(self.state_type)) - 1)])

    @abstractmethod
    def step(self, *values: Any, **named: Any) -> None:
        """Take a step: compute gates and new state from the input's part of the pre-activations."""

    @abstractmethod
    def local_derivatives(self, *values: Any, **named: Any) -> None:
        """Write, for many rows at once, the part of a step's derivative that needs no upstream gradient."""

    @abstractmethod
    def step_backward(self, *values: Any, **named: Any) -> None:
        """Turn local derivatives into dLoss/da, and the gradient of the new state into that of the old."""

    def of_parts(self, parts: Sequence[Any]) -> S:
        """Return the state that consists of the given arrays."""
        state: S = state_of(self.state_type, parts)
        return state

    def features(self, x: Array) -> Array:
        """Return the factor of W_x, (N, D): each feature is a function of the same feature of x."""
        return x

    def features_backward(self, d_features: Array, x: Array) -> Array:
        """Return the gradient of x from the gradient of `features(x)`."""
        return d_features

    @property
    def input_bias(self) -> Array | None:
        """The bias added to the features' product before the loop; None if `step` adds the bias."""
        return self.b

    def collect(self, h_prev: Array, d_a: Array) -> Grads:
        """Return the gradients, summed over all rows, of all parameters except W_x and the input bias."""
        return {"W_h": weight_gradient(h_prev, d_a)}

    def total_gradient(self, d_h: Array) -> tuple[Array, ...]:
        """Return dLoss/d(state after the step) over all paths, from the arguments of `step_backward`.

        Only `trace_gradients` calls it. A state with several parts has paths between the parts.
        """
        if len(fields_of(self.state_type)) > 1:
            raise NotImplementedError(
                f"{type(self).__name__}.total_gradient: expected a method that returns the gradients of "
                f"{self.state_type.__name__}({', '.join(fields_of(self.state_type))})"
            )
        return (d_h,)

    def forward(self, x: Array, state: S | None = None) -> tuple[S, StepCache]:
        """Take one step.

        Args:
            x: the input, (B, D).
            state: the state before the step; None means zeros.

        Returns:
            (state, cache): the state after the step, and the cache for `backward`. The cache refers to x: do
            not write to x before the backward pass.

        Raises:
            ValueError, TypeError: for a wrong shape or dtype.
        """
        x, initial = self.as_inputs(x, state, ("B",), f"{type(self).__name__}.forward", "x")
        B = len(x)
        with np.errstate(under="ignore"):  # a product that underflows is 0, its exact limit
            tape = self.tape(initial, B)
            self.project(x, tape.array("a"))
            self.run(tape, [Run(0, 1, B, 0)])
        return self.of_parts([part[B:].copy() for part in tape.states()]), StepCache(x, tape)

    def backward(self, d_state: S | None, cache: StepCache) -> tuple[tuple[Array, S], Grads]:
        """Backpropagate through one step.

        Args:
            d_state: dLoss/d(state after the step), in the state's structure; None means zeros.
            cache: the cache that `forward` returned.

        Returns:
            ((d_x, d_prev), grads): for x (B, D), for the state before the step, and for each parameter.
        """
        x, tape = as_cache(cache, StepCache, f"{type(self).__name__}.backward")
        B = len(x)
        d_parts = self.as_upstream_parts(d_state, tape, f"{type(self).__name__}.backward", "d_state")
        with np.errstate(under="ignore"):
            back = self.back_tape(tape)
            d_h, d_parts[0] = d_parts[0], np.zeros_like(d_parts[0])
            for _ in self.steps_back(back, [Run(0, 1, B, 0)], d_parts, d_h):
                pass
            d_x, grads = self.gradients(x, back)
        return (d_x, self.of_parts(d_parts)), self.summed(grads)

    # The methods that run a cell over time, for `forward` and `backward` above, `Recurrent` and `Decoder`.

    @property
    def n_gates(self) -> int:
        """The number of blocks of pre-activations; 1 for a cell without gates."""
        return max(1, len(self.gates))

    def tape(
        self,
        initial: Sequence[Array],
        n_rows: int,
        before: Array | None = None,
        traced: bool = False,
        noise: Noise = QUIET,
    ) -> Tape:
        """Allocate the tape for n_rows rows, preceded by the initial state.

        Args:
            initial: the initial state's parts, (B, H) each.
            n_rows: N.
            before: (N,) the index, among the states, of the state before each row; None if it is B rows
                above.
            traced: keep the pre-activations, which the gates otherwise overwrite.
            noise: the recurrent dropout and zoneout between the steps.
        """
        B, dtype = len(initial[0]), initial[0].dtype
        kept, local = tuple(self.kept.items()), tuple(self.local.items())
        layout = layout_of(self.gates, kept, fields_of(self.state_type), local, traced)
        room = empty_blocks(layout.n_forward, B + n_rows, self.hidden_size, dtype, B)
        for state, part in zip(room[layout.first_state :], initial, strict=True):
            state[:B] = part
        other = self._other(layout.other_kept, n_rows, dtype)
        for field, zone in noise.zones.items():
            other[f"{field} new"] = np.empty((n_rows, self.hidden_size), dtype)
            if zone.ndim:
                other[f"{field} zone"] = zone
        return Tape(layout, room, n_rows, before, other, noise=noise)

    def back_tape(self, tape: Tape) -> Tape:
        """Return a tape with additional memory for the gradients of a backward pass."""
        layout, room, n_rows = tape.layout, tape.room, tape.n_rows
        back = empty_blocks(layout.n_backward, n_rows, self.hidden_size, room.dtype, tape.batch_size)
        other = tape.other | self._other(layout.other_local, n_rows, room.dtype)
        return Tape(layout, room, n_rows, tape.before, other, back, tape.noise)

    def _other(self, own: Axes, n_rows: int, dtype: Any) -> dict[str, Array]:
        """Allocate the arrays whose axes are not (B, H)."""
        if not own:
            return {}
        sizes = {"G": self.n_gates, "B": n_rows, "H": self.hidden_size, "1": 1}
        return {name: np.empty([sizes[axis] for axis in axes], dtype) for name, axes in own}

    def project(self, x: Array, a: Array, columns: slice = slice(None)) -> None:
        """Write the part of the pre-activations that does not depend on the recurrence.

        Args:
            x: (N, d) some of the input's columns.
            a: the result, (G, N, H), or (N, H) without gates.
            columns: the position of those columns in the input.
        """
        W, b, x = self.W_x[..., columns, :], self.input_bias, self.features(x)
        scale = self._scale(a.dtype)
        if scale is None or len(x) < W.shape[-2]:  # few rows: halve the product, not the weights
            np.matmul(x, W, out=a)
            if b is not None:
                a += b[..., None, :]
            if scale is not None:
                a *= scale
        else:
            np.matmul(x, W * scale, out=a)
            if b is not None:
                a += b[..., None, :] * scale

    def gradients(self, x: Array, back: Tape, columns: slice = slice(None)) -> tuple[Array, Grads]:
        """Return the gradients of x (N, D), or of some of its columns, and of every parameter."""
        W, features = self.W_x.reshape(self.n_gates, -1, self.hidden_size), self.features(x)
        d_a = back.array(self.input_gradient).reshape(self.n_gates, len(x), self.hidden_size)
        names, noise, rows = names_of(self.collect), back.noise, slice(0, back.n_rows)
        kept: dict[str, Any] = {}
        if noise.keep is not None:
            wanted = tuple(name for name in names if name in self.recurrent_inputs)
            kept = {name: x * noise.keep for name, x in zip(wanted, back.rows(wanted, rows), strict=True)}
        grads = self.collect(*back.rows(sought(names, noise.zones), rows, given=kept))
        grads["W_x"] = weight_gradient(features, d_a).reshape(self.W_x.shape)
        if self.input_bias is not None:
            grads["b"] = d_a.sum(axis=1).reshape(self.b.shape)
        W_T = W[:, columns].swapaxes(1, 2)
        if self.n_gates * features[:, columns].nbytes <= CACHED_BYTES:
            d_features = np.add.reduce(np.matmul(d_a, W_T), axis=0)
        else:  # gate by gate, so that no array is larger than the result
            d_features = d_a[0] @ W_T[0]
            for d_gate, W_gate in zip(d_a[1:], W_T[1:], strict=True):
                d_features += d_gate @ W_gate
        in_order = {name: grads[name] for name in vars(self) if name in grads}
        return self.features_backward(d_features, x[:, columns]), in_order | grads

    def run(self, tape: Tape, runs: Sequence[Run]) -> None:
        """Take all steps, from the first to the last."""
        step, names = self.step, names_of(self.step)
        given = self.given(names, tape, sum([run.n_steps for run in runs]))
        if tape.noise.zones:
            step, names = zoned_step(step, names, tape.noise.zones)
        for run in runs:
            for arguments in tape.steps(names, run, given):
                step(*arguments)

    def steps_back(
        self,
        back: Tape,
        runs: Sequence[Run],
        d_parts: Sequence[Array],
        d_hs: Array,
        record: Record | None = None,
    ) -> Iterator[None]:
        """Propagate the gradient back through all steps, from the last to the first; yield after each.

        Args:
            back: the tape that `back_tape` returned.
            runs: the runs of the forward pass.
            d_parts: the final state's upstream gradient on entry, the initial state's on exit, (B, H) each.
            d_hs: the outputs' upstream gradient, (N, H).
            record: the list to which each step's `total_gradient` is appended, last step first.
        """
        step_backward, names = self.step_backward, names_of(self.step_backward)
        zones, constants = back.noise.zones, constants_of(back.room.dtype)
        local_names = sought(names_of(self.local_derivatives), zones)
        smallest, taken = smallest_kept(back.room.dtype), 0
        d_names = [f"d_{name}" for name in back.layout.fields]
        if record is not None:
            step_backward = self._recording(names, record)
        given = self.given(names, back, sum([run.n_steps for run in runs]))
        if zones:
            step_backward, names = zoned_back(step_backward, names, zones)
        for block in self._blocks(runs, back):
            rows = slice(block[-1].rows, block[0].stop)
            self.local_derivatives(*back.rows(local_names, rows, given=constants))
            for run in block:
                running = [d_part[: run.n] for d_part in d_parts]
                d_h = running[0]
                d_outs = d_hs[run.rows : run.stop].reshape(run.n_steps, run.n, d_h.shape[1])[::-1]
                given.update(zip(d_names, running, strict=True))
                steps = back.steps(names, run, given, last_first=True)
                for arguments, d_out in zip(steps, d_outs, strict=True):
                    d_h += d_out
                    step_backward(*arguments)
                    taken += 1
                    if taken % STEPS_BETWEEN == 0:
                        flush(running, smallest)
                    yield

    def way_in(self, columns: slice, batch_size: int, n_steps: int, dtype: Any) -> Callable[[Array], Array]:
        """Return a function that projects some of x's columns to a step's pre-activations inside the loop.

        The function's result is overwritten by its next call.
        """
        scale = self._scale(dtype)
        multiply = multiplying(self.W_x[..., columns, :], batch_size, n_steps, dtype, scale)
        return lambda x: multiply(self.features(x))

    def way_back(
        self, columns: slice, batch_size: int, n_steps: int, dtype: Any
    ) -> Callable[[Array, Array], Array]:
        """Return the backward function of `way_in`: (d_a, x) to d_x, a new array."""
        through = transposing(self.W_x[..., columns, :], batch_size, n_steps, dtype)
        return lambda d_a, x: self.features_backward(through(d_a, np.empty(x.shape, dtype)), x)

    def _scale(self, dtype: Any) -> Array | None:
        """Return the factor of the pre-activations in a pass, (G, 1, 1); None if it is 1."""
        return halves(self.n_gates, self.sigmoids, dtype) if self.sigmoids else None

    def true_pre_activations(self, tape: Tape) -> Array:
        """Return a traced pass's pre-activations (G, N, H), with those that were halved restored."""
        a, scale = tape.array("a"), self._scale(tape.room.dtype)
        a = a if self.gates else a[None]
        return a if scale is None else a / scale

    def given(self, names: tuple[str, ...], tape: Tape, n_steps: int) -> dict[str, Any]:
        """Return those of the named values that are products or constants."""
        found = products(names, self.gates, self.W_h, self._scale(tape.room.dtype), tape, n_steps)
        rates = {f"{field} zone": zone for field, zone in tape.noise.zones.items() if not zone.ndim}
        return found | rates if rates else found

    def _blocks(self, runs: Sequence[Run], back: Tape) -> Iterator[list[Run]]:
        """Yield the runs, last first, in groups whose local derivatives fit the cache; split long runs."""
        most = max(1, BLOCK_BYTES // (len(back.back) * self.hidden_size * back.back.itemsize))  # rows
        block: list[Run] = []
        left = most
        for run in reversed(runs):
            size = max(1, most // max(1, run.n))  # steps
            for stop in range(run.n_steps, 0, -size):
                piece = run.cut(max(0, stop - size), stop)
                left -= piece.stop - piece.rows
                if left < 0 and block:
                    yield block
                    block, left = [], most - (piece.stop - piece.rows)
                block.append(piece)
        if block:
            yield block

    def _recording(self, names: tuple[str, ...], record: Record) -> Callable[..., None]:
        wanted = names_of(self.total_gradient)

        def step_backward(*arguments: Any) -> None:
            values = dict(zip(names, arguments, strict=True))
            record.append(tuple(np.array(part) for part in self.total_gradient(*[values[n] for n in wanted])))
            self.step_backward(*arguments)

        return step_backward

    def as_inputs(
        self, x: Any, state: Any, leading: tuple[str, ...], caller: str, name: str
    ) -> tuple[Array, list[Array]]:
        """Check x (..., B, D) and a state from a caller; return x and parts in the working dtype."""
        dtype = working_dtype(self.W_h.dtype, x, *(() if state is None else parts_of(state)))
        x = as_floats(x, dtype, (*leading, (self.input_size, "input_size")), caller, name)
        if state is None:
            shape = (x.shape[-2], self.hidden_size)
            return x, [np.zeros(shape, x.dtype) for _ in fields_of(self.state_type)]
        return x, self.as_state_parts(state, x.dtype, x.shape[-2], caller)

    def as_state_parts(
        self, state: Any, dtype: np.dtype[Any], batch_size: int, caller: str, name: str = "state"
    ) -> list[Array]:
        """Check a state from a caller; return its parts in the working dtype."""
        if is_state(state, self.state_type, (batch_size, self.hidden_size), dtype):
            return list(parts_of(state))  # the usual case: the code below would change nothing
        axes = ((batch_size, "the batch size"), (self.hidden_size, "hidden_size"))
        named = as_parts(self.state_type, state, caller, name)
        return [as_floats(part, dtype, axes, caller, own) for own, part in named]

    def as_upstream_parts(self, d_state: Any, tape: Tape, caller: str, name: str) -> list[Array]:
        """Return a state's upstream gradient in new arrays, because the backward pass writes to them."""
        shape, dtype = (tape.batch_size, self.hidden_size), tape.room.dtype
        named = as_parts(self.state_type, d_state, caller, name)
        return [np.array(as_upstream(part, shape, dtype, caller, own)) for own, part in named]
