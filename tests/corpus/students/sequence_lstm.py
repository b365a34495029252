import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_step_forward(x, prev_h, prev_c, Wx, Wh, b):
    H = prev_h.shape[1]
    a = np.dot(x, Wx) + np.dot(prev_h, Wh) + b
    i, f, o = sigmoid(a[:, 0:H]), sigmoid(a[:, H:2*H]), sigmoid(a[:, 2*H:3*H])
    g = np.tanh(a[:, 3*H:4*H])
    next_c = np.multiply(f, prev_c) + np.multiply(i, g)
    next_h = np.multiply(o, np.tanh(next_c))
    return next_h, next_c, (i, f, o, g, a, x, Wx, Wh, b, prev_h, prev_c, next_c)


def lstm_step_backward(dnext_h, dnext_c, cache):
    i, f, o, g, a, x, Wx, Wh, b, prev_h, prev_c, next_c = cache
    dc = dnext_c + dnext_h * o * (1 - np.tanh(next_c) ** 2)
    da = np.hstack((dc * g * i * (1 - i), dc * prev_c * f * (1 - f),
                    dnext_h * np.tanh(next_c) * o * (1 - o), dc * i * (1 - g * g)))
    return (da.dot(Wx.T), da.dot(Wh.T), dc * f, x.T.dot(da), prev_h.T.dot(da), np.sum(da, axis=0))


def lstm_forward(x, h0, Wx, Wh, b):
    N, T, D = x.shape
    H = h0.shape[1]
    h = np.zeros((N, T, H))
    prev_h, prev_c = h0, np.zeros((N, H))
    cache = {}
    for t in range(T):
        prev_h, prev_c, cache[t] = lstm_step_forward(x[:, t, :], prev_h, prev_c, Wx, Wh, b)
        h[:, t, :] = prev_c
    return h, cache


def lstm_backward(dh, cache):
    N, T, H = dh.shape
    dx, dWx, dWh, db = [], 0, 0, 0
    dprev_h, dprev_c = np.zeros((N, H)), np.zeros((N, H))
    for t in reversed(range(T)):
        dxt, dprev_h, dprev_c, a, b, c = lstm_step_backward(dh[:, t] + dprev_h, dprev_c, cache[t])
        dx.insert(0, dxt)
        dWx, dWh, db = dWx + a, dWh + b, db + c
    return np.stack(dx, 1), dprev_h, dWx, dWh, db
