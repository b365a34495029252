import numpy as np


def lstm_forward(x, prev_h, prev_c, W, U, b):
    """single step (N, D); columns: i f o g"""
    H = prev_h.shape[1]
    z = x @ W + prev_h @ U + b
    i = 1 / (1 + np.exp(-z[:, :H]))
    f = 1 / (1 + np.exp(-z[:, H:2 * H]))
    o = 1 / (1 + np.exp(-z[:, 2 * H:3 * H]))
    g = np.tanh(z[:, 3 * H:])
    c = f * prev_c + i * g
    h = o * np.tanh(c)
    return h, c, (x, prev_h, prev_c, W, U, i, f, o, g, c)


def lstm_backward(dh, dc, cache):
    x, prev_h, prev_c, W, U, i, f, o, g, c = cache
    dz = np.zeros((x.shape[0], 4, prev_h.shape[1]))
    dc = dc + dh * o * (1 - np.tanh(c) ** 2)
    dz[:, 0] = dc * g * f * (1 - f)
    dz[:, 1] = dc * prev_c * i * (1 - i)
    dz[:, 2] = dh * np.tanh(c) * o * (1 - o)
    dz[:, 3] = dc * i * (1 - g ** 2)
    dz = dz.reshape(x.shape[0], -1)
    return dz @ W.T, dz @ U.T, dc * f, x.T @ dz, prev_h.T @ dz, dz.sum(axis=0)
