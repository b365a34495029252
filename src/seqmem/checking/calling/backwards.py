"""The call of a backward pass: which parameter is the cache, and which the gradient of which output."""

from __future__ import annotations

import ast
import copy
import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from seqmem.checking.calling.calls import RATE, AskError, Call, Ran, Site, parameters_of
from seqmem.checking.calling.own_losses import OwnLoss, drawn, is_prediction, own_losses
from seqmem.checking.reading.hints import returned_names, tree_of
from seqmem.checking.reading.words import bare, is_cache, is_rate, is_upstream, plain, role


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
    others: tuple[tuple[str, str, Any], ...]  # (parameter, "argument" | "part" | "value" | "fill" ..., what)
    loss: OwnLoss | None = None  # that only the backward pass knows: the part after the returned ones
    form: tuple[int, ...] = ()  # the shape of the upstream gradient of a vector: (1, -1) for a row

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
            elif kind == "first":
                found[name] = ran.arguments[what][0]
            elif kind == "fill":
                found[name] = {}
            elif kind == "root":
                found[name] = ran.roots[what]
            else:
                found[name] = values[name] if kind == "site" else copy.deepcopy(what)
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
    yield from _of_function(function, call, ran, parts, sites)


def _of_function(
    function: Callable[..., Any], call: Call, ran: Ran, parts: list[Part], sites: dict[str, Any]
) -> Iterator[Binding]:
    """Yield the ways to call a backward pass that is a function of its own."""
    roles = _Roles(call, ran, parts, sites)
    upstreams, others, used = roles.assign()
    if roles.labels and len(parameters_of(function, True)) == 1:  # y of tanh, not labels
        yield from _of_slope(call, ran, parts, roles.labels[0])
        return
    if roles.labels:
        yield from _with_own_loss(function, upstreams, others, roles.labels[0], parts)
        return
    outputs = [k for k, part in enumerate(parts) if part.is_output and k not in used]
    outputs = outputs or [k for k, part in enumerate(parts) if part.is_output]
    if upstreams:
        yield from _with_upstreams(function, upstreams, others, outputs, parts)
        if len(upstreams) == 1 and not is_upstream(upstreams[0]):
            yield from _of_slope(call, ran, parts, upstreams[0])
        return
    scalars = [k for k in outputs if np.size(parts[k].value) == 1]
    first = tuple(
        (name, "first" if _is_one_row(ran, kind, what) else kind, what) for name, kind, what in others
    )
    ways = (others, first) if first != others else (others,)
    yield from (Binding(function, (k,), (), way) for way in ways for k in scalars[:1])
    if len(others) == 1 and not scalars:
        yield from _of_slope(call, ran, parts, others[0][0])


def _with_upstreams(
    function: Callable[..., Any],
    upstreams: tuple[str, ...],
    others: tuple[tuple[str, str, Any], ...],
    outputs: list[int],
    parts: list[Part],
) -> Iterator[Binding]:
    """Yield the ways to call a backward pass with upstream gradients, and without if it has a default."""
    for chosen in _matched(upstreams, outputs, parts):
        yield Binding(function, chosen, upstreams, others)
    if len(upstreams) == 1 and outputs and all(np.ndim(parts[k].value) == 1 for k in outputs):
        for form in ((1, -1), (-1, 1)):
            yield Binding(function, (outputs[0],), upstreams, others, form=form)
    scalars = [k for k, part in enumerate(parts) if part.is_output and np.ndim(part.value) == 0]
    optional = {p.name for p in parameters_of(function, True) if p.default is not p.empty}
    if scalars and set(upstreams) <= optional:
        yield Binding(function, (scalars[0],), (), others)


def _of_slope(call: Call, ran: Ran, parts: list[Part], name: str) -> Iterator[Binding]:
    """Yield the ways to call f' of a function of one array, entry by entry: of its input or of its output."""
    function, given = call.candidate.backward, list(ran.arguments.values())
    if len(given) == len(parts) == 1 and np.shape(given[0]) == np.shape(parts[0].value):
        yield Binding(function, (0,), (), ((name, "argument", next(iter(ran.arguments))),))
        yield Binding(function, (0,), (), ((name, "part", 0),))


def _is_one_row(ran: Ran, kind: str, what: Any) -> bool:
    """Return whether an argument is a set of one sequence, of which a backward pass takes the sequence."""
    value = ran.arguments.get(what) if kind == "argument" else None
    return isinstance(value, np.ndarray) and value.dtype.kind == "i" and value.ndim == 2 and len(value) == 1


def _of_closure(parts: list[Part]) -> Iterator[Binding]:
    function = parts[-1].value
    names = [p.name for p in parameters_of(function, False) if p.default is p.empty]
    outputs = [k for k, part in enumerate(parts[:-1]) if part.is_output]
    if len(names) <= len(outputs):
        yield Binding(function, tuple(outputs[: len(names)]), tuple(names), ())


def _with_own_loss(
    function: Callable[..., Any],
    upstreams: tuple[str, ...],
    others: tuple[tuple[str, str, Any], ...],
    labels: str,
    parts: list[Part],
) -> Iterator[Binding]:
    """Yield the ways to call a backward pass that takes labels, for the usual losses."""
    passed = [what for _, kind, what in others if kind == "part" and parts[what].is_output]
    outputs = [k for k, part in enumerate(parts) if part.is_output]
    prediction = (passed or outputs)[0]
    rest = [k for k in outputs if k != prediction]
    for chosen in _matched(upstreams, rest, parts) if upstreams else [()]:
        weighted = tuple((k, drawn(parts[k].name, parts[k].value)) for k in chosen)
        given = tuple((name, "value", one) for name, (_, one) in zip(upstreams, weighted, strict=True))
        for loss in own_losses(prediction, parts[prediction].value, weighted):
            told = (*others, *given, (labels, "value", loss.labels))
            yield Binding(function, (len(parts),), (), told, loss)


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
        self.labels: list[str] = []  # of a loss that the forward pass does not compute
        self.others: list[tuple[str, str, Any]] = []
        self.used: set[int] = set()

    @property
    def takes_labels(self) -> bool:
        """True if the backward pass takes labels that the forward pass does not."""
        function = self.call.candidate.backward
        names = [p.name for p in parameters_of(function, True)] if function is not None else []
        return any(role(name) == "labels" and name not in self.ran.arguments for name in names)

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
        is_made = is_cache(name) and plain(name) in self.by_name  # not the argument of the same name
        if name in self.ran.arguments and not optional and not is_made:
            self.others.append((name, "argument", name))
        elif _is_filled(self.call.candidate.backward, name):
            self.others.append((name, "fill", None))
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
        free = [k for k, part in enumerate(self.parts) if part.is_output and k not in self.used]
        has_loss = any(part.is_output and np.ndim(part.value) == 0 for part in self.parts)
        if role(name) == "labels" and free and not has_loss:
            self.labels.append(name)
        elif is_prediction(name) and free and self.takes_labels:
            self._part(name, free[0])
        elif odd and (self.upstreams or role(name) in ("", "state")):
            self._part(name, odd[-1])
        elif role(name) in ("labels", "tokens", "mask", "size", "scalar"):
            raise AskError(Site("back", "", name))
        elif not self.upstreams:
            self.upstreams.append(name)
        elif len(self.ran.arguments) == 1 and len(self.parts) == 1:
            self.others.append((name, "argument", next(iter(self.ran.arguments))))
        else:
            raise AskError(Site("back", "", name))


def _is_filled(function: Callable[..., Any] | None, name: str) -> bool:
    """Return whether a parameter is a dictionary for gradients, written by the function and not read."""
    if function is None or not re.match(r"^_?(param_?)?(grads?|gradients?|d_?params?)(_?(dict|out))?$", name):
        return False
    tree = tree_of(function)
    uses = [
        node.ctx
        for node in (ast.walk(tree) if tree else ())
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == name
    ]
    return bool(uses) and all(isinstance(use, ast.Store) for use in uses)


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
