"""The bound on the norm of a gradient."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from seqmem.module import Array, Grads
from seqmem.validation import as_positive

TINY = 1e-20  # between it and its inverse, neither squares nor factors leave float32's range


def clip_by_global_norm(grads: Mapping[str, Array], max_norm: float) -> tuple[Grads, float]:
    """Scale gradients down together so that their common Euclidean norm is at most `max_norm`.

    If squares could overflow or underflow, the gradients are first divided by the largest magnitude (Pascanu,
    Mikolov & Bengio, 2013, with the scaling of BLAS' nrm2).

    Args:
        grads: gradients by name, never written to.
        max_norm: a finite number above 0.

    Returns:
        (clipped, norm): new arrays in the gradients' dtypes, or the given arrays themselves if no clipping
        was necessary; and the norm before clipping. Gradients that are not finite are returned unchanged,
        with the norm nan or inf.

    Raises:
        ValueError: for a `max_norm` that is not finite or not above 0.
        TypeError: for gradients that are not arrays of floating-point numbers; complex numbers are not
            allowed.

    >>> clipped, norm = clip_by_global_norm({"w": np.array([3.0, 0.0]), "b": np.array([-4.0])}, 1.0)
    >>> norm, clipped["w"].round(15).tolist(), clipped["b"].tolist()
    (5.0, [0.6, 0.0], [-0.8])
    """
    max_norm = as_positive(max_norm, "clip_by_global_norm", "max_norm")
    if not isinstance(grads, Mapping):
        kind = type(grads).__name__
        raise TypeError(f"clip_by_global_norm: grads is of type {kind}, expected a dict of arrays by name")
    for name, grad in grads.items():
        if not isinstance(grad, (np.ndarray, np.generic)):
            kind = type(grad).__name__
            raise TypeError(f"clip_by_global_norm: {name!r} is of type {kind}, expected an array")
        if grad.dtype.kind != "f":
            raise TypeError(
                f"clip_by_global_norm: {name!r} has dtype {grad.dtype}, expected floating-point numbers"
            )
    no_halves = all(grad.dtype.itemsize >= 4 for grad in grads.values())
    with np.errstate(under="ignore", over="ignore"):
        top, units, squares = 1.0, grads, _sum_of_squares(grads)
        if not (no_halves and max_norm >= TINY and TINY <= squares <= 1 / TINY):
            top = _largest_magnitude(grads)
            if top == 0 or not math.isfinite(top):
                return dict(grads), top
            units = {name: np.divide(g, top, out=np.empty_like(g)) for name, g in grads.items()}
            squares = _sum_of_squares(units)
        relative = math.sqrt(squares)
        norm = top * relative
        if norm <= max_norm:
            return dict(grads), norm
        factor = max_norm / relative
        return {name: np.multiply(g, factor, out=np.empty_like(g)) for name, g in units.items()}, norm


def _sum_of_squares(grads: Mapping[str, Array]) -> float:
    return sum(float(np.vdot(g, g)) for g in grads.values())


def _largest_magnitude(grads: Mapping[str, Array]) -> float:
    """Return the largest magnitude by two reductions per gradient without a temporary; both propagate NaN."""
    tops = [max(float(g.max()), -float(g.min())) for g in grads.values() if g.size]
    return math.nan if any(map(math.isnan, tops)) else max(tops, default=0.0)
