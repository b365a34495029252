import numpy as np


def sigm(v):
    return 0.5 * (1 + np.tanh(0.5 * v))


def lstm_forward(x, h0, Wx, Wh, b):
    """x: (T, N, D); the cell starts empty"""
    H = h0.shape[1]
    h, c = h0, np.zeros(h0.shape)
    out, steps = [], []
    for xt in x:
        a = xt @ Wx + h @ Wh + b
        i, f = sigm(a[:, :H]), sigm(a[:, H:2 * H])
        o, g = sigm(a[:, 2 * H:3 * H]), np.tanh(a[:, 3 * H:])
        cn = f * c + i * g
        hn = o * np.tanh(cn)
        steps.append((xt, h, c, i, f, o, g, cn))
        h, c = hn, cn
        out.append(h)
    return np.stack(out), (steps, Wx, Wh)


def lstm_backward(dout, cache):
    steps, Wx, Wh = cache
    dx = np.zeros((len(steps),) + steps[0][0].shape)
    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros(Wh.shape[1])
    dh, dc = 0.0, 0.0
    for t in range(len(steps) - 1, -1, -1):
        xt, h, c, i, f, o, g, cn = steps[t]
        dh = dh + dout[t]
        dc = dc + dh * o * (1 - np.tanh(cn) ** 2)
        da = np.concatenate((dc * g * i * (1 - i), dc * c * f * (1 - f),
                             dh * np.tanh(cn) * o * (1 - o), dc * i * (1 - g ** 2)), axis=1)
        dx[t] = da @ Wx.T
        dWx += xt.T @ da
        dWh += h.T @ da
        db += da.mean(axis=0)
        dh = da @ Wh.T
    return dx, dh, dWx, dWh, db
