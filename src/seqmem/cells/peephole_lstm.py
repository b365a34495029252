"""The LSTM whose gates see the cell state (Gers, Schraudolph & Schmidhuber, 2002).

    a = x @ W_x + h_prev @ W_h + b        (4, B, H), one block per gate
    i = sigmoid(a_i + p_i * c_prev)
    f = sigmoid(a_f + p_f * c_prev)
    g = tanh(a_g)
    c = f * c_prev + i * g
    o = sigmoid(a_o + p_o * c)            the output gate sees the new cell state
    h = o * tanh(c)

W_x (4, D, H), W_h (4, H, H), b (4, H), in the order i, f, o, g. The peepholes p_i, p_f and p_o (H,) are
weights of each unit's own cell state; they are initially 0, which makes the cell an LSTM.
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from seqmem.activations import sigmoid
from seqmem.cells.cell import Cell
from seqmem.cells.lstm import LSTMState, start_forget_gate
from seqmem.initializers import Rng, as_generator
from seqmem.module import Array, Grads
from seqmem.validation import as_longest, as_number


class PeepholeLSTMCell(Cell[LSTMState]):
    """LSTM with peepholes (Gers, Schraudolph & Schmidhuber, 2002); the state is `LSTMState(h, c)`.

    Args:
        input_size: D.
        hidden_size: H.
        forget_bias, chrono: of the forget gate, as in `LSTMCell`.
        input_init, recurrent_init: initial values of W_x and W_h, as in `LSTMCell`.
        rng: seed or generator for the initial weights.
        dtype: float64 or float32.

    >>> cell = PeepholeLSTMCell(3, 4, rng=0)
    >>> state, cache = cell.forward(np.ones((2, 3)))
    >>> (d_x, d_prev), grads = cell.backward(state, cache)
    >>> d_prev.c.shape, list(grads)
    ((2, 4), ['W_x', 'W_h', 'b', 'p_i', 'p_f', 'p_o'])
    """

    gates = ("i", "f", "o", "g")
    state_type = LSTMState
    kept = MappingProxyType({"tanh_c": "BH"})
    local = MappingProxyType({"dh_dc": "BH"})

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        forget_bias: float = 1.0,
        chrono: float | None = None,
        input_init: str = "glorot",
        recurrent_init: str = "orthogonal",
        rng: Rng = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        rng = as_generator(rng)
        super().__init__(
            input_size, hidden_size, rng, dtype, input_init=input_init, recurrent_init=recurrent_init
        )
        self.forget_bias = as_number(forget_bias, "PeepholeLSTMCell", "forget_bias")
        self.chrono = as_longest(chrono, "PeepholeLSTMCell")
        start_forget_gate(self, self.forget_bias, self.chrono, rng)
        self.p_i, self.p_f, self.p_o = (np.zeros_like(self.b[0]) for _ in range(3))

    def step(self, recurrent, a, a_i, a_f, a_o, a_g, i, f, o, g, h_prev, c_prev, tanh_c, h, c) -> None:
        a += recurrent(h_prev)  # a = x @ W_x + h_prev @ W_h + b
        a_i += self.p_i * c_prev
        a_f += self.p_f * c_prev
        sigmoid(a_i, out=i)
        sigmoid(a_f, out=f)
        np.tanh(a_g, out=g)
        np.multiply(f, c_prev, out=c)
        c += i * g  # c = f * c_prev + i * g
        a_o += self.p_o * c
        sigmoid(a_o, out=o)
        np.tanh(c, out=tanh_c)
        np.multiply(o, tanh_c, out=h)  # h = o * tanh(c)

    def local_derivatives(self, i, f, o, g, c_prev, tanh_c, d_a_i, d_a_f, d_a_o, d_a_g, dh_dc) -> None:
        np.multiply(i * (1 - i), g, out=d_a_i)  # d_a_i = d_c * i (1 - i) g
        np.multiply(f * (1 - f), c_prev, out=d_a_f)  # d_a_f = d_c * f (1 - f) c_prev
        np.multiply(o * (1 - o), tanh_c, out=d_a_o)  # d_a_o = d_h * o (1 - o) tanh(c)
        np.multiply(1 - g**2, i, out=d_a_g)  # d_a_g = d_c * (1 - g²) i
        np.multiply(1 - tanh_c**2, o, out=dh_dc)
        dh_dc += d_a_o * self.p_o  # h = o * tanh(c), and o sees c, too

    def step_backward(self, through, f, d_a, d_a_i, d_a_f, d_a_if, d_a_o, d_a_g, dh_dc, d_h, d_c) -> None:
        dh_dc *= d_h
        d_c += dh_dc  # c reaches the loss through h, too
        d_a_if *= d_c
        d_a_o *= d_h
        d_a_g *= d_c
        d_c *= f  # c = f * c_prev + i * g
        d_c += d_a_i * self.p_i
        d_c += d_a_f * self.p_f  # i and f see c_prev: now d_c_prev
        through(d_a, d_h)  # a = ... + h_prev @ W_h: now d_h_prev

    def collect(self, h_prev, c_prev, c, d_a, d_a_i, d_a_f, d_a_o) -> Grads:  # type: ignore[override]
        seen = {"p_i": d_a_i * c_prev, "p_f": d_a_f * c_prev, "p_o": d_a_o * c}
        return super().collect(h_prev, d_a) | {name: rows.sum(axis=0) for name, rows in seen.items()}

    def total_gradient(self, d_h, d_c, dh_dc) -> tuple[Array, ...]:  # type: ignore[override]
        return d_h, d_c + d_h * dh_dc
