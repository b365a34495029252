"""Random number generators and initial weights.

Each initializer draws the weights of a shape whose last two axes are input and output, gate by gate if a gate
axis leads; cells refer to initializers by name (`INITIALIZERS`). docs/initial-values.md has measurements.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from seqmem.module import Array

# In quotes, because NumPy loads its random numbers when somebody first asks for them.
Initializer: TypeAlias = "Callable[[np.random.Generator, tuple[int, ...], np.dtype[Any]], Array]"
Rng: TypeAlias = "int | np.random.Generator | np.random.SeedSequence | None"


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
    """Draw random orthogonal matrices in the last two axes (Saxe et al., 2014): products preserve norms.

    Each gate has its own matrix. If the two axes differ in size, the vectors of the shorter one are
    orthonormal.
    """
    drawn = rng.standard_normal(shape)
    if not drawn.any():  # all zeros: a model about to be filled from a file; the decomposition is slow
        return drawn.astype(dtype, copy=False)
    wide = shape[-2] < shape[-1]
    Q, R = np.linalg.qr(drawn.swapaxes(-1, -2) if wide else drawn)
    Q *= np.sign(np.diagonal(R, axis1=-2, axis2=-1))[..., None, :]
    return np.ascontiguousarray(Q.swapaxes(-1, -2) if wide else Q, dtype)


def uniform(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Draw uniformly within ±1/sqrt(H) with H the last axis, like torch for all weights of a recurrent layer.

    >>> W = uniform(np.random.default_rng(0), (4, 3, 100), np.dtype(float))
    >>> bool((abs(W) <= 0.1).all())
    True
    """
    limit = 1 / math.sqrt(shape[-1])
    return rng.uniform(-limit, limit, shape).astype(dtype, copy=False)


def normal(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Draw normal numbers with mean 0 and standard deviation 1/sqrt(D), D the inputs (LeCun et al., 1998).

    A sum of D independent terms of size 1 then has size 1.
    """
    return (rng.standard_normal(shape) / math.sqrt(shape[-2])).astype(dtype, copy=False)


def identity(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return the identity in the last two axes, which copies the state (Le, Jaitly & Hinton, 2015).

    If the sizes differ, each output copies the input with the same index, if there is one.
    """
    W = rng.uniform(0, 0, shape)  # zeros that are counted: a model from a file may draw only so many numbers
    W += np.eye(shape[-2], shape[-1])
    return W.astype(dtype, copy=False)


def chrono(rng: np.random.Generator, size: int, longest: float, dtype: np.dtype[Any]) -> Array:
    """Draw biases (H,) of gates that keep a state for 1 to `longest` steps (Tallec & Ollivier, 2018).

    The biases are log(u) with u uniform from 1 to longest - 1: a gate sigmoid(log u) keeps a fraction
    u / (1 + u), and therefore forgets over about 1 + u steps.

    Args:
        rng: draws u.
        size: H.
        longest: the longest distance to remember, in steps; at least 2.
        dtype: of the biases.

    >>> b = chrono(np.random.default_rng(0), 1000, 50, np.dtype(float))
    >>> bool(b.min() >= 0), bool(b.max() <= np.log(49))
    (True, True)
    """
    return np.log1p(rng.uniform(0, longest - 2, size)).astype(dtype, copy=False)


INITIALIZERS: dict[str, Initializer] = {
    "glorot": glorot_uniform,
    "orthogonal": orthogonal,
    "uniform": uniform,
    "normal": normal,
    "identity": identity,
}
