"""Gradients by the complex step (Squire & Trapp, 1998), compared with those of a backward pass.

    df/dx = Im f(x + i·h) / h,    h = 1e-20

No difference is taken, so nothing cancels: the result is exact to rounding, with no step size to choose. The
scalar that is differentiated is the sum of all outputs, each weighted by a random upstream gradient.
"""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from seqmem.checking.draw import exposing_inputs, with_exposing_params
from seqmem.checking.report import Report, Row
from seqmem.module import Array, Module, tree_leaves, tree_map

STEP = 1e-20
OPTIONS = ("lengths", "mask", "rng")  # what the protocol never differentiates
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
        module: a subclass of `seqmem.module.Module` that follows its protocol, with a forward pass that runs
            in complex arithmetic.
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
        TypeError: when the outputs of a complex forward pass are real or NumPy warns that imaginary parts are
            dropped, what is checked is not a Module, no inputs are known for it, or `rng` is not a seed.

    >>> from seqmem.cells import LSTMCell
    >>> gradcheck(LSTMCell(2, 5, rng=0)).passed
    True
    """
    if not isinstance(module, Module):
        raise TypeError(
            f"gradcheck: module is of type {type(module).__name__}, expected a subclass of Module"
        )
    if isinstance(options.get("rng"), np.random.Generator):
        raise TypeError("gradcheck: rng is a Generator, expected a seed: every pass must draw the same")
    rng = np.random.default_rng(seed)
    if not inputs:
        module = with_exposing_params(module, rng)
        inputs, drawn = exposing_inputs(module, rng)
        options = drawn | options
    inputs = tuple(_arrays(value) for value in inputs)
    outputs, cache = module.forward(*inputs, **options)
    upstream = tree_map(lambda output: rng.standard_normal(output.shape).astype(output.dtype), outputs)
    with np.errstate(all="ignore"):  # a wrong backward pass may overflow; what comes of it is compared
        d_inputs, grads = module.backward(upstream, cache)

    twin, twin_inputs = module.astype(np.complex128), tree_map(_complex, inputs)
    wide = tree_map(lambda d: d.astype(np.float64), upstream)

    def objective() -> float:
        """The imaginary part of the weighted outputs: h times the derivative along what was perturbed."""
        found, _ = twin.forward(*twin_inputs, **options)
        if not any(np.iscomplexobj(out) for _, out in tree_leaves(found, "")):
            raise np.exceptions.ComplexWarning("its outputs are real for complex inputs and parameters")
        return sum(float(np.sum(d * out.imag)) for (_, d), (_, out) in _both(wide, found))

    pairs = [(name, array, grads.get(name)) for name, array in twin.params.items()]
    for position, (name, value) in enumerate(zip(_input_names(module, inputs), twin_inputs, strict=True)):
        pairs += _paired(name, value, d_inputs[position] if position < len(d_inputs) else None)
    single = sum(array.size for _, array, _ in pairs) <= max_elements
    compare = _every_element if single else _random_directions
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        try:
            comparisons = [_compare(name, array, got, compare, objective, rng) for name, array, got in pairs]
        except np.exceptions.ComplexWarning as error:
            name = type(module).__name__
            raise TypeError(f"gradcheck: {name}.forward drops imaginary parts: {error}") from None

    if tolerance is None:
        tolerance = 4096 * float(np.finfo(np.float64 if module.dtype is None else module.dtype).eps)
    # A gradient that is nothing but rounding is measured against the other gradients and the outputs: with
    # this floor, the default tolerance still is no more than four rounding errors of the largest of them.
    weighted = [np.abs(d * out) for (_, d), (_, out) in _both(upstream, outputs)]
    scales = [comparison.scale for comparison in comparisons]
    floor = 1e-3 * max([*scales, *(float(np.max(part, initial=0.0)) for part in weighted)], default=0.0)
    rows = [comparison.row(floor) for comparison in comparisons]
    optional = _optional_inputs(module, len(inputs))
    if not len(inputs) <= len(d_inputs) <= len(inputs) + optional:
        note = f"backward returned {len(d_inputs)} input gradients, forward takes {len(inputs)}"
        rows.append(Row("inputs", (len(inputs),), math.inf, None, note))
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
        if not (self.right.any() or self.got.any()):
            note = "zero: not put to the test by these inputs" if self.right.size else ""
            return Row(self.name, self.shape, 0.0, None, note)
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


def _arrays(value: Any) -> Any:
    """An input with arrays for its leaves; a tuple is a nest of inputs, a list an array."""
    return tree_map(_arrays, value) if isinstance(value, tuple) else np.asarray(value)


def _complex(value: Array) -> Array:
    """A complex copy of an input; integers, which have no derivative, as they are."""
    return value.astype(np.complex128) if value.dtype.kind == "f" else value


def _input_names(module: Module, inputs: tuple[Any, ...]) -> list[str]:
    """What the forward pass calls its positional inputs."""
    bound = inspect.signature(module.forward).bind_partial(*inputs).arguments
    names = list(bound) if len(bound) == len(inputs) else []  # forward(*inputs) names none of them
    return names or [f"inputs[{position}]" for position in range(len(inputs))]


def _optional_inputs(module: Module, given: int) -> int:
    """How many positional inputs were left out, for which a gradient may be returned all the same."""
    further = list(inspect.signature(module.forward).parameters)[given:]
    return sum(name not in OPTIONS for name in further)


def _both(tree: Any, other: Any) -> Iterator[tuple[tuple[str, Array], tuple[str, Array]]]:
    return zip(tree_leaves(tree, ""), tree_leaves(other, ""), strict=True)


def _paired(name: str, value: Any, d_value: Any) -> list[tuple[str, Array, Array | None]]:
    """The floating-point arrays of one input, each with its gradient, which stands at the same place."""
    if isinstance(value, tuple):
        d_parts = (
            d_value if isinstance(d_value, tuple) and len(d_value) == len(value) else (None,) * len(value)
        )
        names = [f"{name}.{field}" for field in getattr(value, "_fields", ())]
        names = names or [f"{name}[{position}]" for position in range(len(value))]
        parts = [_paired(*part) for part in zip(names, value, d_parts, strict=True)]
        return [pair for part in parts for pair in part]
    return [(name, value, d_value)] if np.iscomplexobj(value) else []
