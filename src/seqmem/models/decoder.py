"""From states to tokens: at each step a context, a step of the cell, and a score for every token.

    C_t = context of s_{t-1}                    (B, K), Bahdanau's order: the query is the previous state
    s_t = cell(s_{t-1}, [y_{t-1} ; C_t])
    logits_t = output(s_t) @ W + b              (B, V)

With several layers, the query and the output come from the state s of the highest layer, and each layer above
the first reads the output of the layer below (models/upper.py).

With teacher forcing, the embeddings y of all steps are known in advance, so one product before the loop
computes their part of the pre-activations; the context's part is added inside the loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from seqmem.cells import Cell, State
from seqmem.cells.tape import Record, Run, Tape, fields_of
from seqmem.contexts import Context, FixedContext
from seqmem.contexts.context import Look, LookGradient, Memory, check_memory
from seqmem.initializers import Rng, as_generator
from seqmem.layers import Dropout, Embedding, Linear
from seqmem.layers.dropout import DropoutCache
from seqmem.layers.embedding import STD, EmbeddingCache
from seqmem.layers.linear import LinearCache
from seqmem.layers.multilayer import cell_like
from seqmem.layers.sequence import as_branches
from seqmem.layers.stack import as_variational
from seqmem.layers.traces import Trace, gradients_of, values_of
from seqmem.models.encoder import check_dtype, make_cell
from seqmem.models.stepper import Decoding, Stepper
from seqmem.models.upper import UpperBack, UpperCache, after_upper
from seqmem.module import Array, Grads, Module, prefixed
from seqmem.nests import tree_leaves
from seqmem.validation import (
    Axis,
    as_cache,
    as_choice,
    as_flag,
    as_floats,
    as_fraction,
    as_ids,
    as_lengths,
    as_pair,
    as_positive,
    as_size,
    as_upstream,
    working_dtype,
)


class DecoderCache(NamedTuple):
    """The values that `forward` passes to `backward`."""

    embedding: EmbeddingCache
    drop: DropoutCache
    xs: Array  # (T·B, E + K) embeddings and contexts, the cell's input
    tape: Tape  # of the lowest layer
    upper: list[UpperCache]  # of the layers above
    memory: Memory
    looks: list[Look]
    output: LinearCache
    shape: tuple[int, int, int]  # T, B, S


class Decoder(Module):
    """Predicts the next token from the previous tokens and from the context of the keys.

    Args:
        vocab_size: V.
        embedding_size: E.
        hidden_size: H.
        context: the context, with a query size of H; None means a FixedContext.
        key_size: K; optional if the context defines it, otherwise H by default.
        cell: "lstm", "gru", "rnn" or another cell's short name, or a cell of input size E + K and hidden size
            H for the lowest layer; the other layers get the same kind of cell.
        num_layers: the number of layers. The query for the context is the state of the highest; the state of
            several layers is a tuple, the lowest first.
        readout: the input of the logits: "state" is s_t (the lecture's), "all" is
            [s_t ; y_{t-1} ; C_t] (Bahdanau, Cho & Bengio, 2015).
        embedding_std: standard deviation of the embedding's initial table.
        dropout: the probability of zeroing embedded inputs and the outputs of every layer but the last, if an
            `rng` is passed.
        variational: whether every step of a sequence drops the same entries (Gal & Ghahramani, 2016).
        rng: seed or generator for the initial weights.
        dtype: float64 or float32.

    >>> from seqmem.contexts import AdditiveAttention
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
        cell: str | Cell[Any] = "lstm",
        num_layers: int = 1,
        readout: Literal["state", "all"] = "state",
        embedding_std: float = STD,
        dropout: float = 0.0,
        variational: bool = False,
        rng: Rng = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        rng, hidden_size = as_generator(rng), as_size(hidden_size, "Decoder", "hidden_size")
        key_size = None if key_size is None else as_size(key_size, "Decoder", "key_size")
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
        self.key_size = key_size
        self.embedding_std = as_positive(embedding_std, "Decoder", "embedding_std")
        self.embedding = Embedding(vocab_size, embedding_size, std=self.embedding_std, rng=rng, dtype=dtype)
        self.dropout = as_fraction(dropout, "Decoder", "dropout")
        self.variational = as_variational(variational, self.dropout, "Decoder")
        self.drop = Dropout(self.dropout, variational=variational)
        self.cell = make_cell(cell, embedding_size + key_size, hidden_size, rng, dtype, "Decoder")
        self.num_layers = as_size(num_layers, "Decoder", "num_layers")
        self.upper = [cell_like(self.cell, hidden_size, rng) for _ in range(num_layers - 1)]
        self.readout = as_choice(readout, ("state", "all"), "Decoder", "readout")
        shown = hidden_size + (embedding_size + key_size if readout == "all" else 0)
        self.output = Linear(shown, vocab_size, rng=rng, dtype=dtype)
        self.vocab_size, self.embedding_size, self.hidden_size = vocab_size, embedding_size, hidden_size

    def zero_state(self, batch_size: int) -> State:
        """Return a state of zeros: the cell's, or a tuple with the state of each layer, the lowest first."""
        return self._of_parts([cell.zero_state(batch_size) for cell in self._cells])

    def forward(
        self,
        tokens: Array,
        state: State,
        keys: Array,
        *,
        lengths: Any = None,
        rng: Rng = None,
        traced: bool = False,
    ) -> tuple[tuple[Array, Array], DecoderCache]:
        """Run all steps with teacher forcing: each step's input is the token that should precede the output.

        Args:
            tokens: the input of each step, (T, B), integers from 0 to V - 1.
            state: the state before the first step.
            keys: the keys of the context, (S, B, K).
            lengths: (B,) integers from 0 to S, the valid positions of the keys; None if all are valid.
            rng: enables dropout.
            traced: whether to keep the pre-activations as well, for `trace`.

        Returns:
            ((logits, weights), cache): (T, B, V), (T, B, S), and the cache for `backward`.

        Raises:
            ValueError, TypeError: for tokens outside the vocabulary, wrong shapes, dtypes or lengths.
        """
        tokens = as_ids(tokens, self.vocab_size, ("T", "B"), "Decoder.forward", "tokens")
        T, B = tokens.shape
        initial, keys, lengths = self._as_inputs(state, keys, lengths, B, "Decoder.forward")
        cell, E, dtype = self.cell, self.embedding_size, keys.dtype
        traced = as_flag(traced, "Decoder.forward", "traced")
        rng = None if rng is None else as_generator(rng)
        embedded, embedding_cache = self.embedding.forward(tokens)
        ys, drop_cache = self.drop.forward(embedded, rng=rng)
        xs = np.empty((T * B, E + self.key_size), dtype)
        xs[:, :E] = ys.reshape(T * B, E)
        weights = np.empty((T, B, len(keys)), dtype)
        looks: list[Look] = []
        with np.errstate(under="ignore"):  # a product that underflows is 0, its exact limit
            memory = self.context.project(keys, lengths)
            tapes = [
                one.tape(parts, T * B, traced=traced) for one, parts in zip(self._cells, initial, strict=True)
            ]
            cell.project(xs[:, :E], tapes[0].array("a"), slice(0, E))
            read = (T, B, self.hidden_size)
            drawn = (self.drop.scale(read, xs.real.dtype, rng) for _ in self.upper)
            scales = [None if scale is None else np.broadcast_to(scale, read) for scale in drawn]
            stepper, contexts = (
                Stepper(self, memory, tapes, T, scales),
                xs[:, E:].reshape(T, B, self.key_size),
            )
            for at, context_t, weights_t in zip(
                stepper.along(self._run(T, B)), contexts, weights, strict=True
            ):
                context_t[...], look = stepper.take(at)
                weights_t[...] = look.weights
                looks.append(look)
            hs = np.ascontiguousarray(tapes[-1].array("h"))
            shown = hs if self.readout == "state" else np.concatenate([hs, xs], axis=1)
            logits, output_cache = self.output.forward(shown.reshape(T, B, self.output.input_size))
        shape = (T, B, len(keys))
        layers = (tapes[0], stepper.caches())
        cache = DecoderCache(embedding_cache, drop_cache, xs, *layers, memory, looks, output_cache, shape)
        return (logits, weights), cache

    def backward(
        self, d_outputs: tuple[Array | None, Array | None], cache: DecoderCache
    ) -> tuple[tuple[None, State, Array], Grads]:
        """Backpropagate through all steps and through the contexts of all steps.

        Args:
            d_outputs: (d_logits, d_weights), (T, B, V) and (T, B, S); None means zeros.
            cache: the cache that `forward` returned.

        Returns:
            ((None, d_state, d_keys), grads): for the state before the first step, for the keys (S, B, K),
            exactly 0 in the padding, and for each parameter.
        """
        d_inputs, grads = self.backward_by_name(d_outputs, as_cache(cache, DecoderCache, "Decoder.backward"))
        return d_inputs, self.summed(grads)

    def backward_by_name(
        self, d_outputs: tuple[Array | None, Array | None], cache: DecoderCache
    ) -> tuple[tuple[None, State, Array], Grads]:
        """Run `backward` with gradients by every name, ties not summed, for a model with this decoder."""
        return self._backward(d_outputs, cache, self._back_tapes(cache))

    def trace(self, cache: DecoderCache) -> Trace:
        """Return the values at every step of a forward pass by name, (T, B, H) each, like
        `Recurrent.trace`, with the contexts' "weights" (T, B, S) and "context" (T, B, K). With several
        layers, names begin with the layer's number: "0.h".
        """
        T, B, _ = as_cache(cache, DecoderCache, "Decoder.trace").shape
        tapes = [cache.tape, *(upper.tape for upper in cache.upper)]
        values = self._by_layer([values_of(*own) for own in zip(self._cells, tapes, strict=True)])
        trace = {name: rows.reshape(T, B, self.hidden_size) for name, rows in values.items()}
        trace["weights"] = (
            np.stack([look.weights for look in cache.looks]) if cache.looks else np.zeros(cache.shape)
        )
        trace["context"] = cache.xs[:, self.embedding_size :].reshape(T, B, self.key_size)
        return trace

    def trace_gradients(self, d_outputs: tuple[Array | None, Array | None], cache: DecoderCache) -> Trace:
        """Return the gradients at every step of a backward pass by name, as `Recurrent.trace_gradients`."""
        T, B, _ = as_cache(cache, DecoderCache, "Decoder.trace_gradients").shape
        records: list[Record] = [[] for _ in self._cells]
        backs = self._back_tapes(cache)
        self._backward(d_outputs, cache, backs, records)
        values = self._by_layer([gradients_of(*own) for own in zip(self._cells, backs, records, strict=True)])
        return {name: rows.reshape(T, B, self.hidden_size) for name, rows in values.items()}

    def _backward(
        self,
        d_outputs: tuple[Array | None, Array | None],
        cache: DecoderCache,
        backs: list[Tape],
        records: Sequence[Record | None] = (),
    ) -> tuple[tuple[None, State, Array], Grads]:
        """Run `backward` and leave the gradients for `trace_gradients` in `backs` and `records`."""
        cell, context, E, H, (T, B, _) = (
            self.cell,
            self.context,
            self.embedding_size,
            self.hidden_size,
            cache.shape,
        )
        back, records = backs[0], records or [None] * len(backs)
        memory, xs, dtype = cache.memory, cache.xs, back.room.dtype
        d_logits, d_weights = as_pair(d_outputs, "Decoder.backward", "d_outputs", "(d_logits, d_weights)")
        d_weights = as_upstream(d_weights, cache.shape, dtype, "Decoder.backward", "d_weights")
        (d_shown,), output_grads = self.output.backward(d_logits, cache.output)
        d_hs = d_shown[..., :H].reshape(T * B, H)
        d_parts = cell.as_upstream_parts(None, back, "Decoder.backward", "d_state")
        d_memory = context.zero_gradient(memory)
        d_looks: list[LookGradient] = []
        with np.errstate(under="ignore"):
            run = self._run(T, B)
            upper: list[UpperBack] = []  # from the highest layer down
            for k in reversed(range(len(self.upper))):
                own = (self.upper[k], cache.upper[k], backs[k + 1])
                d_own = own[0].as_upstream_parts(None, own[2], "Decoder.backward", "d_state")
                upper.append(UpperBack(*own, d_own, d_hs, run, records[k + 1]))
                d_hs = upper[-1].d_below
            d_asking = upper[0].d_parts if upper else d_parts  # of the layer whose state is the query
            way_back = cell.way_back(slice(E, None), B, T, dtype)
            d_as = back.steps((cell.input_gradient,), run, last_first=True)
            contexts = xs[:, E:].reshape(T, B, self.key_size)
            steps = cell.steps_back(back, [run], d_parts, d_hs, records[0])
            steps = after_upper(upper, steps, T) if upper else steps
            for t, (d_a,), _ in zip(reversed(range(T)), d_as, steps, strict=True):
                d_context = way_back(d_a, contexts[t])
                if self.readout == "all":
                    d_context += d_shown[t, :, H + E :]
                d_query, d_look = context.step_backward(
                    d_context, d_weights[t], cache.looks[t], memory, d_memory
                )
                d_asking[0] += d_query  # the query is the state before the step
                d_looks.append(d_look)
            d_keys, context_grads = context.collect(cache.looks, d_looks[::-1], memory, d_memory)
            d_ys, cell_grads = cell.gradients(xs, back, slice(0, E))
            upper_grads: Grads = {}
            for k, one in enumerate(reversed(upper)):
                upper_grads |= prefixed(f"upper.{k}", one.grads())
        d_ys = d_ys.reshape(T, B, E)
        if self.readout == "all":
            d_ys += d_shown[..., H : H + E]
        (d_embedded,), _ = self.drop.backward(d_ys, cache.drop)
        _, embedding_grads = self.embedding.backward(d_embedded, cache.embedding)
        grads = {
            **prefixed("context", context_grads),
            **prefixed("embedding", embedding_grads),
            **prefixed("cell", cell_grads),
            **upper_grads,
            **prefixed("output", output_grads),
        }
        d_state = cell.of_parts(d_parts)
        if upper:
            d_state = (d_state, *(one.d_state() for one in reversed(upper)))
        return (None, d_state, d_keys), grads

    def memory(self, keys: Array, *, lengths: Any = None) -> Memory:
        """Return the context's memory, computed once for all steps: keys (S, B, K), lengths (B,) or None."""
        caller = "Decoder.memory"
        keys = self._as_keys(keys, working_dtype(self.dtype, keys), "B", caller)
        lengths = as_lengths(lengths, keys.shape[1], len(keys), caller, "S")
        with np.errstate(under="ignore"):
            return self.context.project(keys, lengths)

    def step(self, tokens: Array, state: State, memory: Memory) -> tuple[tuple[Array, Array], State]:
        """Take one step, forward only (no cache), as a search does.

        Args:
            tokens: the tokens before this step, (B,), integers from 0 to V - 1.
            state: the state before this step.
            memory: the memory that `memory` returned.

        Returns:
            ((logits, weights), state): (B, V), (B, S), and the state after the step.

        Raises:
            ValueError, TypeError: for tokens outside the vocabulary, wrong shapes or dtypes.
        """
        check_memory(memory, "Decoder.step")
        B = len(memory[0])
        axes = ((B, "the batch size of the memory"),)
        tokens = as_ids(tokens, self.vocab_size, axes, "Decoder.step", "tokens")
        initial = self._as_state(state, memory[0].dtype, B, "Decoder.step")
        decoding = self.start([part for parts in initial for part in parts], memory, 1)
        with np.errstate(under="ignore"):
            logits, weights = decoding.step(tokens)
        left = iter(decoding.state())
        states = [one.of_parts([next(left) for _ in fields_of(one.state_type)]) for one in self._cells]
        return (logits, weights.copy()), self._of_parts(states)

    def start(self, initial: Sequence[Array], memory: Memory, n_steps: int) -> Decoding:
        """Begin to decode step by step.

        Args:
            initial: the parts of the state before the first step, (B, H) each, in the memory's dtype; those
                of the lowest layer first.
            memory: the memory that `memory` returned.
            n_steps: the maximum number of steps.
        """
        return Decoding(self, initial, memory, n_steps)

    @property
    def _cells(self) -> list[Cell[Any]]:
        """The cells of all layers, the lowest first."""
        return [self.cell, *self.upper]

    def _of_parts(self, states: list[Any]) -> State:
        """Return the decoder's state from the states of its layers."""
        return tuple(states) if self.upper else states[0]

    def _by_layer(self, traces: list[Trace]) -> Trace:
        if not self.upper:
            return traces[0]
        return {f"{k}.{name}": rows for k, trace in enumerate(traces) for name, rows in trace.items()}

    def _back_tapes(self, cache: DecoderCache) -> list[Tape]:
        tapes = [cache.tape, *(upper.tape for upper in cache.upper)]
        return [cell.back_tape(tape) for cell, tape in zip(self._cells, tapes, strict=True)]

    @staticmethod
    def _run(T: int, B: int) -> Run:
        return Run(0, T, B, 0)

    def _as_inputs(
        self, state: State, keys: Any, lengths: Any, B: int, caller: str
    ) -> tuple[list[list[Array]], Array, Array | None]:
        dtype = working_dtype(self.dtype, keys, *(leaf for _, leaf in tree_leaves(state, "state")))
        keys = self._as_keys(keys, dtype, (B, "the batch size of tokens"), caller)
        initial = self._as_state(state, keys.dtype, B, caller)
        return initial, keys, as_lengths(lengths, B, len(keys), caller, "S")

    def _as_state(self, state: Any, dtype: np.dtype[Any], B: int, caller: str) -> list[list[Array]]:
        """Check a state from a caller; return the parts of each layer's state in the working dtype."""
        if not self.upper:
            return [self.cell.as_state_parts(state, dtype, B, caller)]
        n = self.num_layers
        states = as_branches(state, (n, f"a tuple of {n}, the state of each layer"), caller, "state")
        return [
            cell.as_state_parts(own, dtype, B, caller, f"state[{k}]")
            for k, (cell, own) in enumerate(zip(self._cells, states, strict=True))
        ]

    def _as_keys(self, keys: Any, dtype: np.dtype[Any], batch: Axis, caller: str) -> Array:
        return as_floats(keys, dtype, ("S", batch, (self.key_size, "key_size")), caller, "keys")
