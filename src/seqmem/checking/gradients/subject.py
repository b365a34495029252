"""What can be checked: a module, or a pair of plain functions, both seen as named arrays in and out."""

from __future__ import annotations

import copy
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from seqmem.cells import Cell
from seqmem.checking.gradients.pairing import Returned, by_input, of_leaves
from seqmem.contexts import Context, FixedContext
from seqmem.layers import Recurrent
from seqmem.module import Array, Module, named_modules

GATE_NAMES = {
    "i": "input gate",
    "f": "forget gate",
    "o": "output gate",
    "g": "candidate",
    "r": "reset gate",
    "z": "update gate",
    "n": "candidate",
}
NO_GRADIENT = "no gradient was returned"


def gate_name(gate: str) -> str:
    """ "forget gate (f)"; a gate of another cell goes by its letter."""
    return f"{GATE_NAMES[gate]} ({gate})" if gate in GATE_NAMES else f"gate {gate}"


class Subject(ABC):
    """A forward and a backward pass, and the arrays at which they are checked."""

    title: str
    arrays: dict[str, Array]  # everything that has a gradient, by name
    integers: dict[str, Array]  # the inputs and options that have none
    gates: tuple[str, ...] = ()
    sources: tuple[Callable[..., Any], ...] = ()  # whose text may be quoted
    unread: tuple[
        str, ...
    ] = ()  # arrays that the forward pass declares not to look at, wherever it is called

    def blocks(self, name: str) -> dict[str, Array]:
        """The parts of an array that have a meaning of their own, as masks by name: its gates."""
        axis = self.axes(name).find("G")
        if axis < 0 or self.arrays[name].shape[axis] != len(self.gates):
            return {}
        shape = [1] * self.arrays[name].ndim
        shape[axis] = -1
        numbers = np.arange(len(self.gates)).reshape(shape) + np.zeros(self.arrays[name].shape, int)
        return {gate_name(gate): numbers == k for k, gate in enumerate(self.gates)}

    def time_axes(self, outputs: list[Array]) -> dict[int, int]:
        """Which outputs have an axis of time steps, and which axis: the first, where an input is known to."""
        lengths = {array.shape[0] for name, array in self.arrays.items() if self.axes(name)[:1] == "T"}
        return {k: 0 for k, out in enumerate(outputs) if np.ndim(out) == 3 and out.shape[0] in lengths}

    @abstractmethod
    def forward(self, arrays: dict[str, Array]) -> tuple[Any, Any]:
        """Outputs and cache; neither is an array of `arrays`."""

    @abstractmethod
    def backward(self, upstream: Any, cache: Any) -> Returned:
        """The gradients."""

    def axes(self, name: str) -> str:
        """A letter for each axis of an array: G gates, T steps, B batch, S source positions; "" unknown."""
        return ""


class ModuleSubject(Subject):
    """A module that follows the protocol."""

    def __init__(self, module: Module, inputs: tuple[Any, ...], options: dict[str, Any]) -> None:
        self.title = type(module).__name__
        self.module, self.options = module, options
        self.inputs = tuple(as_arrays(value) for value in inputs)
        self.names = _input_names(module, self.inputs)
        self.arrays = dict(module.params) | {
            name: leaf
            for position, value in zip(self.names, self.inputs, strict=True)
            for name, leaf in leaves(value, position)
            if leaf.dtype.kind in "fc"
        }
        self.integers = _integers(zip(self.names, self.inputs, strict=True)) | {
            name: value for name, value in options.items() if isinstance(value, np.ndarray)
        }
        cells = (found for _, found in named_modules(module) if isinstance(found, Cell))
        self.gates = next((cell.gates for cell in cells if cell.gates), ())
        self.sources = (type(module).forward,)
        self.unread = ("query",) if isinstance(module, FixedContext) else ()
        self._twins: dict[np.dtype[Any], Module] = {}

    def forward(self, arrays: dict[str, Array]) -> tuple[Any, Any]:
        module = self.module
        if arrays is not self.arrays:
            dtype = np.result_type(*arrays.values()) if arrays else np.dtype(np.float64)
            module = self._twins.setdefault(dtype, self.module.astype(dtype))
            for name, param in module.params.items():
                param[...] = arrays[name]
        inputs = [
            rebuilt(value, position, arrays) for position, value in zip(self.names, self.inputs, strict=True)
        ]
        return module.forward(*inputs, **self.options)

    def backward(self, upstream: Any, cache: Any) -> Returned:
        d_inputs, grads = self.module.backward(upstream, cache)
        found = {name: grads.get(name) for name in self.module.params}
        surplus = {name: "not a parameter" for name in grads if name not in found}
        if not len(self.inputs) <= len(d_inputs) <= len(self.inputs) + self._optional():
            surplus["inputs"] = (
                f"backward returned {len(d_inputs)} input gradients, forward takes {len(self.inputs)}"
            )
        for k, (position, value) in enumerate(zip(self.names, self.inputs, strict=True)):
            found |= of_leaves(value, d_inputs[k] if k < len(d_inputs) else None, position)
        return Returned({name: found.get(name) for name in self.arrays}, surplus)

    def axes(self, name: str) -> str:
        path, _, last = name.rpartition(".")
        owner = dict(named_modules(self.module)).get(path)
        if isinstance(owner, Cell) and owner.gates and last in ("W_x", "W_h", "b"):
            return {"W_x": "GDH", "W_h": "GHH", "b": "GH"}[last]
        if name in self.module.params:
            return ""
        if isinstance(self.module, Recurrent) and name == "xs":
            return "TBD"
        if isinstance(self.module, Context):
            return {"query": "BQ", "keys": "SBK"}.get(name, "")
        return "BH" if isinstance(self.module, (Cell, Recurrent)) else ""

    def _optional(self) -> int:
        """How many positional inputs were left out, for which a gradient may be returned all the same."""
        return max(0, inputs_taken(self.module) - len(self.inputs))


class FunctionSubject(Subject):
    """Two plain functions: forward(**inputs) -> (out, cache) and backward(d_out, cache) -> gradients."""

    def __init__(
        self,
        forward: Callable[..., Any],
        backward: Callable[..., Any],
        inputs: dict[str, Any] | tuple[Any, ...],
    ) -> None:
        self.title = getattr(forward, "__qualname__", type(forward).__name__)
        self.forward_function, self.backward_function = forward, backward
        self.by_name = isinstance(inputs, dict)
        named = (
            inputs if isinstance(inputs, dict) else dict(zip(_names_of(forward, inputs), inputs, strict=True))
        )
        self.inputs = {name: as_arrays(value) for name, value in named.items()}
        self.arrays = {
            name: leaf
            for position, value in self.inputs.items()
            for name, leaf in leaves(value, position)
            if leaf.dtype.kind in "fc"
        }
        self.integers = _integers(self.inputs.items())
        self.sources = (forward,)
        self.n_outputs = 1

    def forward(self, arrays: dict[str, Array]) -> tuple[Any, Any]:
        # copies: whoever writes into its input must not change what the next pass sees
        given = {
            name: copy.deepcopy(rebuilt(value, name, arrays))
            if arrays is not self.arrays
            else rebuilt(value, name, arrays)
            for name, value in self.inputs.items()
        }
        result = self.forward_function(**given) if self.by_name else self.forward_function(*given.values())
        if not isinstance(result, tuple) or len(result) < 2:
            what = "nothing (is a return missing?)" if result is None else f"one {type(result).__name__}"
            raise TypeError(f"{self.title} returned {what}, expected (out, cache)")
        *outputs, cache = result
        self.n_outputs = len(outputs)
        return (outputs[0] if len(outputs) == 1 else tuple(outputs)), cache

    def backward(self, upstream: Any, cache: Any) -> Returned:
        takes, n_outputs = _takes(self.backward_function), self.n_outputs
        spread = n_outputs > 1 and takes == n_outputs + 1
        if takes > 2 and not spread:
            raise TypeError(
                f"backward takes {takes} arguments, expected (d_out, cache), or a gradient for each output "
                f"and the cache: {self.title} returns {n_outputs} output{'s' * (n_outputs > 1)} and the cache"
            )
        result = (
            self.backward_function(*upstream, cache) if spread else self.backward_function(upstream, cache)
        )
        return self._by_name(result)

    def _by_name(self, result: Any) -> Returned:
        floats = [
            name
            for name, value in self.inputs.items()
            if any(leaf.dtype.kind in "fc" for _, leaf in leaves(value, name))
        ]
        found, surplus = by_input(result, self.inputs, floats)
        gradients: dict[str, Any] = {}
        for name, value in self.inputs.items():
            gradients |= of_leaves(value, found.get(name), name)
        return Returned({name: gradients.get(name) for name in self.arrays}, surplus)


def _integers(inputs: Iterable[tuple[str, Any]]) -> dict[str, Array]:
    found = (leaf for name, value in inputs for leaf in leaves(value, name))
    return {name: leaf for name, leaf in found if leaf.dtype.kind not in "fc"}


def leaves(tree: Any, name: str) -> Iterator[tuple[str, Any]]:
    """The arrays of a nest of tuples, lists and dicts with a name each; None and text have none."""
    if isinstance(tree, dict):
        for key, branch in tree.items():
            yield from leaves(branch, f"{name}.{key}" if name else str(key))
    elif isinstance(tree, (tuple, list)):
        fields = getattr(tree, "_fields", None)
        for index, branch in enumerate(tree):
            yield from leaves(branch, f"{name}.{fields[index]}" if fields else f"{name}[{index}]")
    elif tree is not None and not isinstance(tree, str):
        yield name, tree


def as_arrays(value: Any) -> Any:
    """An input with arrays for its leaves; a tuple or dict is a nest, a list of numbers an array."""
    if isinstance(value, dict):
        return {key: as_arrays(part) for key, part in value.items()}
    if isinstance(value, tuple):
        parts = [as_arrays(part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value if value is None or isinstance(value, str) else np.asarray(value)


def rebuilt(value: Any, name: str, arrays: dict[str, Array]) -> Any:
    """An input whose differentiable leaves come from `arrays`; the others as they are."""
    if isinstance(value, dict):
        return {key: rebuilt(part, f"{name}.{key}", arrays) for key, part in value.items()}
    if isinstance(value, tuple):
        fields = getattr(value, "_fields", None)
        names = [f"{name}.{fields[k]}" if fields else f"{name}[{k}]" for k in range(len(value))]
        parts = [rebuilt(part, own, arrays) for part, own in zip(value, names, strict=True)]
        return type(value)(*parts) if fields else tuple(parts)
    return arrays.get(name, value)


def inputs_taken(module: Module) -> int:
    """How many inputs a module's forward pass can take: what goes by keyword alone is an option."""
    options = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD)
    return sum(one.kind not in options for one in inspect.signature(module.forward).parameters.values())


def _input_names(module: Module, inputs: tuple[Any, ...]) -> list[str]:
    """What the forward pass calls its positional inputs."""
    bound = inspect.signature(module.forward).bind_partial(*inputs).arguments
    names = list(bound) if len(bound) == len(inputs) else []  # forward(*inputs) names none of them
    return names or [f"inputs[{position}]" for position in range(len(inputs))]


def _names_of(function: Callable[..., Any], inputs: tuple[Any, ...]) -> list[str]:
    try:
        bound = inspect.signature(function).bind(*inputs).arguments
    except ValueError:  # a function without a signature
        bound = {}
    return list(bound) if len(bound) == len(inputs) else [f"inputs[{k}]" for k in range(len(inputs))]


def _takes(function: Callable[..., Any]) -> int:
    """How many positional arguments a function must have."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        return -1
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in positional and p.default is inspect.Parameter.empty for p in parameters)
