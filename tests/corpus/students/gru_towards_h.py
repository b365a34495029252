import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gru_step_forward(x, h, Wx, Wh, b):
    """columns of Wx, Wh, b: r, z, n; the reset gate acts before the product"""
    H = h.shape[1]
    ax = x @ Wx + b
    r = sigmoid(ax[:, :H] + h @ Wh[:, :H])
    z = sigmoid(ax[:, H:2*H] + h @ Wh[:, H:2*H])
    n = np.tanh(ax[:, 2*H:] + (r * h) @ Wh[:, 2*H:])
    return (1 - z) * h + z * n, (x, h, Wx, Wh, r, z, n)


def gru_step_backward(dnew, cache):
    x, h, Wx, Wh, r, z, n = cache
    H = h.shape[1]
    dz = dnew * (n - h)
    dn = dnew * z * (1 - n ** 2)
    drh = dn @ Wh[:, 2*H:].T
    dr = drh * h
    da = np.hstack([dr * r * (1 - r), dz * z * (1 - z), dn])
    dx = da @ Wx.T
    dh = dnew * (1 - z) + drh * r + dr @ Wh[:, :H].T + dz @ Wh[:, H:2*H].T
    dWx, db = x.T @ da, da.sum(axis=0)
    dWh = np.hstack([h.T @ da[:, :2*H], (r * h).T @ dn])
    return dx, dh, dWx, dWh, db
