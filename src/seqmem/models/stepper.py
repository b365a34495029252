"""A decoder in progress: the only place where a decoder takes a step.

    look    the context of the highest layer's state before the step
    add     the context's part, to the pre-activations
    step    the cell's step, and the step of each layer above it

Teacher forcing takes all steps along one tape, which the backward pass reads. A search takes steps one at
a time with `Decoding`: it chooses the tokens to feed and the rows to keep.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Any, NamedTuple, Protocol

import numpy as np

from seqmem.cells import Cell
from seqmem.cells.names import names_of
from seqmem.cells.tape import Run, Tape, fields_of
from seqmem.contexts import Context
from seqmem.contexts.context import Look, Memory
from seqmem.layers import Embedding, Linear
from seqmem.models.upper import UpperAt, UpperCache, UpperStepper
from seqmem.module import Array
from seqmem.nests import tree_map

SMALL_VOCABULARY = 128  # projecting this many embeddings costs no more than a few steps


class Decodes(Protocol):
    """The part of a decoder that a step uses."""

    cell: Cell[Any]
    upper: list[Cell[Any]]  # of the layers above
    context: Context
    embedding: Embedding
    output: Linear
    vocab_size: int
    embedding_size: int
    hidden_size: int

    @property
    def readout(self) -> str:
        """The kind of input of the logits, "state" or "all"."""


class At(NamedTuple):
    """The views that a step uses."""

    a: Array  # (G, B, H) pre-activations, with the token's part filled in
    h_prev: Array  # (B, H) the highest layer's output before the step
    arguments: Sequence[Any]  # of the cell's step
    upper: Sequence[UpperAt]  # of the layers above


class Stepper:
    """Takes steps of B sequences on a tape.

    Args:
        decoder: the decoder.
        memory: the context's memory.
        tapes: the tape of each layer, with the initial state; when a step is taken, the lowest also holds the
            tokens' part of the pre-activations.
        n_steps: the maximum number of steps.
        scales: (T, B, H) dropout's factor of the input of each layer above the lowest; empty without dropout.
    """

    def __init__(
        self,
        decoder: Decodes,
        memory: Memory,
        tapes: Sequence[Tape],
        n_steps: int,
        scales: Sequence[Array | None] = (),
    ) -> None:
        cell, tape = decoder.cell, tapes[0]
        B = tape.batch_size
        self._tape, self._top, self._memory = tape, tapes[-1], memory
        self._look, self._step, self._names = decoder.context.step, cell.step, names_of(cell.step)
        self._given = cell.given(self._names, tape, n_steps)
        self._way_in = cell.way_in(slice(decoder.embedding_size, None), B, n_steps, tape.room.dtype)
        above = zip(decoder.upper, tapes[1:], tapes, scales or repeat(None), strict=False)
        self._upper = [UpperStepper(*own, n_steps) for own in above]

    def along(self, run: Run) -> Iterator[At]:
        """Return the views of every step of a run."""
        arguments = self._tape.steps(self._names, run, self._given)
        if not self._upper:
            between = self._tape.steps(("a", "h_prev"), run)
            return (At(a, h_prev, own, ()) for (a, h_prev), own in zip(between, arguments, strict=True))
        views = (self._tape.steps(("a",), run), self._top.steps(("h_prev",), run), arguments)
        upper = zip(*[stepper.along(run) for stepper in self._upper], strict=True)
        return (At(a, h_prev, *rest) for (a,), (h_prev,), *rest in zip(*views, upper, strict=True))

    def take(self, at: At) -> tuple[Array, Look]:
        """Take a step; return the context (B, K) and the values for its backward pass."""
        a, h_prev, arguments, upper = at
        context, look = self._look(h_prev, self._memory)
        a += self._way_in(context)
        self._step(*arguments)
        if upper:
            for stepper, above in zip(self._upper, upper, strict=True):
                stepper.take(above)
        return context, look

    def caches(self) -> list[UpperCache]:
        """Return the values for the backward passes of the layers above the lowest, after the last step."""
        return [stepper.cache() for stepper in self._upper]


class Decoding:
    """Decodes B sequences step by step, forward only.

    Two steps alternate on a private tape, so that nothing is allocated while the rows stay the same. If the
    vocabulary is small relative to the number of steps, one product projects the embeddings of all tokens in
    advance.

    Args:
        decoder: the decoder.
        initial: the parts of the state before the first step, (B, H) each, those of the lowest layer first.
        memory: the context's memory.
        n_steps: the maximum number of steps.
    """

    def __init__(self, decoder: Decodes, initial: Sequence[Array], memory: Memory, n_steps: int) -> None:
        cell, E = decoder.cell, decoder.embedding_size
        self._decoder, self._n_steps = decoder, n_steps
        self._tokens: Array | None = None  # (G, V, H), each token's part of the pre-activations
        if decoder.vocab_size <= min(2 * n_steps, SMALL_VOCABULARY):
            shape = (cell.n_gates, decoder.vocab_size, decoder.hidden_size)
            self._tokens = np.empty(shape, initial[0].dtype)
            cell.project(decoder.embedding.W, self._tokens, slice(0, E))
        self._begin(initial, memory)

    def _begin(self, initial: Sequence[Array], memory: Memory) -> None:
        B = len(initial[0])
        self._memory = memory
        cells = [self._decoder.cell, *self._decoder.upper]
        tapes, parts = [], iter(initial)
        for cell in cells:
            own = [next(parts) for _ in fields_of(cell.state_type)]
            tapes.append(cell.tape(own, 2 * B))
        # Each of the two steps begins with the state after the other step, at first with the initial state.
        first, second = Run(0, 1, B, 2 * B), Run(B, 1, B, B)
        self._states = [state for tape in tapes for state in tape.states()]
        self._shown = tapes[-1].states()[0]  # h of the highest layer
        for state in self._states:
            state[2 * B :] = state[:B]
        stepper = Stepper(self._decoder, memory, tapes, self._n_steps)
        self._stepper = stepper
        (now,), (after,) = stepper.along(first), stepper.along(second)
        self._now, self._after = (now, slice(B, 2 * B)), (after, slice(2 * B, 3 * B))

    def step(self, tokens: Array) -> tuple[Array, Array]:
        """Feed each sequence a token (B,); return the next token's logits (B, V) and the weights (B, S)."""
        decoder, (at, rows) = self._decoder, self._now
        if self._tokens is None:
            ys = decoder.embedding.W.take(tokens, axis=0)
            decoder.cell.project(ys, at.a, slice(0, decoder.embedding_size))
        elif decoder.cell.gates:
            np.take(self._tokens, tokens, axis=1, out=at.a, mode="clip")
        else:
            np.take(self._tokens[0], tokens, axis=0, out=at.a, mode="clip")
        context, look = self._stepper.take(at)
        self._now, self._after = self._after, self._now
        shown = self._shown[rows]
        if decoder.readout == "all":
            ys = decoder.embedding.W.take(tokens, axis=0)
            shown = np.concatenate([shown, ys, context], axis=1)
        logits = np.dot(shown, decoder.output.W)  # dot: faster for one row
        logits += decoder.output.b
        return logits, look.weights

    def state(self) -> list[Array]:
        """Return the parts of the state, (B, H) each; the next step but one overwrites them."""
        _, rows = self._after
        return [state[rows] for state in self._states]

    def keep(self, rows: Array) -> None:
        """Continue with the given rows, in that order; a row may occur several times."""
        self._begin([part[rows] for part in self.state()], tree_map(lambda array: array[rows], self._memory))

    def reorder(self, rows: Array) -> None:
        """Continue with the states of the given rows; each row keeps its own memory, so the sources match."""
        for part in self.state():
            part[...] = part.take(rows, axis=0)
