"""Dropout (Srivastava et al., 2014), scaled while training so that nothing changes afterwards.

y = x * keep / (1 - rate)        keep of x's shape, 0 with probability rate, else 1
"""

from __future__ import annotations

from typing import Any

from seqmem.reference.activations import Array


def dropout_forward(x: Array, keep: Array, rate: float) -> tuple[Array, Any]:
    """Return y, of the shape of x, and what `dropout_backward` needs.

    Args:
        x: of any shape.
        keep: what is kept, bool of the same shape; `rng.random(x.shape) >= rate` draws it.
        rate: the probability with which an entry is set to 0.

    >>> y, cache = dropout_forward(np.ones(4), np.array([True, True, False, True]), 0.5)
    >>> y, dropout_backward(np.ones(4), cache)["x"]
    (array([2., 2., 0., 2.]), array([2., 2., 0., 2.]))
    """
    y = x * keep / (1 - rate)
    return y, (keep, rate)


def dropout_backward(d_y: Array, cache: Any) -> dict[str, Array]:
    """Return the gradient of x: nothing where x was dropped, the same factor where it was kept."""
    keep, rate = cache
    # from y = x * keep / (1 - rate)
    d_x = d_y * keep / (1 - rate)
    return {"x": d_x}
