import numpy as np
from activation import *


class GRU_Cell:
    """docstring for GRU_Cell: one vector at a time, two biases, reset after the product"""

    def __init__(self, in_dim, hidden_dim):
        self.d = in_dim
        self.h = hidden_dim
        h, d = self.h, self.d
        self.Wzh, self.Wrh, self.Wnh = (np.random.randn(h, h) for _ in range(3))
        self.Wzx, self.Wrx, self.Wnx = (np.random.randn(h, d) for _ in range(3))
        self.bir, self.biz, self.bin = (np.random.randn(h) for _ in range(3))
        self.bhr, self.bhz, self.bhn = (np.random.randn(h) for _ in range(3))

        self.dWrx, self.dWzx, self.dWnx = (np.zeros((h, d)) for _ in range(3))
        self.dWrh, self.dWzh, self.dWnh = (np.zeros((h, h)) for _ in range(3))
        self.dbir, self.dbiz, self.dbin = (np.zeros((h)) for _ in range(3))
        self.dbhr, self.dbhz, self.dbhn = (np.zeros((h)) for _ in range(3))

    def forward(self, x, h):
        # input:  x: (d,), h: (h,); returns h_t: (h,)
        self.x = x
        self.hidden = h
        self.r = 1 / (1 + np.exp(-(self.Wrx @ x + self.bir + self.Wrh @ h + self.bhr)))
        self.z = 1 / (1 + np.exp(-(self.Wzx @ x + self.biz + self.Wzh @ h + self.bhz)))
        self.inner = self.Wnh @ h + self.bhn
        self.n = np.tanh(self.Wnx @ x + self.bin + self.r * self.inner)
        h_t = (1 - self.z) * self.n + self.z * h
        assert h_t.shape == (self.h,)
        return h_t

    def backward(self, delta):
        # delta: (1, h); returns dx: (1, d), dh: (1, h)
        delta = delta.reshape(-1)
        dz = delta * (self.hidden - self.n) * self.z * (1 - self.z)
        dn = delta * (1 - self.z) * (1 - self.n ** 2)
        dinner = dn * self.r
        dr = dn * self.inner * self.r * (1 - self.r)

        self.dWnx += np.outer(dn, self.x)
        self.dWzx += np.outer(dz, self.x)
        self.dWrx += np.outer(dr, self.x)
        self.dWnh += np.outer(dinner, self.hidden)
        self.dWzh += np.outer(dz, self.hidden)
        self.dWrh += np.outer(dr, self.hidden)
        self.dbin += dn
        self.dbhn += dinner
        self.dbiz += dz
        self.dbhz += dz
        self.dbir += dr
        self.dbhr += dr

        dx = dn @ self.Wnx + dz @ self.Wzx + dr @ self.Wrx
        dh = delta * self.z + dinner @ self.Wnh + dz @ self.Wzh + dr @ self.Wrh
        return dx.reshape(1, -1), dh.reshape(1, -1)
