"""Masks for unequal lengths: beyond a sequence's end the state does not change and the outputs are 0.

    h_t  = new_t if step t lies within the sequence, else h_{t-1}
    ys_t = xs_t  if step t lies within the sequence, else 0

A mask is True within a sequence. Values are selected, not multiplied: 0 * NaN would be NaN. To read sequences
backwards, reverse the time axis of the inputs, of the mask and of the outputs: the padding then comes first,
and the state does not change until each sequence's last step.
"""

from __future__ import annotations

import numpy as np

from seqmem.reference.activations import Array


def length_mask(lengths: Array, T: int) -> Array:
    """Return the mask (T, B) of sequences whose lengths are (B,) integers.

    >>> length_mask(np.array([3, 1]), 3).astype(int)
    array([[1, 1],
           [1, 0],
           [1, 0]])
    """
    return np.arange(T)[:, None] < lengths


def hold_forward(new: Array, prev: Array, valid: Array) -> tuple[Array, Array]:
    """Return the state after a step, (B, H), and the cache for `hold_backward`.

    Args:
        new: the new state that the step computed, (B, H).
        prev: the state before the step, (B, H).
        valid: row t of the mask, (B,) bool.

    >>> h, cache = hold_forward(np.array([[5.0], [6.0]]), np.array([[1.0], [2.0]]), np.array([True, False]))
    >>> h
    array([[5.],
           [2.]])
    >>> hold_backward(np.array([[10.0], [20.0]]), cache)["prev"]
    array([[ 0.],
           [20.]])
    """
    h = np.where(valid[:, None], new, prev)
    return h, valid


def hold_backward(d_h: Array, cache: Array) -> dict[str, Array]:
    """Return the gradients of new and prev, (B, H) each: each row of d_h goes to its origin."""
    valid = cache
    # from h = np.where(valid[:, None], new, prev)
    d_new = np.where(valid[:, None], d_h, 0)
    d_prev = np.where(valid[:, None], 0, d_h)
    return {"new": d_new, "prev": d_prev}


def zero_padding_forward(xs: Array, mask: Array) -> tuple[Array, Array]:
    """Return ys (T, B, D), which is xs (T, B, D) within the mask (T, B) and 0 elsewhere, and the cache.

    >>> xs = np.array([[[1.0], [2.0]], [[3.0], [np.nan]]])
    >>> ys, cache = zero_padding_forward(xs, length_mask(np.array([2, 1]), 2))
    >>> ys[:, :, 0]
    array([[1., 2.],
           [3., 0.]])
    >>> zero_padding_backward(np.ones((2, 2, 1)), cache)["xs"][:, :, 0]
    array([[1., 1.],
           [1., 0.]])
    """
    ys = np.where(mask[:, :, None], xs, 0)
    return ys, mask


def zero_padding_backward(d_ys: Array, cache: Array) -> dict[str, Array]:
    """Return the gradient of xs, (T, B, D): the padding had no effect."""
    mask = cache
    # from ys = np.where(mask[:, :, None], xs, 0)
    d_xs = np.where(mask[:, :, None], d_ys, 0)
    return {"xs": d_xs}
