"""Random number generators and initial weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.module import Array

Rng = int | np.random.Generator | np.random.SeedSequence | None


def as_generator(rng: Rng) -> np.random.Generator:
    """Return a Generator from None (fresh entropy), an int (seed), a SeedSequence, or a Generator (itself).

    Raises TypeError for anything else, including a bool, and ValueError for a negative seed.
    """
    if isinstance(rng, np.random.Generator):
        return rng
    if rng is None or isinstance(rng, np.random.SeedSequence):
        return np.random.default_rng(rng)
    if isinstance(rng, (bool, np.bool_)) or not isinstance(rng, (int, np.integer)):
        raise TypeError(f"rng is {rng!r}, expected None, an int, a numpy Generator or a SeedSequence")
    if rng < 0:
        raise ValueError(f"rng is {rng}, expected a seed of at least 0")
    return np.random.default_rng(int(rng))


def glorot_uniform(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Draw uniformly within ±sqrt(6 / (fan_in + fan_out)) over the last two axes (Glorot & Bengio, 2010)."""
    limit = np.sqrt(6.0 / (shape[-2] + shape[-1]))
    return rng.uniform(-limit, limit, shape).astype(dtype, copy=False)


def orthogonal(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Draw random orthogonal matrices in the last two axes (Saxe et al., 2014): products keep norms."""
    drawn = rng.standard_normal(shape)
    if not drawn.any():  # all zeros: a model about to be filled from a file; the decomposition is slow
        return drawn.astype(dtype, copy=False)
    Q, R = np.linalg.qr(drawn)
    signs = np.sign(np.diagonal(R, axis1=-2, axis2=-1))
    return (Q * signs[..., None, :]).astype(dtype, copy=False)
