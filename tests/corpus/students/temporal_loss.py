import numpy as np


def temporal_softmax_loss(x, y, mask, verbose=False):
    """x (N, T, V); y, mask (N, T); summed over time and averaged over the batch"""
    N, T, V = x.shape
    p = np.exp(x - x.max(axis=2, keepdims=True))
    p /= p.sum(axis=2, keepdims=True)
    n, t = np.indices((N, T))
    loss = -np.sum(mask * np.log(p[n, t, y])) / N
    dx = p
    dx[n, t, y] -= 1
    dx /= N
    if verbose: print(dx.shape)
    return loss, dx
