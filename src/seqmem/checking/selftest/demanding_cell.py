"""A cell that uses features of `Cell` that no cell of the library uses, so that they are checked, too.

n = tanh(x² @ W_x + h_prev @ W_h + b)      (B, H)
m = mean of n over H                       (B, 1)
h = n * (m + sin(h_prev))                  (B, H)
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from seqmem.cells import Cell
from seqmem.initializers import Rng
from seqmem.module import Array


class DemandingCell(Cell[Array]):
    """A cell with squared inputs, values with other axes, and derivatives that need values of every kind.

    >>> h, _ = DemandingCell(2, 3, rng=0).forward(np.ones((4, 2)))
    >>> h.shape
    (4, 3)
    """

    kept = MappingProxyType({"n": "BH", "m": "B1"})
    local = MappingProxyType({"slope": "GBH", "dh_dn": "BH", "dh_da": "BH"})

    def __init__(
        self, input_size: int, hidden_size: int, *, rng: Rng = None, dtype: npt.DTypeLike = np.float64
    ) -> None:
        super().__init__(input_size, hidden_size, rng, dtype)

    def features(self, x: Array) -> Array:
        return x**2

    def features_backward(self, d_features: Array, x: Array) -> Array:
        return 2 * x * d_features

    def step(self, recurrent, a, n, m, h_prev, h) -> None:
        a += recurrent(h_prev)
        np.tanh(a, out=n)
        m[...] = n.mean(axis=1, keepdims=True)
        np.sin(h_prev, out=h)
        h += m
        h *= n

    def local_derivatives(self, one, n, m, h_prev, slope, dh_dn, dh_da) -> None:
        np.subtract(one, n**2, out=slope[0])
        np.add(m, np.sin(h_prev), out=dh_dn)
        np.multiply(dh_dn, slope[0], out=dh_da)  # with m held fixed

    def step_backward(self, through, n, h_prev, slope, dh_dn, dh_da, d_a, d_h) -> None:
        d_m = (d_h * n).mean(axis=1, keepdims=True)
        np.multiply(slope[0], d_m, out=d_a)
        d_a += dh_da * d_h
        d_h *= n * np.cos(h_prev)  # h = n * (m + sin(h_prev))
        d_h += through(d_a, dh_dn)  # a = ... + h_prev @ W_h; dh_dn has been read
