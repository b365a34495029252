"""Gradients by the complex step (Squire & Trapp, 1998), compared with those of a backward pass.

    df/dx = Im f(x + i·h) / h,    h = 1e-20

No difference is taken, so nothing cancels: the result is exact to rounding, with no step size to choose. The
scalar that is differentiated is the sum of all outputs, each weighted by a random upstream gradient.
"""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from seqmem.checking.draw import exposing_inputs, with_exposing_params
from seqmem.checking.report import Report, Row
from seqmem.module import Array, Module, tree_leaves, tree_map

STEP = 1e-20
DIRECTIONS = 3  # compared for each array of a large module


def gradcheck(
    module: Module,
    *inputs: Any,
    seed: int = 0,
    tolerance: float | None = None,
    max_elements: int = 20_000,
    **options: Any,
) -> Report:
    """Compare a module's backward pass with the complex step, for every parameter and every input.

    Args:
        module: anything that follows the protocol of `seqmem.module`, with a forward pass that runs in
            complex arithmetic.
        *inputs: the positional inputs of its forward pass. Without any, a copy of the module with parameters
            that expose mistakes is checked on inputs that do; this works for the library's own modules.
        seed: of everything random here.
        tolerance: the largest error of a right gradient, relative to the largest entry of its array; 4096
            rounding errors of the module's dtype when None (9e-13 in float64).
        max_elements: up to so many numbers in parameters and inputs, every single one is compared; beyond,
            random directions of each array.
        **options: keyword options of the forward pass. An `rng` must be a seed here, so that every pass draws
            the same.

    Returns:
        A `Report` with a row for each array: name, shape, largest relative error, where.

    Raises:
        TypeError: when the forward pass drops imaginary parts, or no inputs are known for the module.

    >>> from seqmem.cells import LSTMCell
    >>> gradcheck(LSTMCell(2, 5, rng=0)).passed
    True
    """
    rng = np.random.default_rng(seed)
    if not inputs:
        module = with_exposing_params(module, rng)
        inputs, drawn = exposing_inputs(module, rng)
        options = drawn | options
    outputs, cache = module.forward(*inputs, **options)
    upstream = tree_map(lambda output: rng.standard_normal(output.shape).astype(output.dtype), outputs)
    d_inputs, grads = module.backward(upstream, cache)

    twin, twin_inputs = module.astype(np.complex128), tree_map(_complex, list(inputs))

    def objective() -> float:
        """The imaginary part of the weighted outputs: h times the derivative along what was perturbed."""
        found, _ = twin.forward(*twin_inputs, **options)
        both = zip(tree_leaves(upstream, "d"), tree_leaves(found, "out"), strict=True)
        return sum(float(np.sum(d.astype(np.float64) * out.imag)) for (_, d), (_, out) in both)

    pairs = [(name, array, grads.get(name)) for name, array in twin.params.items()]
    for name, value, d_value in zip(_input_names(module), twin_inputs, d_inputs, strict=False):
        pairs += _paired(name, value, d_value)
    single = sum(array.size for _, array, _ in pairs) <= max_elements
    compare = _every_element if single else _random_directions
    with warnings.catch_warnings(), np.errstate(under="ignore"):
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        try:
            comparisons = [_compare(name, array, got, compare, objective, rng) for name, array, got in pairs]
        except np.exceptions.ComplexWarning as error:
            name = type(module).__name__
            raise TypeError(f"gradcheck: {name}.forward drops imaginary parts: {error}") from None

    if tolerance is None:
        tolerance = 4096 * float(np.finfo(np.float64 if module.dtype is None else module.dtype).eps)
    # An array whose gradient is nothing but rounding is measured against the others' gradients.
    floor = 1e-4 * max((comparison.scale for comparison in comparisons), default=0.0)
    rows = [comparison.row(floor) for comparison in comparisons]
    rows += [
        Row(name, d.shape, math.inf, None, "not a parameter")
        for name, d in grads.items()
        if name not in twin.params
    ]
    method = "complex step, " + ("every element" if single else f"{DIRECTIONS} random directions an array")
    return Report(type(module).__name__, method, tolerance, tuple(rows))


class _Comparison(NamedTuple):
    """What the backward pass gave for one array, and what the complex step gave."""

    name: str
    shape: tuple[int, ...]
    got: Array | None  # None when it cannot be compared
    right: Array
    scale: float  # what a difference is relative to
    note: str

    def row(self, floor: float) -> Row:
        if self.got is None:
            return Row(self.name, self.shape, math.inf, None, self.note)
        if not self.right.size:
            return Row(self.name, self.shape, 0.0, None)
        difference = np.abs(self.got - self.right)
        worst = np.unravel_index(
            np.argmax(np.where(np.isnan(difference), np.inf, difference)), difference.shape
        )
        largest, scale = float(difference[worst]), max(self.scale, floor)
        error = math.inf if math.isnan(largest) else largest / scale if scale else largest
        note = f"got {self.got[worst]:.6g}, right is {self.right[worst]:.6g}"
        where = tuple(int(i) for i in worst) if self.right.shape == self.shape else None
        return Row(self.name, self.shape, error, where, note)


Objective = Callable[[], float]
Compared = tuple[Array, Array, float]  # got, right, scale


def _compare(
    name: str,
    array: Array,
    got: Array | None,
    compare: Callable[[Array, Array, Objective, np.random.Generator], Compared],
    objective: Objective,
    rng: np.random.Generator,
) -> _Comparison:
    if got is None:
        return _Comparison(name, array.shape, None, array, 0.0, "no gradient was returned")
    if np.shape(got) != array.shape:
        note = f"the gradient has shape {np.shape(got)}"
        return _Comparison(name, array.shape, None, array, 0.0, note)
    return _Comparison(name, array.shape, *compare(array, np.asarray(got), objective, rng), note="")


def _every_element(array: Array, got: Array, objective: Objective, rng: np.random.Generator) -> Compared:
    right = np.empty(array.shape)
    for index in np.ndindex(array.shape):
        kept = array[index]
        array[index] = kept + STEP * 1j
        right[index] = objective() / STEP
        array[index] = kept
    return got, right, float(np.max(np.abs(right), initial=0.0))


def _random_directions(array: Array, got: Array, objective: Objective, rng: np.random.Generator) -> Compared:
    gots, rights, scale = np.empty(DIRECTIONS), np.empty(DIRECTIONS), 0.0
    kept = array.copy()
    for k in range(DIRECTIONS):
        direction = rng.standard_normal(array.shape)
        array += 1j * STEP * direction
        rights[k] = objective() / STEP
        array[...] = kept
        parts = got.astype(np.float64) * direction
        gots[k] = parts.sum()
        scale = max(scale, float(np.sqrt(np.sum(parts**2))), abs(float(rights[k])))
    return gots, rights, scale


def _complex(value: Any) -> Any:
    """A complex copy of an input; integers, which have no derivative, as they are."""
    return np.array(value, np.complex128) if np.asarray(value).dtype.kind == "f" else value


def _input_names(module: Module) -> list[str]:
    return list(inspect.signature(module.forward).parameters)


def _paired(name: str, value: Any, d_value: Any) -> list[tuple[str, Array, Array | None]]:
    """The floating-point arrays of one input, each with its gradient."""
    leaves = [(leaf_name, leaf) for leaf_name, leaf in tree_leaves(value, name) if np.iscomplexobj(leaf)]
    found = dict(tree_leaves(d_value, name))
    return [(leaf_name, leaf, found.get(leaf_name)) for leaf_name, leaf in leaves]
