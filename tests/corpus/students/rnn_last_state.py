import numpy as np


def rnn_forward(x, h0, Wx, Wh, b):
    N, T, D = x.shape
    h = np.zeros((N, T, h0.shape[1]))
    prev = h0
    for t in range(T):
        prev = np.tanh(x[:, t].dot(Wx) + prev.dot(Wh) + b)
        h[:, t] = prev
    return h, (x, h0, Wx, Wh, h)


def rnn_backward(dh, cache):
    x, h0, Wx, Wh, h = cache
    N, T, H = h.shape
    dx = np.zeros_like(x)
    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros(H)
    dnext = np.zeros((N, H))
    for t in range(T)[::-1]:
        draw = (dh[:, t] + dnext) * (1 - h[:, t] ** 2)
        dx[:, t] = draw.dot(Wx.T)
        dWx += x[:, t].T.dot(draw)
        dWh += h[:, t - 1].T.dot(draw)
        db += draw.sum(axis=0)
        dnext = draw.dot(Wh.T)
    return dx, dnext, dWx, dWh, db
