"""A row of a table for every token; the derivative adds up where a token occurs twice."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.module import Array


def forward(W: Array, tokens: Array) -> tuple[dict[str, Array], Any]:
    """W (V, E), tokens (T, B) integers to y (T, B, E)."""
    y = W[tokens]
    return {"y": y}, (W, tokens)


def backward(d_y: Array, cache: Any) -> dict[str, Array]:
    """The gradient of the table."""
    W, tokens = cache
    d_W = np.zeros_like(W)
    np.add.at(d_W, tokens, d_y)
    return {"W": d_W}
