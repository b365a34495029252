import numpy as np


def lstm_forward(X, h0, Wx, Wh, b):
    """X (N, T, D), h0 (N, H); the cell starts at zero; gates i, f, o, g"""
    N, T, _ = X.shape
    H = h0.shape[1]
    h, c = h0, np.zeros_like(h0)
    out, steps = np.zeros((N, T, H)), []
    for t in range(T):
        a = X[:, t] @ Wx + h @ Wh + b
        s = 1 / (1 + np.exp(-a[:, :3 * H]))
        i, f, o, g = s[:, :H], s[:, H:2 * H], s[:, 2 * H:], np.tanh(a[:, 3 * H:])
        h_prev, c_prev = h, c
        c = f * c_prev + i * g
        h = o * np.tanh(c)
        out[:, t] = h
        steps.append((X[:, t], h_prev, c_prev, i, f, o, g, np.tanh(c)))
    return out, (steps, Wx, Wh)


def lstm_backward(dout, cache):
    steps, Wx, Wh = cache
    dX = np.zeros((dout.shape[0], dout.shape[1], Wx.shape[0]))
    dh, dc = 0, 0
    for t in reversed(range(len(steps))):
        x, h_prev, c_prev, i, f, o, g, tc = steps[t]
        dh = dh + dout[:, t]
        dc = dc + dh * o * (1 - tc ** 2)
        da = np.concatenate((dc * g * i * (1 - i), dc * c_prev * f * (1 - f),
                             dh * tc * o * (1 - o), dc * i * (1 - g ** 2)), axis=1)
        dX[:, t] = da @ Wx.T
        dWx = x.T @ da
        dWh = h_prev.T @ da
        db = da.sum(axis=0)
        dh = da @ Wh.T
        dc = dc * f
    return dX, dh, dWx, dWh, db
