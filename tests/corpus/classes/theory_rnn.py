import numpy as np
import operator
from utils import *


class TheoryRNN:

    def __init__(self, vocab, size=100, depth=1000):
        self.vocab = vocab
        self.size = size
        self.depth = depth
        self.U = np.random.uniform(-1, 1, (size, vocab)) / np.sqrt(vocab)
        self.V = np.random.uniform(-1, 1, (vocab, size)) / np.sqrt(size)
        self.W = np.random.uniform(-1, 1, (size, size)) / np.sqrt(size)

    def forward_propagation(self, x):
        T = len(x)
        # the extra last row of state is the initial state, which state[-1] is at t = 0
        state = np.zeros((T + 1, self.size))
        out = np.zeros((T, self.vocab))
        for t in np.arange(T):
            state[t] = np.tanh(self.U[:, x[t]] + self.W.dot(state[t-1]))
            z = self.V.dot(state[t])
            out[t] = np.exp(z - z.max()) / np.exp(z - z.max()).sum()
        return [out, state]

    def total_loss(self, x, y):
        out, state = self.forward_propagation(x)
        return -1 * np.sum(np.log(out[np.arange(len(y)), y]))

    def bptt(self, x, y):
        T = len(y)
        out, state = self.forward_propagation(x)
        gU = np.zeros(self.U.shape)
        gV = np.zeros(self.V.shape)
        gW = np.zeros(self.W.shape)
        err = out
        err[np.arange(len(y)), y] -= 1.
        for t in np.arange(T)[::-1]:
            gV += np.outer(err[t], state[t])
            back = self.V.T.dot(err[t]) * (1 - (state[t] ** 2))
            for k in np.arange(max(0, t-self.depth), t+1)[::-1]:
                gW += np.outer(back, state[k-1])
                gU[:, x[k]] += back
                back = self.W.T.dot(back) * (1 - state[k-1] ** 2)
        return [gU, gV, gW]

    def sgd_step(self, x, y, learning_rate):
        gU, gV, gW = self.bptt(x, y)
        self.U -= learning_rate * gU
        self.V -= learning_rate * gV
        self.W -= learning_rate * gW
