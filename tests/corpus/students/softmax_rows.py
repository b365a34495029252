import numpy as np


def softmax(z):
    e = np.exp(z - np.max(z))
    return e / np.sum(e, axis=0)


def output_layer_loss(h, W, b, y):
    """h: (N, H), y: (N,) -> loss and a dictionary of gradients"""
    p = softmax(h @ W + b)
    n = len(y)
    loss = -np.mean(np.log(p[np.arange(n), y]))
    d = p.copy()
    d[np.arange(n), y] -= 1
    d /= n
    return loss, {'h': d @ W.T, 'W': h.T @ d, 'b': d.sum(axis=0)}
