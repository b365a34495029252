"""The gated recurrent unit (Cho et al., 2014; z as in Chung et al., 2014), in the order r, z, n.

    r = sigmoid(x @ W_xr + h_prev @ W_hr + b_r)                   reset gate
    z = sigmoid(x @ W_xz + h_prev @ W_hz + b_z)                   update gate: z = 1 writes
    reset="before" (the lecture and both papers):
    n = tanh(x @ W_xn + (r * h_prev) @ W_hn + b_n)                candidate
    reset="after" (cuDNN, torch and Keras):
    n = tanh(x @ W_xn + r * (h_prev @ W_hn + b_hn) + b_n)
    h = (1 - z) * h_prev + z * n

W_x (3, D, H), W_h (3, H, H), b (3, H), and b_hn (H,) in the reset-after form. Not to be confused with the z
of Cho et al. and of the frameworks, where z = 1 keeps the old state: their z is 1 - z here.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from seqmem.cells.cell import Cell
from seqmem.initializers import Rng, as_generator
from seqmem.initializers import chrono as chrono_biases
from seqmem.module import Array, Grads
from seqmem.validation import as_choice, as_longest, as_number


class GRUCell(Cell[Array]):
    """Gated recurrent unit (Cho et al., 2014); the state is the array h (B, H).

    Args:
        input_size: D.
        hidden_size: H.
        reset: "before" applies the reset gate to h before the recurrent product, "after" to the product.
        update_bias: initial value of the update gate's bias. It acts like the `forget_bias` of an LSTM with
            the opposite sign: at first, the cell keeps the share sigmoid(-update_bias) of its state, 0.88
            with -2, from which a GRU learns over longer distances than from -1 or 0
            (docs/initial-values.md). torch and Keras start with 0.
        chrono: the longest distance to remember, in steps. The update gate's biases are then drawn so that
            the units remember for 1 to `chrono` steps (Tallec & Ollivier, 2018), and `update_bias` is not
            used. None uses `update_bias`.
        input_init: initial values of W_x: "glorot", "orthogonal", "uniform", "normal" or "identity".
        recurrent_init: initial values of W_h, in the same form.
        rng: seed or generator for the initial weights.
        dtype: float64 or float32.

    >>> cell = GRUCell(3, 4, rng=0)
    >>> h, cache = cell.forward(np.ones((2, 3)))
    >>> (d_x, d_h_prev), grads = cell.backward(np.ones((2, 4)), cache)
    >>> grads["W_h"].shape, sorted(GRUCell(3, 4, reset="after").params)
    ((3, 4, 4), ['W_h', 'W_x', 'b', 'b_hn'])
    """

    gates = ("r", "z", "n")
    sigmoids = 2
    recurrent_inputs = ("h_prev", "reset_h")

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        reset: Literal["before", "after"] = "before",
        update_bias: float = -2.0,
        chrono: float | None = None,
        input_init: str = "glorot",
        recurrent_init: str = "orthogonal",
        rng: Rng = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        as_choice(reset, ("before", "after"), "GRUCell", "reset")
        rng = as_generator(rng)
        super().__init__(
            input_size, hidden_size, rng, dtype, input_init=input_init, recurrent_init=recurrent_init
        )
        self.reset = reset
        self.update_bias = as_number(update_bias, "GRUCell", "update_bias")
        self.chrono = as_longest(chrono, "GRUCell")
        self.gate("z").b[...] = self.update_bias
        if self.chrono is not None:
            self.gate("z").b[...] = -chrono_biases(rng, hidden_size, self.chrono, self.b.dtype)
        if reset == "after":
            self.b_hn: Array = np.zeros(hidden_size, dtype)
        # reset_h = r * h_prev is the factor of W_hn; a_hn = h_prev @ W_hn + b_hn is the factor of r
        self.kept = {"reset_h" if reset == "before" else "a_hn": "BH"}
        self.local = {"keep": "BH"} if reset == "before" else {"keep": "BH", "d_a_hn": "BH"}  # keep = 1 - z

    # The reset gate before the product.

    def _step(self, recurrent_rz, recurrent_n, half, a_rz, a_n, rz, r, z, n, h_prev, reset_h, h) -> None:
        a_rz += recurrent_rz(h_prev)  # a = x @ W_x + h_prev @ W_h + b, of r and z a half
        _sigmoid(a_rz, half, rz)
        np.multiply(r, h_prev, out=reset_h)
        a_n += recurrent_n(reset_h)  # a_n = x @ W_xn + (r * h_prev) @ W_hn + b_n
        np.tanh(a_n, out=n)
        _mix(z, n, h_prev, h)

    def _local_derivatives(self, r, z, n, h_prev, d_a_r, d_a_z, d_a_n, keep) -> None:
        np.subtract(1, z, out=keep)
        np.multiply(r * (1 - r), h_prev, out=d_a_r)  # d_a_r = d_reset_h * r (1 - r) h_prev
        np.multiply(z * keep, n - h_prev, out=d_a_z)  # d_a_z = d_h * z (1 - z) (n - h_prev)
        np.multiply(1 - n**2, z, out=d_a_n)  # d_a_n = d_h * (1 - n²) z

    def _step_backward(self, through_rz, through_n, r, keep, d_a_r, d_a_rz, d_a_zn, d_a_n, d_h) -> None:
        d_a_zn *= d_h
        d_reset_h = through_n(d_a_n, np.empty_like(d_h))  # a_n = ... + (r * h_prev) @ W_hn
        d_a_r *= d_reset_h
        d_reset_h *= r
        d_h *= keep  # h = (1 - z) * h_prev + z * n
        d_h += d_reset_h
        d_h += through_rz(d_a_rz, d_reset_h)  # a_r, a_z = ... + h_prev @ W_h: now d_h_prev

    def _collect(self, h_prev, reset_h, d_a_rz, d_a_n) -> Grads:
        return {"W_h": np.concatenate([np.matmul(h_prev.T, d_a_rz), [reset_h.T @ d_a_n]])}

    # The reset gate after the product.

    def _step_after(self, recurrent_rz_n, half, a_rz, a_n, rz, r, z, n, h_prev, a_hn, h) -> None:
        h_rz, h_n = recurrent_rz_n(h_prev)
        a_rz += h_rz  # a = x @ W_x + h_prev @ W_h + b, of r and z a half
        _sigmoid(a_rz, half, rz)
        np.add(h_n, self.b_hn, out=a_hn)
        a_n += np.multiply(r, a_hn, out=h)  # a_n = x @ W_xn + r * a_hn + b_n; h is written below
        np.tanh(a_n, out=n)
        _mix(z, n, h_prev, h)

    def _local_derivatives_after(self, r, z, n, h_prev, a_hn, d_a_r, d_a_z, d_a_n, d_a_hn, keep) -> None:
        np.subtract(1, z, out=keep)
        np.multiply(z * keep, n - h_prev, out=d_a_z)  # d_a_z = d_h * z (1 - z) (n - h_prev)
        np.multiply(1 - n**2, z, out=d_a_n)  # d_a_n = d_h * (1 - n²) z
        np.multiply(d_a_n * a_hn, r * (1 - r), out=d_a_r)  # d_a_r = d_a_n * a_hn r (1 - r)
        np.multiply(d_a_n, r, out=d_a_hn)  # d_a_hn = d_a_n * r

    def _step_backward_after(self, through_rz, through_n, keep, d_a, d_a_rz, d_a_hn, d_h) -> None:
        d_a *= d_h
        d_a_hn *= d_h
        d_h *= keep  # h = (1 - z) * h_prev + z * n
        d_h += through_rz(d_a_rz, product := np.empty_like(d_h))  # a_r, a_z = ... + h_prev @ W_h
        d_h += through_n(d_a_hn, product)  # a_hn = h_prev @ W_hn + b_hn: now d_h_prev

    def _collect_after(self, h_prev, d_a_rz, d_a_hn) -> Grads:
        d_W_h = np.concatenate([np.matmul(h_prev.T, d_a_rz), [h_prev.T @ d_a_hn]])
        return {"W_h": d_W_h, "b_hn": d_a_hn.sum(axis=0)}

    step = property(
        lambda self: self._step if self.reset == "before" else self._step_after,
        doc="The step of the form that `reset` selects.",
    )
    local_derivatives = property(
        lambda self: self._local_derivatives if self.reset == "before" else self._local_derivatives_after,
        doc="The local derivatives of the form that `reset` selects.",
    )
    step_backward = property(
        lambda self: self._step_backward if self.reset == "before" else self._step_backward_after,
        doc="The derivative of the form that `reset` selects.",
    )
    collect = property(
        lambda self: self._collect if self.reset == "before" else self._collect_after,
        doc="The gradients of the recurrent weights of the form that `reset` selects.",
    )


def _sigmoid(half_a: Array, half: Array, out: Array) -> None:
    np.tanh(half_a, out=out)
    out *= half
    out += half


def _mix(z: Array, n: Array, h_prev: Array, h: Array) -> None:
    """Compute h = (1 - z) * h_prev + z * n as h_prev + z * (n - h_prev)."""
    np.subtract(n, h_prev, out=h)
    h *= z
    h += h_prev
