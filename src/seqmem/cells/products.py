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


def side_by_side(W: Array) -> Array:
    """(G, D, H) to (D, G·H), laid out anew: one row's product with all gates is one product."""
    return np.concatenate(list(W), axis=1)


def add_product(a: Array, x: Array, W: Array) -> None:
    """a += x @ W for every gate.

    Args:
        a: (G, N, H), written to.
        x: (N, D).
        W: (G, D, H), or all gates side by side as (D, G·H), where N is 1.
    """
    a += np.matmul(x, W) if W.ndim == 3 else np.dot(x, W).reshape(a.shape)  # dot: quicker for one row


def through(d_a: Array, W_T: Array, out: Array | None = None) -> Array:
    """The gradient of x in a = x @ W: d_a @ W^T, summed over the gates.

    Args:
        d_a: (G, N, H).
        W_T: (G, H, D), or all gates side by side as (G·H, D), where N is 1.
        out: where the result goes, (N, D).
    """
    if W_T.ndim == 2:
        return np.dot(d_a.reshape(1, -1), W_T, out=out)
    return np.add.reduce(np.matmul(d_a, W_T), axis=0, out=out)


def through_all(d_a: Array, W: Array) -> Array:
    """The gradient of all rows of a pass: gate after gate, so that no array is larger than the result.

    Args:
        d_a: (G, N, H).
        W: (G, D, H); a transposed view costs nothing when the rows are many.
    """
    d_x = d_a[0] @ W[0].T
    for d_gate, W_gate in zip(d_a[1:], W[1:], strict=True):
        d_x += d_gate @ W_gate.T
    return d_x
