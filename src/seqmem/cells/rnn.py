"""The plain recurrent cell (Elman, 1990).

    a = x @ W_x + h_prev @ W_h + b        (B, H)
    h = tanh(a)                           or relu(a)

W_x (D, H), W_h (H, H), b (H,). With relu and the identity for W_h a state stays until the input changes it
(Le, Jaitly & Hinton, 2015). The lecture calls W_x Θ¹ and W_h Θ³ and has no bias.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from seqmem.activations import relu
from seqmem.cells.cell import Cell
from seqmem.initializers import Rng
from seqmem.module import Array
from seqmem.validation import as_choice

ACTIVATIONS: dict[str, Any] = {"tanh": np.tanh, "relu": relu}


class RNNCell(Cell[Array]):
    """Plain recurrent cell (Elman, 1990); the state is the array h (B, H).

    Args:
        input_size: D.
        hidden_size: H.
        activation: "tanh", or "relu" (Le, Jaitly & Hinton, 2015: with recurrent_init="identity").
        input_init: initial values of W_x: "glorot", "orthogonal", "uniform", "normal" or "identity".
        recurrent_init: initial values of W_h, in the same form.
        rng: seed or generator for the initial weights.
        dtype: float64 or float32.

    >>> cell = RNNCell(3, 4, rng=0)
    >>> h, cache = cell.forward(np.ones((2, 3)))
    >>> (d_x, d_h_prev), grads = cell.backward(np.ones((2, 4)), cache)
    >>> d_x.shape, sorted(grads)
    ((2, 3), ['W_h', 'W_x', 'b'])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        activation: Literal["tanh", "relu"] = "tanh",
        input_init: str = "glorot",
        recurrent_init: str = "orthogonal",
        rng: Rng = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        as_choice(activation, ACTIVATIONS, "RNNCell", "activation")
        super().__init__(
            input_size, hidden_size, rng, dtype, input_init=input_init, recurrent_init=recurrent_init
        )
        self.activation = activation

    def step(self, recurrent, a, h_prev, h) -> None:
        a += recurrent(h_prev)  # a = x @ W_x + h_prev @ W_h + b
        ACTIVATIONS[self.activation](a, out=h)

    def local_derivatives(self, h, d_a) -> None:
        if self.activation == "relu":
            d_a[...] = h.real > 0  # d_a = d_h where h > 0
        else:
            np.subtract(1, h**2, out=d_a)  # d_a = d_h * (1 - h²)

    def step_backward(self, through, d_a, d_h) -> None:
        d_a *= d_h
        through(d_a, d_h)  # a = ... + h_prev @ W_h: now d_h_prev
