"""A user's own cell: one of many right answers to an exercise.

n = tanh(x @ W_x + h_prev @ W_h + b)      (B, H)
h = (h_prev + n) / 2
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from seqmem.cells.cell import Cell
from seqmem.cells.rnn import RNNCell
from seqmem.initializers import Rng
from seqmem.module import Array

__all__ = ["OwnCell", "RNNCell"]


class OwnCell(Cell[Array]):
    """A cell of your own; its state is one array h (B, H)."""

    kept = {"n": "BH"}  # noqa: RUF012 - further values of a step, and their axes

    def __init__(
        self, input_size: int, hidden_size: int, *, rng: Rng = None, dtype: npt.DTypeLike = np.float64
    ) -> None:
        super().__init__(input_size, hidden_size, rng, dtype)

    def step(self, recurrent, a, n, h_prev, h) -> None:
        """Write h; a is x @ W_x + b, and recurrent(h_prev) is h_prev @ W_h."""
        a += recurrent(h_prev)
        np.tanh(a, out=n)
        h[...] = (h_prev + n) / 2

    def local_derivatives(self, n, d_a) -> None:
        """Write into d_a the part of dh/da that needs only the values of the step."""
        d_a[...] = (1 - n**2) / 2

    def step_backward(self, through, d_a, d_h) -> None:
        """Make d_a the gradient of a, and d_h that of h_prev; through(d_a, out) writes d_a @ W_h.T to out."""
        d_a *= d_h
        direct = d_h / 2
        through(d_a, d_h)
        d_h += direct
