import numpy as np
# optional part of the assignment: a GRU with the same interface as the LSTM


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def gru_step_forward(x, prev_h, Wx, Wh, b):
    """
    x (N, D), prev_h (N, H), Wx (D, 3H), Wh (H, 3H), b (3H,); columns: update z, reset r, candidate n
    """
    N, H = prev_h.shape
    zr = sigmoid(x.dot(Wx[:, :2*H]) + prev_h.dot(Wh[:, :2*H]) + b[:2*H])
    z, r = zr[:, :H], zr[:, H:]
    rh = r * prev_h
    n = np.tanh(x.dot(Wx[:, 2*H:]) + rh.dot(Wh[:, 2*H:]) + b[2*H:])
    next_h = (1 - z) * n + z * prev_h
    return next_h, (x, prev_h, Wx, Wh, z, r, rh, n)


def gru_step_backward(dnext_h, cache):
    x, prev_h, Wx, Wh, z, r, rh, n = cache
    H = prev_h.shape[1]
    dz = dnext_h * (prev_h - n) * z * (1 - z)
    dn = dnext_h * (1 - z) * (1 - n * n)
    drh = dn.dot(Wh[:, 2*H:].T)
    dr = drh * prev_h * r * (1 - r)
    dzr = np.concatenate((dz, dr), axis=1)
    dall = np.concatenate((dzr, dn), axis=1)
    dx = dall.dot(Wx.T)
    dprev_h = dnext_h * z + drh * r + dzr.dot(Wh[:, :2*H].T)
    dWx = x.T.dot(dall)
    dWh = np.concatenate((prev_h.T.dot(dzr), rh.T.dot(dn)), axis=1)
    db = dall.sum(axis=0)
    return dx, dprev_h, dWx, dWh, db


def gru_forward(x, h0, Wx, Wh, b):
    h, caches, prev_h = [], [], h0
    for t in range(x.shape[1]):
        prev_h, cache = gru_step_forward(x[:, t], prev_h, Wx, Wh, b)
        h.append(prev_h)
        caches.append(cache)
    return np.stack(h, axis=1), caches


def gru_backward(dh, caches):
    dprev_h = 0
    dx, dWx, dWh, db = [], 0, 0, 0
    for t in reversed(range(len(caches))):
        dxt, dprev_h, a, u, v = gru_step_backward(dh[:, t] + dprev_h, caches[t])
        dx.insert(0, dxt)
        dWx = dWx + a
        dWh = dWh + u
        db = db + v
    return np.stack(dx, axis=1), dprev_h, dWx, dWh, db
