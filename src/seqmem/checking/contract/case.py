"""What the contract checks work with: a module on its inputs, and comparisons that name the place."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from seqmem.module import Array, Module, tree_leaves, tree_map

ROUNDING = 4096  # rounding errors that two ways to the same numbers may differ by

Named = dict[str, Array]  # arrays by what a message calls them: "outputs[0]", "d_xs", "grads[W_x]"


class NotApplicableError(Exception):
    """Raised by a contract check that says nothing about a module, with the reason."""


class UnprovenError(AssertionError):
    """Raised by a contract check that found nothing wrong and yet could not see that all is right."""


@dataclass(frozen=True)
class Case:
    """A module and what goes into it: what a contract check is run on.

    Args:
        module: follows the protocol.
        inputs: the positional inputs of its forward pass, nests of arrays.
        options: its keyword options; an `rng` must be a seed.
        seed: of the upstream gradient and of whatever else is random.
        batch_axes: for each input the axis along which the batch lies, None for an input that all rows
            share; a nest like the inputs, or one number for all of an input. None when it is not known.

    >>> from seqmem.cells import RNNCell
    >>> case = Case(RNNCell(2, 3, rng=0), (np.ones((1, 2)), np.ones((1, 3))))
    >>> sorted(case.run())
    ['d_state', 'd_x', 'grads[W_h]', 'grads[W_x]', 'grads[b]', 'outputs']
    """

    module: Module
    inputs: tuple[Any, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    batch_axes: tuple[Any, ...] | None = None

    @property
    def name(self) -> str:
        """The module's class."""
        return type(self.module).__name__

    @property
    def dtype(self) -> np.dtype[Any]:
        """The parameters' dtype; of a module without any, its inputs'."""
        floats = (a.dtype for _, a in tree_leaves(self.inputs, "") if a.dtype.kind == "f")
        return self.module.dtype or next(floats, np.dtype(np.float64))

    @cached_property
    def upstream(self) -> Any:
        """A random gradient of the outputs, the same for the same seed."""
        return random_like(self.forward()[0], self.stream(0))

    def stream(self, number: int) -> np.random.Generator:
        """Random numbers that inputs drawn from the plain seed do not repeat by accident."""
        return np.random.default_rng([self.seed, number, 0x5E9])

    def forward(self, module: Module | None = None) -> tuple[Any, Any]:
        """The forward pass: outputs and cache.

        Raises:
            AssertionError: when the module raises anything, or returns no pair.
        """
        try:
            outputs, cache = (module or self.module).forward(*self.inputs, **self.options)
            return tree_map(np.asarray, outputs), cache
        except Exception as error:
            raise AssertionError(f"{self.name}.forward raised {type(error).__name__}: {error}") from error

    def backward(self, upstream: Any, cache: Any, module: Module | None = None) -> tuple[Any, Any]:
        """The backward pass: d_inputs and grads; raises as `forward` does."""
        try:
            d_inputs, grads = (module or self.module).backward(upstream, cache)
            return d_inputs, dict(grads)
        except Exception as error:
            raise AssertionError(f"{self.name}.backward raised {type(error).__name__}: {error}") from error

    def gradients(self, upstream: Any, cache: Any, module: Module | None = None) -> Named:
        """Everything that the backward pass returns."""
        d_inputs, grads = self.backward(upstream, cache, module)
        return self.named_d_inputs(d_inputs) | {f"grads[{key}]": np.asarray(d) for key, d in grads.items()}

    def run(self, module: Module | None = None) -> Named:
        """Everything that the two passes return."""
        upstream = self.upstream
        outputs, cache = self.forward(module)
        return dict(tree_leaves(outputs, "outputs")) | self.gradients(upstream, cache, module)

    def named_d_inputs(self, d_inputs: Any) -> Named:
        """The inputs' gradients; those of inputs that were left out stand under a number."""
        names = self.input_names
        branches = d_inputs if isinstance(d_inputs, tuple) else (d_inputs,)
        named: Named = {}
        for place, branch in enumerate(branches):
            name = f"d_{names[place]}" if place < len(names) else f"d_inputs[{place}]"
            named |= {key: np.asarray(leaf) for key, leaf in tree_leaves(branch, name)}
        return named

    @property
    def input_names(self) -> list[str]:
        """What the forward pass calls its positional inputs."""
        try:
            bound = list(inspect.signature(self.module.forward).bind_partial(*self.inputs).arguments)
        except TypeError:  # more than it takes: calling it will say so
            bound = []
        numbered = [f"inputs[{place}]" for place in range(len(self.inputs))]
        return bound if len(bound) == len(self.inputs) else numbered

    @property
    def given(self) -> Named:
        """What the forward pass is lent: inputs, options and parameters."""
        given: Named = {}
        for name, value in zip(self.input_names, self.inputs, strict=True):
            given |= dict(tree_leaves(value, name))
        given |= {name: value for name, value in self.options.items() if isinstance(value, np.ndarray)}
        return given | {f"params[{key}]": param for key, param in self.module.params.items()}

    @property
    def passed(self) -> Named:
        """Everything that the module is lent and must not write to."""
        return self.given | dict(tree_leaves(self.upstream, "d_outputs"))


def random_like(tree: Any, rng: np.random.Generator) -> Any:
    """A nest of numbers from -1 to 1 in the same shapes and dtypes."""
    return tree_map(lambda array: rng.uniform(-1, 1, array.shape).astype(array.dtype), tree)


def floats_mapped(function: Callable[[Array], Array], tree: Any) -> Any:
    """A nest with its floating-point arrays mapped; integers and booleans stay."""
    return tree_map(lambda array: function(array) if array.dtype.kind == "f" else array, tree)


def same(case: Case, got: Named, right: Named, what: str) -> None:
    """Raise unless there are the same arrays with the same numbers, exactly, NaN being equal to NaN."""
    _same_kind(case, got, right, what)
    for name, array in right.items():
        if got[name].dtype != array.dtype:
            raise AssertionError(
                f"{case.name}, {what}: {name} has dtype {got[name].dtype}, expected {array.dtype}"
            )
        different = (got[name] != array) & ~((got[name] != got[name]) & (array != array))
        _complain(case, name, got[name], array, different, what)


def close(case: Case, got: Named, right: Named, what: str) -> None:
    """Raise unless there are the same arrays with the same numbers, to rounding of the array's largest."""
    _same_kind(case, got, right, what)
    eps = float(np.finfo(case.dtype).eps)
    for name, array in right.items():
        largest = max(1.0, float(np.max(np.abs(array), initial=0.0)))
        different = ~(np.abs(got[name] - array) <= ROUNDING * eps * largest)
        _complain(case, name, got[name], array, different, what)


def zero(case: Case, got: Named, what: str) -> None:
    """Raise unless every number is exactly 0."""
    for name, array in got.items():
        _complain(case, name, array, np.zeros_like(array), array != 0, what)


def _same_kind(case: Case, got: Named, right: Named, what: str) -> None:
    if set(got) != set(right):
        odd = sorted(set(got) ^ set(right))
        raise AssertionError(f"{case.name}, {what}: {', '.join(odd)} came in one run and not in the other")
    for name, array in right.items():
        if got[name].shape != array.shape:
            raise AssertionError(
                f"{case.name}, {what}: {name} has shape {got[name].shape}, expected {array.shape}"
            )


def _complain(case: Case, name: str, got: Array, right: Array, different: Array, what: str) -> None:
    if not np.any(different):
        return
    index = tuple(int(i) for i in np.argwhere(different)[0])
    place = f"{name}{list(index)}" if index else name
    raise AssertionError(f"{case.name}, {what}: {place} is {got[index]}, expected {right[index]}")


def arrays_in(value: Any, name: str) -> Iterator[tuple[str, Array]]:
    """The arrays that can be reached from a cache, whatever it is made of."""
    seen: set[int] = set()

    def walk(value: Any, name: str) -> Iterator[tuple[str, Array]]:
        if isinstance(value, np.ndarray):
            yield name, value
        if isinstance(value, (np.ndarray, str, bytes, type)) or callable(value) or id(value) in seen:
            return
        seen.add(id(value))
        if isinstance(value, Mapping):
            parts = [(f"{name}[{key}]", part) for key, part in value.items()]
        elif isinstance(value, (tuple, list)):
            fields = getattr(value, "_fields", None)
            parts = [
                (f"{name}.{fields[k]}" if fields else f"{name}[{k}]", part) for k, part in enumerate(value)
            ]
        else:
            slots = [slot for kind in type(value).__mro__ for slot in getattr(kind, "__slots__", ())]
            keys = [*getattr(value, "__dict__", ()), *slots]
            parts = [(f"{name}.{key}", getattr(value, key)) for key in keys if hasattr(value, key)]
        for part_name, part in parts:
            yield from walk(part, part_name)

    return walk(value, name)
