"""The fixed context: the final output of the encoder, the same at every step (Cho et al., 2014).

context = k_L, the key of the last valid position; weights = 1 there and 0 elsewhere
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from seqmem.contexts.context import Context
from seqmem.module import Array, Grads


class FixedMemory(NamedTuple):
    """The keys in the form that every step uses."""

    context: Array  # (B, K)
    weights: Array  # (B, S)


class FixedLook(NamedTuple):
    """The values of one step that the backward pass needs."""

    query: Array  # (B, Q)
    weights: Array  # (B, S)


class FixedContext(Context):
    """The bottleneck: every step sees the final encoder output and nothing else.

    >>> (context, weights), cache = FixedContext().forward(np.zeros((1, 2)), np.ones((3, 1, 4)), lengths=[2])
    >>> context, weights
    (array([[1., 1., 1., 1.]]), array([[0., 1., 0.]]))
    """

    query_size = None
    key_size = None

    def project(self, keys: Array, lengths: Array | None) -> FixedMemory:
        S, B, _ = keys.shape
        lengths = np.full(B, S) if lengths is None else lengths
        weights = (np.arange(S) == lengths[:, None] - 1).astype(keys.dtype)
        context = np.zeros(keys.shape[1:], keys.dtype)
        rows = np.flatnonzero(lengths)
        context[rows] = keys[lengths[rows] - 1, rows]
        return FixedMemory(context, weights)

    def step(self, query: Array, memory: FixedMemory) -> tuple[Array, FixedLook]:
        return memory.context.copy(), FixedLook(query, memory.weights)

    def step_backward(
        self, d_context: Array, d_weights: Array, look: FixedLook, memory: FixedMemory, d_memory: Any
    ) -> tuple[Array, Array]:
        return np.zeros_like(look.query), d_context

    def collect(
        self, looks: list[FixedLook], d_looks: list[Array], memory: FixedMemory, d_memory: Any
    ) -> tuple[Array, Grads]:
        d_context = np.zeros_like(memory.context)
        for d_look in d_looks:
            d_context += d_look
        return np.where(memory.weights.T[:, :, None] == 1, d_context, 0), {}
