"""The n best tokens of each row."""

from __future__ import annotations

import numpy as np

from seqmem.module import Array

ROUND = 64  # a maximum reads V numbers in about this part of the time in which a sort orders them


def best_tokens(scores: Array, n: int) -> tuple[Array, Array]:
    """Return the n best tokens of each row and their scores, the best first; of several, the lowest id.

    Args:
        scores: (N, V), overwritten.
        n: from 1 to V.

    >>> best_tokens(np.array([[1.0, 3.0, 1.0, 2.0]]), 3)
    (array([[1, 3, 0]]), array([[3., 2., 1.]]))
    """
    N, V = scores.shape
    if n > 8 and n * ROUND > V:
        tokens = np.argsort(-scores, axis=1, kind="stable")[:, :n]
        return tokens, np.take_along_axis(scores, tokens, axis=1)
    rows = np.arange(N)
    tokens, values = np.empty((n, N), np.intp), np.empty((n, N), scores.dtype)
    for token, value in zip(tokens, values, strict=True):
        scores.argmax(axis=1, out=token)
        value[...] = scores[rows, token]
        scores[rows, token] = -np.inf
    return tokens.T, values.T
