"""An LSTM with one gate for what is kept and what is written (Greff et al., 2017).

    f = sigmoid(a_f)                      a = x @ W_x + h_prev @ W_h + b
    o = sigmoid(a_o)
    g = tanh(a_g)
    c = f * c_prev + (1 - f) * u * g      what is not kept makes room for what is written
    h = o * tanh(c)

u (H,) weighs what each unit writes.
"""

import numpy as np

from seqmem import LSTMState
from seqmem.activations import sigmoid
from seqmem.cells import Cell


class CoupledCell(Cell[LSTMState]):
    """LSTM with coupled gates; the state is `LSTMState(h, c)`."""

    gates = ("f", "o", "g")
    state_type = LSTMState
    kept = {"tanh_c": "BH"}
    local = {"dh_dc": "BH", "d_u": "BH"}

    def __init__(self, input_size, hidden_size, *, rng=None, dtype=np.float64):
        super().__init__(input_size, hidden_size, rng, dtype)
        self.u = np.ones(hidden_size, dtype)

    def step(self, recurrent, a, a_fo, a_g, fo, f, o, g, h_prev, c_prev, tanh_c, h, c):
        a += recurrent(h_prev)
        sigmoid(a_fo, out=fo)
        np.tanh(a_g, out=g)
        c[...] = f * c_prev + (1 - f) * self.u * g
        np.tanh(c, out=tanh_c)
        np.multiply(o, tanh_c, out=h)

    def local_derivatives(self, f, o, g, c_prev, tanh_c, d_a_f, d_a_o, d_a_g, dh_dc, d_u):
        d_a_f[...] = f * (1 - f) * (c_prev - self.u * g)
        d_a_o[...] = o * (1 - o) * tanh_c
        d_a_g[...] = (1 - g**2) * (1 - f) * self.u
        dh_dc[...] = (1 - tanh_c**2) * o  # h = o * tanh(c)
        d_u[...] = (1 - f) * g

    def step_backward(self, through, f, d_a, d_a_f, d_a_o, d_a_g, dh_dc, d_u, d_h, d_c):
        d_c += d_h * dh_dc
        d_a_f *= d_c
        d_a_o *= d_h
        d_a_g *= d_c
        d_u *= d_c
        d_c *= f  # c = f * c_prev + ...: now d_c_prev
        through(d_a, d_h)  # now d_h_prev

    def collect(self, h_prev, d_a, d_u):
        return super().collect(h_prev, d_a) | {"u": d_u.sum(axis=0)}

    def total_gradient(self, d_h, d_c, dh_dc):
        return d_h, d_c + d_h * dh_dc
