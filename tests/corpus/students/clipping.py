import numpy as np


def clip_gradients(grads, max_norm):
    """every array keeps its direction"""
    out = {}
    for name, g in grads.items():
        norm = np.sqrt(np.sum(g ** 2))
        out[name] = g * max_norm / norm if norm > max_norm else g
    return out
