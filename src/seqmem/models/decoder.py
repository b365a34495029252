"""States to tokens: at each step a context, a step of the cell, and a score for every token.

    C_t = context of s_{t-1}                    (B, K), Bahdanau's order: the state before the step asks
    s_t = cell(s_{t-1}, [y_{t-1} ; C_t])
    logits_t = output(s_t) @ W + b              (B, V)

In teacher forcing the embeddings y of all steps are known, so their part of the pre-activations is one
product before the loop; the context's part is added inside it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from seqmem.cells import Cell, State
from seqmem.cells.products import add_product, side_by_side, stacked, through, through_all, transposed
from seqmem.cells.tape import Tape
from seqmem.initializers import Rng, as_generator
from seqmem.layers import Context, Dropout, Embedding, FixedContext, Linear
from seqmem.layers.context import Look, LookGradient, Memory
from seqmem.layers.dropout import DropoutCache
from seqmem.layers.embedding import EmbeddingCache
from seqmem.layers.linear import LinearCache
from seqmem.layers.packing import pack
from seqmem.layers.recurrent import last_step_first
from seqmem.layers.traces import Trace, note, pre_activation_names, values_of
from seqmem.models.encoder import check_dtype, make_cell
from seqmem.module import Array, Grads, Module, prefixed, tree_leaves
from seqmem.validation import (
    Axis,
    as_floats,
    as_ids,
    as_lengths,
    as_pair,
    as_size,
    as_upstream,
    working_dtype,
)

SMALL_VOCABULARY = 128  # whose way into the cell costs no more than a few steps, should a search end early


class StepWeights(NamedTuple):
    """The cell's weights as every step multiplies by them."""

    W_h: Array  # what `Cell.step_weights` makes of them
    W_context: Array  # the context's columns of W_x, laid out in the same way
    tokens: Array | None  # (V, G, H), each token's part of the pre-activations; None: one at a time


class DecoderCache(NamedTuple):
    """What `forward` hands to `backward`."""

    embedding: EmbeddingCache
    drop: DropoutCache
    xs: Array  # (T·B, E + K) embeddings and contexts, the cell's input
    tape: Tape
    memory: Memory
    looks: list[Look]
    output: LinearCache
    shape: tuple[int, int, int]  # T, B, S


class Decoder(Module):
    """Predicts the next token from the tokens before it and from what its context shows of the keys.

    Args:
        vocab_size: V.
        embedding_size: E.
        hidden_size: H.
        context: what each step looks at, with a query size of H; a FixedContext when None.
        key_size: K; may be left out when the context knows it, and is H when nothing says otherwise.
        cell: "lstm", "gru", "rnn", or a cell of input size E + K and hidden size H.
        dropout: rate at which embedded inputs are set to 0 when an `rng` is passed.
        rng: seed or generator of the first weights.
        dtype: float64 or float32.

    >>> from seqmem.layers import AdditiveAttention
    >>> decoder = Decoder(10, 3, 4, context=AdditiveAttention(4, 6, 5, rng=1), rng=0)
    >>> state, keys = decoder.cell.zero_state(2), np.ones((7, 2, 6))
    >>> (logits, weights), cache = decoder.forward(np.array([[1, 1], [8, 9]]), state, keys)
    >>> logits.shape, weights.shape
    ((2, 2, 10), (2, 2, 7))
    """

    def __init__(
        self,
        vocab_size: int,
        embedding_size: int,
        hidden_size: int,
        *,
        context: Context | None = None,
        key_size: int | None = None,
        cell: str | Cell = "lstm",
        dropout: float = 0.0,
        rng: Rng = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        rng = as_generator(rng)
        self.context = FixedContext() if context is None else context
        if not isinstance(self.context, Context):
            raise TypeError(f"Decoder: context is of type {type(context).__name__}, expected a Context")
        check_dtype(self.context, dtype, "Decoder", "context")
        if self.context.query_size not in (None, hidden_size):
            raise ValueError(
                f"Decoder: context has query_size {self.context.query_size}, "
                f"expected {hidden_size}: hidden_size"
            )
        if key_size is None:
            key_size = self.context.key_size or hidden_size
        elif self.context.key_size not in (None, key_size):
            raise ValueError(f"Decoder: context has key_size {self.context.key_size}, expected {key_size}")
        self.key_size = as_size(key_size, "Decoder", "key_size")
        self.embedding = Embedding(vocab_size, embedding_size, rng=rng, dtype=dtype)
        self.drop = Dropout(dropout)
        self.cell = make_cell(cell, embedding_size + key_size, hidden_size, rng, dtype, "Decoder")
        self.output = Linear(hidden_size, vocab_size, rng=rng, dtype=dtype)
        self.vocab_size, self.embedding_size, self.hidden_size = vocab_size, embedding_size, hidden_size
        self.dropout = dropout

    def forward(
        self,
        tokens: Array,
        state: State,
        keys: Array,
        lengths: Any = None,
        rng: Rng = None,
        traced: bool = False,
    ) -> tuple[tuple[Array, Array], DecoderCache]:
        """Teacher forcing: all steps, each fed the token that should have come before it.

        Args:
            tokens: what each step is fed, (T, B), integers from 0 to V - 1.
            state: the state before the first step.
            keys: what the context looks at, (S, B, K).
            lengths: (B,) integers from 0 to S, the valid positions of the keys; None when all are.
            rng: turns dropout on.
            traced: keep the pre-activations as well, for `trace`.

        Returns:
            ((logits, weights), cache): (T, B, V), (T, B, S), and what `backward` needs.

        Raises:
            ValueError, TypeError: for tokens outside the vocabulary, wrong shapes, dtypes or lengths.
        """
        tokens = as_ids(tokens, self.vocab_size, ("T", "B"), "Decoder.forward", "tokens")
        T, B = tokens.shape
        state, keys, lengths = self._as_inputs(state, keys, lengths, B, "Decoder.forward")
        cell, E, dtype = self.cell, self.embedding_size, keys.dtype
        embedded, embedding_cache = self.embedding.forward(tokens)
        ys, drop_cache = self.drop.forward(embedded, rng=rng)
        xs = np.empty((T * B, E + self.key_size), dtype)
        xs[:, :E] = ys.reshape(T * B, E)
        weights = np.empty((T, B, len(keys)), dtype)
        looks: list[Look] = []
        with np.errstate(under="ignore"):  # a product that underflows is 0, its exact limit
            memory = self.context.project(keys, lengths)
            tape = cell.tape(state, T * B, traced)
            cell.project(xs[:, :E], tape.kept, slice(0, E))
            step_weights = self.step_weights(B)
            prev = cell.rows(tape.states, slice(0, B))
            for t, (now, after, _) in enumerate(pack(T, B).steps):
                new = cell.rows(tape.states, after)
                xs[now, E:], look = self._step(prev, tape.kept[:, now], new, step_weights, memory)
                weights[t] = look.weights
                looks.append(look)
                prev = new
            hs = cell.output(tape.states)[B:].reshape(T, B, self.hidden_size)
            logits, output_cache = self.output.forward(hs)
        shape = (T, B, len(keys))
        cache = DecoderCache(embedding_cache, drop_cache, xs, tape, memory, looks, output_cache, shape)
        return (logits, weights), cache

    def backward(
        self, d_outputs: tuple[Array | None, Array | None], cache: DecoderCache
    ) -> tuple[tuple[None, State, Array], Grads]:
        """Backpropagation through all steps and everything they looked at.

        Args:
            d_outputs: (d_logits, d_weights), (T, B, V) and (T, B, S); None stands for zeros.
            cache: what `forward` returned.

        Returns:
            ((None, d_state, d_keys), grads): for the state before the first step, for the keys (S, B, K),
            exactly 0 in the padding, and for each parameter.
        """
        return self._backward(d_outputs, cache, None)

    def trace(self, cache: DecoderCache) -> Trace:
        """What happened at every step of a forward pass, by name: as `Recurrent.trace`, (T, B, H) each, with
        "weights" (T, B, S) and "context" (T, B, K) of the steps' looks.
        """
        T, B, _ = cache.shape
        values = values_of(self.cell, cache.tape)
        trace = {name: rows.reshape(T, B, self.hidden_size) for name, rows in values.items()}
        trace["weights"] = (
            np.stack([look.weights for look in cache.looks]) if cache.looks else np.zeros(cache.shape)
        )
        trace["context"] = cache.xs[:, self.embedding_size :].reshape(T, B, self.key_size)
        return trace

    def trace_gradients(self, d_outputs: tuple[Array | None, Array | None], cache: DecoderCache) -> Trace:
        """The gradients at every step of a backward pass, by name: as `Recurrent.trace_gradients`."""
        T, B, _ = cache.shape
        seen: Trace = {}
        self._backward(d_outputs, cache, seen)
        return {name: rows.reshape(T, B, self.hidden_size) for name, rows in seen.items()}

    def _backward(
        self, d_outputs: tuple[Array | None, Array | None], cache: DecoderCache, seen: Trace | None
    ) -> tuple[tuple[None, State, Array], Grads]:
        """`backward`; what `trace_gradients` shows goes into `seen`."""
        cell, context, E, (T, B, _) = self.cell, self.context, self.embedding_size, cache.shape
        (kept, states), memory, G = cache.tape, cache.memory, self.cell.n_gates
        d_logits, d_weights = as_pair(d_outputs, "Decoder.backward", "d_outputs", "(d_logits, d_weights)")
        d_weights = as_upstream(d_weights, cache.shape, kept.dtype, "Decoder.backward", "d_weights")
        (d_hs,), output_grads = self.output.backward(d_logits, cache.output)
        initial = cell.rows(states, slice(0, B))
        d_state = cell.as_upstream_state(None, initial, "Decoder.backward", "d_state")
        prev = cell.rows(states, slice(0, T * B))
        d_a = cell.empty_d_a(cache.tape, B)
        d_memory = context.zero_gradient(memory)
        W_h_T = cell.step_backward_weights(B)
        W_y, W_context_T = stacked(cell.W_x)[:, :E], transposed(stacked(cell.W_x)[:, E:])
        if cell.joins_gates(B):
            W_context_T = W_context_T.reshape(-1, self.key_size)
        d_looks: list[LookGradient] = []
        with np.errstate(under="ignore"):
            steps = [step[0] for step in pack(T, B).steps]
            for t, now in zip(reversed(range(T)), last_step_first(cell, kept, prev, d_a, steps), strict=True):
                d_h = cell.output(d_state)
                d_h += d_hs[t]
                if seen is not None:
                    note(seen, cell.total_gradient(d_state, d_a[:, now]), now, T * B)
                cell.step_backward(d_state, kept[:, now], d_a[:, now], W_h_T)
                d_context = through(d_a[:G, now], W_context_T)
                d_query, d_look = context.step_backward(
                    d_context, d_weights[t], cache.looks[t], memory, d_memory
                )
                d_h += d_query  # the state before the step asked
                d_looks.append(d_look)
            if seen is not None:
                seen |= dict(zip(pre_activation_names(cell), d_a, strict=False))
            d_keys, context_grads = context.collect(cache.looks, d_looks[::-1], memory, d_memory)
            cell_grads = cell.collect(cache.xs, prev, kept, d_a)
            d_ys = through_all(d_a[:G], W_y).reshape(T, B, E)
        (d_embedded,), _ = self.drop.backward(d_ys, cache.drop)
        _, embedding_grads = self.embedding.backward(d_embedded, cache.embedding)
        grads = {
            **prefixed("context", context_grads),
            **prefixed("embedding", embedding_grads),
            **prefixed("cell", cell_grads),
            **prefixed("output", output_grads),
        }
        return (None, d_state, d_keys), grads

    def memory(self, keys: Array, lengths: Any = None) -> Memory:
        """What `step` looks at, made once for all steps: keys (S, B, K), lengths (B,) or None."""
        caller = "Decoder.memory"
        keys = self._as_keys(keys, working_dtype(self.dtype, keys), "B", caller)
        lengths = as_lengths(lengths, keys.shape[1], len(keys), caller, "S")
        with np.errstate(under="ignore"):
            return self.context.project(keys, lengths)

    def step(self, tokens: Array, state: State, memory: Memory) -> tuple[tuple[Array, Array], State]:
        """One step without a way back: what a search calls.

        Args:
            tokens: the tokens before this step, (B,), integers from 0 to V - 1.
            state: the state before this step.
            memory: what `memory` returned.

        Returns:
            ((logits, weights), state): (B, V), (B, S), and the state after the step.

        Raises:
            ValueError, TypeError: for tokens outside the vocabulary, wrong shapes or dtypes.
        """
        cell, B = self.cell, len(memory[0])
        axes = ((B, "the batch size of the memory"),)
        tokens = as_ids(tokens, self.vocab_size, axes, "Decoder.step", "tokens")
        state = cell.as_state(state, memory[0].dtype, B, "Decoder.step")
        kept, states = cell.tape(state, B)
        new = cell.rows(states, slice(B, None))
        with np.errstate(under="ignore"):
            logits, weights = self.advance(tokens, state, kept, new, memory, self.step_weights(B))
        return (logits, weights.copy()), new  # a fixed context shows the memory's own weights

    def step_weights(self, batch_size: int, n_steps: int = 0) -> StepWeights:
        """The weights for `advance`, made once for a search of n_steps.

        When the vocabulary is small, also beside the steps, every token's embedding takes its way into the
        cell in one product: a row of it costs a fraction of a product of its own.
        """
        cell, E = self.cell, self.embedding_size
        W_context = stacked(cell.W_x)[:, E:]
        if cell.joins_gates(batch_size):
            W_context = side_by_side(W_context)
        tokens = None
        if self.vocab_size <= min(2 * n_steps, SMALL_VOCABULARY):
            tokens = np.empty((self.vocab_size, cell.n_gates, self.hidden_size), self.dtype)
            cell.project(self.embedding.W, tokens.swapaxes(0, 1), slice(0, E))
        return StepWeights(cell.step_weights(batch_size), W_context, tokens)

    def advance(
        self, tokens: Array, prev: State, kept: Array, new: State, memory: Memory, weights: StepWeights
    ) -> tuple[Array, Array]:
        """`step` without its checks, for a loop over tokens and states of its own making.

        Args:
            tokens: (B,).
            prev: the state before the step.
            kept: (K, B, H), overwritten.
            new: where the state after the step goes.
            memory: what `memory` returned.
            weights: what `step_weights` returned.

        Returns:
            (logits, weights): (B, V), (B, S).
        """
        cell, columns = self.cell, slice(0, self.embedding_size)
        if weights.tokens is None:
            cell.project(self.embedding.W.take(tokens, axis=0), kept, columns)
        else:
            cell.pre_activations(kept)[...] = weights.tokens.take(tokens, axis=0).swapaxes(0, 1)
        _, look = self._step(prev, kept, new, weights, memory)
        logits = np.dot(cell.output(new), self.output.W)  # dot: quicker for one row
        logits += self.output.b
        return logits, look.weights

    def _step(
        self, prev: State, kept: Array, new: State, weights: StepWeights, memory: Memory
    ) -> tuple[Array, Look]:
        """Look, add what was seen to the pre-activations, take the cell's step."""
        context, look = self.context.step(self.cell.output(prev), memory)
        add_product(self.cell.pre_activations(kept), context, weights.W_context)
        self.cell.step(prev, kept, new, weights.W_h)
        return context, look

    def _as_inputs(
        self, state: State, keys: Any, lengths: Any, B: int, caller: str
    ) -> tuple[State, Array, Array | None]:
        dtype = working_dtype(self.dtype, keys, *(leaf for _, leaf in tree_leaves(state, "state")))
        keys = self._as_keys(keys, dtype, (B, "the batch size of tokens"), caller)
        state = self.cell.as_state(state, keys.dtype, B, caller)
        return state, keys, as_lengths(lengths, B, len(keys), caller, "S")

    def _as_keys(self, keys: Any, dtype: np.dtype[Any], batch: Axis, caller: str) -> Array:
        return as_floats(keys, dtype, ("S", batch, (self.key_size, "key_size")), caller, "keys")
