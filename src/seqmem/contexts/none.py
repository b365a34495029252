"""No context: the source reaches the decoder only through its initial state (Sutskever, Vinyals & Le, 2014).

context = 0, weights = 0

`FixedContext` differs: it shows the encoder's final output at every step (Cho et al., 2014).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from seqmem.contexts.context import Context
from seqmem.module import Array, Grads


class NoMemory(NamedTuple):
    """The zeros that every step returns, and the shape of the keys."""

    context: Array  # (B, K)
    weights: Array  # (B, S)


class NoLook(NamedTuple):
    """The values of one step that the backward pass needs."""

    query: Array  # (B, Q)
    weights: Array  # (B, S)


class NoContext(Context):
    """A context of zeros: all that a decoder knows of the source is in its initial state.

    The decoder's weights for the context have no effect, and their gradient is 0.

    >>> (context, weights), cache = NoContext().forward(np.zeros((1, 2)), np.ones((3, 1, 4)))
    >>> context, weights
    (array([[0., 0., 0., 0.]]), array([[0., 0., 0.]]))
    """

    query_size = None
    key_size = None

    def project(self, keys: Array, lengths: Array | None) -> NoMemory:
        S, B, K = keys.shape
        return NoMemory(np.zeros((B, K), keys.dtype), np.zeros((B, S), keys.dtype))

    def step(self, query: Array, memory: NoMemory) -> tuple[Array, NoLook]:
        return memory.context.copy(), NoLook(query, memory.weights)

    def step_backward(
        self, d_context: Array, d_weights: Array, look: NoLook, memory: NoMemory, d_memory: Any
    ) -> tuple[Array, None]:
        return np.zeros_like(look.query), None

    def collect(
        self, looks: list[NoLook], d_looks: list[None], memory: NoMemory, d_memory: Any
    ) -> tuple[Array, Grads]:
        (B, K), S = memory.context.shape, memory.weights.shape[1]
        return np.zeros((S, B, K), memory.context.dtype), {}
