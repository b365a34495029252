"""Additive attention of one query over S keys, step by step.

One line of the forward pass, one line of its derivative: slow, and easy to compare with one's own. Inside,
the source positions lead, as in the keys.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.module import Array


def forward(
    query: Array, keys: Array, W_q: Array, W_k: Array, b: Array, v: Array
) -> tuple[dict[str, Array], Any]:
    """query (B, Q), keys (S, B, K), W_q (Q, A), W_k (K, A), b, v (A,) to context (B, K), weights (B, S)."""
    a = query @ W_q + keys @ W_k + b  # (S, B, A)
    hidden = np.tanh(a)
    scores = hidden @ v  # (S, B)
    top = scores.real.max(axis=0)
    e = np.exp(scores - top)
    alpha = e / e.sum(axis=0)
    context = (alpha[:, :, None] * keys).sum(axis=0)
    weights = alpha.T.copy()
    return {"context": context, "weights": weights}, (query, keys, W_q, W_k, v, hidden, alpha)


def backward(d_context: Array, d_weights: Array, cache: Any) -> dict[str, Array]:
    """The gradients of everything that forward takes."""
    query, keys, W_q, W_k, v, hidden, alpha = cache
    d_keys_as_values = alpha[:, :, None] * d_context
    d_alpha_of_context = (keys * d_context).sum(axis=2)
    d_alpha = d_alpha_of_context + d_weights.T  # (S, B)
    centre = (alpha * d_alpha).sum(axis=0)
    d_scores = alpha * (d_alpha - centre)
    d_v = (d_scores[:, :, None] * hidden).sum(axis=(0, 1))
    d_hidden = d_scores[:, :, None] * v
    d_a = d_hidden * (1 - hidden**2)  # (S, B, A)
    d_b = d_a.sum(axis=(0, 1))
    d_W_k = (keys.swapaxes(1, 2) @ d_a).sum(axis=0)
    d_keys_as_scored = d_a @ W_k.T
    d_a_query = d_a.sum(axis=0)
    d_W_q = query.T @ d_a_query
    d_query = d_a_query @ W_q.T
    d_keys = d_keys_as_values + d_keys_as_scored
    return {"query": d_query, "keys": d_keys, "W_q": d_W_q, "W_k": d_W_k, "b": d_b, "v": d_v}
