"""The long short-term memory cell (Hochreiter & Schmidhuber, 1997; forget gate: Gers et al., 2000).

    a = x @ W_x + h_prev @ W_h + b        (4, B, H), one block a gate
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

from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from seqmem.activations import sigmoid
from seqmem.cells.cell import Cell
from seqmem.cells.products import add_product, through
from seqmem.initializers import Rng
from seqmem.module import Array
from seqmem.validation import as_number, as_pair


class LSTMState(NamedTuple):
    """The two memories of an LSTM."""

    h: Array  # (B, H) what the step shows
    c: Array  # (B, H) what it keeps


class LSTMCell(Cell):
    """Long short-term memory (Hochreiter & Schmidhuber, 1997); the state is `LSTMState(h, c)`.

    Args:
        input_size: D.
        hidden_size: H.
        forget_bias: first value of the forget gate's bias; 1 lets the gradient of the cell state survive at
            the start of training (Gers et al., 2000; Jozefowicz et al., 2015).
        rng: seed or generator of the first weights.
        dtype: float64 or float32.

    >>> cell = LSTMCell(3, 4, rng=0)
    >>> state, cache = cell.forward(np.ones((2, 3)))
    >>> (d_x, d_prev), grads = cell.backward(LSTMState(h=np.ones((2, 4)), c=None), cache)
    >>> d_x.shape, d_prev.c.shape, grads["W_x"].shape
    ((2, 3), (2, 4), (4, 3, 4))
    >>> float(cell.gate("f").b[0])
    1.0
    """

    gates: ClassVar[tuple[str, ...]] = ("i", "f", "o", "g")
    kept = ("i", "f", "o", "g", "tanh_c")  # tanh_c: read twice in the backward pass and dear to recompute
    n_local = 5

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        forget_bias: float = 1.0,
        rng: Rng = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        super().__init__(input_size, hidden_size, rng, dtype)
        self.forget_bias = as_number(forget_bias, "LSTMCell", "forget_bias")
        self.gate("f").b[...] = forget_bias

    def step(self, prev: LSTMState, kept: Array, new: LSTMState, W_h: Array) -> None:
        i, f, o, g, tanh_c = kept[:5]
        a = self.pre_activations(kept)
        add_product(a, prev.h, W_h)
        sigmoid(a[:3], out=kept[:3])
        np.tanh(a[3], out=g)
        np.add(f * prev.c, i * g, out=new.c)
        np.tanh(new.c, out=tanh_c)
        np.multiply(o, tanh_c, out=new.h)

    def local_derivatives(self, kept: Array, prev: LSTMState, local: Array) -> None:
        i, f, o, g, tanh_c = kept[:5]
        np.multiply(i * (1 - i), g, out=local[0])  # dc/da_i
        np.multiply(f * (1 - f), prev.c, out=local[1])  # dc/da_f
        np.multiply(o * (1 - o), tanh_c, out=local[2])  # dh/da_o
        np.multiply(1 - g**2, i, out=local[3])  # dc/da_g
        np.multiply(1 - tanh_c**2, o, out=local[4])  # dh/dc

    def step_backward(self, d_state: LSTMState, kept: Array, d_a: Array, W_h_T: Array) -> None:
        d_h, d_c = d_state  # of the state after the step; overwritten with those of the state before it
        f, dh_dc = kept[1], d_a[4]
        d_c += d_h * dh_dc  # h = o * tanh(c)
        d_a[:2] *= d_c  # i and f reach the loss through c,
        d_a[2] *= d_h  # o through h,
        d_a[3] *= d_c  # g through c
        d_c *= f  # c = f * c_prev + i * g
        through(d_a[:4], W_h_T, out=d_h)  # a = ... + h_prev @ W_h: now d_h_prev

    def total_gradient(self, d_state: LSTMState, d_a: Array) -> LSTMState:
        d_h, d_c = d_state
        return LSTMState(d_h, d_c + d_h * d_a[4])

    def joins_gates(self, batch_size: int) -> bool:
        return batch_size == 1

    def zero_state(self, batch_size: int) -> LSTMState:
        return LSTMState(super().zero_state(batch_size), super().zero_state(batch_size))

    def output(self, state: LSTMState) -> Array:
        return state.h

    def as_parts(self, parts: Array) -> LSTMState:
        return LSTMState(*parts)

    def rows(self, states: LSTMState, index: Any) -> LSTMState:
        return LSTMState(states.h[index], states.c[index])

    def as_state(
        self, state: Any, dtype: np.dtype[Any], batch_size: int, caller: str, name: str = "state"
    ) -> LSTMState:
        h, c = as_pair(state, caller, name, "LSTMState(h, c)")
        check = super().as_state
        return LSTMState(
            check(h, dtype, batch_size, caller, f"{name}.h"), check(c, dtype, batch_size, caller, f"{name}.c")
        )

    def as_upstream_state(self, d_state: Any, state: LSTMState, caller: str, name: str) -> LSTMState:
        d_h, d_c = as_pair(d_state, caller, name, "LSTMState(h, c)")
        check = super().as_upstream_state
        return LSTMState(check(d_h, state.h, caller, f"{name}.h"), check(d_c, state.c, caller, f"{name}.c"))
