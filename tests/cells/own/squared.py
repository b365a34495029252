"""A recurrent cell that sees the square of its input.

h = tanh(x² @ W_x + h_prev @ W_h + b)
"""

import numpy as np

from seqmem.cells import Cell
from seqmem.module import Array


class SquaredInputCell(Cell[Array]):
    """Plain recurrent cell of x²; the state is the array h (B, H)."""

    def __init__(self, input_size, hidden_size, *, rng=None, dtype=np.float64):
        super().__init__(input_size, hidden_size, rng, dtype)

    def features(self, x):
        return x**2

    def features_backward(self, d_features, x):
        return 2 * x * d_features

    def step(self, recurrent, a, h_prev, h):
        a += recurrent(h_prev)
        np.tanh(a, out=h)

    def local_derivatives(self, h, d_a):
        np.subtract(1, h**2, out=d_a)

    def step_backward(self, through, d_a, d_h):
        d_a *= d_h
        through(d_a, d_h)
