"""The long short-term memory cell (Hochreiter & Schmidhuber, 1997; forget gate: Gers et al., 2000).

    a = x @ W_x + h_prev @ W_h + b        (4, B, H), one block per gate
    i = sigmoid(a_i)                      input gate: where to write
    f = sigmoid(a_f)                      forget gate: 0 erases, 1 keeps
    o = sigmoid(a_o)                      output gate: what to show
    g = tanh(a_g)                         candidate: what to write
    c = f * c_prev + i * g                long-term memory
    h = o * tanh(c)                       working memory, the step's output

W_x (4, D, H), W_h (4, H, H), b (4, H), in the order i, f, o, g. Not to be confused with the layouts of other
libraries, which put g third (torch) or f third (ONNX).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seqmem.cells.cell import Cell
from seqmem.initializers import Rng, as_generator
from seqmem.initializers import chrono as chrono_biases
from seqmem.module import Array
from seqmem.validation import as_longest, as_number


class LSTMState(NamedTuple):
    """The two memories of an LSTM."""

    h: Array  # (B, H) the output
    c: Array  # (B, H) the cell state


class LSTMCell(Cell[LSTMState]):
    """Long short-term memory (Hochreiter & Schmidhuber, 1997); the state is `LSTMState(h, c)`.

    Args:
        input_size: D.
        hidden_size: H.
        forget_bias: initial value of the forget gate's bias; 1 lets the gradient of the cell state survive at
            the start of training (Gers et al., 2000; Jozefowicz et al., 2015).
        chrono: the longest distance to remember, in steps. The forget gate's biases are then drawn so that
            the units remember for 1 to `chrono` steps, the input gate's biases are their negatives (Tallec &
            Ollivier, 2018), and `forget_bias` is not used. None uses `forget_bias`.
        input_init: initial values of W_x: "glorot", "orthogonal", "uniform", "normal" or "identity".
        recurrent_init: initial values of W_h, in the same form.
        rng: seed or generator for the initial weights.
        dtype: float64 or float32.

    >>> cell = LSTMCell(3, 4, rng=0)
    >>> state, cache = cell.forward(np.ones((2, 3)))
    >>> (d_x, d_prev), grads = cell.backward(LSTMState(h=np.ones((2, 4)), c=None), cache)
    >>> d_x.shape, d_prev.c.shape, grads["W_x"].shape
    ((2, 3), (2, 4), (4, 3, 4))
    >>> float(cell.gate("f").b[0])
    1.0
    """

    gates = ("i", "f", "o", "g")
    sigmoids = 3
    state_type = LSTMState
    kept = MappingProxyType({"tanh_c": "BH"})  # read twice in the backward pass and expensive to recompute
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
        self.forget_bias = as_number(forget_bias, "LSTMCell", "forget_bias")
        self.chrono = as_longest(chrono, "LSTMCell")
        start_forget_gate(self, self.forget_bias, self.chrono, rng)

    def step(self, recurrent, half, a, ifog, ifo, i, f, o, g, h_prev, c_prev, tanh_c, h, c) -> None:
        a += recurrent(h_prev)  # a = x @ W_x + h_prev @ W_h + b, of i, f and o a half
        np.tanh(a, out=ifog)  # g = tanh(a_g)
        ifo *= half  # i, f, o = sigmoid(a) = tanh(a / 2) / 2 + 1/2
        ifo += half
        np.multiply(f, c_prev, out=c)
        c += np.multiply(i, g, out=h)  # c = f * c_prev + i * g; h is written below
        np.tanh(c, out=tanh_c)
        np.multiply(o, tanh_c, out=h)  # h = o * tanh(c)

    def local_derivatives(self, i, f, o, g, c_prev, tanh_c, d_a_i, d_a_f, d_a_o, d_a_g, dh_dc) -> None:
        np.multiply(i * (1 - i), g, out=d_a_i)  # d_a_i = d_c * i (1 - i) g
        np.multiply(f * (1 - f), c_prev, out=d_a_f)  # d_a_f = d_c * f (1 - f) c_prev
        np.multiply(o * (1 - o), tanh_c, out=d_a_o)  # d_a_o = d_h * o (1 - o) tanh(c)
        np.multiply(1 - g**2, i, out=d_a_g)  # d_a_g = d_c * (1 - g²) i
        np.multiply(1 - tanh_c**2, o, out=dh_dc)

    def step_backward(self, through, f, d_a, d_a_if, d_a_o, d_a_g, dh_dc, d_h, d_c) -> None:
        dh_dc *= d_h
        d_c += dh_dc  # h = o * tanh(c): c reaches the loss through h, too
        d_a_if *= d_c  # i, f and g reach it through c,
        d_a_o *= d_h  # o through h
        d_a_g *= d_c
        d_c *= f  # c = f * c_prev + i * g: now d_c_prev
        through(d_a, d_h)  # a = ... + h_prev @ W_h: now d_h_prev

    def total_gradient(self, d_h, d_c, dh_dc) -> tuple[Array, ...]:  # type: ignore[override]
        return d_h, d_c + d_h * dh_dc


def start_forget_gate(cell: Cell[LSTMState], forget_bias: float, chrono: float | None, rng: Rng) -> None:
    """Write the first biases of the gates f and i: `forget_bias`, or for memories of up to `chrono` steps."""
    cell.gate("f").b[...] = forget_bias
    if chrono is not None:
        cell.gate("f").b[...] = chrono_biases(as_generator(rng), cell.hidden_size, chrono, cell.b.dtype)
        cell.gate("i").b[...] = -cell.gate("f").b
