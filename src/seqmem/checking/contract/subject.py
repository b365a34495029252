"""Subjects: anything with inputs, a forward and a backward pass, as named arrays in and out."""

from __future__ import annotations

import copy
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from seqmem.cells import Cell
from seqmem.checking.contract.pairing import Returned, by_input, of_leaves
from seqmem.contexts import Context, FixedContext, NoContext
from seqmem.layers.sequence import SequenceLayer
from seqmem.module import Array, Module, named_modules
from seqmem.nests import as_arrays, tree_leaves, tree_map, tree_replace

GATE_NAMES = {
    "i": "input gate",
    "f": "forget gate",
    "o": "output gate",
    "g": "candidate",
    "r": "reset gate",
    "z": "update gate",
    "n": "candidate",
}

Named = dict[str, Array]


def gate_name(gate: str) -> str:
    """Return "forget gate (f)" for "f"; a gate of an unknown cell keeps its letter."""
    return f"{GATE_NAMES[gate]} ({gate})" if gate in GATE_NAMES else f"gate {gate}"


class Record(NamedTuple):
    """A forward pass's result, kept for the backward pass."""

    outputs: Any  # the returned nest, whose structure the upstream gradient has
    cache: Any  # the cache that the pass returned


class Subject(ABC):
    """A forward and a backward pass, and the arrays at which they are checked.

    Arrays have names: the names of outputs and of their upstream gradients are their positions in the
    returned nest, "" for a single array.
    """

    title: str
    gates: tuple[str, ...] = ()
    sources: tuple[Callable[..., Any], ...] = ()  # functions whose source may be quoted
    unread: tuple[str, ...] = ()  # arrays that the forward pass declares to ignore
    arrays: Named  # all arrays that have a gradient
    integers: Named  # the inputs and options without a gradient

    def forward(self, arrays: Named) -> tuple[Named, Record]:
        """Return the outputs and the record for the backward pass; neither is an array of `arrays`."""
        outputs, cache = self.call_forward(arrays)
        found = {name: np.asarray(leaf) for name, leaf in tree_leaves(outputs, "")}
        return found, Record(outputs, cache)

    def backward(self, upstream: Named, record: Record) -> Returned:
        """Return the gradients of one upstream gradient for each output."""
        return self.call_backward(tree_replace(record.outputs, "", upstream), record.cache)

    @abstractmethod
    def call_forward(self, arrays: Named) -> tuple[Any, Any]:
        """Call the forward pass itself: a nest of outputs, and its cache."""

    @abstractmethod
    def call_backward(self, upstream: Any, cache: Any) -> Returned:
        """Call the backward pass itself, with an upstream gradient in the outputs' structure."""

    def lent_name(self, name: str) -> str:
        """Return the name of an array in a message of the contract."""
        return name

    def gradient_name(self, name: str) -> str:
        """Return the name of an array's gradient in a message of the contract."""
        return f"d_{name}"

    def axes(self, name: str) -> str:
        """Return a letter for each axis: G gates, T steps, B batch, S source positions; "" unknown."""
        return ""

    def blocks(self, name: str) -> dict[str, Array]:
        """Return the gates of an array as masks by name."""
        axis = self.axes(name).find("G")
        if axis < 0 or self.arrays[name].shape[axis] != len(self.gates):
            return {}
        shape = [1] * self.arrays[name].ndim
        shape[axis] = -1
        numbers = np.arange(len(self.gates)).reshape(shape) + np.zeros(self.arrays[name].shape, int)
        return {gate_name(gate): numbers == k for k, gate in enumerate(self.gates)}

    def time_axes(self, outputs: Named) -> dict[str, int]:
        """Find the outputs with an axis of time steps, and that axis: the first, where an input has one."""
        lengths = {array.shape[0] for name, array in self.arrays.items() if self.axes(name)[:1] == "T"}
        return {name: 0 for name, out in outputs.items() if np.ndim(out) == 3 and out.shape[0] in lengths}


@dataclass(eq=False)
class ModuleSubject(Subject):
    """A module that follows the protocol, and its inputs.

    Args:
        module: a module that follows the protocol.
        inputs: the positional inputs of the forward pass, nests of arrays.
        options: the keyword options of the forward pass; an `rng` must be a seed.
        seed: seed of the upstream gradient and of all other random draws of the contract's checks.
        batch_axes: for each input the batch axis, None for an input that all rows share; a nest like the
            inputs, or one number for all leaves of an input. None if unknown.
        asserting: whether an exception of a pass becomes an AssertionError that names the pass.
        sparing: whether the passes receive copies, so that their writes cannot be seen afterwards.

    >>> from seqmem.cells import RNNCell
    >>> subject = ModuleSubject(RNNCell(2, 3, rng=0), (np.ones((1, 2)), np.ones((1, 3))))
    >>> sorted(subject.run())
    ['d_state', 'd_x', 'grads[W_h]', 'grads[W_x]', 'grads[b]', 'outputs']
    """

    module: Module
    inputs: tuple[Any, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    batch_axes: tuple[Any, ...] | None = None
    asserting: bool = False
    sparing: bool = False

    def __post_init__(self) -> None:
        self.title = type(self.module).__name__
        self.inputs = tuple(as_arrays(value) for value in self.inputs)
        self.sources = (type(self.module).forward,)
        self.unread = _unread(self.module)
        self._twins: dict[np.dtype[Any], Module] = {}

    @cached_property
    def input_names(self) -> list[str]:
        """The names of the positional inputs in the forward pass's signature."""
        try:
            return names_of(self.module.forward, self.inputs)
        except TypeError:  # too many inputs: the call will raise
            return [f"inputs[{k}]" for k in range(len(self.inputs))]

    @cached_property
    def arrays(self) -> Named:  # type: ignore[override]
        """Parameters and floating-point inputs."""
        return dict(self.module.params) | _floats(self._named_inputs)

    @cached_property
    def integers(self) -> Named:  # type: ignore[override]
        """Inputs and options that are arrays of other numbers."""
        options = {name: value for name, value in self.options.items() if isinstance(value, np.ndarray)}
        return _integers(self._named_inputs) | options

    @cached_property
    def gates(self) -> tuple[str, ...]:  # type: ignore[override]
        """The gates of the first cell that has any."""
        cells = (found for _, found in named_modules(self.module) if isinstance(found, Cell))
        return next((cell.gates for cell in cells if cell.gates), ())

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the parameters; the dtype of the inputs for a module without parameters."""
        floats = (a.dtype for _, a in tree_leaves(self.inputs, "") if a.dtype.kind == "f")
        return self.module.dtype or next(floats, np.dtype(np.float64))

    @cached_property
    def upstream(self) -> Any:
        """A random gradient of the outputs, in their structure; the same for the same seed."""
        return random_like(self.outputs_and_cache()[0], self.stream(0))

    def stream(self, number: int) -> np.random.Generator:
        """Return a random stream that is independent of inputs drawn from the same seed."""
        return np.random.default_rng([self.seed, number, 0x5E9])

    def call_forward(self, arrays: Named) -> tuple[Any, Any]:
        if arrays is self.arrays:
            return self.outputs_and_cache()
        dtype = np.result_type(*arrays.values()) if arrays else np.dtype(np.float64)
        if dtype not in self._twins:
            self._twins[dtype] = self.module.astype(dtype)
        twin = self._twins[dtype]
        for name, param in twin.params.items():
            param[...] = arrays[name]
        inputs = [tree_replace(value, name, arrays) for name, value in self._named_inputs]
        # a pass that writes to them must not affect the next pass
        inputs = tree_map(np.array, inputs)
        options = {n: v.copy() if isinstance(v, np.ndarray) else v for n, v in self.options.items()}
        return twin.forward(*inputs, **options)

    def call_backward(self, upstream: Any, cache: Any) -> Returned:
        d_inputs, grads = self.d_inputs_and_grads(upstream, cache)
        taken, given = inputs_taken(self.module), len(self.inputs)
        surplus = {name: "not a parameter" for name in grads if name not in self.module.params}
        if not given <= len(d_inputs) <= max(given, taken):
            surplus["inputs"] = f"backward returned {len(d_inputs)} input gradients, forward takes {given}"
        found = {name: grads.get(name) for name in self.module.params}
        for k, (position, value) in enumerate(self._named_inputs):
            found |= of_leaves(value, d_inputs[k] if k < len(d_inputs) else None, position)
        more = {f"inputs[{k}]": part for k, part in enumerate(d_inputs) if given <= k < taken}
        left_out = dict(leaf for name, part in more.items() for leaf in tree_leaves(part, name))
        return Returned({name: found.get(name) for name in self.arrays}, surplus, left_out)

    def outputs_and_cache(self) -> tuple[Any, Any]:
        """Run the module's forward pass on these inputs; return its nest of outputs and its cache.

        Raises:
            AssertionError: if the pass raises or does not return a pair, and this subject is `asserting`.
        """
        try:
            inputs, options = self._lent((self.inputs, dict(self.options)))
            outputs, cache = self.module.forward(*inputs, **options)
            return tree_map(np.asarray, outputs), cache
        except Exception as error:
            if not self.asserting:
                raise
            raise AssertionError(f"{self.title}.forward raised {type(error).__name__}: {error}") from error

    def d_inputs_and_grads(self, upstream: Any, cache: Any) -> tuple[Any, dict[str, Any]]:
        """Run the module's backward pass, with an upstream gradient in the outputs' structure, or None.

        Raises:
            AssertionError: as for `outputs_and_cache`.
        """
        try:
            d_inputs, grads = self.module.backward(self._lent(upstream), self._lent(cache))
            return d_inputs, dict(grads)
        except Exception as error:
            if not self.asserting:
                raise
            raise AssertionError(f"{self.title}.backward raised {type(error).__name__}: {error}") from error

    def _lent(self, value: Any) -> Any:
        return copied(value) if self.sparing else value

    def gradients(self, upstream: Any, cache: Any) -> Named:
        """Return every gradient by the contract's names."""
        d_inputs, grads = self.d_inputs_and_grads(upstream, cache)
        return self.named_d_inputs(d_inputs) | {f"grads[{key}]": np.asarray(d) for key, d in grads.items()}

    def run(self) -> Named:
        """Run both passes and return every output and gradient by the contract's names."""
        upstream = self.upstream
        outputs, cache = self.outputs_and_cache()
        return dict(tree_leaves(outputs, "outputs")) | self.gradients(upstream, cache)

    def named_d_inputs(self, d_inputs: Any) -> Named:
        """Return the inputs' gradients by name; those of omitted inputs get a number."""
        branches = d_inputs if isinstance(d_inputs, tuple) else (d_inputs,)
        given = [f"d_{name}" for name in self.input_names]
        names = given + [f"d_inputs[{place}]" for place in range(len(given), len(branches))]
        pairs = zip(names, branches, strict=False)
        return {key: np.asarray(d) for name, branch in pairs for key, d in tree_leaves(branch, name)}

    def lent_name(self, name: str) -> str:
        return f"params[{name}]" if name in self.module.params else name

    def gradient_name(self, name: str) -> str:
        return f"grads[{name}]" if name in self.module.params else f"d_{name}"

    def axes(self, name: str) -> str:
        path, _, last = name.rpartition(".")
        owner = dict(named_modules(self.module)).get(path)
        if isinstance(owner, Cell) and owner.gates and last in ("W_x", "W_h", "b"):
            return {"W_x": "GDH", "W_h": "GHH", "b": "GH"}[last]
        if name in self.module.params:
            return ""
        if isinstance(self.module, SequenceLayer) and name == "xs":
            return "TBD"
        if isinstance(self.module, Context):
            return {"query": "BQ", "keys": "SBK"}.get(name, "")
        return "BH" if isinstance(self.module, (Cell, SequenceLayer)) else ""

    @property
    def _named_inputs(self) -> list[tuple[str, Any]]:
        return list(zip(self.input_names, self.inputs, strict=True))


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
            inputs if isinstance(inputs, dict) else dict(zip(names_of(forward, inputs), inputs, strict=True))
        )
        self.inputs = {name: as_arrays(value) for name, value in named.items()}
        self.arrays = _floats(self.inputs.items())
        self.integers = _integers(self.inputs.items())
        self.sources = (forward,)
        self.n_outputs = 1

    def call_forward(self, arrays: Named) -> tuple[Any, Any]:
        given = {name: tree_replace(value, name, arrays) for name, value in self.inputs.items()}
        if arrays is not self.arrays:  # a pass that writes to its inputs must not affect the next pass
            given = copy.deepcopy(given)
        result = self.forward_function(**given) if self.by_name else self.forward_function(*given.values())
        if not isinstance(result, tuple) or len(result) < 2:
            what = "nothing (is a return missing?)" if result is None else f"one {type(result).__name__}"
            raise TypeError(f"{self.title} returned {what}, expected (out, cache)")
        *outputs, cache = result
        self.n_outputs = len(outputs)
        return (outputs[0] if len(outputs) == 1 else tuple(outputs)), cache

    def call_backward(self, upstream: Any, cache: Any) -> Returned:
        takes, n_outputs = _takes(self.backward_function), self.n_outputs
        spread = n_outputs > 1 and takes == n_outputs + 1
        if takes > 2 and not spread:
            raise TypeError(
                f"backward takes {takes} arguments, expected (d_out, cache), or a gradient for each output "
                f"and the cache: {self.title} returns {n_outputs} output{'s' * (n_outputs > 1)} and the cache"
            )
        given = upstream if spread else (upstream,)
        floats = [name for name, value in self.inputs.items() if _floats([(name, value)])]
        found, surplus = by_input(self.backward_function(*given, cache), self.inputs, floats)
        gradients: dict[str, Any] = {}
        for name, value in self.inputs.items():
            gradients |= of_leaves(value, found.get(name), name)
        return Returned({name: gradients.get(name) for name in self.arrays}, surplus)


def copied(value: Any) -> Any:
    """Return a copy of a value, as far as it can be copied."""
    try:
        return copy.deepcopy(value)
    except Exception:  # noqa: BLE001 - a lock, a generator
        return value


def random_like(tree: Any, rng: np.random.Generator) -> Any:
    """Draw a nest of numbers from -1 to 1 in the same shapes and dtypes."""
    return tree_map(lambda array: rng.uniform(-1, 1, array.shape).astype(array.dtype), tree)


def _unread(module: Module) -> tuple[str, ...]:
    """Return the names of the inputs that have no effect on the outputs."""
    if isinstance(module, NoContext):
        return ("query", "keys")
    return ("query",) if isinstance(module, FixedContext) else ()


def inputs_taken(module: Module) -> int:
    """Return the number of inputs that a module's forward pass accepts; keyword-only ones are options."""
    options = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD)
    return sum(one.kind not in options for one in inspect.signature(module.forward).parameters.values())


def names_of(function: Callable[..., Any], inputs: tuple[Any, ...]) -> list[str]:
    """Return the names of a function's positional inputs, numbered if the function has no names for them.

    Raises:
        TypeError: for more inputs than the function accepts.
    """
    try:
        bound = inspect.signature(function).bind_partial(*inputs).arguments
    except ValueError:  # a function without a signature
        bound = {}
    return list(bound) if len(bound) == len(inputs) else [f"inputs[{k}]" for k in range(len(inputs))]


def _floats(inputs: Iterable[tuple[str, Any]]) -> Named:
    return {name: leaf for name, leaf in _leaves_of(inputs) if leaf.dtype.kind in "fc"}


def _integers(inputs: Iterable[tuple[str, Any]]) -> Named:
    return {name: leaf for name, leaf in _leaves_of(inputs) if leaf.dtype.kind not in "fc"}


def _leaves_of(inputs: Iterable[tuple[str, Any]]) -> Iterable[tuple[str, Array]]:
    return (leaf for name, value in inputs for leaf in tree_leaves(value, name))


def _takes(function: Callable[..., Any]) -> int:
    """Return the number of required positional arguments of a function."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        return -1
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in positional and p.default is inspect.Parameter.empty for p in parameters)
