"""An LSTM whose gates see the cell state (Gers, Schraudolph & Schmidhuber, 2002).

    i = sigmoid(a_i + p_i * c_prev)       a = x @ W_x + h_prev @ W_h + b
    f = sigmoid(a_f + p_f * c_prev)
    g = tanh(a_g)
    c = f * c_prev + i * g
    o = sigmoid(a_o + p_o * c)            the output gate sees the new one
    h = o * tanh(c)

p_i, p_f and p_o (H,) weigh each unit's own cell state: the peepholes.
"""

import numpy as np

from seqmem import LSTMState
from seqmem.activations import sigmoid
from seqmem.cells import Cell


class PeepholeCell(Cell[LSTMState]):
    """LSTM with peepholes; the state is `LSTMState(h, c)`."""

    gates = ("i", "f", "o", "g")
    state_type = LSTMState
    kept = {"tanh_c": "BH"}
    local = {"dh_dc": "BH"}

    def __init__(self, input_size, hidden_size, *, rng=None, dtype=np.float64):
        super().__init__(input_size, hidden_size, rng, dtype)
        self.p_i, self.p_f, self.p_o = (np.zeros(hidden_size, dtype) for _ in range(3))

    def step(self, recurrent, a, a_i, a_f, a_o, a_g, i, f, o, g, h_prev, c_prev, tanh_c, h, c):
        a += recurrent(h_prev)
        a_i += self.p_i * c_prev
        a_f += self.p_f * c_prev
        sigmoid(a_i, out=i)
        sigmoid(a_f, out=f)
        np.tanh(a_g, out=g)
        c[...] = f * c_prev + i * g
        a_o += self.p_o * c
        sigmoid(a_o, out=o)
        np.tanh(c, out=tanh_c)
        np.multiply(o, tanh_c, out=h)

    def local_derivatives(self, i, f, o, g, c_prev, tanh_c, d_a_i, d_a_f, d_a_o, d_a_g, dh_dc):
        d_a_i[...] = i * (1 - i) * g
        d_a_f[...] = f * (1 - f) * c_prev
        d_a_o[...] = o * (1 - o) * tanh_c
        d_a_g[...] = (1 - g**2) * i
        dh_dc[...] = (1 - tanh_c**2) * o + d_a_o * self.p_o  # h = o * tanh(c), and o sees c

    def step_backward(self, through, f, d_a, d_a_i, d_a_f, d_a_if, d_a_o, d_a_g, dh_dc, d_h, d_c):
        d_c += d_h * dh_dc
        d_a_if *= d_c
        d_a_o *= d_h
        d_a_g *= d_c
        d_c *= f  # c = f * c_prev + i * g
        d_c += d_a_i * self.p_i + d_a_f * self.p_f  # now d_c_prev
        through(d_a, d_h)  # now d_h_prev

    def collect(self, h_prev, c_prev, c, d_a, d_a_i, d_a_f, d_a_o):
        seen = {"p_i": d_a_i * c_prev, "p_f": d_a_f * c_prev, "p_o": d_a_o * c}
        return super().collect(h_prev, d_a) | {name: rows.sum(axis=0) for name, rows in seen.items()}

    def total_gradient(self, d_h, d_c, dh_dc):
        return d_h, d_c + d_h * dh_dc
