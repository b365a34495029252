"""The gated recurrent unit (Cho et al., 2014; z as in Chung et al., 2014), in the order r, z, n.

    r = sigmoid(x @ W_xr + h_prev @ W_hr + b_r)                   reset gate
    z = sigmoid(x @ W_xz + h_prev @ W_hz + b_z)                   update gate: z = 1 writes
    reset="before" (the lecture's, and both papers'):
    n = tanh(x @ W_xn + (r * h_prev) @ W_hn + b_n)                candidate
    reset="after" (cuDNN's, torch's and Keras'):
    n = tanh(x @ W_xn + r * (h_prev @ W_hn + b_hn) + b_n)
    h = (1 - z) * h_prev + z * n

W_x (3, D, H), W_h (3, H, H), b (3, H), and b_hn (H,) in the reset-after form. Not to be confused with the z
of Cho et al. and of the frameworks, which keeps the old state where this one writes: their z is our 1 - z.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from seqmem.activations import sigmoid
from seqmem.cells.cell import Cell
from seqmem.cells.products import add_product, through
from seqmem.cells.tape import State
from seqmem.initializers import Rng
from seqmem.module import Array, Grads
from seqmem.validation import as_choice


class GRUCell(Cell):
    """Gated recurrent unit (Cho et al., 2014); the state is the array h (B, H).

    Args:
        input_size: D.
        hidden_size: H.
        reset: "before" applies the reset gate to h before the recurrent product, "after" to the product.
        rng: seed or generator of the first weights.
        dtype: float64 or float32.

    >>> cell = GRUCell(3, 4, rng=0)
    >>> h, cache = cell.forward(np.ones((2, 3)))
    >>> (d_x, d_h_prev), grads = cell.backward(np.ones((2, 4)), cache)
    >>> grads["W_h"].shape, sorted(GRUCell(3, 4, reset="after").params)
    ((3, 4, 4), ['W_h', 'W_x', 'b', 'b_hn'])
    """

    gates: ClassVar[tuple[str, ...]] = ("r", "z", "n")

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        reset: Literal["before", "after"] = "before",
        rng: Rng = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        as_choice(reset, ("before", "after"), "GRUCell", "reset")
        super().__init__(input_size, hidden_size, rng, dtype)
        self.reset = reset
        if reset == "after":
            self.b_hn: Array = np.zeros(hidden_size, dtype)
        # reset_h = r * h_prev is what W_hn multiplies; a_hn = h_prev @ W_hn + b_hn is what r multiplies
        self.kept = ("r", "z", "n", "reset_h" if reset == "before" else "a_hn")
        self.n_local = 3 if reset == "before" else 4

    def step(self, prev: Array, kept: Array, new: Array, W_h: Array) -> None:
        r, z, n = kept[:3]
        a = self.pre_activations(kept)
        a_n = a[2]
        add_product(a[:2], prev, W_h[:2])
        sigmoid(a[:2], out=kept[:2])
        if self.reset == "before":
            reset_h = np.multiply(r, prev, out=kept[3])
            a_n += reset_h @ W_h[2]
        else:
            a_hn = np.add(prev @ W_h[2], self.b_hn, out=kept[3])
            a_n += r * a_hn
        np.tanh(a_n, out=n)
        np.add((1 - z) * prev, z * n, out=new)

    def local_derivatives(self, kept: Array, prev: Array, local: Array) -> None:
        r, z, n = kept[:3]
        np.multiply(z * (1 - z), n - prev, out=local[1])  # dh/da_z
        np.multiply(1 - n**2, z, out=local[2])  # dh/da_n
        if self.reset == "before":
            np.multiply(r * (1 - r), prev, out=local[0])  # d(r * h_prev)/da_r
        else:
            a_hn = kept[3]
            np.multiply(local[2] * a_hn, r * (1 - r), out=local[0])  # dh/da_r
            np.multiply(local[2], r, out=local[3])  # dh/da_hn

    def step_backward(self, d_state: Array, kept: Array, d_a: Array, W_h_T: Array) -> None:
        d_h, (r, z, *_) = d_state, kept
        if self.reset == "before":
            d_a[1:] *= d_h
            d_reset_h = d_a[2] @ W_h_T[2]  # a_n = ... + (r * h_prev) @ W_hn
            d_a[0] *= d_reset_h
            through_n = r * d_reset_h
        else:
            d_a *= d_h
            through_n = d_a[3] @ W_h_T[2]  # a_hn = h_prev @ W_hn + b_hn
        d_h *= 1 - z  # h = (1 - z) * h_prev + z * n
        d_h += through_n
        d_h += through(d_a[:2], W_h_T[:2])  # a_r, a_z = ... + h_prev @ W_h

    def collect(self, xs: Array, prev: State, kept: Array, d_a: Array) -> Grads:
        grads = super().collect(xs, prev, kept, d_a)
        return grads if self.reset == "before" else grads | {"b_hn": d_a[3].sum(axis=0)}

    def collect_W_h(self, prev: Array, kept: Array, d_a: Array) -> Array:
        d_W_h = np.empty_like(self.W_h, dtype=d_a.dtype)
        np.matmul(prev.T, d_a[:2], out=d_W_h[:2])
        if self.reset == "before":
            np.matmul(kept[3].T, d_a[2], out=d_W_h[2])
        else:
            np.matmul(prev.T, d_a[3], out=d_W_h[2])
        return d_W_h
