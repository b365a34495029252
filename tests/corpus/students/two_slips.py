import numpy as np

def rnn_step_forward(x, prev_h, Wx, Wh, b):
    next_h = np.tanh(np.dot(x, Wx) + np.dot(prev_h, Wh) + b)
    cache = next_h, x, prev_h, Wx, Wh
    return next_h, cache

def rnn_step_backward(dnext_h, cache):
    next_h, x, prev_h, Wx, Wh = cache
    dt = dnext_h * (1 - next_h ** 2)
    dx = np.dot(dt, Wx.T)
    dprev_h = np.dot(dt, Wh.T)
    dWx = np.dot(x.T, dt)
    dWh = np.dot(next_h.T, dt)
    db = np.mean(dt, axis=0)
    return dx, dprev_h, dWx, dWh, db
