import numpy as np


class LayerNorm:
    """(B, T, C), normalised over C"""

    def __init__(self, dim, eps=1e-5):
        self.g = np.ones(dim)
        self.b = np.zeros(dim)
        self.eps = eps

    def forward(self, x):
        self.std = np.sqrt(x.var(axis=-1, keepdims=True) + self.eps)
        self.norm = (x - x.mean(axis=-1, keepdims=True)) / self.std
        return self.g * self.norm + self.b

    def backward(self, dy):
        self.dg = (dy * self.norm).sum(axis=0).sum(axis=0)
        self.db = dy.sum(axis=0).sum(axis=0)
        dn = dy * self.g
        return (dn - dn.mean(axis=-1, keepdims=True)) / self.std
