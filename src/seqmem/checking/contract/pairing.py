"""The gradients that a backward function returned, assigned to the names of the inputs."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from seqmem.nests import tree_branches

Named = dict[str, Any]


class Returned(dict[str, Any]):
    """The gradients that a backward pass returned, by the names of their arrays."""

    surplus: dict[str, str]  # further results of the backward pass, each with the fault
    left_out: Named  # optional gradients of inputs that were left out

    def __init__(
        self, gradients: Named, surplus: dict[str, str] | None = None, left_out: Named | None = None
    ) -> None:
        super().__init__(gradients)
        self.surplus, self.left_out = surplus or {}, left_out or {}

    @property
    def everything(self) -> Named:
        """All returned gradients as arrays, including those of inputs that were left out."""
        found = {name: value for name, value in self.items() if value is not None}
        return {name: np.asarray(value) for name, value in (found | self.left_out).items()}


def by_input(result: Any, inputs: Named, floats: list[str]) -> tuple[Named, dict[str, str]]:
    """Return the gradient of each input, None if there is none, and all further results.

    Args:
        result: a dict under the inputs' names, a tuple in their order, or nests of both.
        inputs: all inputs by name.
        floats: the names of the inputs that have a gradient.
    """
    if result is None:
        return {}, {"gradients": "backward returned nothing: is a return missing?"}
    if len(inputs) == 1 and _mirrors(result, *inputs.items()):
        result = (result,)
    parts = list(result) if isinstance(result, (tuple, list)) else [result]
    names = list(inputs) if len(parts) == len(inputs) else floats
    if not isinstance(result, dict) and len(parts) == len(names):
        paired = dict(zip(names, parts, strict=True))
        if all(isinstance(inputs[name], dict) or not isinstance(part, dict) for name, part in paired.items()):
            return paired, {}
    named, positional = _flattened(result)
    found: Named = {}
    for name in floats:
        key = spelled(name, named)
        if key in named:
            found[name] = named.pop(key)
        elif isinstance(inputs[name], dict):
            keys = {part: spelled(part, named) for part in inputs[name]}
            found[name] = {part: named.pop(key, None) for part, key in keys.items()}
    waiting = [name for name in floats if name not in found]
    found |= dict(zip(waiting, positional, strict=False))
    surplus = {str(name): "not one of the inputs" for name in named}
    if positional and len(positional) != len(waiting):
        surplus["gradients"] = f"backward returned {len(positional)}, forward takes {len(waiting)} arrays"
    return found, surplus


def of_leaves(value: Any, gradient: Any, name: str) -> Named:
    """Return the gradients of one input's leaves, each from the same position in the nest."""
    branches = tree_branches(value, name)
    if branches is None:
        return {name: gradient}
    fits = isinstance(gradient, (tuple, list, dict)) and len(gradient) == len(value)
    keys = list(value) if isinstance(value, dict) else range(len(value))
    found: Named = {}
    for key, (own, branch) in zip(keys, branches, strict=True):
        part = None
        if isinstance(gradient, dict):
            part = gradient.get(spelled(key, gradient)) if isinstance(key, str) else None
        elif fits and isinstance(key, int):
            part = gradient[key]
        found |= of_leaves(branch, part, own)
    return found


def spelled(name: str, gradients: Named) -> Any:
    """Return the key of the gradient of `name`: W, dW, d_W, grad_W, W_grad, in upper or lower case."""
    spellings = (name, f"d_{name}", f"d{name}", f"grad_{name}", f"{name}_grad")
    exact = next((spelling for spelling in spellings if spelling in gradients), None)
    if exact is not None:
        return exact
    plain = {_plain(spelling) for spelling in spellings}
    return next((key for key in gradients if isinstance(key, str) and _plain(key) in plain), name)


def _plain(name: str) -> str:
    return re.sub("_", "", name).lower()


def _flattened(result: Any) -> tuple[Named, list[Any]]:
    """Return the named and the unnamed values in nests of tuples, lists and dicts."""
    if isinstance(result, dict):
        return dict(result), []
    named: Named = {}
    positional: list[Any] = []
    for part in result if isinstance(result, (tuple, list)) else [result]:
        if isinstance(part, (tuple, list, dict)):
            more, further = _flattened(part)
            named |= more
            positional += further
        else:
            positional.append(part)
    return named, positional


def _mirrors(result: Any, only: tuple[str, Any]) -> bool:
    """Return whether a result is the gradient of the only input itself, in that input's structure."""
    name, value = only
    if isinstance(value, dict):
        return isinstance(result, dict) and set(result) == set(value) and name not in value
    return isinstance(value, tuple) and isinstance(result, (tuple, list)) and 1 < len(result) == len(value)
