"""Contexts of a decoder: the fixed context, then additive attention.

Fixed (Cho et al., 2014), the key of the last valid position, the same at every step:

    weights = 1 at the last valid position, else 0      (B, S)
    context = sum over s of weights_s * k_s             (B, K)

Additive (Bahdanau, Cho & Bengio, 2015), for one query over S keys:

    hidden_s = tanh(query @ W_q + k_s @ W_k + b)        (S, B, A)
    score_s  = hidden_s @ v                             (S, B)
    alpha    = softmax of the scores over s             (S, B), 0 in the padding
    context  = sum over s of alpha_s * k_s              (B, K)

query (B, Q), keys (S, B, K), W_q (Q, A), W_k (K, A), b (A,), v (A,). Internally the source positions lead, as
in the keys; the returned weights are alpha with the batch first, (B, S).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.reference.activations import Array
from seqmem.reference.masks import zero_padding_backward, zero_padding_forward


def fixed_context_forward(keys: Array, mask: Array | None = None) -> tuple[Array, Array, Any]:
    """Return context (B, K), weights (B, S) and the cache for `fixed_context_backward`.

    Args:
        keys: the keys, (S, B, K).
        mask: (S, B) bool, True where a position is valid; None if all are. A row without a valid position
            gets zeros.

    >>> mask = np.array([[True], [True], [False]])
    >>> context, weights, cache = fixed_context_forward(np.ones((3, 1, 2)), mask)
    >>> context, weights
    (array([[1., 1.]]), array([[0., 1., 0.]]))
    >>> fixed_context_backward(np.ones((1, 2)), np.zeros((1, 3)), cache)["keys"][:, 0, 0]
    array([0., 1., 0.])
    """
    S, B, _ = keys.shape
    mask = np.ones((S, B), bool) if mask is None else mask
    keys, _ = zero_padding_forward(keys, mask)
    last = mask.sum(axis=0) - 1  # (B,)
    weights = (np.arange(S) == last[:, None]).astype(keys.real.dtype)  # (B, S)
    context = (weights.T[:, :, None] * keys).sum(axis=0)
    return context, weights, (weights, mask)


def fixed_context_backward(d_context: Array, d_weights: Array, cache: Any) -> dict[str, Array]:
    """Return the gradient of keys (S, B, K); the weights are constant, so d_weights has no effect."""
    weights, mask = cache
    # from context = (weights.T[:, :, None] * keys).sum(axis=0)
    d_keys = weights.T[:, :, None] * d_context
    # from keys, _ = zero_padding_forward(keys, mask)
    d_keys = zero_padding_backward(d_keys, mask)["xs"]
    return {"keys": d_keys}


def additive_attention_forward(
    query: Array, keys: Array, W_q: Array, W_k: Array, b: Array, v: Array, mask: Array | None = None
) -> tuple[Array, Array, Any]:
    """Return context (B, K), weights (B, S) and the cache for `additive_attention_backward`.

    Args:
        query: the query, (B, Q).
        keys: the keys, (S, B, K).
        W_q: (Q, A).
        W_k: (K, A).
        b: (A,).
        v: (A,).
        mask: (S, B) bool, True where a position is valid; None if all are. A row without a valid position
            gets zeros.

    >>> query, keys, mask = np.ones((1, 3)), np.ones((4, 1, 2)), np.array([[True], [True], [False], [False]])
    >>> scorer = (np.ones((3, 5)), np.ones((2, 5)), np.zeros(5), np.ones(5))
    >>> context, weights, cache = additive_attention_forward(query, keys, *scorer, mask)
    >>> context, weights
    (array([[1., 1.]]), array([[0.5, 0.5, 0. , 0. ]]))
    >>> additive_attention_backward(np.ones((1, 2)), np.zeros((1, 4)), cache)["keys"].shape
    (4, 1, 2)
    """
    mask = np.ones(keys.shape[:2], bool) if mask is None else mask
    keys, _ = zero_padding_forward(keys, mask)
    a = query @ W_q + keys @ W_k + b  # (S, B, A)
    hidden = np.tanh(a)
    scores = hidden @ v  # (S, B)
    top = np.where(mask, scores.real, -np.inf).max(axis=0)  # a shift of all scores changes no weight
    shifted = np.where(mask, scores - top, -np.inf)
    e = np.exp(shifted)
    total = e.sum(axis=0) + ~mask.any(axis=0)  # 1 where nothing is valid
    alpha = e / total
    context = (alpha[:, :, None] * keys).sum(axis=0)
    weights = alpha.T.copy()
    return context, weights, (query, keys, W_q, W_k, v, mask, hidden, alpha)


def additive_attention_backward(d_context: Array, d_weights: Array, cache: Any) -> dict[str, Array]:
    """Return the gradients of all inputs of the forward pass.

    Args:
        d_context: the gradient of the context, (B, K).
        d_weights: the gradient of the weights as an output, (B, S).
        cache: the cache that `additive_attention_forward` returned.
    """
    query, keys, W_q, W_k, v, mask, hidden, alpha = cache
    # from context = (alpha[:, :, None] * keys).sum(axis=0)
    d_keys_as_values = alpha[:, :, None] * d_context
    d_alpha_of_context = (keys * d_context).sum(axis=2)
    # from weights = alpha.T.copy(): alpha is used twice
    d_alpha = d_alpha_of_context + d_weights.T  # (S, B)
    # from alpha = e / total
    # from total = e.sum(axis=0) + ~mask.any(axis=0)
    # from e = np.exp(shifted): the softmax's derivative in terms of its value alpha
    centre = (alpha * d_alpha).sum(axis=0)
    d_scores = alpha * (d_alpha - centre)
    # from scores = hidden @ v
    d_v = (d_scores[:, :, None] * hidden).sum(axis=(0, 1))
    d_hidden = d_scores[:, :, None] * v
    # from hidden = np.tanh(a)
    d_a = d_hidden * (1 - hidden**2)  # (S, B, A)
    # from a = query @ W_q + keys @ W_k + b: the query is the same at every position
    d_b = d_a.sum(axis=(0, 1))
    d_W_k = (keys.swapaxes(1, 2) @ d_a).sum(axis=0)
    d_keys_as_scored = d_a @ W_k.T
    d_a_query = d_a.sum(axis=0)
    d_W_q = query.T @ d_a_query
    d_query = d_a_query @ W_q.T
    d_keys = d_keys_as_values + d_keys_as_scored
    # from keys, _ = zero_padding_forward(keys, mask)
    d_keys = zero_padding_backward(d_keys, mask)["xs"]
    return {"query": d_query, "keys": d_keys, "W_q": d_W_q, "W_k": d_W_k, "b": d_b, "v": d_v}
