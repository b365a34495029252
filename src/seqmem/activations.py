"""Activations that stay exact for any input and analytic in complex arithmetic."""

from __future__ import annotations

import numpy as np

from seqmem.module import Array


def sigmoid(a: Array, out: Array | None = None) -> Array:
    """Return the logistic function as (1 + tanh(a/2)) / 2: one vectorised call that cannot overflow.

    Its derivative in terms of its value s is s * (1 - s).

    >>> sigmoid(np.array([-1e4, 0.0, 1e4]))
    array([0. , 0.5, 1. ])
    """
    s = np.multiply(a, 0.5)
    np.tanh(s, out=s)
    s *= 0.5
    return np.add(s, 0.5, out=out)


def relu(a: Array, out: Array | None = None) -> Array:
    """Return a where it is positive, and 0 elsewhere; for complex numbers the real part decides.

    Its derivative in terms of its value h is 1 where h > 0, else 0.

    >>> relu(np.array([-2.0, 0.0, 3.0]))
    array([0., 0., 3.])
    """
    if a.dtype.kind == "c":
        return np.multiply(a, a.real > 0, out=out)
    return np.maximum(a, 0, out=out)


def softmax(scores: Array, valid: Array | None = None) -> Array:
    """Return the softmax over the last axis; where `valid` is False the weight is exactly 0.

    A row without a valid entry has weights 0. The derivative in terms of the value p, for an upstream
    gradient d_p, is p * (d_p - sum(p * d_p)).

    >>> softmax(np.array([[0.0, 0.0, 5.0]]), valid=np.array([[True, True, False]]))
    array([[0.5, 0.5, 0. ]])
    """
    if valid is None:
        if not scores.size:
            return scores.copy()
        weights = scores - np.maximum.reduce(scores.real, axis=-1, keepdims=True)
        np.exp(weights, out=weights)
        weights /= np.add.reduce(weights, axis=-1, keepdims=True)  # faster for small arrays than .sum
        return weights
    top = scores.real.max(axis=-1, keepdims=True, where=valid, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0).astype(scores.real.dtype)
    weights = np.exp(scores - top, where=valid, out=np.zeros_like(scores))
    total = weights.sum(axis=-1, keepdims=True)
    return np.divide(weights, total, where=valid, out=weights)


def log_softmax(scores: Array) -> Array:
    """Return the logarithm of the softmax over the last axis, exact where the softmax would underflow.

    >>> log_softmax(np.array([0.0, -1e4]))
    array([     0., -10000.])
    """
    shifted = scores - scores.real.max(axis=-1, keepdims=True)
    with np.errstate(under="ignore"):
        return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
