import numpy as np


def clip_grads(grads, max_norm):
    """Scale the list of gradients in place so that their joint norm is at most max_norm."""
    total_norm = 0
    for grad in grads:
        total_norm += np.sum(grad ** 2)
    total_norm = np.sqrt(total_norm)
    rate = max_norm / (total_norm + 1e-6)
    if rate < 1:
        for grad in grads:
            grad *= rate


def clip_by_global_norm(grads, max_norm):
    """A dictionary of gradients and their norm before clipping; nothing is changed in place."""
    norm = np.sqrt(sum((g ** 2).sum() for g in grads.values()))
    scale = min(1.0, max_norm / norm) if norm > 0 else 1.0
    return {k: g * scale for k, g in grads.items()}, norm
