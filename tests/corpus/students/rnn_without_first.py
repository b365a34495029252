import numpy as np


class SimpleRNN:
    def __init__(self, input_size, hidden_size):
        self.Wx = np.random.randn(hidden_size, input_size) * 0.1
        self.Wh = np.random.randn(hidden_size, hidden_size) * 0.1
        self.b = np.zeros(hidden_size)

    def forward(self, X):
        """X: (N, T, D)"""
        self.X = X
        self.h = [np.zeros((X.shape[0], self.Wh.shape[0]))]
        for t in range(X.shape[1]):
            self.h.append(np.tanh(X[:, t] @ self.Wx.T + self.h[-1] @ self.Wh.T + self.b))
        return np.stack(self.h[1:], axis=1)

    def backward(self, dout):
        self.dWx, self.dWh, self.db = np.zeros_like(self.Wx), np.zeros_like(self.Wh), np.zeros_like(self.b)
        dX = np.zeros_like(self.X)
        dh = np.zeros_like(self.h[0])
        for t in range(self.X.shape[1] - 1, 0, -1):
            dh = dout[:, t] + dh
            dz = dh * (1 - self.h[t + 1] ** 2)
            self.dWx += dz.T @ self.X[:, t]
            self.dWh += dz.T @ self.h[t]
            self.db += dz.sum(axis=0)
            dX[:, t] = dz @ self.Wx
            dh = dz @ self.Wh
        return dX
