"""The plain recurrent cell (Elman, 1990).

    a = x @ W_x + h_prev @ W_h + b        (B, H)
    h = tanh(a)

W_x (D, H), W_h (H, H), b (H,). The lecture calls W_x Θ¹ and W_h Θ³ and has no bias.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from seqmem.cells.cell import Cell
from seqmem.cells.products import add_product, through
from seqmem.initializers import Rng
from seqmem.module import Array


class RNNCell(Cell):
    """Plain recurrent cell with tanh (Elman, 1990); the state is the array h (B, H).

    Args:
        input_size: D.
        hidden_size: H.
        rng: seed or generator of the first weights.
        dtype: float64 or float32.

    >>> cell = RNNCell(3, 4, rng=0)
    >>> h, cache = cell.forward(np.ones((2, 3)))
    >>> (d_x, d_h_prev), grads = cell.backward(np.ones((2, 4)), cache)
    >>> d_x.shape, sorted(grads)
    ((2, 3), ['W_h', 'W_x', 'b'])
    """

    gates: ClassVar[tuple[str, ...]] = ()
    kept = ("h",)
    n_local = 1

    def __init__(
        self, input_size: int, hidden_size: int, *, rng: Rng = None, dtype: npt.DTypeLike = np.float64
    ) -> None:
        super().__init__(input_size, hidden_size, rng, dtype)

    def step(self, prev: Array, kept: Array, new: Array, W_h: Array) -> None:
        a, h = self.pre_activations(kept), kept[:1]
        add_product(a, prev, W_h)
        np.tanh(a, out=h)
        new[...] = h[0]

    def local_derivatives(self, kept: Array, prev: Array, local: Array) -> None:
        np.subtract(1, kept[:1] ** 2, out=local)  # dh/da

    def step_backward(self, d_state: Array, kept: Array, d_a: Array, W_h_T: Array) -> None:
        d_a *= d_state
        through(d_a, W_h_T, out=d_state)
