"""Attention whose scores are inner products, for one query over S keys.

Dot product (Luong, Pham & Manning, 2015; scaled: Vaswani et al., 2017), with K = Q:

    score_s = k_s · query / divisor                     (S, B), divisor 1, or sqrt(K) if scaled

Bilinear, Luong's "general":

    score_s = k_s · (query @ W)                         (S, B)

In both:

    alpha   = softmax of the scores over s              (S, B), 0 in the padding
    context = sum over s of alpha_s * k_s               (B, K)

query (B, Q), keys (S, B, K), W (Q, K). Internally the source positions lead, as in the keys; the returned
weights are alpha with the batch first, (B, S).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.reference.activations import Array
from seqmem.reference.masks import zero_padding_backward, zero_padding_forward


def position_softmax_forward(scores: Array, mask: Array) -> tuple[Array, Any]:
    """Return alpha (S, B), the softmax over the valid positions, and the cache.

    Args:
        scores: (S, B).
        mask: (S, B) bool, True where a position is valid. A row without a valid position gets zeros.

    >>> alpha, cache = position_softmax_forward(np.zeros((3, 1)), np.array([[True], [True], [False]]))
    >>> alpha[:, 0]
    array([0.5, 0.5, 0. ])
    >>> position_softmax_backward(np.ones((3, 1)), cache)["scores"][:, 0]
    array([0., 0., 0.])
    """
    top = np.where(mask, scores.real, -np.inf).max(axis=0)  # a shift of all scores changes no weight
    shifted = np.where(mask, scores - top, -np.inf)
    e = np.exp(shifted)
    total = e.sum(axis=0) + ~mask.any(axis=0)  # 1 where nothing is valid
    alpha = e / total
    return alpha, alpha


def position_softmax_backward(d_alpha: Array, cache: Any) -> dict[str, Array]:
    """Return the gradient of the scores (S, B)."""
    alpha = cache
    # from alpha = e / total
    # from total = e.sum(axis=0) + ~mask.any(axis=0)
    # from e = np.exp(shifted): the softmax's derivative in terms of its value alpha
    centre = (alpha * d_alpha).sum(axis=0)
    d_scores = alpha * (d_alpha - centre)
    return {"scores": d_scores}


def dot_product_attention_forward(
    query: Array, keys: Array, mask: Array | None = None, scaled: bool = False
) -> tuple[Array, Array, Any]:
    """Return context (B, K), weights (B, S) and the cache for `dot_product_attention_backward`.

    Args:
        query: the query, (B, K).
        keys: the keys, (S, B, K).
        mask: (S, B) bool, True where a position is valid; None if all are. A row without a valid position
            gets zeros.
        scaled: whether the scores are divided by the square root of K.

    >>> query, keys = np.array([[np.log(3.0)]]), np.array([[[1.0]], [[0.0]]])
    >>> context, weights, cache = dot_product_attention_forward(query, keys)
    >>> context, weights
    (array([[0.75]]), array([[0.75, 0.25]]))
    >>> dot_product_attention_backward(np.ones((1, 1)), np.zeros((1, 2)), cache)["query"].round(4)
    array([[0.1875]])
    """
    mask = np.ones(keys.shape[:2], bool) if mask is None else mask
    keys, _ = zero_padding_forward(keys, mask)
    divisor = keys.shape[2] ** 0.5 if scaled else 1.0
    scores = (keys * query).sum(axis=2) / divisor  # (S, B)
    alpha, softmax_cache = position_softmax_forward(scores, mask)
    context = (alpha[:, :, None] * keys).sum(axis=0)
    weights = alpha.T.copy()
    return context, weights, (query, keys, mask, divisor, alpha, softmax_cache)


def dot_product_attention_backward(d_context: Array, d_weights: Array, cache: Any) -> dict[str, Array]:
    """Return the gradients of query and keys from those of the context (B, K) and the weights (B, S)."""
    query, keys, mask, divisor, alpha, softmax_cache = cache
    # from context = (alpha[:, :, None] * keys).sum(axis=0)
    d_keys_as_values = alpha[:, :, None] * d_context
    d_alpha_of_context = (keys * d_context).sum(axis=2)
    # from weights = alpha.T.copy(): alpha is used twice
    d_alpha = d_alpha_of_context + d_weights.T
    # from alpha, softmax_cache = position_softmax_forward(scores, mask)
    d_scores = position_softmax_backward(d_alpha, softmax_cache)["scores"]
    # from scores = (keys * query).sum(axis=2) / divisor: the query is the same at every position
    d_products = d_scores[:, :, None] / divisor
    d_query = (d_products * keys).sum(axis=0)
    d_keys = d_keys_as_values + d_products * query
    # from keys, _ = zero_padding_forward(keys, mask)
    d_keys = zero_padding_backward(d_keys, mask)["xs"]
    return {"query": d_query, "keys": d_keys}


def bilinear_attention_forward(
    query: Array, keys: Array, W: Array, mask: Array | None = None
) -> tuple[Array, Array, Any]:
    """Return context (B, K), weights (B, S) and the cache for `bilinear_attention_backward`.

    Args:
        query: the query, (B, Q).
        keys: the keys, (S, B, K).
        W: (Q, K).
        mask: (S, B) bool, True where a position is valid; None if all are. A row without a valid position
            gets zeros.

    >>> query, keys, W = np.ones((1, 1)), np.array([[[1.0]], [[0.0]]]), np.log([[3.0]])
    >>> context, weights, cache = bilinear_attention_forward(query, keys, W)
    >>> context, weights
    (array([[0.75]]), array([[0.75, 0.25]]))
    >>> bilinear_attention_backward(np.ones((1, 1)), np.zeros((1, 2)), cache)["W"].round(4)
    array([[0.1875]])
    """
    asked = query @ W  # (B, K)
    context, weights, attention_cache = dot_product_attention_forward(asked, keys, mask)
    return context, weights, (query, W, attention_cache)


def bilinear_attention_backward(d_context: Array, d_weights: Array, cache: Any) -> dict[str, Array]:
    """Return the gradients of query, keys and W from those of the context (B, K) and the weights (B, S)."""
    query, W, attention_cache = cache
    # from context, weights, attention_cache = dot_product_attention_forward(asked, keys, mask)
    gradients = dot_product_attention_backward(d_context, d_weights, attention_cache)
    d_asked, d_keys = gradients["query"], gradients["keys"]
    # from asked = query @ W
    d_W = query.T @ d_asked
    d_query = d_asked @ W.T
    return {"query": d_query, "keys": d_keys, "W": d_W}
