"""Gradients scaled down together to a common Euclidean norm; nothing is differentiated through it."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.module import Array


def forward(W: Array, U: Array, b: Array, max_norm: float) -> tuple[dict[str, Array], Any]:
    """Three gradients of any shape to the same three, whose common norm is at most max_norm."""
    squares = (W**2).sum() + (U**2).sum() + (b**2).sum()
    norm = np.sqrt(squares)
    scale = max_norm / norm if norm.real > max_norm else 1.0
    return {"W": W * scale, "U": U * scale, "b": b * scale}, None
