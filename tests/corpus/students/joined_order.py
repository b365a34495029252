import numpy as np


class GRULayer(object):
    """weights act on the joined [h, x]; candidate on [r * h, x]"""

    def __init__(self, D, H, seed=0):
        rng = np.random.default_rng(seed)
        self.D, self.H = D, H
        self.params = {'Wz': rng.normal(size=(D + H, H)), 'Wr': rng.normal(size=(D + H, H)),
                       'Wc': rng.normal(size=(D + H, H)), 'bz': np.zeros(H), 'br': np.zeros(H), 'bc': np.zeros(H)}
        self.grads = {}

    def forward(self, x, h):
        p = self.params
        hx = np.concatenate((h, x), axis=1)
        z = 1 / (1 + np.exp(-(hx @ p['Wz'] + p['bz'])))
        r = 1 / (1 + np.exp(-(hx @ p['Wr'] + p['br'])))
        rhx = np.concatenate((r * h, x), axis=1)
        c = np.tanh(rhx @ p['Wc'] + p['bc'])
        self.cache = (x, h, hx, rhx, z, r, c)
        return z * h + (1 - z) * c

    def backward(self, dh_new):
        x, h, hx, rhx, z, r, c = self.cache
        p, D, H = self.params, self.D, self.H
        dz = dh_new * (h - c) * z * (1 - z)
        dc = dh_new * (1 - z) * (1 - c ** 2)
        drhx = dc @ p['Wc'].T
        dr = drhx[:, :H] * h * r * (1 - r)
        for name, d, inp in (('z', dz, hx), ('r', dr, hx), ('c', dc, rhx)):
            self.grads['W' + name] = inp.T @ d
            self.grads['b' + name] = d.sum(axis=0)
        dxh = dz @ p['Wz'].T + dr @ p['Wr'].T
        dx = dxh[:, :D] + drhx[:, H:]
        dh = dxh[:, D:] + drhx[:, :H] * r + dh_new * z
        return dx, dh
