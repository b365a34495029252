"""The protocol of everything that has a derivative.

    outputs, cache   = module.forward(*inputs, **options)
    d_inputs, grads  = module.backward(d_outputs, cache)
    module.params    -> {"layer.cell.W_x": array, ...}      live arrays, dotted names

Nothing is stored between calls: everything that the backward pass needs is in the cache.
"""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Grads = dict[str, Array]

PLAIN = frozenset({int, float, str, bool, type(None)})  # attributes of these types hold no arrays


class Tie(NamedTuple):
    """An additional name of a parameter."""

    first: str  # the name in `params`
    transposed: bool  # True if the additional name shows the array transposed


class Module:
    """Base class of cells, layers and models: array attributes are parameters, module attributes children.

    Children may also be in lists, tuples and dicts: `layers.0.W`. An array that has several names, as it is
    or transposed, is one parameter under the first name, and its gradient is the sum over all names. A
    constructor stores each of its arguments under the argument's own name (except `rng`), so that `config`
    can tell how the module was constructed.

    >>> from seqmem.layers import Embedding, Linear
    >>> class Tied(Module):
    ...     def __init__(self):
    ...         self.layers = [Embedding(9, 3, rng=0), Linear(3, 9, rng=0)]
    ...         self.layers[1].W = self.layers[0].W.T
    >>> sorted(Tied().params)
    ['layers.0.W', 'layers.1.b']
    """

    forward: Callable[..., tuple[Any, Any]]  # (*inputs, **options) -> outputs, cache
    backward: Callable[..., tuple[tuple[Any, ...], Grads]]  # (d_outputs, cache) -> d_inputs, grads

    @property
    def params(self) -> dict[str, Array]:
        """The live parameter arrays by dotted name, in the order of their creation."""
        arrays = named_arrays(self)
        for name in _ties(arrays):
            del arrays[name]
        return arrays

    @property
    def ties(self) -> dict[str, Tie]:
        """The additional names of the arrays that have several names."""
        return _ties(named_arrays(self))

    @property
    def dtype(self) -> np.dtype[Any] | None:
        """The parameters' dtype; None for a module without parameters, which follows its inputs."""
        for _, value in _members(self):
            dtype: np.dtype[Any] | None = value.dtype
            if dtype is not None:
                return dtype
        return None

    @property
    def config(self) -> dict[str, Any]:
        """The constructor's arguments by name, except `rng`.

        `type(m)(*m.positional, **m.config)` has m's structure.

        Raises:
            TypeError: if the constructor did not store an argument under the argument's own name.
        """
        kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        arguments = arguments_of(type(self))
        names = [name for name, one in arguments.items() if name != "rng" and one.kind not in kinds]
        self._check_kept(names)
        return {name: getattr(self, name) for name in names}

    @property
    def positional(self) -> tuple[Any, ...]:
        """The unnamed arguments of a constructor that takes any number, as `Stack(*layers)` does.

        Raises:
            TypeError: if the constructor did not store them under their name.

        >>> from seqmem.layers import Linear
        >>> Linear(3, 2).positional
        ()
        """
        arguments = arguments_of(type(self)).values()
        rest = [one.name for one in arguments if one.kind == inspect.Parameter.VAR_POSITIONAL]
        self._check_kept(rest)
        return tuple(part for name in rest for part in getattr(self, name))

    def _check_kept(self, names: list[str]) -> None:
        missing = next((name for name in names if not hasattr(self, name)), None)
        if missing is not None:
            raise TypeError(
                f"{type(self).__name__}: keep the constructor's argument {missing} as self.{missing}, "
                "so that config can tell how it was constructed"
            )

    def summed(self, grads: Grads) -> Grads:
        """Return the gradients by parameter name: the gradients of a tied array are added up.

        Args:
            grads: the gradients by every name, as the children's backward passes returned them. Changed in
                place; a sum is a new array.
        """
        for name, (first, transposed) in self.ties.items():
            if name in grads:
                grad = grads.pop(name)
                grads[first] = grads[first] + (grad.T if transposed else grad)
        return grads

    def tie(self, name: str, first: str, transposed: bool = False) -> None:
        """Replace the array of one name by the array of another name, or by a transposed view of it.

        Args:
            name: dotted, as in `params`; the array of this name is dropped.
            first: dotted, the name of the array to keep.
            transposed: whether `name` shows the array transposed.

        Raises:
            ValueError: for a name that no array has, or arrays whose shapes or dtypes do not match.

        >>> from seqmem.models import Decoder
        >>> decoder = Decoder(9, 4, 4, rng=0)
        >>> decoder.tie("output.W", "embedding.W", transposed=True)
        >>> decoder.ties
        {'output.W': Tie(first='embedding.W', transposed=True)}
        """
        arrays = named_arrays(self)
        for one in (name, first):
            if not isinstance(one, str):
                came = type(one).__name__
                raise TypeError(
                    f"{type(self).__name__}.tie: name or first is of type {came}, expected a string"
                )
            if one not in arrays:
                raise ValueError(f"{type(self).__name__}.tie: {one!r} is not one of {', '.join(arrays)}")
        if not isinstance(transposed, (bool, np.bool_)):
            came = type(transposed).__name__
            raise TypeError(
                f"{type(self).__name__}.tie: transposed is of type {came}, expected True or False"
            )
        if name == first:
            raise ValueError(f"{type(self).__name__}.tie: {name} would be tied to itself")
        kept = arrays[first].T if transposed else arrays[first]
        if (kept.dtype, kept.shape) != (arrays[name].dtype, arrays[name].shape):
            how = "transposed" if transposed else "as it is"
            raise ValueError(
                f"{type(self).__name__}.tie: {first} is {kept.dtype} {kept.shape} {how}, expected "
                f"{arrays[name].dtype} {arrays[name].shape}: that of {name}"
            )
        _replace(self, lambda own, array: kept if own == name else array)

    def astype(self, dtype: npt.DTypeLike) -> Self:
        """Return an independent copy with parameters of another dtype, real or complex."""
        try:
            found = np.dtype(dtype)
        except TypeError:
            raise TypeError(
                f"{type(self).__name__}.astype: dtype is {dtype!r:.80}, expected a dtype"
            ) from None
        if found.kind not in "fc":
            raise ValueError(
                f"{type(self).__name__}.astype: dtype is {found}, expected real or complex floats"
            )
        other = copy.deepcopy(self)
        _replace(other, lambda _, array: array.astype(found))
        for name, tie in self.ties.items():
            other.tie(name, tie.first, tie.transposed)
        return other

    def summary(self) -> str:
        """Return a table of the parameters: name, shape and count, with the total.

        >>> from seqmem.layers import Linear
        >>> print(Linear(3, 2, rng=0).summary())
        parameter  shape   count
        W          (3, 2)      6
        b          (2,)        2
        total                  8
        """
        params, ties = self.params, self.ties
        rows = [("parameter", "shape", "count")]
        rows += [(name, str(array.shape), f"{array.size:,}") for name, array in params.items()]
        rows += [(name, f"{tie.first}{'.T' * tie.transposed}", "tied") for name, tie in ties.items()]
        rows.append(("total", "", f"{sum(array.size for array in params.values()):,}"))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            f"{name:<{widths[0]}}  {shape:<{widths[1]}}  {count:>{widths[2]}}" for name, shape, count in rows
        )

    def __str__(self) -> str:
        """Return the tree of children and parameters with their shapes."""
        ties = self.ties
        lines = [type(self).__name__]

        def show(module: Module, path: str, indent: str) -> None:
            for name, value in _members(module):
                full = f"{path}{name}"
                if isinstance(value, Module):
                    lines.append(f"{indent}{name}: {type(value).__name__}")
                    show(value, f"{full}.", indent + "  ")
                else:
                    tie = ties.get(full)
                    tied = f" = {tie.first}{'.T' * tie.transposed}" if tie else ""
                    lines.append(f"{indent}{name} {value.shape}{tied}")

        show(self, "", "  ")
        return "\n".join(lines)

    def __repr__(self) -> str:
        try:
            config = self.config
            dtype = np.dtype(config.pop("dtype", np.float64))
            if dtype != np.float64:
                config["dtype"] = dtype.name
            defaults = {name: one.default for name, one in arguments_of(type(self)).items()}
            told = {name: value for name, value in config.items() if not _is(value, defaults[name])}
            shown = [*map(repr, self.positional), *(f"{name}={value!r}" for name, value in told.items())]
            arguments = ", ".join(shown)
        except Exception:  # noqa: BLE001 - an incomplete module can still be shown
            arguments = "..."
        return f"{type(self).__name__}({arguments})"

    def __copy__(self) -> Self:
        """Return an independent copy, as `copy.deepcopy` does: no two models share a parameter unnoticed."""
        return copy.deepcopy(self)

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes and the ties: pickling turns a view of an array into a separate array."""
        return {"attributes": dict(vars(self)), "ties": self.ties}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state["attributes"])
        for name, tie in state["ties"].items():
            self.tie(name, tie.first, tie.transposed)


_signature = functools.lru_cache(maxsize=256)(inspect.signature)  # most of the time of describing a model


def arguments_of(kind: Any) -> Mapping[str, inspect.Parameter]:
    """Return the arguments of a module's constructor."""
    return _signature(kind).parameters


def _is(value: Any, default: Any) -> bool:
    """Return whether an argument has its default value, of simple types."""
    return type(value) in PLAIN and type(value) is type(default) and value == default


def _members(module: Module) -> Iterator[tuple[str, Any]]:
    """Yield a module's arrays and children by name; members of containers as `name.0` or `name.key`."""
    waiting = list(vars(module).items())[::-1]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, (np.ndarray, Module)):
            yield name, value
        elif isinstance(value, dict):
            waiting += [(f"{name}.{key}", part) for key, part in reversed(value.items())]
        elif isinstance(value, (list, tuple)):
            waiting += [(f"{name}.{k}", part) for k, part in enumerate(value)][::-1]


def named_modules(module: Module, name: str = "") -> Iterator[tuple[str, Module]]:
    """Yield a module and all modules inside it by dotted name; the outermost has the given name."""
    yield name, module
    for own, value in _members(module):
        if isinstance(value, Module):
            yield from named_modules(value, f"{name}.{own}" if name else own)


def named_arrays(module: Module) -> dict[str, Array]:
    """Return every array of a module by each of its dotted names.

    Raises:
        ValueError: if two arrays have the same name, as with the keys 1 and "1" of a dict.
    """
    found: dict[str, Array] = {}
    _collect(vars(module).items(), "", found, type(module).__name__)
    return found


def _collect(values: Iterable[tuple[Any, Any]], path: str, found: dict[str, Array], owner: str) -> None:
    # Not a closure: one that calls itself is a cycle, which keeps arrays alive until garbage is collected.
    for name, value in values:
        if type(value) in PLAIN:
            continue
        if isinstance(value, np.ndarray):
            if f"{path}{name}" in found:
                raise ValueError(f"{owner}: two arrays have the name {path}{name}")
            found[f"{path}{name}"] = value
        elif isinstance(value, Module):
            _collect(vars(value).items(), f"{path}{name}.", found, owner)
        elif isinstance(value, dict):
            _collect(value.items(), f"{path}{name}.", found, owner)
        elif isinstance(value, (list, tuple)):
            _collect(enumerate(value), f"{path}{name}.", found, owner)


def _ties(arrays: dict[str, Array]) -> dict[str, Tie]:
    """Return the names of arrays that already appeared under an earlier name."""
    owners: dict[int, list[str]] = {}  # a view has the owner of the array that it shows
    for name, array in arrays.items():
        owner = array
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        owners.setdefault(id(owner), []).append(name)
    if len(owners) == len(arrays):
        return {}
    found = {}
    for names in owners.values():
        firsts: list[str] = []
        for name in names:
            tie = next(filter(None, (_tie(arrays[name], arrays[first], first) for first in firsts)), None)
            if tie is None:
                firsts.append(name)
            else:
                found[name] = tie
    return found


def _tie(array: Array, other: Array, name: str) -> Tie | None:
    """Return how an array shows another array, whose name is given; None unless both are the same memory."""
    for transposed, shown in ((False, other), (True, other.T)):
        same_place = array.__array_interface__["data"] == shown.__array_interface__["data"]
        if same_place and array.shape == shown.shape and array.strides == shown.strides:
            return Tie(name, transposed)
    return None


def _replace(module: Module, function: Callable[[str, Array], Array], path: str = "") -> None:
    """Replace each array by `function(name, array)`."""
    for name, value in list(vars(module).items()):
        replaced = _replaced(value, f"{path}{name}", function)
        if replaced is not value:
            setattr(module, name, replaced)


def _replaced(value: Any, name: str, function: Callable[[str, Array], Array]) -> Any:
    if isinstance(value, np.ndarray):
        return function(name, value)
    if isinstance(value, Module):
        _replace(value, function, f"{name}.")
    elif isinstance(value, dict):
        for key, part in value.items():
            value[key] = _replaced(part, f"{name}.{key}", function)
    elif isinstance(value, list):
        value[:] = [_replaced(part, f"{name}.{k}", function) for k, part in enumerate(value)]
    elif isinstance(value, tuple):
        made = [_replaced(part, f"{name}.{k}", function) for k, part in enumerate(value)]
        if any(one is not part for one, part in zip(made, value, strict=True)):
            return type(value)(*made) if hasattr(value, "_fields") else type(value)(made)
    return value


def prefixed(name: str, arrays: dict[str, Array]) -> dict[str, Array]:
    """Return a child's parameters or gradients under the names that the parent uses."""
    return {f"{name}.{key}": value for key, value in arrays.items()}
