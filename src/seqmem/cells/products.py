"""Products with weights whose gate axis leads, and the gradients through them."""

from __future__ import annotations

import numpy as np

from seqmem.module import Array


def stacked(W: Array) -> Array:
    """A weight with its gate axis; of length 1 when the cell has no gates."""
    return W.reshape(-1, *W.shape[-2:])


def transposed(W: Array) -> Array:
    """(G, D, H) to (G, H, D), laid out anew: a product with a transposed view takes up to twice the time."""
    return np.ascontiguousarray(stacked(W).swapaxes(-1, -2))


def through(d_a: Array, W_T: Array, out: Array | None = None) -> Array:
    """The gradient of x in a = x @ W: d_a @ W^T, summed over the gates.

    Args:
        d_a: (G, N, H).
        W_T: (G, H, D), or all gates side by side as (G·H, D), where N is 1.
        out: where the result goes, (N, D).
    """
    if W_T.ndim == 2:
        return np.matmul(d_a.reshape(1, -1), W_T, out=out)
    return np.add.reduce(np.matmul(d_a, W_T), axis=0, out=out)


def through_all(d_a: Array, W_T: Array) -> Array:
    """`through` for all rows of a pass: gate after gate, so that no array is larger than the result."""
    d_x = d_a[0] @ W_T[0]
    for d_gate, W_gate in zip(d_a[1:], W_T[1:], strict=True):
        d_x += d_gate @ W_gate
    return d_x
