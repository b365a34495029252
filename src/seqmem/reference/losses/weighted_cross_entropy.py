"""Cross-entropy with class weights w, sample weights s and label smoothing ε.

    q    = (1 - ε) w[target] onehot(target) + ε w / V          the target distribution
    loss = sum of s · (-q · log p) / sum of s w[target]
    d_logits = s (sum(q) p - q) / sum of s w[target]

A position that does not count has s = 0. With w = s = 1 and ε = 0 this is the mean of -log p[target].
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.reference.activations import Array


def weighted_cross_entropy_forward(
    logits: Array,
    targets: Array,
    class_weights: Array,
    sample_weights: Array,
    label_smoothing: float = 0.0,
) -> tuple[Array, Any]:
    """Return the loss, a zero-dimensional array, and the cache for `weighted_cross_entropy_backward`.

    Args:
        logits: unnormalised log-probabilities, (T, B, V), finite everywhere.
        targets: the right ids, (T, B) integers from 0 to V - 1.
        class_weights: (V,), how much a position with this target counts.
        sample_weights: (T, B), how much each position counts.
        label_smoothing: ε, the share of a target that is spread over all V ids.

    >>> logits, targets = np.zeros((1, 2, 4)), np.array([[3, 0]])
    >>> w, s = np.array([1.0, 1.0, 1.0, 3.0]), np.ones((1, 2))
    >>> loss, cache = weighted_cross_entropy_forward(logits, targets, w, s)
    >>> print(f"{loss:.4f}", weighted_cross_entropy_backward(1.0, cache)["logits"][0, 1].tolist())
    1.3863 [-0.1875, 0.0625, 0.0625, 0.0625]
    """
    V = logits.shape[-1]
    onehot = targets[:, :, None] == np.arange(V)
    of_target = class_weights[targets]  # (T, B)
    mask = sample_weights
    counted = (mask * of_target).sum()
    shifted = logits - logits.real.max(axis=-1, keepdims=True)
    e = np.exp(shifted)
    total = e.sum(axis=-1, keepdims=True)
    p = e / total
    q = (1 - label_smoothing) * of_target[:, :, None] * onehot + label_smoothing / V * class_weights
    log_p = shifted - np.log(total)
    losses = -(q * log_p).sum(axis=-1)  # (T, B)
    loss = (losses * mask).sum() / counted
    return np.asarray(loss), (p, q, mask, counted)


def weighted_cross_entropy_backward(d_loss: float, cache: Any) -> dict[str, Array]:
    """Return the gradient of the logits; d_loss is 1 if nothing follows the loss."""
    p, q, mask, counted = cache
    # from loss = (losses * mask).sum() / counted
    d_losses = d_loss * mask / counted  # (T, B)
    # from losses = -(q * log_p).sum(axis=-1)
    # from log_p = shifted - np.log(total)
    # from total = e.sum(axis=-1, keepdims=True)
    # from e = np.exp(shifted): d log p_j / d logit_k is onehot_jk - p_k
    d_logits = d_losses[:, :, None] * (q.sum(axis=-1, keepdims=True) * p - q)
    return {"logits": d_logits}
