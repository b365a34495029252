# coding: utf-8
import numpy as np
import sys
sys.path.append('..')
from common.functions import sigmoid


class GRU:
    def __init__(self, Wx, Wh, b):
        self.Wx, self.Wh, self.b = Wx, Wh, b
        self.dWx, self.dWh, self.db = None, None, None
        self.cache = None

    def forward(self, x, h_prev):
        H = self.Wh.shape[0]
        Wxz, Wxr, Wxh = self.Wx[:, :H], self.Wx[:, H:2*H], self.Wx[:, 2*H:]
        Whz, Whr, Whh = self.Wh[:, :H], self.Wh[:, H:2*H], self.Wh[:, 2*H:]
        bz, br, bh = self.b[:H], self.b[H:2*H], self.b[2*H:]

        z = sigmoid(np.dot(h_prev, Whz) + np.dot(x, Wxz) + bz)
        r = sigmoid(np.dot(h_prev, Whr) + np.dot(x, Wxr) + br)
        n = np.tanh(np.dot(r * h_prev, Whh) + np.dot(x, Wxh) + bh)
        h_next = (1 - z) * h_prev + z * n
        self.cache = (x, h_prev, z, r, n)
        return h_next

    def backward(self, dh_next):
        H = self.Wh.shape[0]
        Wxz, Wxr, Wxh = self.Wx[:, :H], self.Wx[:, H:2*H], self.Wx[:, 2*H:]
        Whz, Whr, Whh = self.Wh[:, :H], self.Wh[:, H:2*H], self.Wh[:, 2*H:]
        x, h_prev, z, r, n = self.cache

        dh_prev = dh_next * (1 - z)

        # candidate
        dt = dh_next * z * (1 - n ** 2)
        dbh = dt.sum(axis=0)
        dWhh = np.dot((r * h_prev).T, dt)
        dhr = np.dot(dt, Whh.T)
        dWxh = np.dot(x.T, dt)
        dx = np.dot(dt, Wxh.T)
        dh_prev += r * dhr

        # update gate
        dt = (dh_next * n - dh_next * h_prev) * z * (1 - z)
        dbz = dt.sum(axis=0)
        dWhz = np.dot(h_prev.T, dt)
        dh_prev += np.dot(dt, Whz.T)
        dWxz = np.dot(x.T, dt)
        dx += np.dot(dt, Wxz.T)

        # reset gate
        dt = dhr * h_prev * r * (1 - r)
        dbr = dt.sum(axis=0)
        dWhr = np.dot(h_prev.T, dt)
        dh_prev += np.dot(dt, Whr.T)
        dWxr = np.dot(x.T, dt)
        dx += np.dot(dt, Wxr.T)

        self.dWx = np.hstack((dWxz, dWxr, dWxh))
        self.dWh = np.hstack((dWhz, dWhr, dWhh))
        self.db = np.hstack((dbz, dbr, dbh))
        return dx, dh_prev
