import numpy as np


class LSTM:
    """one sequence, columns; weights act on [h, x]"""

    def __init__(self, n_in=4, n_h=6):
        rng = np.random.RandomState(1)
        self.n_h = n_h
        self.W_f, self.W_i, self.W_c, self.W_o = (0.5 * rng.randn(n_h, n_h + n_in) for _ in range(4))
        self.b_f, self.b_i, self.b_c, self.b_o = (np.zeros((n_h, 1)) for _ in range(4))

    def step(self, x, h_prev, c_prev):
        z = np.vstack((h_prev, x))
        f = 1 / (1 + np.exp(-(self.W_f @ z + self.b_f)))
        i = 1 / (1 + np.exp(-(self.W_i @ z + self.b_i)))
        c_bar = np.tanh(self.W_c @ z + self.b_c)
        c = f * c_prev + i * c_bar
        o = 1 / (1 + np.exp(-(self.W_o @ z + self.b_o)))
        return o * np.tanh(c), c, (z, f, i, c_bar, c, o, c_prev)

    def forward(self, xs, h0, c0):
        self.tape, hs = [], []
        h, c = h0, c0
        for x in xs:
            h, c, saved = self.step(x, h, c)
            self.tape.append(saved)
            hs.append(h)
        return np.array(hs)

    def backward(self, dhs):
        self.dW_f, self.dW_i, self.dW_c, self.dW_o = (np.zeros_like(self.W_f) for _ in range(4))
        self.db_f, self.db_i, self.db_c, self.db_o = (np.zeros_like(self.b_f) for _ in range(4))
        dh_next, dc_next = np.zeros_like(self.b_f), np.zeros_like(self.b_f)
        dxs = []
        for dh, (z, f, i, c_bar, c, o, c_prev) in zip(dhs[::-1], self.tape[::-1]):
            dh = dh + dh_next
            do = dh * np.tanh(c) * o * (1 - o)
            dc = dc_next + dh * o * (1 - np.tanh(c) ** 2)
            dc_bar = dc * i * (1 - c_bar ** 2)
            di = dc * c_bar * i * (1 - i)
            df = dc * c_prev * f * (1 - f)
            self.dW_f += df @ z.T
            self.dW_i += di @ z.T
            self.dW_c += dc_bar @ z.T
            self.dW_o += do @ z.T
            self.db_f += df
            self.db_i += di
            self.db_c += dc_bar
            self.db_o += do
            dz = self.W_f.T @ df + self.W_f.T @ di + self.W_c.T @ dc_bar + self.W_o.T @ do
            dh_next = dz[:self.n_h]
            dc_next = f * dc
            dxs.append(dz[self.n_h:])
        return np.array(dxs[::-1]), dh_next, dc_next
