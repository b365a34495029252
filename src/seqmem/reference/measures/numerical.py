"""A gradient measured by differences of values, and the distance of another gradient from it.

    d_x[k] = (L(x + step at k) - L(x - step at k)) / (2 * step)        central: the error is of order step²
    L      = sum over the outputs of (upstream * output).sum()

Each entry of each input is moved in both directions. With float64, a step near 1e-5 balances the error of the
difference and the rounding error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from seqmem.reference.activations import Array

Arrays = dict[str, Array]


def numerical_gradient(
    forward: Callable[..., Any], inputs: Arrays, upstream: tuple[Array, ...], step: float = 1e-5
) -> Arrays:
    """Return the gradient of each input, measured by central differences.

    Args:
        forward: takes the inputs by name; returns its outputs, followed by a cache.
        inputs: arrays of real numbers by name; they are not written to.
        upstream: a gradient for each output.
        step: the distance by which an entry is moved.

    >>> def forward(x):
    ...     return x**3, None
    >>> numerical_gradient(forward, {"x": np.array([1.0, 2.0])}, (np.ones(2),))["x"].round(6)
    array([ 3., 12.])
    """
    gradients = {}
    for name, value in inputs.items():
        gradient = np.zeros(value.shape)
        for index in np.ndindex(value.shape):
            losses = []
            for moved_by in (step, -step):
                moved = value.copy()
                moved[index] += moved_by
                *outputs, _ = forward(**inputs | {name: moved})
                losses.append(sum((d * out).sum() for d, out in zip(upstream, outputs, strict=True)))
            gradient[index] = (losses[0] - losses[1]) / (2 * step)
        gradients[name] = gradient
    return gradients


def relative_errors(gradients: Arrays, right: Arrays) -> dict[str, float]:
    """Return, for each array, its largest difference from the right one, relative to the largest entry.

    Args:
        gradients: arrays by name.
        right: the right arrays, by the same names; for an array of zeros, the difference itself counts.

    >>> relative_errors({"x": np.array([1.0, 4.0])}, {"x": np.array([2.0, 4.0])})
    {'x': 0.25}
    """
    errors = {}
    for name, value in right.items():
        size = np.abs(value).max()
        difference = np.abs(gradients[name] - value).max()
        errors[name] = float(difference / size if size > 0 else difference)
    return errors


def wrong_gradients(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    inputs: Arrays,
    upstream: tuple[Array, ...],
    tolerance: float = 1e-6,
) -> list[str]:
    """Return the names of the inputs for which a backward pass gives wrong gradients.

    Args:
        forward: takes the inputs by name; returns its outputs, followed by a cache.
        backward: takes a gradient for each output and the cache; returns the gradients by the inputs' names.
        inputs: arrays of real numbers by name.
        upstream: a gradient for each output.
        tolerance: the largest relative error of a right gradient.

    >>> def forward(x, w):
    ...     return x * w, (x, w)
    >>> def backward(d_y, cache):
    ...     x, w = cache
    ...     return {"x": d_y * w, "w": d_y}
    >>> wrong_gradients(forward, backward, {"x": np.array([2.0]), "w": np.array([3.0])}, (np.ones(1),))
    ['w']
    """
    *_, cache = forward(**inputs)
    gradients = backward(*upstream, cache)
    errors = relative_errors(gradients, numerical_gradient(forward, inputs, upstream))
    return [name for name, error in errors.items() if not error <= tolerance]
