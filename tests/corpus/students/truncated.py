import numpy as np


class TextRNN:
    def __init__(self, vocab, hidden, truncate=3):
        self.U, self.W, self.V = (np.random.randn(hidden, vocab) * 0.3, np.random.randn(hidden, hidden) * 0.3,
                                  np.random.randn(vocab, hidden) * 0.3)
        self.truncate = truncate

    def forward(self, words):
        self.s = {-1: np.zeros(len(self.W))}
        self.o = []
        for t, w in enumerate(words):
            self.s[t] = np.tanh(self.U[:, w] + self.W @ self.s[t - 1])
            z = np.exp(self.V @ self.s[t])
            self.o.append(z / z.sum())
        return self.o

    def loss(self, words, targets):
        o = self.forward(words)
        return -sum(np.log(o[t][w]) for t, w in enumerate(targets))

    def bptt(self, words, targets):
        o = self.forward(words)
        dU, dW, dV = np.zeros_like(self.U), np.zeros_like(self.W), np.zeros_like(self.V)
        for t in range(len(words) - 1, -1, -1):
            do = o[t].copy()
            do[targets[t]] -= 1
            dV += np.outer(do, self.s[t])
            ds = (self.V.T @ do) * (1 - self.s[t] ** 2)
            for k in range(t, max(-1, t - self.truncate), -1):
                dW += np.outer(ds, self.s[k - 1])
                dU[:, words[k]] += ds
                ds = (self.W.T @ ds) * (1 - self.s[k - 1] ** 2)
        return dU, dW, dV
