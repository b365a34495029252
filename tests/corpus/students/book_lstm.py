import numpy as np


class Sigmoid:
    def __call__(self, x):
        return 1 / (1 + np.exp(-x))


class LSTM:
    def __init__(self, Wx, Wh, b):
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(w) for w in (Wx, Wh, b)]
        self.sigmoid = Sigmoid()

    def forward(self, x, h_prev, c_prev):
        Wx, Wh, b = self.params
        A = np.dot(x, Wx) + np.dot(h_prev, Wh) + b
        f, g, i, o = np.split(A, 4, axis=1)
        f, g, i, o = self.sigmoid(f), np.tanh(g), self.sigmoid(i), self.sigmoid(o)
        c_next = f * c_prev + g * i
        h_next = o * np.tanh(c_next)
        self.cache = (x, h_prev, c_prev, c_next, f, g, i, o)
        return h_next, c_next

    def backward(self, dh_next, dc_next):
        Wx, Wh, b = self.params
        x, h_prev, c_prev, c_next, f, g, i, o = self.cache
        do = dh_next * c_next * o * (1 - o)
        dc = dc_next + dh_next * o * (1 - np.tanh(c_next) ** 2)
        df = dc * c_prev * f * (1 - f)
        di = dc * g * i * (1 - i)
        dg = dc * i * (1 - g ** 2)
        dA = np.concatenate((df, dg, di, do), axis=1)
        self.grads[0][...] = x.T @ dA
        self.grads[1][...] = h_prev.T @ dA
        self.grads[2][...] = np.sum(dA, axis=0)
        return dA @ Wx.T, dA @ Wh.T, dc * f
