import numpy as np
from numpy.random import randn


class RNN:
    # A many-to-one vanilla network whose backprop updates its own weights.

    def __init__(self, n_in, n_out, n_hidden=64):

        self.Whh = randn(n_hidden, n_hidden) * 0.01
        self.Wxh = randn(n_hidden, n_in) * 0.01
        self.Why = randn(n_out, n_hidden) * 0.01


        self.bh = np.zeros((n_hidden, 1))
        self.by = np.zeros((n_out, 1))

    def forward(self, xs):
        '''
        xs is a list of one-hot columns of shape (n_in, 1).
        Returns the output and the last hidden state.
        '''
        h = np.zeros((self.Whh.shape[0], 1))
        self.seen = xs
        self.states = {0: h}
        for i, x in enumerate(xs):
            h = np.tanh(self.Whh @ h + self.Wxh @ x + self.bh)
            self.states[i + 1] = h
        y = self.Why @ h + self.by
        return y, h

    def backprop(self, d_y, learn_rate=0.02):
        '''
        d_y (dL/dy) has shape (n_out, 1).
        '''
        n = len(self.seen)
        d_Why = d_y @ self.states[n].T
        d_by = d_y
        d_Whh = np.zeros(self.Whh.shape)
        d_Wxh = np.zeros(self.Wxh.shape)
        d_bh = np.zeros(self.bh.shape)
        d_h = self.Why.T @ d_y
        for t in reversed(range(n)):
            da = (1 - self.states[t + 1] ** 2) * d_h
            d_bh += da
            d_Whh += da @ self.states[t].T
            d_Wxh += da @ self.seen[t].T
            d_h = self.Whh.T @ da

        # gradient descent
        self.Whh -= learn_rate * d_Whh
        self.Wxh -= learn_rate * d_Wxh
        self.Why -= learn_rate * d_Why
        self.bh -= learn_rate * d_bh
        self.by -= learn_rate * d_by
