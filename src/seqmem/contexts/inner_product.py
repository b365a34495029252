"""The part that dot-product and bilinear attention share: scores that are linear in the query.

    asked   = a linear function of the query      (B, K)
    score_s = k_s · asked                         (B, S)
    weights = softmax of the scores over s        (B, S), exactly 0 in the padding
    context = sum over s of weights_s * k_s       (B, K)

Internally the batch axis leads, so that each sequence's keys are contiguous.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, NamedTuple

import numpy as np

from seqmem.activations import softmax
from seqmem.contexts.context import Context, valid_positions
from seqmem.module import Array, Grads


class InnerProductMemory(NamedTuple):
    """The keys in the form that every step uses."""

    keys: Array  # (B, S, K), 0 in the padding
    valid: Array | None  # (B, S), None without padding


class InnerProductLook(NamedTuple):
    """The values of one step that the backward pass needs."""

    query: Array  # (B, Q)
    weights: Array  # (B, S)
    asked: Array  # (B, K)


class InnerProductLookGradient(NamedTuple):
    """The gradients of one step that `collect` needs."""

    d_context: Array  # (B, K)
    d_scores: Array  # (B, S)
    d_asked: Array  # (B, K)


class InnerProductContext(Context):
    """Attention by the inner products of the keys with a linear function of the query."""

    @abstractmethod
    def ask(self, query: Array) -> Array:
        """Return the vector by which the keys are multiplied, (B, K), for a query (B, Q)."""

    @abstractmethod
    def ask_backward(self, d_asked: Array) -> Array:
        """Return the gradient of the query, (B, Q)."""

    def ask_gradients(self, queries: Array, d_asked: Array) -> Grads:
        """Return the parameters' gradients from the rows of all steps, (T·B, Q) and (T·B, K)."""
        return {}

    def project(self, keys: Array, lengths: Array | None) -> InnerProductMemory:
        keys = keys.swapaxes(0, 1).copy()  # (B, S, K)
        if lengths is None:
            return InnerProductMemory(keys, None)
        valid = valid_positions(lengths, keys.shape[1])
        return InnerProductMemory(np.where(valid[:, :, None], keys, 0), valid)  # selected: 0 * NaN is NaN

    def step(self, query: Array, memory: InnerProductMemory) -> tuple[Array, InnerProductLook]:
        asked = self.ask(query)
        scores = np.matmul(memory.keys, asked[:, :, None])[:, :, 0]  # (B, S)
        weights = softmax(scores, memory.valid)
        context = np.matmul(weights[:, None, :], memory.keys)[:, 0]  # (B, K)
        return context, InnerProductLook(query, weights, asked)

    def step_backward(
        self,
        d_context: Array,
        d_weights: Array,
        look: InnerProductLook,
        memory: InnerProductMemory,
        d_memory: Any,
    ) -> tuple[Array, InnerProductLookGradient]:
        weights, keys = look.weights, memory.keys
        if memory.valid is not None:  # selected, like the keys; a row of length 0 has no context
            d_weights = np.where(memory.valid, d_weights, 0)
            d_context = np.where(memory.valid.any(axis=1, keepdims=True), d_context, 0)
        # from context = weights @ keys
        d_weights = d_weights + np.matmul(keys, d_context[:, :, None])[:, :, 0]
        # from weights = softmax(scores)
        d_scores = weights * (d_weights - np.add.reduce(weights * d_weights, axis=1, keepdims=True))
        # from scores = keys @ asked
        d_asked = np.matmul(d_scores[:, None, :], keys)[:, 0]
        return self.ask_backward(d_asked), InnerProductLookGradient(d_context, d_scores, d_asked)

    def collect(
        self,
        looks: list[InnerProductLook],
        d_looks: list[InnerProductLookGradient],
        memory: InnerProductMemory,
        d_memory: Any,
    ) -> tuple[Array, Grads]:
        keys, queries = memory.keys, [look.query for look in looks]
        if not looks:
            nothing = np.zeros((0, keys.shape[2]), keys.dtype)
            d_W = self.ask_gradients(np.zeros((0, self.query_size or 0), keys.dtype), nothing)
            return np.zeros_like(keys.swapaxes(0, 1)), d_W
        weights, asked = np.stack([look.weights for look in looks]), np.stack([look.asked for look in looks])
        d_contexts = np.stack([d_look.d_context for d_look in d_looks])  # (T, B, K)
        d_scores = np.stack([d_look.d_scores for d_look in d_looks])  # (T, B, S)
        # from context = weights @ keys, and from scores = keys @ asked
        d_keys = np.matmul(weights.transpose(1, 2, 0), d_contexts.transpose(1, 0, 2))
        d_keys += np.matmul(d_scores.transpose(1, 2, 0), asked.transpose(1, 0, 2))
        d_asked = np.concatenate([d_look.d_asked for d_look in d_looks])
        return d_keys.swapaxes(0, 1), self.ask_gradients(np.concatenate(queries), d_asked)
