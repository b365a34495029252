"""What a decoder looks at: the interface that lets one decoder serve every kind of context.

Like a cell, a context is cut so that a decoder can run it over time:

    project         everything that does not depend on the query, once for all steps
    step            one query's context and weights
    step_backward   the upstream gradient through one step
    collect         the gradients of the keys and the weights, for all steps at once

`forward` and `backward` are the case of a single step.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np

from seqmem.module import Array, Grads, Module
from seqmem.validation import Axis, as_cache, as_floats, as_lengths, as_pair, as_upstream, working_dtype

Memory = Any  # what project returns: a named tuple of arrays whose batch axis leads, or None


Look = (
    Any  # what a step leaves for the backward pass: a named tuple of the context's own, with weights (B, S)
)
LookGradient = Any  # what a step's backward pass leaves for collect


class ContextCache(NamedTuple):
    """What `forward` hands to `backward`."""

    memory: Memory
    look: Look
    shape: tuple[int, ...]  # the context's, (B, K)


class Context(Module, ABC):
    """One context vector for each query, (B, Q) and keys (S, B, K) to (B, K)."""

    query_size: int | None  # Q; None when any will do
    key_size: int | None  # K

    @np.errstate(under="ignore")  # a weight that underflows is 0, its exact limit
    def forward(
        self, query: Array, keys: Array, *, lengths: Any = None
    ) -> tuple[tuple[Array, Array], ContextCache]:
        """The context of one query.

        Args:
            query: what asks, (B, Q).
            keys: what is looked at, (S, B, K).
            lengths: (B,) integers from 0 to S; None when all S positions are valid. What is in the keys
                beyond them has no effect.

        Returns:
            ((context, weights), cache): context (B, K), weights (B, S) and what `backward` needs. A row of
            length 0 gets zeros.

        Raises:
            ValueError, TypeError: for wrong shapes, dtypes or lengths.
        """
        caller = f"{type(self).__name__}.forward"
        dtype = working_dtype(self.dtype, query, keys)
        Q: Axis = "Q" if self.query_size is None else (self.query_size, "query_size")
        K: Axis = "K" if self.key_size is None else (self.key_size, "key_size")
        query = as_floats(query, dtype, ("B", Q), caller, "query")
        keys = as_floats(keys, dtype, ("S", (len(query), "the batch size of query"), K), caller, "keys")
        memory = self.project(keys, as_lengths(lengths, len(query), len(keys), caller, "S"))
        context, look = self.step(query.copy(), memory)
        return (context, look.weights.copy()), ContextCache(memory, look, context.shape)

    @np.errstate(under="ignore")
    def backward(
        self, d_outputs: tuple[Array | None, Array | None], cache: ContextCache
    ) -> tuple[tuple[Array, Array], Grads]:
        """The gradients of one look.

        Args:
            d_outputs: (d_context, d_weights), (B, K) and (B, S); None stands for zeros.
            cache: what `forward` returned.

        Returns:
            ((d_query, d_keys), grads): (B, Q), (S, B, K), exactly 0 in the padding, and each parameter's.
        """
        caller = f"{type(self).__name__}.backward"
        memory, look, shape = as_cache(cache, ContextCache, caller)
        dtype = look.weights.dtype
        d_context, d_weights = as_pair(d_outputs, caller, "d_outputs", "(d_context, d_weights)")
        d_context = as_upstream(d_context, shape, dtype, caller, "d_context")
        d_weights = as_upstream(d_weights, look.weights.shape, dtype, caller, "d_weights")
        d_memory = self.zero_gradient(memory)
        d_query, d_look = self.step_backward(d_context, d_weights, look, memory, d_memory)
        d_keys, grads = self.collect([look], [d_look], memory, d_memory)
        return (d_query, d_keys), self.summed(grads)

    @abstractmethod
    def project(self, keys: Array, lengths: Array | None) -> Memory:
        """Everything that does not depend on the query: keys (S, B, K), lengths (B,)."""

    @abstractmethod
    def step(self, query: Array, memory: Memory) -> tuple[Array, Look]:
        """The context (B, K) of one query (B, Q), and what the backward pass needs."""

    def zero_gradient(self, memory: Memory) -> Any:
        """Where step_backward adds up what belongs to the memory rather than to a step."""
        return None

    @abstractmethod
    def step_backward(
        self, d_context: Array, d_weights: Array, look: Look, memory: Memory, d_memory: Any
    ) -> tuple[Array, LookGradient]:
        """d_query (B, Q) and what collect needs; adds the step's part to d_memory."""

    @abstractmethod
    def collect(
        self, looks: list[Look], d_looks: list[LookGradient], memory: Memory, d_memory: Any
    ) -> tuple[Array, Grads]:
        """d_keys (S, B, K) and the parameters' gradients of all T steps."""


def check_memory(memory: Any, caller: str) -> None:
    """Raise for what no context has made."""
    if not (isinstance(memory, tuple) and memory and isinstance(memory[0], np.ndarray)):
        came = type(memory).__name__
        raise TypeError(f"{caller}: memory is of type {came}, expected what the decoder's memory() returned")


def valid_positions(lengths: Array, S: int) -> Array:
    """(B, S), True where a position lies within its sequence."""
    return np.arange(S) < lengths[:, None]
