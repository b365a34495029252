"""A cell run over time, forwards or backwards, on sequences of unequal lengths."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from seqmem.cells import Cell, State
from seqmem.cells.products import stacked, through_all
from seqmem.cells.tape import Tape
from seqmem.layers.packing import Packing, pack
from seqmem.layers.traces import Trace, note, pre_activation_names, values_of
from seqmem.module import Array, Grads, Module, prefixed, tree_map
from seqmem.validation import as_flag, as_lengths, as_pair, as_upstream, with_hint

# Bytes of the local derivatives that are computed at once: few NumPy calls a step, and still in the L2 cache.
BLOCK_BYTES = 1 << 19


class RecurrentCache(NamedTuple):
    """What `forward` hands to `backward`."""

    xs: Array  # (N, D) the input without its padding; refers to the caller's xs when there is none
    tape: Tape
    packing: Packing
    shape: tuple[int, int]  # T, B


class Recurrent(Module):
    """A layer that runs a cell over a sequence.

    Args:
        cell: the cell of every step.
        reverse: read each sequence from its last step to its first; hs[t] still belongs to xs[t].

    >>> from seqmem.cells import LSTMCell
    >>> layer = Recurrent(LSTMCell(3, 4, rng=0))
    >>> (hs, final), cache = layer.forward(np.ones((5, 2, 3)), lengths=[5, 3])
    >>> hs.shape, final.c.shape, float(abs(hs[3:, 1]).max())
    ((5, 2, 4), (2, 4), 0.0)
    >>> (d_xs, d_state), grads = layer.backward((np.ones((5, 2, 4)), None), cache)
    >>> d_xs.shape, sorted(grads)
    ((5, 2, 3), ['cell.W_h', 'cell.W_x', 'cell.b'])
    """

    def __init__(self, cell: Cell, *, reverse: bool = False) -> None:
        if not isinstance(cell, Cell):
            raise TypeError(f"Recurrent: cell is of type {type(cell).__name__}, expected a cell")
        self.cell = cell
        self.reverse = as_flag(reverse, "Recurrent", "reverse")

    def forward(
        self, xs: Array, state: State = None, lengths: Any = None, traced: bool = False
    ) -> tuple[tuple[Array, State], RecurrentCache]:
        """All steps of a batch of sequences.

        Args:
            xs: inputs, (T, B, D).
            state: the state before the first step; zeros when None.
            lengths: (B,) integers from 0 to T in any order; None when every sequence has T steps. What is
                in xs beyond them has no effect.
            traced: keep the pre-activations as well, for `trace`.

        Returns:
            ((hs, final), cache): outputs (T, B, H), 0 beyond a sequence's length; the state after each
            sequence's last step, the initial one for a length of 0; and what `backward` needs. The cache
            shares memory with xs and hs: do not write to them before the backward pass.

        Raises:
            ValueError, TypeError: for wrong shapes, dtypes or lengths.
        """
        try:
            xs, state = self.cell.as_inputs(xs, state, ("T", "B"), "Recurrent.forward", "xs")
        except (TypeError, ValueError) as error:
            raise with_hint(error, state) from None
        T, B = xs.shape[:2]
        packing = pack(T, B, as_lengths(lengths, B, T, "Recurrent.forward"), self.reverse)
        cell, rows = self.cell, packing.pack(xs)
        with np.errstate(under="ignore"):  # a product that underflows is 0, its exact limit
            tape = cell.tape(cell.rows(state, packing.batch), len(rows), traced)
            kept, states = tape
            cell.project(rows, kept)
            W_h = cell.step_weights(B)
            # What a step wrote is mostly what the next one reads: one view serves both.
            new, written = state, None
            for now, after, before in packing.steps:
                prev = new if before == written else cell.rows(states, before)
                new, written = cell.rows(states, after), after
                cell.step(prev, kept[:, now], new, W_h)
        hs = packing.unpack(cell.output(states)[B:], (T, B))
        final = tree_map(np.copy, cell.rows(states, packing.final))
        return (hs, final), RecurrentCache(rows, tape, packing, (T, B))

    def backward(
        self, d_outputs: tuple[Array | None, State], cache: RecurrentCache
    ) -> tuple[tuple[Array, State], Grads]:
        """Backpropagation through time.

        Args:
            d_outputs: (d_hs, d_final), dLoss/d(outputs); None stands for zeros.
            cache: what `forward` returned.

        Returns:
            ((d_xs, d_state), grads): gradients of the inputs (T, B, D), exactly 0 in the padding, of the
            state before the first step, and of each parameter.
        """
        return self._backward(d_outputs, cache, None)

    def trace(self, cache: RecurrentCache) -> Trace:
        """What happened at every step of a forward pass, (T, B, H) each, by name; 0 in the padding.

        These are the values that the backward pass uses: do not write to them. "i", "f", "o", "g", "c",
        "tanh_c", "h" of an LSTM, "r", "z", "n", "h" and the reset state or product of a GRU, "h" of an RNN;
        pre-activations "a_i" and so on ("a" of an RNN) when the forward pass was traced.

        >>> from seqmem.cells import GRUCell
        >>> layer = Recurrent(GRUCell(3, 4, rng=0))
        >>> _, cache = layer.forward(np.ones((5, 2, 3)), traced=True)
        >>> list(layer.trace(cache))
        ['r', 'z', 'n', 'reset_h', 'h', 'a_r', 'a_z', 'a_n']
        """
        values = values_of(self.cell, cache.tape)
        return {name: cache.packing.unpack(rows, cache.shape) for name, rows in values.items()}

    def trace_gradients(self, d_outputs: tuple[Array | None, State], cache: RecurrentCache) -> Trace:
        """The gradients at every step of a backward pass, (T, B, H) each, by name; 0 in the padding.

        "h" and "c" are dLoss/d(state after the step) by every path, "a_i" and so on dLoss/d(pre-activation).

        >>> from seqmem.cells import LSTMCell
        >>> layer = Recurrent(LSTMCell(3, 4, rng=0))
        >>> (hs, _), cache = layer.forward(np.ones((5, 2, 3)))
        >>> list(layer.trace_gradients((hs, None), cache))
        ['h', 'c', 'a_i', 'a_f', 'a_o', 'a_g']
        """
        seen: Trace = {}
        self._backward(d_outputs, cache, seen)
        return {name: cache.packing.unpack(rows, cache.shape) for name, rows in seen.items()}

    def _backward(
        self, d_outputs: tuple[Array | None, State], cache: RecurrentCache, seen: Trace | None
    ) -> tuple[tuple[Array, State], Grads]:
        """`backward`; what `trace_gradients` shows goes into `seen`."""
        xs, tape, packing, (T, B) = cache
        cell = self.cell
        kept, states = tape
        d_hs, d_final = as_pair(d_outputs, "Recurrent.backward", "d_outputs", "(d_hs, d_final)")
        d_hs = as_upstream(d_hs, (T, B, cell.hidden_size), kept.dtype, "Recurrent.backward", "d_hs")
        d_hs = packing.pack(d_hs)
        initial = cell.rows(states, slice(0, B))
        d_state = cell.as_upstream_state(d_final, initial, "Recurrent.backward", "d_final")
        d_state = cell.rows(d_state, packing.batch)
        prev = cell.rows(states, packing.before)
        d_a = cell.empty_d_a(tape, B)
        W_h_T = cell.step_backward_weights(B)
        n, running = B, d_state
        with np.errstate(under="ignore"):
            for now in last_step_first(cell, kept, prev, d_a, [step[0] for step in packing.steps]):
                if n != now.stop - now.start:
                    n = now.stop - now.start
                    running = cell.rows(d_state, slice(0, n))
                d_h = cell.output(running)
                d_h += d_hs[now]
                if seen is not None:
                    note(seen, cell.total_gradient(running, d_a[:, now]), now, len(xs))
                cell.step_backward(running, kept[:, now], d_a[:, now], W_h_T)
            if seen is not None:
                seen |= dict(zip(pre_activation_names(cell), d_a, strict=False))
            grads = cell.collect(xs, prev, kept, d_a)
            d_xs = packing.unpack(through_all(d_a[: cell.n_gates], stacked(cell.W_x)), (T, B))
        return (d_xs, tree_map(packing.unsort, d_state)), prefixed("cell", grads)


def last_step_first(cell: Cell, kept: Array, prev: State, d_a: Array, steps: list[slice]) -> Iterator[slice]:
    """Go through the steps' rows from the last step to the first, the local derivatives being ready in d_a.

    They need nothing from the recurrence, so they are computed for as many steps at once as fit the cache.
    """
    if not steps:
        return
    widest = steps[0].stop * d_a.shape[0] * d_a.shape[2] * d_a.itemsize
    per_block = max(1, BLOCK_BYTES // max(1, widest))
    for end in range(len(steps), 0, -per_block):
        block = steps[max(0, end - per_block) : end]
        rows = slice(block[0].start, block[-1].stop)
        cell.local_derivatives(kept[:, rows], cell.rows(prev, rows), d_a[:, rows])
        yield from reversed(block)
