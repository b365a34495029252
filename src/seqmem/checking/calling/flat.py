"""A plan as two plain functions: forward of arrays by name, backward of an upstream gradient and a cache."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from seqmem.checking.calling import slots as within
from seqmem.checking.calling.backwards import Part
from seqmem.checking.calling.calls import Ran
from seqmem.checking.calling.returned import fetch, in_shape
from seqmem.checking.calling.trial import Plan, Runner
from seqmem.checking.calling.values import draw
from seqmem.module import Array


class Flat(NamedTuple):
    """Two plain functions, and the arrays at which to check them."""

    forward: Callable[..., Any]
    backward: Callable[..., Any]
    inputs: dict[str, Array]  # inputs with a gradient
    without: tuple[str, ...]  # inputs whose gradient is not returned


class _Hidden:
    """Values that a backward pass needs in addition to the cache; writing to them is not a side effect.

    It is callable, because a search for arrays in a cache does not look into functions.
    """

    __slots__ = ("before", "parts", "ran")

    def __init__(self, ran: Ran, parts: list[Part], before: dict[Any, Array]) -> None:
        self.ran, self.parts, self.before = ran, parts, before

    def __call__(self) -> Ran:
        return self.ran


def flat(plan: Plan, excluded: frozenset[str] = frozenset(), everything: bool = False) -> Flat:
    """Return a plan's passes as plain functions.

    Args:
        plan: the result of a search.
        excluded: names of inputs to ignore.
        everything: whether inputs whose gradient is not returned count as inputs as well.
    """
    places = {name: where for name, where in plan.pairing.places.items() if name not in excluded}
    names = [name for name in plan.arrays if (everything or name in places) and name not in excluded]
    constant = {name: array for name, array in plan.arrays.items() if name not in names}
    whole = _whole(plan) if everything else {}
    sites = {
        site.name: draw(value, site.name, plan.call.seed)
        for site, value in plan.values.items()
        if site.place == "back"
    }
    runner = Runner(plan.call, plan.values, plan.binding, sites)
    is_loss = not plan.binding.upstreams

    def forward(**arrays: Any) -> Any:
        given = {**{name: array.copy() for name, array in constant.items()}, **arrays}
        ran, parts = runner.forward(given)
        outputs = [parts[k].value for k in plan.binding.outputs]
        shown = [part.value for k, part in enumerate(parts) if k not in plan.binding.outputs]
        return (*outputs, (shown, _Hidden(ran, parts, runner.snapshot(ran))))

    def backward(d_out: Any, cache: Any) -> dict[str, Any]:
        hidden = cache[1]
        _start_anew(hidden)
        several = len(plan.binding.outputs) > 1
        upstream = list(d_out) if several else [d_out]
        before = runner.snapshot(hidden.ran)
        result = runner.backward(hidden.ran, hidden.parts, upstream)
        factor = np.asarray(upstream[0]) if is_loss else None
        values = {name: fetch(where, result, hidden.ran, before) for name, where in places.items()}
        _take_back(hidden, places, before)
        found: dict[str, Any] = {}
        for name, where in places.items():
            value = in_shape(values[name], plan.arrays[name])
            if where[0] == "left":
                value = np.array(value)  # a copy, because the object may use the array again
            found[name] = value if factor is None or value is None else np.asarray(value) * factor
        return found

    _look_like(forward, plan.call.candidate.forward, [*names, *whole])
    inputs = {name: plan.arrays[name].copy() for name in names} | whole
    missing = tuple(name for name in plan.arrays if name not in places and name not in excluded)
    return Flat(forward, backward, inputs, missing)


def _whole(plan: Plan) -> dict[str, Any]:
    """Return the integer inputs and masks, which have no gradient."""
    return {
        site.name: draw(value, site.name, plan.call.seed)
        for site, value in plan.values.items()
        if value.kind in ("index", "mask") and site.place == "arg"
    }


def _start_anew(hidden: _Hidden) -> None:
    """Restore accumulated gradients to their values before the first call."""
    for (root, path), array in hidden.before.items():
        if within.is_gradient(path):
            now = within.get(hidden.ran.roots[root], path)
            if isinstance(now, np.ndarray) and now.shape == array.shape and not np.array_equal(now, array):
                within.put(hidden.ran.roots[root], path, array.copy())


def _take_back(hidden: _Hidden, places: dict[str, Any], before: dict[Any, Array]) -> None:
    """Restore the weights of an object that updated itself."""
    for where in places.values():
        if where[0] == "update":
            within.put(hidden.ran.roots[where[1]], where[2], before[where[1], where[2]])


def _look_like(function: Any, original: Callable[..., Any], names: list[str]) -> None:
    """Give a function another function's name and source, with its own parameters."""
    function.__name__, function.__qualname__ = original.__name__, original.__qualname__
    function.__wrapped__ = original  # the source of quoted lines
    kind = inspect.Parameter.KEYWORD_ONLY
    safe = [name for name in names if name.isidentifier()]
    if len(safe) == len(names):
        function.__signature__ = inspect.Signature([inspect.Parameter(name, kind) for name in names])
    else:
        function.__signature__ = inspect.Signature(
            [inspect.Parameter("arrays", inspect.Parameter.VAR_KEYWORD)]
        )
