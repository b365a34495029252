"""The fixed context: the key of the last valid position, the same at every step (Cho et al., 2014).

weights = 1 at the last valid position, else 0        (B, S)
context = sum over s of weights_s * k_s               (B, K)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.reference.activations import Array
from seqmem.reference.masks import zero_padding_backward, zero_padding_forward


def fixed_context_forward(keys: Array, mask: Array | None = None) -> tuple[Array, Array, Any]:
    """Return context (B, K), weights (B, S) and what `fixed_context_backward` needs.

    Args:
        keys: what is looked at, (S, B, K).
        mask: (S, B) bool, True where a position is valid; None when all are. A row with nothing valid gets
            zeros.

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
    """Return the gradient of keys (S, B, K); the weights depend on nothing, so d_weights goes nowhere."""
    weights, mask = cache
    # from context = (weights.T[:, :, None] * keys).sum(axis=0)
    d_keys = weights.T[:, :, None] * d_context
    # from keys, _ = zero_padding_forward(keys, mask)
    d_keys = zero_padding_backward(d_keys, mask)["xs"]
    return {"keys": d_keys}
