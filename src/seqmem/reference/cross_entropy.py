"""The mean cross-entropy of the unmasked positions, in nats, from logits.

    p    = softmax(logits)                              (T, B, V)
    loss = mean over the unmasked positions of -log p[target]
    d_logits = (p - onehot(target)) / number of unmasked positions

The logarithm of p is computed as logit - top - log(total), which is exact even where p underflows to 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.reference.activations import Array


def cross_entropy_forward(logits: Array, targets: Array, mask: Array | None = None) -> tuple[Array, Any]:
    """Return the loss, a zero-dimensional array, and the cache for `cross_entropy_backward`.

    Args:
        logits: unnormalised log-probabilities, (T, B, V), finite everywhere.
        targets: the correct ids, (T, B) integers, from 0 to V - 1 at unmasked positions.
        mask: (T, B) bool, True where a position counts; None if all count.

    >>> logits, targets, mask = np.zeros((1, 2, 4)), np.array([[3, -1]]), np.array([[True, False]])
    >>> loss, cache = cross_entropy_forward(logits, targets, mask)
    >>> print(f"{loss:.4f}", cross_entropy_backward(1.0, cache)["logits"][0].tolist())
    1.3863 [[0.25, 0.25, 0.25, -0.75], [0.0, 0.0, 0.0, 0.0]]
    """
    V = logits.shape[-1]
    mask = np.ones(targets.shape, bool) if mask is None else mask
    onehot = targets[:, :, None] == np.arange(V)
    top = logits.real.max(axis=-1, keepdims=True)
    shifted = logits - top
    e = np.exp(shifted)
    total = e.sum(axis=-1, keepdims=True)
    p = e / total
    log_p = shifted - np.log(total)
    losses = -(log_p * onehot).sum(axis=-1)  # (T, B)
    counted = mask.sum()
    loss = (losses * mask).sum() / counted
    return np.asarray(loss), (p, onehot, mask, counted)


def cross_entropy_backward(d_loss: float, cache: Any) -> dict[str, Array]:
    """Return the gradient of the logits; d_loss is 1 if nothing follows the loss."""
    p, onehot, mask, counted = cache
    # from loss = (losses * mask).sum() / counted
    d_losses = d_loss * mask / counted  # (T, B)
    # from losses = -(log_p * onehot).sum(axis=-1)
    # from log_p = shifted - np.log(total)
    # from total = e.sum(axis=-1, keepdims=True)
    # from e = np.exp(shifted): d log p_j / d logit_k is onehot_jk - p_k
    d_logits = d_losses[:, :, None] * (p - onehot)
    return {"logits": d_logits}
