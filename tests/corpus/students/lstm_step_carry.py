import numpy as np


def sigmoid(x): return 1 / (1 + np.exp(-x))


def lstm_step_forward(x, prev_h, prev_c, Wx, Wh, b):
    gates = x.dot(Wx) + prev_h.dot(Wh) + b
    ai, af, ao, ag = np.array_split(gates, 4, axis=1)
    i = sigmoid(ai); f = sigmoid(af); o = sigmoid(ao); g = np.tanh(ag)
    next_c = f * prev_c + i * g
    tanh_c = np.tanh(next_c)
    next_h = o * tanh_c
    cache = {'x': x, 'prev_h': prev_h, 'prev_c': prev_c, 'Wx': Wx, 'Wh': Wh,
             'i': i, 'f': f, 'o': o, 'g': g, 'tanh_c': tanh_c}
    return next_h, next_c, cache


def lstm_step_backward(dnext_h, dnext_c, cache):
    x, prev_h, prev_c, Wx, Wh, i, f, o, g, tanh_c = [cache[k] for k in
        ('x', 'prev_h', 'prev_c', 'Wx', 'Wh', 'i', 'f', 'o', 'g', 'tanh_c')]
    do = dnext_h * tanh_c
    dc = dnext_h * o * (1 - tanh_c ** 2)
    df = dc * prev_c
    di = dc * g
    dg = dc * i
    dprev_c = dc * f
    dgates = np.hstack([i * (1 - i) * di, f * (1 - f) * df, o * (1 - o) * do, (1 - g ** 2) * dg])
    return dgates.dot(Wx.T), dgates.dot(Wh.T), dprev_c, x.T.dot(dgates), prev_h.T.dot(dgates), dgates.sum(0)
