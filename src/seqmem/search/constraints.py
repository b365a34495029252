"""Constraints of a search: the tokens that may not follow."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from seqmem.module import Array


def forbid_repetition(scores: Array, written: Array, n: int) -> None:
    """Set the score of every token that would repeat an n-gram to -inf (Paulus, Xiong & Socher, 2018).

    Args:
        scores: (N, V), written to.
        written: (N, t) the tokens of each row so far.
        n: the size of the n-grams of which none may occur twice in a row.

    >>> scores = np.zeros((1, 4))
    >>> forbid_repetition(scores, np.array([[3, 1, 2, 3]]), 2)
    >>> scores  # after 3 came 1
    array([[  0., -inf,   0.,   0.]])
    """
    t = written.shape[1]
    if t < n:
        return
    grams = sliding_window_view(written, n, axis=1)  # (N, t - n + 1, n)
    begun_again = (grams[:, :, :-1] == written[:, None, t - n + 1 :]).all(axis=2)
    rows, places = begun_again.nonzero()
    scores[rows, grams[rows, places, -1]] = -np.inf


def forbid_end(scores: Array, end: int) -> None:
    """Set the score of the end token to -inf, in scores (N, V)."""
    if end < scores.shape[1]:
        scores[:, end] = -np.inf
