"""The protocol that everything with a derivative follows.

    outputs, cache   = module.forward(*inputs, **options)
    d_inputs, grads  = module.backward(d_outputs, cache)
    module.params    -> {"layer.cell.W_x": array, ...}      live arrays, dotted names

Nothing is remembered between calls: whatever the backward pass needs travels in the cache.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Grads = dict[str, Array]


class Module:
    """Base of cells, layers and models: its array attributes are parameters, its module attributes children.

    A constructor keeps each of its arguments under the argument's own name (`rng` excepted), so that
    `config` can say how the module was made.
    """

    forward: Callable[..., tuple[Any, Any]]  # (*inputs, **options) -> outputs, cache
    backward: Callable[..., tuple[tuple[Any, ...], Grads]]  # (d_outputs, cache) -> d_inputs, grads

    @property
    def params(self) -> dict[str, Array]:
        """The live parameter arrays by dotted name, in the order in which they were made."""
        found: dict[str, Array] = {}
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                found[name] = value
            elif isinstance(value, Module):
                found |= prefixed(name, value.params)
        return found

    @property
    def dtype(self) -> np.dtype[Any] | None:
        """The parameters' dtype; None for a module that has none and follows its inputs."""
        for value in vars(self).values():
            if isinstance(value, (np.ndarray, Module)) and value.dtype is not None:
                return value.dtype
        return None

    @property
    def config(self) -> dict[str, Any]:
        """The constructor's arguments, `rng` excepted: `type(m)(**m.config)` has m's structure."""
        names = inspect.signature(type(self)).parameters
        return {name: getattr(self, name) for name in names if name != "rng"}

    def astype(self, dtype: npt.DTypeLike) -> Self:
        """An independent copy whose parameters have another dtype, complex ones included."""
        other = copy.deepcopy(self)
        _cast(other, np.dtype(dtype))
        return other

    def __repr__(self) -> str:
        config = self.config
        if str(config.pop("dtype", None)) == "float32":
            config["dtype"] = "float32"
        arguments = ", ".join(f"{name}={value!r}" for name, value in config.items())
        return f"{type(self).__name__}({arguments})"


def _cast(module: Module, dtype: np.dtype[Any]) -> None:
    for name, value in vars(module).items():
        if isinstance(value, np.ndarray):
            setattr(module, name, value.astype(dtype))
        elif isinstance(value, Module):
            _cast(value, dtype)


def prefixed(name: str, arrays: dict[str, Array]) -> dict[str, Array]:
    """A child's parameters or gradients under the names that its parent gives them."""
    return {f"{name}.{key}": value for key, value in arrays.items()}


def tree_map(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """Apply a function to every array of a nest of tuples, named tuples, lists and None; None stays None."""
    if tree is None:
        return None
    if isinstance(tree, (tuple, list)):
        parts = [tree_map(function, *branches) for branches in zip(tree, *others, strict=True)]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    return function(tree, *others)


def tree_leaves(tree: Any, name: str) -> Iterator[tuple[str, Any]]:
    """The arrays of a nest with a name each: `name`, `name.field` in a named tuple, `name[0]` elsewhere."""
    if isinstance(tree, (tuple, list)):
        fields = getattr(tree, "_fields", None)
        for index, branch in enumerate(tree):
            yield from tree_leaves(branch, f"{name}.{fields[index]}" if fields else f"{name}[{index}]")
    elif tree is not None:
        yield name, tree
