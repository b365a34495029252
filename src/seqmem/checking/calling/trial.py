"""One trial of a pass: with values for everything, both passes are run, gradients assigned and judged."""

from __future__ import annotations

import copy
import zlib
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

from seqmem.checking.calling import slots as within
from seqmem.checking.calling.backwards import Binding, Part, bindings, parts_of
from seqmem.checking.calling.calls import AskError, Call, Ran, Site
from seqmem.checking.calling.returned import Pairing, collected, fetch, in_shape, pair
from seqmem.checking.calling.values import Value, draw
from seqmem.checking.reading import torch_functions
from seqmem.checking.reading.hints import unpacked
from seqmem.checking.reading.words import role
from seqmem.module import Array

STEP = 1e-5
FITS = 1e-5  # tolerance of a derivative, relative to the sizes of its terms
_OWN = Path(__file__).parents[2]
_NUMPY = Path(np.__file__).parent

Values = dict[Site, Value]
Score = tuple[Any, ...]
MADE, RAN, ANSWERED, PAIRED, SHAPED, FITTING = range(6)  # the progress of a trial


class Plan(NamedTuple):
    """A way to run both passes in which every gradient has its position."""

    call: Call
    values: Values
    binding: Binding
    pairing: Pairing
    arrays: dict[str, Array]  # all arrays that the forward pass reads and that may have a gradient


class Outcome(NamedTuple):
    """The result of a trial."""

    score: Score
    values: Values
    plan: Plan | None = None
    error: BaseException | None = None
    wanted: dict[str, tuple[int, ...]] = {}  # noqa: RUF012 - the shapes of gradients that do not fit
    is_sound: bool = True  # whether all gradients of the right shapes also have the right numbers


def attempt(call: Call, values: Values, first: Callable[[Site], Value]) -> Outcome:
    """Run both passes with these values.

    Args:
        call: the calls of the candidate.
        values: values by site; missing ones are added.
        first: the first value to try for a site.
    """
    values = dict(values)
    for _ in range(80):
        call.phase = "init"
        try:
            return _attempted(call, values)
        except AskError as asked:
            if asked.site in values:
                return Outcome(_reached(call, asked), values, None, asked)
            values[asked.site] = first(asked.site)
        except Exception as error:  # noqa: BLE001 - other values may work
            return Outcome(_reached(call, error), values, None, error)
    return Outcome((MADE, ()), values)


def _reached(call: Call, error: BaseException) -> Score:
    """Return how far the code ran before it raised: the pass, and the position in the pass."""
    stage = {"init": MADE, "forward": RAN, "backward": ANSWERED}[call.phase]
    cause = error.__cause__ if isinstance(error, AskError) else error
    return stage, tuple(tb.tb_lasti for tb in frames_of(cause or error))


def frames_of(error: BaseException) -> list[TracebackType]:
    """Return the frames of an error that belong to the user's code."""
    found, tb = [], error.__traceback__
    while tb is not None:
        path = Path(tb.tb_frame.f_code.co_filename)
        if not (path.is_relative_to(_OWN) or path.is_relative_to(_NUMPY) or str(path).startswith("<")):
            found.append(tb)
        tb = tb.tb_next
    return found


def _attempted(call: Call, values: Values) -> Outcome:
    ran = call.forward(values)
    parts = parts_of(call, ran)
    if not any(part.is_output and np.isfinite(part.value).all() for part in parts):
        return Outcome((RAN, (1 << 30,)), values, None, ValueError("forward returns no finite numbers"))
    find_params(call, values, parts)
    call.phase = "backward"
    sites = {
        site.name: draw(value, site.name, call.seed) for site, value in values.items() if site.place == "back"
    }
    best: Outcome | None = None
    for binding in bindings(call, ran, parts, sites):
        try:
            outcome = _with_binding(call, values, binding, sites)
        except AskError:
            raise
        except Exception as error:  # noqa: BLE001 - another binding may work
            outcome = Outcome(_reached(call, error), values, None, error)
            if binding.loss is not None and best is not None and best.score == outcome.score:
                break  # it fails for another reason than the loss
        if best is None or outcome.score > best.score:
            best = outcome
        if best.score[0] == FITTING:
            break
    return best or Outcome((RAN, (1 << 30, 1)), values, None, TypeError(_no_binding(parts)))


def _no_binding(parts: list[Part]) -> str:
    outputs = [part.name for part in parts if part.is_output]
    returned = ", ".join(outputs) or "nothing"
    return f"backward's parameters do not go together with what forward returns ({returned})"


def arrays_of(call: Call, values: Values) -> dict[str, Array]:
    """Return all arrays that may have a gradient, by name."""
    found: dict[str, Array] = {}
    for name, (_, slot) in call.params.items():
        found[name] = drawn_like(slot.array, name, call.seed)
    for site, value in values.items():
        if value.is_float and site.place not in ("init", "make", "back") and call.display(site) not in found:
            found[call.display(site)] = draw(value, call.display(site), call.seed)
    return _in_order(call, found)


def _in_order(call: Call, found: dict[str, Array]) -> dict[str, Array]:
    """Return arguments first, in the order of the forward pass, then arrays from elsewhere."""
    order = [p.name for p in call.parameters]
    ranks = {name: order.index(name) if name in order else len(order) for name in found}
    return dict(sorted(found.items(), key=lambda item: ranks[item[0]]))


def drawn_like(array: Array, name: str, seed: int) -> Array:
    """Draw random numbers in an array's shape; an array of positive numbers stays positive."""
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    drawn = 0.8 * rng.standard_normal(array.shape)
    return np.asarray(np.abs(drawn) + 0.3 if name in ("running_var", "var", "std") else drawn)


def find_params(call: Call, values: Values, parts: list[Part]) -> None:
    """Find the arrays within objects that affect the outputs, once for every shape of the object."""
    if call.candidate.owner is None and not call.objects:
        return
    key = tuple(
        sorted(
            (site.name, str(value))
            for site, value in values.items()
            if site.place in ("init", "make", "global")
        )
    )
    if call.found_for == (key, call.warm):
        return
    call.params = {}
    call.params = _influential(call, values, parts)
    if not call.params and not call.warm and call.candidate.owner is not None and _grows(call):
        call.warm = True
        call._made = {}
        call.forward(values)
        call.params = _influential(call, values, parts)
        call.warm = bool(call.params)
        call._made = {} if not call.warm else call._made
    call.found_for = (key, call.warm)


def _grows(call: Call) -> bool:
    """Return whether an object has arrays after a first call that it did not have before."""
    made = next(iter(call._made.values()), None)
    return made is not None and not [s for s in within.slots(made) if not within.is_gradient(s.path)]


def _influential(call: Call, values: Values, parts: list[Part]) -> dict[str, tuple[str, within.Slot]]:
    roots = {"self": next(iter(call._made.values()), None), **call.objects}
    init = {
        site.name: draw(value, site.name, call.seed)
        for site, value in values.items()
        if site.place in ("init", "make")
    }
    start = _vector(call, call.forward(values))
    found: dict[str, tuple[str, within.Slot]] = {}
    for root, thing in roots.items():
        for slot in within.slots(thing) if thing is not None else []:
            if all(within.is_gradient(path) for path in slot.paths) or len(found) > 100:
                continue
            name = _named(slot, init, call, found)
            before = call.params
            call.params = {name: (root, slot)}
            try:
                moved = _vector(call, call.forward(values, {name: slot.array * 1.3 + 0.1}))
                matters = moved.shape != start.shape or not np.array_equal(moved, start, equal_nan=True)
            except Exception:  # noqa: BLE001 - it is not an array of numbers that may change
                matters = False
            call.params = before
            if matters:
                found[name] = (root, slot)
    return found


def _named(slot: within.Slot, init: dict[str, Any], call: Call, taken: dict[str, Any]) -> str:
    """Return the name of an object's array for a report."""
    name = slot.name
    for key, value in init.items():
        if (
            isinstance(value, np.ndarray)
            and value.shape == slot.array.shape
            and np.array_equal(value, slot.array)
        ):
            name = key
    if name.endswith("]") and slot.path[-1][0] == "item":
        holder = ".".join(str(step) for kind, step in slot.path if kind == "attr")
        for function in call.functions:
            names = unpacked(function, f"self.{holder}")
            if len(names) > slot.path[-1][1]:
                name = names[slot.path[-1][1]]
    while name in taken or name in {p.name for p in call.parameters}:
        name = f"self.{name}" if not name.startswith("self.") else f"{name}'"
    return name


def _vector(call: Call, ran: Ran) -> Array:
    parts = [np.ravel(part.value) for part in parts_of(call, ran) if part.is_output]
    return np.concatenate(parts) if parts else np.zeros(0)


def _with_binding(call: Call, values: Values, binding: Binding, sites: dict[str, Any]) -> Outcome:
    arrays = arrays_of(call, values)
    runner = Runner(call, values, binding, sites)
    ran, parts = runner.forward({name: array.copy() for name, array in arrays.items()})
    outputs = [np.asarray(parts[k].value) for k in binding.outputs]
    if not all(np.isfinite(out).all() for out in outputs):
        return Outcome((RAN, (1 << 30, 2)), values, None, ValueError("forward returns NaN or inf"))
    rng = np.random.default_rng(call.seed)
    upstream = [np.asarray(rng.standard_normal(out.shape)) for out in outputs]
    before = runner.snapshot(ran)
    result = runner.backward(ran, parts, copy.deepcopy(upstream))
    miscounted = torch_functions.miscounted(ran.roots["context"], result) if call.candidate.is_torch else None
    if miscounted is not None:
        return Outcome((PAIRED, 1), values, None, miscounted)
    found = collected(call, binding, parts, result, ran, before)
    slopes = Slopes(runner, arrays, upstream)
    pairing = pair(call, arrays, found, slopes.fits)
    got = {
        name: in_shape(fetch(where, result, ran, before), arrays[name])
        for name, where in pairing.places.items()
    }
    odd = {name: np.shape(value) for name, value in got.items() if np.shape(value) != arrays[name].shape}
    plan = Plan(call, values, binding, pairing, arrays)
    missing = len(arrays) - len(got)
    if not got:
        error = TypeError("backward returns nothing that is the gradient of an input")
        return Outcome((PAIRED, -99), values, None, error)
    if odd or pairing.left_over:
        sound = all(name in odd or slopes.fits(name, value) for name, value in got.items())
        score = (PAIRED, -len(odd) - len(pairing.left_over), -missing)
        return Outcome(score, values, plan, None, odd, sound and len(odd) < len(got))
    wrong = [name for name, value in got.items() if not slopes.fits(name, value)]
    if binding.loss is not None and len(wrong) == len(got):  # none is right: it may be another loss
        return Outcome((PAIRED, -98), values, None, TypeError(_no_binding(parts[:-1])))
    if wrong and not _goes_together(values, arrays):
        return Outcome((PAIRED, 0, len(got)), values, plan, None, {}, False)
    if wrong:
        return Outcome((SHAPED, len(got), -len(wrong)), values, plan)
    return Outcome((FITTING, -missing), values, plan)


def _goes_together(values: Values, arrays: dict[str, Array]) -> bool:
    """Return whether labels have the data's first axes; others would be broadcast to a meaningless shape."""
    data = [
        arrays[site.name].shape
        for site, value in values.items()
        if value.is_float
        and site.place == "arg"
        and site.name in arrays
        and role(site.name) not in ("weight", "bias", "state")
    ]
    whole = [
        value.shape
        for value in values.values()
        if value.kind in ("index", "tokens", "mask", "one-hot") and value.shape
    ]
    return not data or all(any(_begins(shape, other) for other in data) for shape in whole)


def _begins(labels: tuple[int, ...], data: tuple[int, ...]) -> bool:
    turned = len(labels) > 1 and data[::-1][: len(labels)] == labels
    return turned or labels[:1] == data[:1]


class Runner:
    """Runs a plan's passes with arrays by name."""

    def __init__(self, call: Call, values: Values, binding: Binding, sites: dict[str, Any]) -> None:
        self.call, self.values, self.binding, self.sites = call, values, binding, sites

    def forward(self, arrays: dict[str, Array]) -> tuple[Ran, list[Part]]:
        """Run one forward pass."""
        ran = self.call.forward(self.values, arrays)
        parts = parts_of(self.call, ran)
        if self.binding.loss is not None:
            parts.append(Part("loss", self.binding.loss.of([part.value for part in parts])))
        return ran, parts

    def snapshot(self, ran: Ran) -> dict[Any, Array]:
        """Return copies of all arrays within objects, before a backward pass."""
        return {
            (root, path): slot.array.copy()
            for root, thing in ran.roots.items()
            for slot in within.slots(thing)
            for path in slot.paths
        }

    def backward(self, ran: Ran, parts: list[Part], upstream: list[Array]) -> Any:
        """Run one backward pass; after a single call for both, scale its result by the upstream gradient."""
        binding = self.binding
        if binding.function is None:
            return ran.result
        given = [_in_kind(value, parts[k].value) for value, k in zip(upstream, binding.outputs, strict=True)]
        if binding.form:
            given = [np.reshape(value, binding.form) for value in given]
        arguments = binding.arguments(ran, parts, tuple(given), self.sites)
        result = self.call.call_backward(ran, arguments, binding.function)
        filled = [arguments[name] for name, kind, _ in binding.others if kind == "fill"]
        return (result, *filled) if filled else result


def _in_kind(upstream: Array, output: Any) -> Any:
    """Return a float for an output that is a Python number."""
    return upstream if isinstance(output, np.ndarray) else upstream[()]


class Slopes:
    """The right derivatives along random directions, by central differences, each computed on demand."""

    def __init__(self, runner: Runner, arrays: dict[str, Array], upstream: list[Array]) -> None:
        self.runner, self.arrays, self.upstream = runner, arrays, upstream
        self._known: dict[str, list[tuple[Array, float]]] = {}

    def fits(self, name: str, value: Any) -> bool:
        """Return whether a value is the gradient with respect to an array."""
        array = np.asarray(in_shape(value, self.arrays[name]))
        if array.shape != self.arrays[name].shape or array.dtype.kind not in "fciu":
            return False
        factor = self.upstream[0] if self._is_loss() else 1.0
        for direction, slope in self._slopes(name):
            terms = array * direction * factor
            size = float(np.sqrt(np.sum(np.abs(terms) ** 2))) + abs(slope) + 1e-6
            if not abs(float(np.sum(np.real(terms))) - slope) <= 100 * FITS * size:
                return False
        return True

    def _is_loss(self) -> bool:
        return not self.runner.binding.upstreams

    def _slopes(self, name: str) -> list[tuple[Array, float]]:
        if name not in self._known:
            rng = np.random.default_rng(7)
            directions = [rng.standard_normal(self.arrays[name].shape) for _ in range(2)]
            self._known[name] = [(d, self._slope(name, d)) for d in directions]
        return self._known[name]

    def _slope(self, name: str, direction: Array) -> float:
        sides = []
        for step in (STEP, -STEP):
            moved = {key: array.copy() for key, array in self.arrays.items()}
            moved[name] = moved[name] + step * direction
            _, parts = self.runner.forward(moved)
            outputs = [np.asarray(parts[k].value) for k in self.runner.binding.outputs]
            sides.append(sum(float(np.sum(u * out)) for u, out in zip(self.upstream, outputs, strict=True)))
        return (sides[0] - sides[1]) / (2 * STEP)
