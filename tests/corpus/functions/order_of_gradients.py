import numpy as np


def RNN_forward(x, Wx, Wh, Wy, bh, by, h_init):
    '''outputs and states of one sequence x (T, D); no batch'''
    T = x.shape[0]
    h = np.vstack([h_init, np.zeros((T, len(bh)))])
    for t in range(T):
        h[t + 1] = np.tanh(Wx.dot(x[t]) + Wh.dot(h[t]) + bh)
    y = h[1:].dot(Wy.T) + by
    return y, h


def RNN_backward(x, h, dy, Wx, Wh, Wy, bh, by):
    '''gradients in the order dWy, dby, dWh, dbh, dWx'''
    dWx, dWh, dbh = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(bh)
    dWy = dy.T.dot(h[1:])
    dby = dy.sum(0)
    dh = np.zeros_like(bh)
    for t in range(len(x))[::-1]:
        dh = dh + Wy.T.dot(dy[t])
        da = dh * (1 - h[t + 1] ** 2)
        dWx += np.outer(da, x[t])
        dWh += np.outer(da, h[t])
        dbh += da
        dh = Wh.T.dot(da)
    return dWy, dby, dWh, dbh, dWx
