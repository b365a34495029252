"""A cell run over time, forwards or backwards, on sequences of unequal lengths."""

from __future__ import annotations

from typing import Any, Generic, NamedTuple

import numpy as np

from seqmem.cells import Cell
from seqmem.cells.tape import Record, S, Tape, fields_of
from seqmem.initializers import Rng
from seqmem.layers.dropout import Rates, as_rates
from seqmem.layers.packing import Packing, pack
from seqmem.layers.sequence import SequenceLayer
from seqmem.layers.traces import Trace, gradients_of, values_of
from seqmem.module import Array, Grads
from seqmem.validation import as_cache, as_flag, as_lengths, as_pair, as_upstream, with_hint


class RecurrentCache(NamedTuple, Generic[S]):
    """The values that `forward` passes to `backward`, for a layer whose state is an S."""

    xs: Array  # (N, D) the input without its padding; without padding, a view of the caller's xs
    tape: Tape
    packing: Packing
    shape: tuple[int, int]  # T, B
    learned: bool = False  # whether it started from the learned state


class Recurrent(SequenceLayer[S], Generic[S]):
    """A layer that runs a cell over a sequence.

    Args:
        cell: the cell.
        reverse: read each sequence from its last step to its first; hs[t] is still the output for xs[t].
        recurrent_dropout: the probability of zeroing an entry of h in the recurrent product if an `rng` is
            passed: the same entries at all steps of a sequence (Gal & Ghahramani, 2016).
        zoneout_h: the probability that an entry of h keeps its old value in a step if an `rng` is passed.
            Without an `rng`, the expectation is used: this share of the old value is kept (Krueger et al.,
            2017).
        zoneout_c: the same for c, if the cell has one.
        learned_state: whether the initial state is learned (parameters `initial.h` and so on, initially
            zeros); it is used if `forward` is called without a state.

    >>> from seqmem.cells import LSTMCell
    >>> layer = Recurrent(LSTMCell(3, 4, rng=0))
    >>> (hs, final), cache = layer.forward(np.ones((5, 2, 3)), lengths=[5, 3])
    >>> hs.shape, final.c.shape, float(abs(hs[3:, 1]).max())
    ((5, 2, 4), (2, 4), 0.0)
    >>> (d_xs, d_state), grads = layer.backward((np.ones((5, 2, 4)), None), cache)
    >>> d_xs.shape, sorted(grads)
    ((5, 2, 3), ['cell.W_h', 'cell.W_x', 'cell.b'])
    """

    def __init__(
        self,
        cell: Cell[S],
        *,
        reverse: bool = False,
        recurrent_dropout: float = 0.0,
        zoneout_h: float = 0.0,
        zoneout_c: float = 0.0,
        learned_state: bool = False,
    ) -> None:
        if not isinstance(cell, Cell):
            raise TypeError(f"Recurrent: cell is of type {type(cell).__name__}, expected a cell")
        self.cell: Cell[S] = cell
        self.reverse = as_flag(reverse, "Recurrent", "reverse")
        rates = as_rates(Rates(recurrent_dropout, zoneout_h, zoneout_c), cell, "Recurrent")
        self.recurrent_dropout, self.zoneout_h, self.zoneout_c = rates
        self.learned_state = as_flag(learned_state, "Recurrent", "learned_state")
        if self.learned_state:
            fields = fields_of(cell.state_type)
            self.initial = {field: np.zeros(cell.hidden_size, cell.W_h.dtype) for field in fields}

    @property
    def input_size(self) -> int:
        """D, the input size of the cell."""
        return self.cell.input_size

    @property
    def output_size(self) -> int:
        """H, the hidden size of the cell."""
        return self.cell.hidden_size

    @property
    def directions(self) -> frozenset[str]:
        """The order in which the layer reads the steps."""
        return frozenset(["backward" if self.reverse else "forward"])

    def zero_state(self, batch_size: int) -> S:
        """Return the initial state of B sequences: zeros."""
        return self.cell.zero_state(batch_size)

    def forward(
        self,
        xs: Array,
        state: S | None = None,
        *,
        lengths: Any = None,
        rng: Rng = None,
        traced: bool = False,
    ) -> tuple[tuple[Array, S], RecurrentCache[S]]:
        """Run all steps of a batch of sequences.

        Args:
            xs: inputs, (T, B, D).
            state: the state before the first step; None means zeros, or the learned state.
            lengths: (B,) integers from 0 to T in any order; None if every sequence has T steps. Values of xs
                beyond a sequence's length have no effect.
            rng: enables recurrent dropout, and makes zoneout random.
            traced: whether to keep the pre-activations as well, for `trace`.

        Returns:
            ((hs, final), cache): outputs (T, B, H), 0 beyond a sequence's length; the state after each
            sequence's last step (the initial state for a length of 0); and the cache for `backward`. The
            cache shares memory with xs and hs: do not write to them before the backward pass.

        Raises:
            ValueError, TypeError: for wrong shapes, dtypes or lengths.
        """
        cell, traced = self.cell, as_flag(traced, "Recurrent.forward", "traced")
        try:
            xs, initial = cell.as_inputs(xs, state, ("T", "B"), "Recurrent.forward", "xs")
        except (TypeError, ValueError) as error:
            raise with_hint(error, state) from None
        T, B = xs.shape[:2]
        packing = pack(T, B, as_lengths(lengths, B, T, "Recurrent.forward"), self.reverse)
        rows = packing.pack(xs)
        learned = self.learned_state and state is None
        if learned:
            initial = [np.tile(part.astype(xs.dtype), (B, 1)) for part in self.initial.values()]
        rates = Rates(self.recurrent_dropout, self.zoneout_h, self.zoneout_c)
        noise = rates.draw((len(rows), B, cell.hidden_size), packing, xs.real.dtype, rng)
        with np.errstate(under="ignore"):  # a product that underflows is 0, its exact limit
            initial = [part[packing.batch] for part in initial]
            tape = cell.tape(initial, len(rows), packing.before, traced, noise)
            cell.project(rows, tape.array("a"))
            cell.run(tape, packing.runs)
        hs = packing.unpack(tape.array("h"), (T, B))
        final = cell.of_parts([states[packing.final].copy() for states in tape.states()])
        return (hs, final), RecurrentCache(rows, tape, packing, (T, B), learned)

    def backward(
        self, d_outputs: tuple[Array | None, S | None], cache: RecurrentCache[S]
    ) -> tuple[tuple[Array, S], Grads]:
        """Backpropagate through time.

        Args:
            d_outputs: (d_hs, d_final), dLoss/d(outputs); None means zeros.
            cache: the cache that `forward` returned.

        Returns:
            ((d_xs, d_state), grads): gradients of the inputs (T, B, D), exactly 0 in the padding, of the
            state before the first step, and of each parameter. A gradient that vanishes on its way back ends
            in 0 (cells/underflow.py).
        """
        cache = as_cache(cache, RecurrentCache, "Recurrent.backward")
        back = self.cell.back_tape(cache.tape)
        return self._backward(d_outputs, cache, back)

    def trace(self, cache: RecurrentCache[S]) -> Trace:
        """Return the values at every step of a forward pass by name, (T, B, H) each; 0 in the padding.

        These are the values that the backward pass uses: do not write to them. The names are "i", "f", "o",
        "g", "c", "tanh_c", "h" for an LSTM; "r", "z", "n", "h" and the reset state or product for a GRU; "h"
        for an RNN; and, if the forward pass was traced, the pre-activations "a_i" and so on ("a" for an RNN).

        >>> from seqmem.cells import GRUCell
        >>> layer = Recurrent(GRUCell(3, 4, rng=0))
        >>> _, cache = layer.forward(np.ones((5, 2, 3)), traced=True)
        >>> list(layer.trace(cache))
        ['r', 'z', 'n', 'reset_h', 'h', 'a_r', 'a_z', 'a_n']
        """
        cache = as_cache(cache, RecurrentCache, "Recurrent.trace")
        values = values_of(self.cell, cache.tape)
        return {name: cache.packing.unpack(rows, cache.shape) for name, rows in values.items()}

    def trace_gradients(self, d_outputs: tuple[Array | None, S | None], cache: RecurrentCache[S]) -> Trace:
        """Return the gradients at every step of a backward pass by name, (T, B, H) each; 0 in the padding.

        "h" and "c" are dLoss/d(state after the step) over all paths, "a_i" and so on dLoss/d(pre-activation).
        With zoneout, the gradients of the states are those of the new state, before it is mixed with the old
        one.

        >>> from seqmem.cells import LSTMCell
        >>> layer = Recurrent(LSTMCell(3, 4, rng=0))
        >>> (hs, _), cache = layer.forward(np.ones((5, 2, 3)))
        >>> list(layer.trace_gradients((hs, None), cache))
        ['h', 'c', 'a_i', 'a_f', 'a_o', 'a_g']
        """
        cache = as_cache(cache, RecurrentCache, "Recurrent.trace_gradients")
        back: Tape = self.cell.back_tape(cache.tape)
        record: Record = []
        self._backward(d_outputs, cache, back, record)
        values = gradients_of(self.cell, back, record)
        return {name: cache.packing.unpack(rows, cache.shape) for name, rows in values.items()}

    def _backward(
        self,
        d_outputs: tuple[Array | None, S | None],
        cache: RecurrentCache[S],
        back: Tape,
        record: Record | None = None,
    ) -> tuple[tuple[Array, S], Grads]:
        """Run `backward` and leave the gradients for `trace_gradients` on the tape `back` and in `record`."""
        xs, tape, packing, (T, B), learned = cache
        cell = self.cell
        d_hs, d_final = as_pair(d_outputs, "Recurrent.backward", "d_outputs", "(d_hs, d_final)")
        d_hs = as_upstream(d_hs, (T, B, cell.hidden_size), tape.room.dtype, "Recurrent.backward", "d_hs")
        d_parts = cell.as_upstream_parts(d_final, tape, "Recurrent.backward", "d_final")
        d_parts = [part[packing.batch] for part in d_parts]
        with np.errstate(under="ignore"):
            for _ in cell.steps_back(back, packing.runs, d_parts, packing.pack(d_hs), record):
                pass
            d_xs, grads = cell.gradients(xs, back)
        d_state = cell.of_parts([packing.unsort(part) for part in d_parts])
        grads = {f"cell.{name}": grad for name, grad in grads.items()}
        if self.learned_state:
            for field, part in zip(self.initial, d_parts, strict=True):
                used = part if learned else part[:0]  # otherwise a passed state replaced it
                grads[f"initial.{field}"] = used.sum(axis=0)
        grads = self.summed(grads)
        return (packing.unpack(d_xs, (T, B)), d_state), grads
