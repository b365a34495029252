"""The interface of all contexts, so that one decoder can use every kind.

Like a cell, a context has separate parts, so that a decoder can run it over time:

    project         all computations that do not depend on the query, once for all steps
    step            the context and weights of one query
    step_backward   the upstream gradient through one step
    collect         the gradients of the keys and the weights, for all steps at once

`forward` and `backward` treat a single step.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np

from seqmem.module import Array, Grads, Module
from seqmem.validation import Axis, as_cache, as_floats, as_lengths, as_pair, as_upstream, working_dtype

Memory = Any  # what project returns: a named tuple of arrays whose batch axis leads, or None


Look = Any  # what a step stores for the backward pass: a named tuple with the field weights (B, S)
LookGradient = Any  # what a step's backward pass stores for collect


class ContextCache(NamedTuple):
    """The values that `forward` passes to `backward`."""

    memory: Memory
    look: Look
    shape: tuple[int, ...]  # of the context, (B, K)


class Context(Module, ABC):
    """Maps queries (B, Q) and keys (S, B, K) to one context vector per query, (B, K)."""

    query_size: int | None  # Q; None if any size is allowed
    key_size: int | None  # K; None if any size is allowed

    @np.errstate(under="ignore")  # a weight that underflows is 0, its exact limit
    def forward(
        self, query: Array, keys: Array, *, lengths: Any = None
    ) -> tuple[tuple[Array, Array], ContextCache]:
        """Compute the context of one query.

        Args:
            query: the query, (B, Q).
            keys: the keys, (S, B, K).
            lengths: (B,) integers from 0 to S; None if all S positions are valid. Keys beyond a length have
                no effect.

        Returns:
            ((context, weights), cache): context (B, K), weights (B, S), and the cache for `backward`. A row
            of length 0 gets zeros.

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
        """Return the gradients of one step.

        Args:
            d_outputs: (d_context, d_weights), (B, K) and (B, S); None means zeros.
            cache: the cache that `forward` returned.

        Returns:
            ((d_query, d_keys), grads): (B, Q); (S, B, K), exactly 0 in the padding; and for each parameter.
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
        """Compute all that does not depend on the query, from keys (S, B, K) and lengths (B,)."""

    @abstractmethod
    def step(self, query: Array, memory: Memory) -> tuple[Array, Look]:
        """Return the context (B, K) of one query (B, Q), and the values that the backward pass needs."""

    def zero_gradient(self, memory: Memory) -> Any:
        """Return zeros for `step_backward` to add to: gradients with respect to the memory."""
        return None

    @abstractmethod
    def step_backward(
        self, d_context: Array, d_weights: Array, look: Look, memory: Memory, d_memory: Any
    ) -> tuple[Array, LookGradient]:
        """Return d_query (B, Q) and the values that `collect` needs; add the step's part to d_memory."""

    @abstractmethod
    def collect(
        self, looks: list[Look], d_looks: list[LookGradient], memory: Memory, d_memory: Any
    ) -> tuple[Array, Grads]:
        """Return d_keys (S, B, K) and the parameters' gradients of all T steps."""


def check_memory(memory: Any, caller: str) -> None:
    """Raise for anything but the memory of a context."""
    if not (isinstance(memory, tuple) and memory and isinstance(memory[0], np.ndarray)):
        came = type(memory).__name__
        raise TypeError(f"{caller}: memory is of type {came}, expected the result of the decoder's memory()")


def valid_positions(lengths: Array, S: int) -> Array:
    """Return (B, S), True for positions within their sequence."""
    return np.arange(S) < lengths[:, None]
