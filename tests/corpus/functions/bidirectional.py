import numpy as np
from collections import namedtuple

Cache = namedtuple('Cache', 'x hs W U reverse')


def _scan(x, W, U, b, reverse):
    N, T, D = x.shape
    order = range(T - 1, -1, -1) if reverse else range(T)
    hs = np.zeros((N, T, U.shape[0]))
    h = np.zeros((N, U.shape[0]))
    for t in order:
        h = np.tanh(x[:, t] @ W + h @ U + b)
        hs[:, t] = h
    return hs, Cache(x, hs, W, U, reverse)


def _scan_back(dhs, cache):
    x, hs, W, U, reverse = cache
    N, T, H = hs.shape
    order = range(T) if reverse else range(T - 1, -1, -1)
    before = 1 if reverse else -1
    dx, dW, dU, db, carry = np.zeros_like(x), 0, 0, 0, np.zeros((N, H))
    for t in order:
        da = (dhs[:, t] + carry) * (1 - hs[:, t] ** 2)
        s = t + before
        h_prev = hs[:, s] if 0 <= s < T else np.zeros((N, H))
        dx[:, t] = da @ W.T
        dW = dW + x[:, t].T @ da
        dU = dU + h_prev.T @ da
        db = db + da.sum(0)
        carry = da @ U.T
    return dx, dW, dU, db


def birnn_forward(x, Wf, Uf, bf, Wb, Ub, bb):
    """x (N, T, D) -> (N, T, 2H): forward states, then backward states"""
    left, c1 = _scan(x, Wf, Uf, bf, reverse=False)
    right, c2 = _scan(x, Wb, Ub, bb, reverse=True)
    return np.concatenate((left, right), axis=2), (c1, c2)


def birnn_backward(dout, cache):
    H = dout.shape[2] // 2
    dx1, dWf, dUf, dbf = _scan_back(dout[:, :, :H], cache[0])
    dx2, dWb, dUb, dbb = _scan_back(dout[:, :, H:], cache[1])
    return dx1 + dx2, dWf, dUf, dbf, dWb, dUb, dbb
