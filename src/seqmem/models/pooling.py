"""One vector of all steps of a sequence.

mean        m = sum of h_t / length
attention   u_t = tanh(h_t @ W + b),  alpha = softmax of u_t · v over the steps,  m = sum of alpha_t h_t

Attention is that of Yang et al. (2016): v is the same query for every sequence. Not to be confused with
`AdditiveAttention`, whose query is a decoder's state.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from seqmem.activations import softmax
from seqmem.initializers import Rng, as_generator, glorot_uniform
from seqmem.module import Array, Grads, Module
from seqmem.validation import (
    Axis,
    as_cache,
    as_floats,
    as_lengths,
    as_pair,
    as_param_dtype,
    as_size,
    as_upstream,
    working_dtype,
)


class MeanPoolingCache(NamedTuple):
    """The values that `forward` passes to `backward`."""

    valid: Array  # (T, B) True within a sequence
    shape: tuple[int, int, int]  # of hs
    dtype: np.dtype[Any]


class MeanPooling(Module):
    """The mean over the steps of each sequence; 0 for a sequence without a step.

    >>> pooled, _ = MeanPooling().forward(np.arange(6.0).reshape(3, 2, 1), lengths=[3, 2])
    >>> pooled.T
    array([[2., 2.]])
    """

    @np.errstate(under="ignore")  # a product that underflows is 0, its exact limit
    def forward(self, hs: Array, *, lengths: Any = None) -> tuple[Array, MeanPoolingCache]:
        """Return the means (B, F) of hs (T, B, F); values beyond `lengths` have no effect."""
        caller = "MeanPooling.forward"
        hs = as_floats(hs, working_dtype(None, hs), ("T", "B", "F"), caller, "hs")
        valid = _valid(hs, lengths, caller)
        kept = np.where(valid[:, :, None], hs, 0)  # selected, not multiplied: 0 * NaN is NaN
        pooled = (kept * _shares(valid, hs.dtype)).sum(axis=0)
        return pooled, MeanPoolingCache(valid, hs.shape, hs.dtype)

    @np.errstate(under="ignore")
    def backward(self, d_pooled: Array | None, cache: MeanPoolingCache) -> tuple[tuple[Array], Grads]:
        """Return ((d_hs,), {}) from d_pooled (B, F)."""
        valid, (_, B, F), dtype = as_cache(cache, MeanPoolingCache, "MeanPooling.backward")
        d_pooled = as_upstream(d_pooled, (B, F), dtype, "MeanPooling.backward", "d_pooled")
        return (np.where(valid[:, :, None], d_pooled * _shares(valid, dtype), 0),), {}


class AttentionPoolingCache(NamedTuple):
    """The values that `forward` passes to `backward`."""

    hs: Array  # (T, B, F) with 0 in the padding
    hidden: Array  # (T, B, A) u: expensive to recompute
    weights: Array  # (B, T)
    valid: Array  # (T, B) True within a sequence


class AttentionPooling(Module):
    """A mean over the steps of each sequence with learned weights; 0 for a sequence without a step.

    Args:
        input_size: F.
        attention_size: A.
        rng: seed or generator for the initial weights.
        dtype: float64 or float32.

    >>> pooling = AttentionPooling(3, 4, rng=0)
    >>> (pooled, weights), cache = pooling.forward(np.ones((5, 2, 3)), lengths=[5, 2])
    >>> pooled.shape, weights[1]
    ((2, 3), array([0.5, 0.5, 0. , 0. , 0. ]))
    """

    def __init__(
        self, input_size: int, attention_size: int, *, rng: Rng = None, dtype: npt.DTypeLike = np.float64
    ) -> None:
        self.input_size = F = as_size(input_size, "AttentionPooling", "input_size")
        self.attention_size = A = as_size(attention_size, "AttentionPooling", "attention_size")
        dtype, rng = as_param_dtype(dtype, "AttentionPooling"), as_generator(rng)
        self.W: Array = glorot_uniform(rng, (F, A), dtype)
        self.b: Array = np.zeros(A, dtype)
        self.v: Array = glorot_uniform(rng, (A, 1), dtype)[:, 0].copy()

    @np.errstate(under="ignore")  # a product that underflows is 0, its exact limit
    def forward(self, hs: Array, *, lengths: Any = None) -> tuple[tuple[Array, Array], AttentionPoolingCache]:
        """Return ((pooled, weights), cache) from hs (T, B, F): (B, F) and (B, T), 0 beyond `lengths`."""
        caller, axes = "AttentionPooling.forward", self._axes()
        hs = as_floats(hs, working_dtype(self.dtype, hs), axes, caller, "hs")
        valid = _valid(hs, lengths, caller)
        hs = np.where(valid[:, :, None], hs, 0)  # selected, not multiplied: 0 * NaN is NaN
        hidden = np.tanh(hs @ self.W + self.b)  # (T, B, A)
        scores = hidden @ self.v  # (T, B)
        weights = softmax(scores.T, valid.T)
        pooled = np.matmul(weights[:, None], hs.swapaxes(0, 1))[:, 0]  # (B, F)
        return (pooled, weights), AttentionPoolingCache(hs, hidden, weights.copy(), valid)

    @np.errstate(under="ignore")
    def backward(
        self, d_outputs: tuple[Array | None, Array | None], cache: AttentionPoolingCache
    ) -> tuple[tuple[Array], Grads]:
        """Return ((d_hs,), grads) from (d_pooled, d_weights); None means zeros."""
        caller = "AttentionPooling.backward"
        hs, hidden, weights, valid = as_cache(cache, AttentionPoolingCache, caller)
        T, B, F = hs.shape
        d_pooled, d_weights = as_pair(d_outputs, caller, "d_outputs", "(d_pooled, d_weights)")
        d_pooled = as_upstream(d_pooled, (B, F), weights.dtype, caller, "d_pooled")
        d_weights = as_upstream(d_weights, (B, T), weights.dtype, caller, "d_weights")
        d_pooled = np.where(valid.any(axis=0, keepdims=True).T, d_pooled, 0)
        d_weights = np.where(valid.T, d_weights, 0)
        # from pooled = weights @ hs
        d_weights = d_weights + np.matmul(hs.swapaxes(0, 1), d_pooled[:, :, None])[:, :, 0]
        d_hs = weights.T[:, :, None] * d_pooled
        # from weights = softmax(scores)
        d_scores = weights * (d_weights - (weights * d_weights).sum(axis=1, keepdims=True))
        # from scores = hidden @ v, hidden = tanh(hs @ W + b)
        d_a = d_scores.T[:, :, None] * self.v * (1 - hidden**2)  # (T, B, A)
        rows = d_a.reshape(-1, self.attention_size)
        d_hs += d_a @ self.W.T
        grads = {
            "W": hs.reshape(-1, F).T @ rows,
            "b": rows.sum(axis=0),
            "v": hidden.reshape(-1, self.attention_size).T @ d_scores.T.reshape(-1),
        }
        return (d_hs,), grads

    def _axes(self) -> tuple[Axis, ...]:
        return ("T", "B", (self.input_size, "input_size"))


def _valid(hs: Array, lengths: Any, caller: str) -> Array:
    """Return (T, B), True within a sequence."""
    T, B = hs.shape[:2]
    lengths = as_lengths(lengths, B, T, caller)
    return np.ones((T, B), bool) if lengths is None else np.arange(T)[:, None] < lengths


def _shares(valid: Array, dtype: np.dtype[Any]) -> Array:
    """Return (B, 1), 1 / length; 0 for a sequence without a step."""
    return (1 / np.maximum(valid.sum(axis=0), 1))[:, None].astype(np.zeros(0, dtype).real.dtype)
