import numpy as np


def logistic(a):
    return 1 / (1 + np.exp(-a))


def lstm_forward(x, h0, c0, Wx, Wh, b):
    """x (N, T, D), gates i, f, o, g side by side"""
    N, T, D = x.shape
    H = h0.shape[1]
    h, c = h0, c0
    hs, tape = np.zeros((N, T, H)), []
    for t in range(T):
        a = x[:, t].dot(Wx) + h.dot(Wh) + b
        i, f, o, g = logistic(a[:, :H]), logistic(a[:, H:2*H]), logistic(a[:, 2*H:3*H]), np.tanh(a[:, 3*H:])
        c_new = f * c + i * g
        tape.append((x[:, t], h, c, i, f, o, g, c_new))
        h, c = o * np.tanh(c_new), c_new
        hs[:, t] = h
    return hs, (tape, Wx, Wh)


def lstm_backward(dhs, cache):
    tape, Wx, Wh = cache
    N, T, H = dhs.shape
    dx = np.zeros((N, T, Wx.shape[0]))
    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros(4 * H)
    dh, dc = np.zeros((N, H)), np.zeros((N, H))
    t = T - 1
    while t > 0:
        xt, h, c, i, f, o, g, c_new = tape[t]
        dh = dh + dhs[:, t]
        tc = np.tanh(c_new)
        dc = dc + dh * o * (1 - tc * tc)
        da = np.hstack([dc * g * i * (1 - i), dc * c * f * (1 - f), dh * tc * o * (1 - o), dc * i * (1 - g * g)])
        dx[:, t] = da.dot(Wx.T)
        dWx += xt.T.dot(da)
        dWh += h.T.dot(da)
        db += da.sum(0)
        dh, dc = da.dot(Wh.T), dc * f
        t -= 1
    return dx, dh, dc, dWx, dWh, db
