import numpy as np


def lstm_step_fwd(x, h, c, Wx, Wh, b):
    a = x @ Wx + h @ Wh + b
    i, f, o, g = np.hsplit(a, 4)
    i, f, o, g = 1/(1+np.exp(-i)), 1/(1+np.exp(-f)), 1/(1+np.exp(-o)), np.tanh(g)
    c2 = f * c + i * g
    return o * np.tanh(c2), c2, (x, h, c, Wx, Wh, i, f, o, g, c2)


def lstm_step_bwd(dh, dc, cache):
    x, h, c, Wx, Wh, i, f, o, g, c2 = cache
    t = np.tanh(c2)
    dc = dc + dh * o * (1 - t * t)
    di, df, do, dg = dc * g * i * (1 - i), dc * c * f * (1 - f), dh * t * o * (1 - o), dc * i * (1 - g * g)
    da = np.hstack((di, df, dg, do))
    return da @ Wx.T, da @ Wh.T, dc * f, x.T @ da, h.T @ da, da.sum(0)
