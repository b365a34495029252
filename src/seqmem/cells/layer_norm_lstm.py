"""The layer-normalised LSTM (Ba, Kiros & Hinton, 2016, equations 20 to 22).

    a = LN(x @ W_x; s_x, t_x) + LN(h_prev @ W_h; s_h, t_h) + b      (4, B, H)
    i, f, o = sigmoid(a_i), sigmoid(a_f), sigmoid(a_o)
    g = tanh(a_g)
    c = f * c_prev + i * g
    m = LN(c; s_c, t_c)
    h = o * tanh(m)
    LN(z; s, t) = s * (z - mean(z)) / sqrt(var(z) + eps) + t

W_x (4, D, H), W_h (4, H, H), b (4, H), in the order i, f, o, g. Mean and variance of a row are computed over
all units, in the first line also over all gates. The gains s are initially ones and the biases t zeros, (4,
H) and (H,). Not to be confused with the form that normalises each gate separately.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from seqmem.activations import sigmoid
from seqmem.cells.cell import Cell
from seqmem.cells.lstm import LSTMState, start_forget_gate
from seqmem.initializers import Rng, as_generator
from seqmem.module import Array, Grads
from seqmem.validation import as_longest, as_number, as_positive


class LayerNormLSTMCell(Cell[LSTMState]):
    """Layer-normalised LSTM (Ba, Kiros & Hinton, 2016); the state is `LSTMState(h, c)`.

    Args:
        input_size: D.
        hidden_size: H. A single unit would be normalised to 0, so learning needs at least 2.
        eps: a number added to the variance.
        forget_bias, chrono: of the forget gate, as in `LSTMCell`.
        input_init, recurrent_init: initial values of W_x and W_h, as in `LSTMCell`.
        rng: seed or generator for the initial weights.
        dtype: float64 or float32.

    >>> cell = LayerNormLSTMCell(3, 4, rng=0)
    >>> state, cache = cell.forward(np.ones((2, 3)))
    >>> (d_x, d_prev), grads = cell.backward(state, cache)
    >>> d_prev.c.shape, list(grads)
    ((2, 4), ['W_x', 'W_h', 'b', 's_x', 't_x', 's_h', 't_h', 's_c', 't_c'])
    """

    gates = ("i", "f", "o", "g")
    state_type = LSTMState
    input_bias = None  # the step adds b after normalising the product
    kept = MappingProxyType(
        {"x_hat": "GBH", "x_sd": "1B1", "h_hat": "GBH", "h_sd": "1B1", "c_hat": "BH", "c_sd": "B1"}
    )
    local = MappingProxyType({"d_x_product": "GBH", "d_h_product": "GBH", "d_m": "BH"})
    input_gradient = "d_x_product"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        eps: float = 1e-5,
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
        self.eps = as_positive(eps, "LayerNormLSTMCell", "eps")
        self.forget_bias = as_number(forget_bias, "LayerNormLSTMCell", "forget_bias")
        self.chrono = as_longest(chrono, "LayerNormLSTMCell")
        start_forget_gate(self, self.forget_bias, self.chrono, rng)
        self.s_x, self.t_x = np.ones_like(self.b), np.zeros_like(self.b)
        self.s_h, self.t_h = np.ones_like(self.b), np.zeros_like(self.b)
        self.s_c, self.t_c = np.ones_like(self.b[0]), np.zeros_like(self.b[0])

    def step(self, recurrent, a, a_ifo, a_g, ifo, i, f, o, g, h_prev, c_prev, h, c,
             x_hat, x_sd, h_hat, h_sd, c_hat, c_sd) -> None:  # fmt: skip
        self._normalise(a, (0, 2), x_hat, x_sd)  # a = x @ W_x
        self._normalise(recurrent(h_prev), (0, 2), h_hat, h_sd)
        t = self.t_x + self.t_h + self.b
        a[...] = self.s_x[:, None] * x_hat + self.s_h[:, None] * h_hat + t[:, None]
        sigmoid(a_ifo, out=ifo)
        np.tanh(a_g, out=g)
        c[...] = f * c_prev + i * g
        self._normalise(c, 1, c_hat, c_sd)
        np.multiply(o, np.tanh(self.s_c * c_hat + self.t_c), out=h)

    def local_derivatives(self, i, f, o, g, c_prev, c_hat, d_a_i, d_a_f, d_a_o, d_a_g, d_m) -> None:
        tanh_m = np.tanh(self.s_c * c_hat + self.t_c)
        d_a_i[...] = i * (1 - i) * g
        d_a_f[...] = f * (1 - f) * c_prev
        d_a_o[...] = o * (1 - o) * tanh_m
        d_a_g[...] = (1 - g**2) * i
        d_m[...] = (1 - tanh_m**2) * o

    def step_backward(self, through, f, d_a, d_a_if, d_a_o, d_a_g, d_m, d_x_product, d_h_product, d_h, d_c,
                      x_hat, x_sd, h_hat, h_sd, c_hat, c_sd) -> None:  # fmt: skip
        d_m *= d_h
        d_c += _back(self.s_c * d_m, 1, c_hat, c_sd)  # m = LN(c)
        d_a_if *= d_c
        d_a_o *= d_h
        d_a_g *= d_c
        d_c *= f  # c = f * c_prev + i * g: now d_c_prev
        d_x_product[...] = _back(self.s_x[:, None] * d_a, (0, 2), x_hat, x_sd)
        d_h_product[...] = _back(self.s_h[:, None] * d_a, (0, 2), h_hat, h_sd)
        through(d_h_product, d_h)  # now d_h_prev

    def collect(self, h_prev, x_hat, h_hat, c_hat, d_a, d_h_product, d_m) -> Grads:  # type: ignore[override]
        grads = {"W_h": h_prev.T @ d_h_product, "s_c": (d_m * c_hat).sum(axis=0), "t_c": d_m.sum(axis=0)}
        grads |= {"s_x": (d_a * x_hat).sum(axis=1), "s_h": (d_a * h_hat).sum(axis=1)}
        return grads | {bias: d_a.sum(axis=1) for bias in ("t_x", "t_h", "b")}

    def total_gradient(self, d_h, d_c, d_m, c_hat, c_sd) -> tuple[Array, ...]:  # type: ignore[override]
        return d_h, d_c + _back(self.s_c * d_m * d_h, 1, c_hat, c_sd)

    def _normalise(self, z: Array, axes: Any, z_hat: Array, sd: Array) -> None:
        """Write (z - mean) / sd and sd; z_hat may not be z."""
        np.subtract(z, z.mean(axis=axes, keepdims=True), out=z_hat)
        np.sqrt((z_hat**2).mean(axis=axes, keepdims=True) + self.eps, out=sd)
        z_hat /= sd


def _back(d_z_hat: Array, axes: Any, z_hat: Array, sd: Array) -> Array:
    """Return d_z from d_z_hat, the gradient of z_hat = (z - mean) / sd."""
    mean, along = (v.mean(axis=axes, keepdims=True) for v in (d_z_hat, d_z_hat * z_hat))
    return (d_z_hat - mean - along * z_hat) / sd
