"""A decoder in progress: the only place where a decoder takes a step.

    look    the context of the state before the step
    add     the context's part, to the pre-activations
    step    the cell's step

Teacher forcing takes all steps along one tape, which the backward pass reads. A search takes steps one at
a time with `Decoding`: it chooses the tokens to feed and the rows to keep.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from seqmem.cells import Cell
from seqmem.cells.names import names_of
from seqmem.cells.tape import Run, Tape
from seqmem.contexts import Context
from seqmem.contexts.context import Look, Memory
from seqmem.layers import Embedding, Linear
from seqmem.module import Array
from seqmem.nests import tree_map

SMALL_VOCABULARY = 128  # projecting this many embeddings costs no more than a few steps


class Decodes(Protocol):
    """The part of a decoder that a step uses."""

    cell: Cell[Any]
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
    h_prev: Array  # (B, H) the output before the step
    arguments: Sequence[Any]  # of the cell's step


class Stepper:
    """Takes steps of B sequences on a tape.

    Args:
        decoder: the decoder.
        memory: the context's memory.
        tape: holds the initial state and, when a step is taken, the tokens' part of the pre-activations.
        n_steps: the maximum number of steps.
    """

    def __init__(self, decoder: Decodes, memory: Memory, tape: Tape, n_steps: int) -> None:
        cell, B = decoder.cell, tape.batch_size
        self._tape, self._memory = tape, memory
        self._look, self._step, self._names = decoder.context.step, cell.step, names_of(cell.step)
        self._given = cell.given(self._names, tape, n_steps)
        self._way_in = cell.way_in(slice(decoder.embedding_size, None), B, n_steps, tape.room.dtype)

    def along(self, run: Run) -> Iterator[At]:
        """Return the views of every step of a run."""
        between = self._tape.steps(("a", "h_prev"), run)
        arguments = self._tape.steps(self._names, run, self._given)
        return (At(a, h_prev, own) for (a, h_prev), own in zip(between, arguments, strict=True))

    def take(self, at: At) -> tuple[Array, Look]:
        """Take a step; return the context (B, K) and the values for its backward pass."""
        a, h_prev, arguments = at
        context, look = self._look(h_prev, self._memory)
        a += self._way_in(context)
        self._step(*arguments)
        return context, look


class Decoding:
    """Decodes B sequences step by step, forward only.

    Two steps alternate on a private tape, so that nothing is allocated while the rows stay the same. If the
    vocabulary is small relative to the number of steps, one product projects the embeddings of all tokens in
    advance.

    Args:
        decoder: the decoder.
        initial: the parts of the state before the first step, (B, H) each.
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
        tape = self._decoder.cell.tape(initial, 2 * B)
        # Each of the two steps begins with the state after the other step, at first with the initial state.
        first, second = Run(0, 1, B, 2 * B), Run(B, 1, B, B)
        self._states = tape.states()
        for state in self._states:
            state[2 * B :] = state[:B]
        stepper = Stepper(self._decoder, memory, tape, self._n_steps)
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
        shown = self._states[0][rows]  # h
        if decoder.readout == "all":
            ys = decoder.embedding.W.take(tokens, axis=0)
            shown = np.concatenate([shown, ys, context], axis=1)
        logits = np.dot(shown, decoder.output.W)  # dot: faster for one row
        logits += decoder.output.b
        return logits, look.weights

    def state(self) -> list[Array]:
        """The parts of the state, (B, H) each; the next step reads them, the one after overwrites them."""
        _, rows = self._after
        return [state[rows] for state in self._states]

    def keep(self, rows: Array) -> None:
        """Continue with the given rows, in that order; a row may occur several times."""
        self._begin([part[rows] for part in self.state()], tree_map(lambda array: array[rows], self._memory))
