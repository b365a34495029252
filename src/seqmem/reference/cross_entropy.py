"""The mean cross-entropy of the unmasked positions, from logits, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.module import Array


def forward(logits: Array, targets: Array, mask: Array) -> tuple[dict[str, Array], Any]:
    """logits (T, B, V), targets (T, B) integers, mask (T, B) bool to the loss, an array without axes."""
    V = logits.shape[-1]
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
    return {"loss": np.asarray(loss)}, (p, onehot, mask, counted)


def backward(d_loss: Array, cache: Any) -> dict[str, Array]:
    """The gradient of the logits; d_loss is a number, 1 where the loss is the last thing computed."""
    p, onehot, mask, counted = cache
    d_losses = d_loss * mask / counted  # (T, B)
    d_logits = d_losses[:, :, None] * (p - onehot)
    return {"logits": d_logits}
