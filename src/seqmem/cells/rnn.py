"""The plain recurrent cell (Elman, 1990).

    a = x @ W_x + h_prev @ W_h + b        (B, H)
    h = tanh(a)

W_x (D, H), W_h (H, H), b (H,). The lecture calls W_x Θ¹ and W_h Θ³ and has no bias.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from seqmem.cells.cell import Cell
from seqmem.initializers import Rng
from seqmem.module import Array


class RNNCell(Cell[Array]):
    """Plain recurrent cell with tanh (Elman, 1990); the state is the array h (B, H).

    Args:
        input_size: D.
        hidden_size: H.
        rng: seed or generator for the initial weights.
        dtype: float64 or float32.

    >>> cell = RNNCell(3, 4, rng=0)
    >>> h, cache = cell.forward(np.ones((2, 3)))
    >>> (d_x, d_h_prev), grads = cell.backward(np.ones((2, 4)), cache)
    >>> d_x.shape, sorted(grads)
    ((2, 3), ['W_h', 'W_x', 'b'])
    """

    def __init__(
        self, input_size: int, hidden_size: int, *, rng: Rng = None, dtype: npt.DTypeLike = np.float64
    ) -> None:
        super().__init__(input_size, hidden_size, rng, dtype)

    def step(self, recurrent, a, h_prev, h) -> None:
        a += recurrent(h_prev)  # a = x @ W_x + h_prev @ W_h + b
        np.tanh(a, out=h)

    def local_derivatives(self, h, d_a) -> None:
        np.subtract(1, h**2, out=d_a)  # d_a = d_h * (1 - h²)

    def step_backward(self, through, d_a, d_h) -> None:
        d_a *= d_h
        through(d_a, d_h)  # a = ... + h_prev @ W_h: now d_h_prev
