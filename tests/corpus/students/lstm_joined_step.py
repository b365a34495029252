import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_cell_forward(x, h_prev, c_prev, W, b):
    # W: (D + H, 4 * H), rows of x first
    H = h_prev.shape[1]
    xh = np.concatenate([x, h_prev], axis=1)
    a = xh @ W + b
    i = sigmoid(a[:, :H])
    f = sigmoid(a[:, H:2 * H])
    o = sigmoid(a[:, 2 * H:3 * H])
    g = np.tanh(a[:, 3 * H:])
    c = f * c_prev + i * g
    h = o * np.tanh(c)
    return h, c, (x, h_prev, c_prev, xh, W, i, f, o, g, c)


def lstm_cell_backward(dh, dc, cache):
    x, h_prev, c_prev, xh, W, i, f, o, g, c = cache
    H = h_prev.shape[1]
    do = dh * np.tanh(c)
    dc = dc + dh * o * (1 - np.tanh(c) ** 2)
    di, df, dg = dc * g, dc * c_prev, dc * i
    da = np.concatenate([di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g ** 2)], axis=1)
    dxh = da @ W.T
    dh_prev, dx = dxh[:, :H], dxh[:, H:]
    return dx, dh_prev, dc * f, xh.T @ da, da.sum(axis=0)
