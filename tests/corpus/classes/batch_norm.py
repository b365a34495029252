import numpy as np


class BatchNorm1d(object):
    def __init__(self, num_features, alpha=0.9):
        self.alpha = alpha
        self.eps = 1e-8
        self.BW = np.ones((1, num_features))
        self.Bb = np.zeros((1, num_features))
        self.dLdBW = np.zeros((1, num_features))
        self.dLdBb = np.zeros((1, num_features))
        self.running_M = np.zeros((1, num_features))
        self.running_V = np.ones((1, num_features))

    def forward(self, Z, eval=False):
        if eval:
            return self.BW * (Z - self.running_M) / np.sqrt(self.running_V + self.eps) + self.Bb
        self.Z = Z
        self.N = Z.shape[0]
        self.M = np.mean(Z, axis=0, keepdims=True)
        self.V = np.var(Z, axis=0, keepdims=True)
        self.NZ = (Z - self.M) / np.sqrt(self.V + self.eps)
        self.running_M = self.alpha * self.running_M + (1 - self.alpha) * self.M
        self.running_V = self.alpha * self.running_V + (1 - self.alpha) * self.V
        return self.BW * self.NZ + self.Bb

    def backward(self, dLdBZ):
        self.dLdBW = np.sum(dLdBZ * self.NZ, axis=0, keepdims=True)
        self.dLdBb = np.sum(dLdBZ, axis=0, keepdims=True)
        dLdNZ = dLdBZ * self.BW
        std = np.sqrt(self.V + self.eps)
        dLdV = -0.5 * np.sum(dLdNZ * (self.Z - self.M), axis=0, keepdims=True) / std ** 3
        dLdM = -np.sum(dLdNZ / std, axis=0, keepdims=True) \
            - 2 * dLdV * np.mean(self.Z - self.M, axis=0, keepdims=True)
        return dLdNZ / std + dLdV * 2 * (self.Z - self.M) / self.N + dLdM / self.N


class Linear:
    def __init__(self, in_features, out_features):
        self.W = np.random.randn(out_features, in_features)
        self.b = np.zeros((out_features, 1))

    def __call__(self, A):
        return self.forward(A)

    def forward(self, A):
        self.A = A
        self.N = A.shape[0]
        return A @ self.W.T + np.ones((self.N, 1)) @ self.b.T

    def backward(self, dLdZ):
        self.dLdW = dLdZ.T @ self.A
        self.dLdb = dLdZ.T @ np.ones((self.N, 1))
        return dLdZ @ self.W
