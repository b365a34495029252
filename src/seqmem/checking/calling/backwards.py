"""The call of a backward pass: which parameter is the cache, and which the gradient of which output."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from seqmem.checking.calling.calls import AskError, Call, Ran, Site, parameters_of
from seqmem.checking.reading.hints import returned_names
from seqmem.checking.reading.words import bare, is_cache, is_rate, is_upstream, plain, role
from seqmem.module import Array

RATE = 0.5  # the learning rate for a backward pass that updates weights itself


class Part(NamedTuple):
    """One of the values that a forward pass returned."""

    name: str
    value: Any

    @property
    def is_output(self) -> bool:
        """True if the value can have an upstream gradient."""
        value = self.value
        if isinstance(value, (np.ndarray, float, complex)) or np.isscalar(value):
            return np.asarray(value).dtype.kind in "fc" and np.size(value) > 0
        return False


class Binding(NamedTuple):
    """A way to call a backward pass."""

    function: Callable[..., Any] | None  # None if there is no function to call
    outputs: tuple[int, ...]  # the returned parts that have an upstream gradient
    upstreams: tuple[str, ...]  # the parameter for each; () if the loss's gradients are returned
    others: tuple[
        tuple[str, str, Any], ...
    ]  # (parameter, "argument" | "part" | "cache" | "value" | "all", what)

    def arguments(
        self, ran: Ran, parts: list[Part], upstream: tuple[Any, ...], values: dict[str, Any]
    ) -> dict[str, Any]:
        """Return the arguments of one call, by name."""
        found = dict(zip(self.upstreams, upstream, strict=False))
        for name, kind, what in self.others:
            if kind == "argument":
                found[name] = ran.arguments[what]
            elif kind == "part":
                found[name] = parts[what].value
            elif kind == "all":
                found[name] = ran.result
            elif kind == "root":
                found[name] = ran.roots[what]
            else:
                found[name] = values[name] if kind == "site" else what
        return found


def parts_of(call: Call, ran: Ran) -> list[Part]:
    """Return the parts of a forward pass's result, named as in its text; an object's h if there is none."""
    result = ran.result
    names = returned_names(call.candidate.forward)
    if isinstance(result, (tuple, list)) and not _is_list_of_arrays(result):
        values = list(result)
        names = names if len(names) == len(values) else [""] * len(values)
        return [
            Part(name or f"output {k}", value)
            for k, (name, value) in enumerate(zip(names, values, strict=True))
        ]
    if result is None and "self" in ran.roots:
        return _left_in(ran)
    if isinstance(result, list):
        result = np.array(result)
    return [Part(names[0] if len(names) == 1 and names[0] else "output", result)]


def _left_in(ran: Ran) -> list[Part]:
    """Return the parts that a forward pass without a result stores in its object: hidden and cell state."""
    from seqmem.checking.calling.slots import slots

    found = {slot.path[-1][1]: slot.array for slot in slots(ran.roots["self"])}
    return [Part(str(name), found[name]) for name in ("h", "s", "c", "y", "out", "output") if name in found]


def _is_list_of_arrays(value: Any) -> bool:
    arrays = isinstance(value, list) and len(value) > 1 and all(isinstance(v, np.ndarray) for v in value)
    return arrays and len({v.shape for v in value}) == 1


def bindings(call: Call, ran: Ran, parts: list[Part], sites: dict[str, Any]) -> Iterator[Binding]:
    """Yield the ways to call the backward pass, the most likely one first.

    Raises:
        AskError: if a parameter matches none of the available values.
    """
    function = call.candidate.backward
    if call.candidate.is_torch:
        yield _of_torch(call, parts)
        return
    if function is None and callable(parts[-1].value):
        yield from _of_closure(parts)
        return
    if function is None:
        scalars = [k for k, part in enumerate(parts) if part.is_output and np.ndim(part.value) == 0]
        yield from (Binding(None, (k,), (), ()) for k in scalars[:1])
        return
    roles = _Roles(call, ran, parts, sites)
    upstreams, others, used = roles.assign()
    outputs = [k for k, part in enumerate(parts) if part.is_output and k not in used]
    outputs = outputs or [k for k, part in enumerate(parts) if part.is_output]
    if not upstreams:
        scalars = [k for k in outputs if np.size(parts[k].value) == 1]
        yield from (Binding(function, (k,), (), others) for k in scalars[:1])
        return
    for chosen in _matched(upstreams, outputs, parts):
        yield Binding(function, chosen, upstreams, others)
    scalars = [k for k, part in enumerate(parts) if part.is_output and np.ndim(part.value) == 0]
    optional = {p.name for p in parameters_of(function, True) if p.default is not p.empty}
    if scalars and set(upstreams) <= optional:
        yield Binding(function, (scalars[0],), (), others)


def _of_closure(parts: list[Part]) -> Iterator[Binding]:
    function = parts[-1].value
    names = [p.name for p in parameters_of(function, False) if p.default is p.empty]
    outputs = [k for k, part in enumerate(parts[:-1]) if part.is_output]
    if len(names) <= len(outputs):
        yield Binding(function, tuple(outputs[: len(names)]), tuple(names), ())


def _of_torch(call: Call, parts: list[Part]) -> Binding:
    """Return the way to call a torch.autograd.Function: an upstream gradient for each output, in order."""
    outputs = tuple(k for k, part in enumerate(parts) if part.is_output)
    others = tuple((str(k), "value", None) for k in range(len(parts)) if k not in outputs)
    return Binding(call.candidate.backward, outputs, tuple(map(str, outputs)), others)


class _Roles:
    """The meaning of each parameter of a backward pass."""

    def __init__(self, call: Call, ran: Ran, parts: list[Part], sites: dict[str, Any]) -> None:
        self.call, self.ran, self.parts, self.sites = call, ran, parts, sites
        self.by_name = {plain(part.name): k for k, part in enumerate(parts)}
        self.upstreams: list[str] = []
        self.others: list[tuple[str, str, Any]] = []
        self.used: set[int] = set()

    def assign(self) -> tuple[tuple[str, ...], tuple[tuple[str, str, Any], ...], set[int]]:
        function = self.call.candidate.backward
        assert function is not None
        waiting = []
        own = {p.name for p in self.call.parameters}
        for parameter in parameters_of(function, True):
            name = parameter.name
            optional = parameter.default is not parameter.empty
            if name in self.call.objects:
                self.others.append((name, "root", name))
            elif is_rate(name) and name not in own:
                self.others.append((name, "value", RATE))
            elif not self._known(name, optional) and not optional:
                waiting.append(name)
        for name in waiting:
            self._guessed(name)
        return tuple(self.upstreams), tuple(self.others), self.used

    def _known(self, name: str, optional: bool) -> bool:
        if name in self.ran.arguments and not optional:
            self.others.append((name, "argument", name))
        elif is_upstream(name) and plain(name) not in self.by_name:
            self.upstreams.append(name)
        elif optional:
            return False
        elif plain(name) in self.by_name:
            self._part(name, self.by_name[plain(name)])
        elif is_cache(name):
            self._cache(name)
        elif name in self.sites:
            self.others.append((name, "site", name))
        else:
            return False
        return True

    def _part(self, name: str, k: int) -> None:
        self.used.add(k)
        self.others.append((name, "part", k))

    def _cache(self, name: str) -> None:
        """Assign the cache: the last returned value, or all returned values."""
        taken = {what for _, kind, what in self.others if kind == "part"}
        free = [k for k in range(len(self.parts)) if k not in taken]
        odd = [k for k in free if not self.parts[k].is_output]
        if len(self.parts) == 1 and self.parts[0].is_output and not odd:
            self.others.append((name, "part", 0))
        elif odd or free:
            self._part(name, (odd or free)[-1])

    def _guessed(self, name: str) -> None:
        """Assign a parameter with an unknown name: the first is the upstream gradient, the last the cache."""
        odd = [k for k, part in enumerate(self.parts) if not part.is_output and k not in self.used]
        if odd and (self.upstreams or role(name) in ("", "state")):
            self._part(name, odd[-1])
        elif role(name) in ("labels", "tokens", "mask", "size", "scalar"):
            raise AskError(Site("back", "", name))
        elif not self.upstreams:
            self.upstreams.append(name)
        elif len(self.ran.arguments) == 1 and len(self.parts) == 1:
            self.others.append((name, "argument", next(iter(self.ran.arguments))))
        else:
            raise AskError(Site("back", "", name))


def _matched(upstreams: tuple[str, ...], outputs: list[int], parts: list[Part]) -> Iterator[tuple[int, ...]]:
    """Yield the possible outputs for the upstream parameters, likely ones first."""
    if len(upstreams) > len(outputs):
        return
    orders = list(itertools.islice(itertools.permutations(outputs, len(upstreams)), 60))

    def likeness(order: tuple[int, ...]) -> float:
        return -sum(_alike(bare(u), plain(parts[k].name)) for u, k in zip(upstreams, order, strict=True))

    yield from sorted(orders, key=likeness)[:6]


def _alike(gradient: str, output: str) -> float:
    """Return the similarity of two names; it is greatest if they are equal."""
    if gradient == output:
        return 10.0
    core, other = _core(gradient), _core(output)
    if core and core == other:
        return 6.0
    if gradient and (output.startswith(gradient) or gradient.startswith(output)):
        return 3.0
    return 2.0 * (core[:1] == other[:1] and bool(core))


def _core(name: str) -> str:
    for word in ("next", "new", "prev", "out", "last", "t", "s"):
        if len(name) > len(word):
            name = name.removeprefix(word) if word not in ("t", "s") else name.removesuffix(word)
            name = name.removesuffix(word) if word not in ("t", "s") else name
    return name


def scaled(values: Any, factor: Any) -> Any:
    """Return gradients of a loss, multiplied by its upstream gradient."""
    if isinstance(values, dict):
        return {key: scaled(value, factor) for key, value in values.items()}
    if isinstance(values, (tuple, list)):
        return tuple(scaled(value, factor) for value in values)
    if isinstance(values, np.ndarray) or np.isscalar(values):
        return np.asarray(values) * factor if np.asarray(values).dtype.kind in "fciu" else values
    return values


def as_output(value: Any) -> Array:
    """Return an output in the form that the checker uses: an array."""
    return np.asarray(value)
