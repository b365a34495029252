"""One vector of all steps of a sequence: their mean, or a mean with learned weights (Yang et al., 2016).

mean        m = sum of h_t / length
attention   u_t = tanh(h_t @ W + b),  score_t = u_t · v,  alpha = softmax of the scores,  m = sum of alpha_t h_t

h is (T, B, F), W (F, A), b (A,), v (A,), the weights alpha (T, B), m (B, F). A sequence without a step has m = 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.reference.activations import Array


def mean_pooling_forward(hs: Array, mask: Array) -> tuple[Array, Any]:
    """Return the means, (B, F), and the cache for `mean_pooling_backward`.

    Args:
        hs: (T, B, F).
        mask: (T, B) bool, True within a sequence.

    >>> mask = np.array([[True, True], [True, True], [True, False]])
    >>> m, cache = mean_pooling_forward(np.arange(6.0).reshape(3, 2, 1), mask)
    >>> m.T, mean_pooling_backward(np.ones((2, 1)), cache)["hs"][2].T
    (array([[2., 2.]]), array([[0.33333333, 0.        ]]))
    """
    valid = mask[:, :, None]
    counted = np.maximum(mask.sum(axis=0), 1)[:, None]  # (B, 1)
    kept = np.where(valid, hs, 0)
    m = kept.sum(axis=0) / counted
    return m, (valid, counted)


def mean_pooling_backward(d_m: Array, cache: Any) -> dict[str, Array]:
    """Return the gradient of hs; d_m is (B, F)."""
    valid, counted = cache
    # from m = kept.sum(axis=0) / counted: every step has the same gradient
    d_kept = (d_m / counted)[None]
    # from kept = np.where(valid, hs, 0)
    d_hs = np.where(valid, d_kept, 0)
    return {"hs": d_hs}


def attention_pooling_forward(
    hs: Array, W: Array, b: Array, v: Array, mask: Array
) -> tuple[Array, Array, Any]:
    """Return the pooled vectors (B, F), the weights (T, B) and the cache for `attention_pooling_backward`.

    Args:
        hs: (T, B, F).
        W, b, v: (F, A), (A,), (A,).
        mask: (T, B) bool, True within a sequence.

    >>> mask = np.array([[True, True], [True, True], [True, False]])
    >>> ones = np.ones((3, 2, 4))
    >>> m, weights, cache = attention_pooling_forward(ones, np.ones((4, 5)), np.zeros(5), np.ones(5), mask)
    >>> weights[:, 1], attention_pooling_backward(np.ones((2, 4)), np.zeros((3, 2)), cache)["hs"].shape
    (array([0.5, 0.5, 0. ]), (3, 2, 4))
    """
    valid = mask[:, :, None]
    kept = np.where(valid, hs, 0)
    a = kept @ W + b
    u = np.tanh(a)  # (T, B, A)
    scores = u @ v  # (T, B)
    top = np.where(mask, scores.real, -np.inf).max(axis=0, initial=-1e300)
    e = np.where(mask, np.exp(np.where(mask, scores - top, 0)), 0)
    total = np.where(mask.any(axis=0), e.sum(axis=0), 1)
    weights = e / total
    m = (weights[:, :, None] * kept).sum(axis=0)
    return m, weights, (valid, kept, W, u, v, e, total, weights)


def attention_pooling_backward(d_m: Array, d_weights: Array, cache: Any) -> dict[str, Array]:
    """Return the gradients of hs, W, b and v; d_m is (B, F), d_weights (T, B) that of the weights."""
    valid, kept, W, u, v, e, total, weights = cache
    # from m = (weights[:, :, None] * kept).sum(axis=0)
    d_weights = d_weights + (d_m * kept).sum(axis=2)
    d_kept = weights[:, :, None] * d_m
    # from weights = e / total
    d_e = d_weights / total
    d_total = -(d_weights * e).sum(axis=0) / total**2
    # from total = np.where(mask.any(axis=0), e.sum(axis=0), 1): without a step, e is 0 anyway
    d_e = d_e + d_total
    # from e = np.where(mask, np.exp(np.where(mask, scores - top, 0)), 0)
    d_scores = d_e * e
    # from scores = u @ v
    d_u = d_scores[:, :, None] * v
    d_v = (d_scores[:, :, None] * u).sum(axis=(0, 1))
    # from u = np.tanh(a)
    d_a = d_u * (1 - u**2)
    # from a = kept @ W + b
    d_kept = d_kept + d_a @ W.T
    d_W = np.tensordot(kept, d_a, axes=((0, 1), (0, 1)))
    d_b = d_a.sum(axis=(0, 1))
    # from kept = np.where(valid, hs, 0)
    d_hs = np.where(valid, d_kept, 0)
    return {"hs": d_hs, "W": d_W, "b": d_b, "v": d_v}
