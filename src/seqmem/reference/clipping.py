"""Gradients scaled down by a common factor to a maximum Euclidean norm (Pascanu, Mikolov & Bengio, 2013).

norm = sqrt(sum of all squares);  grad * max_norm / norm if norm > max_norm, else grad

Clipping itself has no backward pass.
"""

from __future__ import annotations

import numpy as np

from seqmem.reference.activations import Array


def clip_by_global_norm(grads: dict[str, Array], max_norm: float) -> tuple[dict[str, Array], float]:
    """Return gradients whose common norm is at most max_norm, and the norm before clipping.

    Args:
        grads: gradients of any shapes by name.
        max_norm: a number above 0.

    >>> clipped, norm = clip_by_global_norm({"W": np.array([3.0, 0.0]), "b": np.array([-4.0])}, 1.0)
    >>> clipped["b"], float(norm)
    (array([-0.8]), 5.0)
    """
    squares = sum((grad**2).sum() for grad in grads.values())
    norm = np.sqrt(squares)
    scale = max_norm / norm if norm.real > max_norm else 1.0
    clipped = {name: grad * scale for name, grad in grads.items()}
    return clipped, norm
