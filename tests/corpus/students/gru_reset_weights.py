import numpy as np


class GRUCell:
    def __init__(self, n_in, n_hidden):
        rng = np.random.RandomState(42)
        self.W = {k: rng.randn(n_in, n_hidden) for k in 'zrh'}
        self.U = {k: rng.randn(n_hidden, n_hidden) for k in 'zrh'}
        self.b = {k: np.zeros(n_hidden) for k in 'zrh'}

    def forward(self, x, h):
        sig = lambda a: 1 / (1 + np.exp(-a))
        z = sig(x @ self.W['z'] + h @ self.U['z'] + self.b['z'])
        r = sig(x @ self.W['r'] + h @ self.U['r'] + self.b['r'])
        hh = np.tanh(x @ self.W['h'] + (r * h) @ self.U['h'] + self.b['h'])
        self.last = (x, h, z, r, hh)
        return (1 - z) * h + z * hh

    def backward(self, dnew):
        x, h, z, r, hh = self.last
        d = {'h': dnew * z * (1 - hh ** 2), 'z': dnew * (hh - h) * z * (1 - z)}
        drh = d['h'] @ self.U['h'].T
        d['r'] = drh * h * r * (1 - r)
        self.dW = {k: x.T @ d[k] for k in d}
        self.dU = {k: h.T @ d[k] for k in d}
        self.db = {k: d[k].sum(0) for k in d}
        dx = sum(d[k] @ self.W[k].T for k in d)
        dh = dnew * (1 - z) + drh * r + d['z'] @ self.U['z'].T + d['r'] @ self.U['r'].T
        return dx, dh
