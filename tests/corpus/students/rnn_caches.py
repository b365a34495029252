import numpy as np


def rnn_step_forward(x, prev_h, Wx, Wh, b):
    next_h = np.tanh(x @ Wx + prev_h @ Wh + b)
    return next_h, (x, prev_h, Wx, Wh, next_h)


def rnn_step_backward(dnext_h, cache):
    x, prev_h, Wx, Wh, next_h = cache
    d = dnext_h * (1 - next_h ** 2)
    return d @ Wx.T, d @ Wh.T, x.T @ d, prev_h.T @ d, d.sum(axis=0)


def rnn_forward(x, h0, Wx, Wh, b):
    hs, caches, h = [], [], h0
    for t in range(x.shape[1]):
        h, cache = rnn_step_forward(x[:, t], h, Wx, Wh, b)
        hs.append(h)
        caches.append(cache)
    return np.stack(hs, axis=1), caches


def rnn_backward(dh, caches):
    N, T, H = dh.shape
    dx = np.zeros((N, T, caches[0][0].shape[1]))
    dWx = dWh = db = 0
    dprev = 0
    for t in range(T - 1, -1, -1):
        # the cache before the current one
        dx[:, t], dprev, dwx, dwh, d_b = rnn_step_backward(dh[:, t] + dprev, caches[t - 1])
        dWx, dWh, db = dWx + dwx, dWh + dwh, db + d_b
    return dx, dprev, dWx, dWh, db
