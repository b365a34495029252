import numpy as np


class RNNCell:
    def __init__(self, Wx, Wh, b):
        self.params = [Wx, Wh, b]
        self.grads = [None, None, None]

    def forward(self, x, h):
        Wx, Wh, b = self.params
        self.x, self.h_prev = x, h
        self.h = np.tanh(x @ Wx + h @ Wh + b)
        return self.h

    def backward(self, dh):
        Wx, Wh, b = self.params
        dt = dh * (1 - self.h ** 2)
        self.grads = [self.x.T @ dt, self.h_prev.T @ dt, dt.sum(axis=0)]
        return dt @ Wx.T, dt @ Wh.T


class TimeRNN:
    def __init__(self, Wx, Wh, b):
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(w) for w in (Wx, Wh, b)]
        self.cells = None

    def forward(self, xs):
        N, T, D = xs.shape
        h = np.zeros((N, self.params[2].size))
        hs = np.empty((N, T, h.shape[1]))
        self.cells = []
        for t in range(T):
            cell = RNNCell(*self.params)
            h = cell.forward(xs[:, t], h)
            hs[:, t] = h
            self.cells.append(cell)
        return hs

    def backward(self, dhs):
        dxs = []
        dh = 0
        for grad in self.grads:
            grad[...] = 0
        for t, cell in enumerate(self.cells):
            dx, dh = cell.backward(dhs[:, t] + dh)
            dxs.append(dx)
            for grad, g in zip(self.grads, cell.grads):
                grad += g
        return np.stack(dxs, axis=1)
