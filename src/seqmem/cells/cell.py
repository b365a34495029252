"""What the recurrent cells share: the cut at the input's pre-activation; the single step is the case T = 1.

    project            x @ W_x + b for all rows in one product, before the recurrence
    step               the recurrent product, the gates, the new state
    local_derivatives  what a step's derivative is made of before any upstream gradient, many steps at once
    step_backward      the upstream gradient through one step
    collect            the weights' gradients for all rows in one product each, after the recurrence

A row is one sequence at one step; N rows are all steps of all sequences, step after step. A layer that runs
a cell over time (`Recurrent`, `Decoder`) calls these five; `forward` and `backward` call them once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from seqmem.cells.products import side_by_side, stacked, through, transposed
from seqmem.cells.tape import State, Tape, empty_blocks
from seqmem.initializers import Rng, as_generator, glorot_uniform, orthogonal
from seqmem.module import Array, Grads, Module, tree_leaves, tree_map
from seqmem.validation import as_floats, as_param_dtype, as_size, as_upstream, working_dtype


class GateWeights(NamedTuple):
    """One gate's parameters, as writable views."""

    W_x: Array  # (D, H)
    W_h: Array  # (H, H)
    b: Array  # (H,)


class StepCache(NamedTuple):
    """What `forward` hands to `backward`."""

    x: Array  # (B, D)
    tape: Tape


class Cell(Module, ABC):
    """A recurrent cell: one step, its derivative, and its parameters with the gate axis leading."""

    gates: ClassVar[tuple[str, ...]]  # the order of the gate axis
    kept: tuple[str, ...]  # names of the K blocks of Tape.kept once a step is done
    n_local: int  # blocks that local_derivatives writes; step_backward turns the first G into dLoss/da

    def __init__(self, input_size: int, hidden_size: int, rng: Rng, dtype: npt.DTypeLike) -> None:
        name = type(self).__name__
        self.input_size = as_size(input_size, name, "input_size")
        self.hidden_size = as_size(hidden_size, name, "hidden_size")
        D, H = self.input_size, self.hidden_size
        dtype = as_param_dtype(dtype, name)
        rng = as_generator(rng)
        gate_axis = (len(self.gates),) if self.gates else ()
        self.W_x: Array = glorot_uniform(rng, (*gate_axis, D, H), dtype)
        self.W_h: Array = orthogonal(rng, (*gate_axis, H, H), dtype)
        self.b: Array = np.zeros((*gate_axis, H), dtype)

    def gate(self, name: str) -> GateWeights:
        """A gate's weights and bias as writable views.

        Raises:
            ValueError: for a name that is not in `gates`.
        """
        if not isinstance(name, str) or name not in self.gates:
            raise ValueError(f"{type(self).__name__}.gate: {name!r} is not one of {self.gates}")
        k = self.gates.index(name)
        return GateWeights(self.W_x[k], self.W_h[k], self.b[k])

    def zero_state(self, batch_size: int) -> State:
        """The state of B sequences that have seen nothing."""
        return np.zeros((batch_size, self.hidden_size), self.dtype)

    def output(self, state: State) -> Array:
        """What the cell shows of its state: h (B, H)."""
        return state

    def as_parts(self, parts: Array) -> State:
        """A state of its parts, (1, B, H) or, for an LSTM, (2, B, H)."""
        return parts[0]

    def rows(self, states: State, index: Any) -> State:
        """Some rows of a state, as views when the index is a slice."""
        return states[index]

    def forward(self, x: Array, state: State = None) -> tuple[State, StepCache]:
        """One step: x (B, D) and the state before it to the state after it.

        Args:
            x: the input, (B, D).
            state: the state before the step; zeros when None.

        Returns:
            (state, cache): the state after the step, and what `backward` needs. The cache refers to x itself:
            do not write to x before the backward pass.

        Raises:
            ValueError, TypeError: for a wrong shape or dtype.
        """
        x, state = self.as_inputs(x, state, ("B",), f"{type(self).__name__}.forward", "x")
        B = len(x)
        with np.errstate(under="ignore"):  # a product that underflows is 0, its exact limit
            tape = self.tape(state, B)
            self.project(x, tape.kept)
            prev, new = (self.rows(tape.states, rows) for rows in (slice(0, B), slice(B, None)))
            self.step(prev, tape.kept, new, self.W_h)
        return tree_map(np.copy, self.rows(tape.states, slice(B, None))), StepCache(x, tape)

    def backward(self, d_state: State, cache: StepCache) -> tuple[tuple[Array, State], Grads]:
        """The gradients of one step from that of its result.

        Args:
            d_state: dLoss/d(state after the step), in the state's structure; None stands for zeros.
            cache: what `forward` returned.

        Returns:
            ((d_x, d_prev), grads): for x (B, D), for the state before the step, and for each parameter.
        """
        x, tape = cache
        B = len(x)
        prev = self.rows(tape.states, slice(0, B))
        d_state = self.as_upstream_state(d_state, prev, f"{type(self).__name__}.backward", "d_state")
        with np.errstate(under="ignore"):
            d_a = self.empty_d_a(tape, B)
            self.local_derivatives(tape.kept, prev, d_a)
            self.step_backward(d_state, tape.kept, d_a, transposed(self.W_h))
            grads = self.collect(x, prev, tape.kept, d_a)
            return (through(d_a[: self.n_gates], transposed(self.W_x)), d_state), grads

    @property
    def n_gates(self) -> int:
        """Blocks of pre-activations, 1 for a cell without gates."""
        return max(1, len(self.gates))

    def tape(self, state: State, n_rows: int, traced: bool = False) -> Tape:
        """Room for what n_rows rows leave behind, the states behind the initial state.

        Traced, it has G blocks more: the pre-activations are not overwritten by the gates then.
        """
        K, B = len(self.kept) + traced * self.n_gates, len(self.output(state))
        initial = np.array(state, ndmin=3)  # (1, B, H), or (2, B, H) of an LSTM
        dtype = np.result_type(initial, self.W_x)
        room = empty_blocks(K + len(initial), B + n_rows, self.hidden_size, dtype, B)
        room[K:, :B] = initial
        return Tape(room[:K, B:], self.as_parts(room[K:]))

    def empty_d_a(self, tape: Tape, batch_size: int) -> Array:
        """Room for the local derivatives of a tape's rows, and then dLoss/da: (n_local, N, H)."""
        n_rows, H = tape.kept.shape[1:]
        return empty_blocks(self.n_local, n_rows, H, tape.kept.dtype, batch_size)

    def project(self, xs: Array, kept: Array, columns: slice = slice(None)) -> None:
        """The part of the pre-activations that does not wait for the recurrence: xs @ W_x + b.

        Args:
            xs: (N, d) rows, in the working dtype.
            kept: (K, N, H), whose blocks of pre-activations are filled.
            columns: which of the D input features xs holds.
        """
        a = self.pre_activations(kept)
        np.matmul(xs, stacked(self.W_x)[:, columns], out=a)
        a += self.b.reshape(-1, 1, self.hidden_size)

    def pre_activations(self, kept: Array) -> Array:
        """(G, N, H): the blocks that the gates overwrite, or blocks of their own where the tape is traced."""
        K = len(self.kept)
        return kept[K:] if len(kept) > K else kept[: self.n_gates]

    def total_gradient(self, d_state: State, d_a: Array) -> State:
        """dLoss/d(state after the step) by every path, from what `step_backward` is about to be given."""
        return d_state

    def joins_gates(self, batch_size: int) -> bool:
        """Whether `step` and `step_backward` take the gates' recurrent weights as one matrix.

        One sequence alone is a matrix-vector product, quicker over all gates than gate by gate.
        """
        return False

    def step_weights(self, batch_size: int) -> Array:
        """W_h as `step` multiplies by it: made once for all steps of a pass."""
        return side_by_side(self.W_h) if self.joins_gates(batch_size) else self.W_h

    def step_backward_weights(self, batch_size: int) -> Array:
        """W_h as `step_backward` multiplies by it: made once for all steps of a pass."""
        W_h_T = transposed(self.W_h)
        return W_h_T.reshape(-1, self.hidden_size) if self.joins_gates(batch_size) else W_h_T

    @abstractmethod
    def step(self, prev: State, kept: Array, new: State, W_h: Array) -> None:
        """Turn x's part of the pre-activations into gates, in place, and write the new state.

        Args:
            prev: the state before the step, (B, H) each.
            kept: (K, B, H).
            new: where the state after the step goes.
            W_h: the recurrent weights, or what `step_weights` made of them for this batch size.
        """

    @abstractmethod
    def local_derivatives(self, kept: Array, prev: State, local: Array) -> None:
        """Write the derivatives of what a step computes by its pre-activations, for n rows at once.

        Args:
            kept: (K, n, H).
            prev: the state before each row's step, (n, H) each.
            local: where they go, (n_local, n, H).
        """

    @abstractmethod
    def step_backward(self, d_state: State, kept: Array, d_a: Array, W_h_T: Array) -> None:
        """Take a step's upstream gradient through it, in place.

        Args:
            d_state: dLoss/d(state after the step) on entry, dLoss/d(state before it) on exit.
            kept: (K, B, H).
            d_a: the local derivatives on entry, dLoss/da on exit.
            W_h_T: them `transposed`, or what `step_backward_weights` made of them for this batch size.
        """

    def collect(self, xs: Array, prev: State, kept: Array, d_a: Array) -> Grads:
        """The parameters' gradients of all rows: xs (N, D), prev (N, H), kept (K, N, H), d_a (.., N, H)."""
        d_a_x = d_a[: self.n_gates]
        return {
            "W_x": np.matmul(xs.T, d_a_x).reshape(self.W_x.shape),
            "W_h": self.collect_W_h(prev, kept, d_a).reshape(self.W_h.shape),
            "b": d_a_x.sum(axis=1).reshape(self.b.shape),
        }

    def collect_W_h(self, prev: State, kept: Array, d_a: Array) -> Array:
        """The recurrent weights' gradient of all rows, (G, H, H)."""
        return np.matmul(self.output(prev).T, d_a[: self.n_gates])

    def as_inputs(
        self, x: Any, state: Any, leading: tuple[str, ...], caller: str, name: str
    ) -> tuple[Array, State]:
        """Check x (..., B, D) and a state at the public border; both come back in the working dtype."""
        dtype = working_dtype(self.dtype, x, *(leaf for _, leaf in tree_leaves(state, "state")))
        x = as_floats(x, dtype, (*leading, (self.input_size, "input_size")), caller, name)
        if state is None:
            return x, tree_map(lambda zeros: zeros.astype(x.dtype), self.zero_state(x.shape[-2]))
        return x, self.as_state(state, x.dtype, x.shape[-2], caller)

    def as_state(
        self, state: Any, dtype: np.dtype[Any], batch_size: int, caller: str, name: str = "state"
    ) -> State:
        """Check a state at the public border."""
        axes = ((batch_size, "the batch size"), (self.hidden_size, "hidden_size"))
        return as_floats(state, dtype, axes, caller, name)

    def as_upstream_state(self, d_state: Any, state: State, caller: str, name: str) -> State:
        """A state's upstream gradient, in arrays of its own: the backward pass writes to them."""
        return np.array(as_upstream(d_state, state.shape, state.dtype, caller, name))
