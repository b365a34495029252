"""Additive attention (Bahdanau, Cho & Bengio, 2015), for a query q (B, Q) and keys k_s (B, K), s = 1..S.

    hidden_s = tanh(q @ W_q + k_s @ W_k + b)      (B, S, A)
    score_s  = hidden_s @ v                       (B, S)
    weights  = softmax of the scores over s       (B, S), exactly 0 in the padding
    context  = sum over s of weights_s * k_s      (B, K)

W_q (Q, A), W_k (K, A), b (A,), v (A,). The lecture writes W_a·[k ; q], where W_k and W_q are the halves of
W_a. Internally the batch axis leads, so that each sequence's keys are contiguous.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from seqmem.activations import softmax
from seqmem.contexts.context import Context, valid_positions
from seqmem.initializers import Rng, as_generator, glorot_uniform
from seqmem.module import Array, Grads
from seqmem.validation import as_param_dtype, as_size


class AdditiveMemory(NamedTuple):
    """The keys in the form that every step uses."""

    keys: Array  # (B, S, K), 0 in the padding
    projected: Array  # (B, S, A) k_s @ W_k + b, computed once for all queries
    valid: Array | None  # (B, S), None without padding


class AdditiveLook(NamedTuple):
    """The values of one step that the backward pass needs."""

    query: Array  # (B, Q)
    weights: Array  # (B, S)
    hidden: Array  # (B, S, A) expensive to recompute


class AdditiveLookGradient(NamedTuple):
    """The gradients of one step that `collect` needs."""

    d_context: Array  # (B, K)
    d_a_query: Array  # (B, A) the query's part of the hidden layer's pre-activation
    d_v: Array  # (A,) summed over the batch and the positions while the hidden layer is in the cache


class AdditiveAttention(Context):
    """Additive attention (Bahdanau, Cho & Bengio, 2015).

    Args:
        query_size: Q.
        key_size: K.
        attention_size: A, the width of the scorer's hidden layer.
        rng: seed or generator for the initial weights.
        dtype: float64 or float32.

    >>> attention = AdditiveAttention(3, 4, 5, rng=0)
    >>> (context, weights), cache = attention.forward(np.ones((2, 3)), np.ones((6, 2, 4)), lengths=[6, 2])
    >>> weights[1]
    array([0.5, 0.5, 0. , 0. , 0. , 0. ])
    >>> (d_query, d_keys), grads = attention.backward((np.ones((2, 4)), None), cache)
    >>> d_keys.shape, sorted(grads)
    ((6, 2, 4), ['W_k', 'W_q', 'b', 'v'])
    """

    query_size: int
    key_size: int

    def __init__(
        self,
        query_size: int,
        key_size: int,
        attention_size: int,
        *,
        rng: Rng = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        self.query_size = Q = as_size(query_size, "AdditiveAttention", "query_size")
        self.key_size = K = as_size(key_size, "AdditiveAttention", "key_size")
        self.attention_size = A = as_size(attention_size, "AdditiveAttention", "attention_size")
        dtype, rng = as_param_dtype(dtype, "AdditiveAttention"), as_generator(rng)
        self.W_q: Array = glorot_uniform(rng, (Q, A), dtype)
        self.W_k: Array = glorot_uniform(rng, (K, A), dtype)
        self.b: Array = np.zeros(A, dtype)
        self.v: Array = glorot_uniform(rng, (A, 1), dtype)[:, 0].copy()

    def project(self, keys: Array, lengths: Array | None) -> AdditiveMemory:
        keys = keys.swapaxes(0, 1).copy()  # (B, S, K)
        valid = None
        if lengths is not None:
            valid = valid_positions(lengths, keys.shape[1])
            keys = np.where(valid[:, :, None], keys, 0)  # selected, not multiplied: 0 * NaN is NaN
        projected = keys.reshape(-1, self.key_size) @ self.W_k + self.b  # one product for all rows
        return AdditiveMemory(keys, projected.reshape(*keys.shape[:2], self.attention_size), valid)

    def step(self, query: Array, memory: AdditiveMemory) -> tuple[Array, AdditiveLook]:
        hidden = memory.projected + np.dot(query, self.W_q)[:, None, :]  # (B, S, A); dot: faster for one row
        np.tanh(hidden, out=hidden)
        scores = np.dot(hidden.reshape(-1, self.attention_size), self.v)  # one product for all rows
        weights = softmax(scores.reshape(hidden.shape[:2]), memory.valid)  # (B, S)
        context = np.matmul(weights[:, None, :], memory.keys)[:, 0]  # (B, K)
        return context, AdditiveLook(query, weights, hidden)

    def zero_gradient(self, memory: AdditiveMemory) -> Array:
        return np.zeros_like(memory.projected)

    def step_backward(
        self, d_context: Array, d_weights: Array, look: AdditiveLook, memory: AdditiveMemory, d_memory: Any
    ) -> tuple[Array, AdditiveLookGradient]:
        weights, hidden = look.weights, look.hidden
        if memory.valid is not None:  # selected, like the keys; a row of length 0 has no context
            d_weights = np.where(memory.valid, d_weights, 0)
            d_context = np.where(memory.valid.any(axis=1, keepdims=True), d_context, 0)
        # from context = weights @ keys
        d_weights = d_weights + np.matmul(memory.keys, d_context[:, :, None])[:, :, 0]
        # from weights = softmax(scores)
        d_scores = weights * (d_weights - np.add.reduce(weights * d_weights, axis=1, keepdims=True))
        # from score = hidden @ v, hidden = tanh(a): d_a = d_scores * v * (1 - hidden²). The factor v is the
        # same for all steps and positions, so the sums are taken without it: the query's part gets it here,
        # the keys' part in collect.
        d_a_over_v = hidden**2
        np.subtract(1, d_a_over_v, out=d_a_over_v)
        d_a_over_v *= d_scores[:, :, None]
        d_memory += d_a_over_v
        d_a_query = np.add.reduce(d_a_over_v, axis=1) * self.v
        d_v = np.dot(d_scores.reshape(-1), hidden.reshape(-1, self.attention_size))  # from score = hidden @ v
        return d_a_query @ self.W_q.T, AdditiveLookGradient(d_context, d_a_query, d_v)

    def collect(
        self,
        looks: list[AdditiveLook],
        d_looks: list[AdditiveLookGradient],
        memory: AdditiveMemory,
        d_memory: Any,
    ) -> tuple[Array, Grads]:
        T, (B, S, K), A = len(looks), memory.keys.shape, self.attention_size
        d_projected = d_memory * self.v  # score = hidden @ v
        d_rows = d_projected.reshape(-1, A)
        d_keys = (d_rows @ self.W_k.T).reshape(B, S, K)
        grads = {
            "W_q": np.zeros_like(self.W_q, dtype=d_keys.dtype),
            "W_k": memory.keys.reshape(-1, K).T @ d_rows,
            "b": d_rows.sum(axis=0),
            "v": np.zeros_like(self.v, dtype=d_keys.dtype),
        }
        for d_look in d_looks:
            grads["v"] += d_look.d_v
        if looks:
            queries = np.concatenate([look.query for look in looks])  # (T·B, Q)
            grads["W_q"] += queries.T @ np.concatenate([d_look.d_a_query for d_look in d_looks])
            weights = np.concatenate([look.weights for look in looks]).reshape(T, B, S)
            d_contexts = np.concatenate([d_look.d_context for d_look in d_looks]).reshape(T, B, K)
            # from context = weights @ keys
            d_keys += np.matmul(weights.transpose(1, 2, 0), d_contexts.transpose(1, 0, 2))
        return d_keys.swapaxes(0, 1), grads
