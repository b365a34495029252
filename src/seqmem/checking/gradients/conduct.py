"""What must hold before any gradient is worth comparing."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import numpy as np

from seqmem.checking.gradients.pairing import Returned
from seqmem.checking.gradients.subject import Subject, leaves
from seqmem.checking.report import Cause
from seqmem.module import Array

FAULTS = (  # the codes of what is wrong with how a pass behaves, whatever it computes
    *("inputs-written", "upstream-written", "cache-written", "cache-used-up"),
    *("not-repeatable", "not-linear", "one-buffer"),
)
ROUNDINGS = 4096  # of a dtype: the tolerance of a gradient, relative to an array's largest entry
SINGLE = 1e-5  # what a single-precision buffer may add to a sum; it is no clipping


class Passes(NamedTuple):
    """One forward and one backward pass, and what was wrong about how they behaved."""

    outputs: Any
    upstream: Any
    gradients: Returned
    faults: list[Cause]  # a promise was broken: what is computed may be right all the same
    doubts: list[Cause]  # nothing can be compared
    notes: list[str]  # nothing wrong, but worth knowing


def run(subject: Subject, rng: np.random.Generator) -> Passes:
    """Run both passes, watching what they do to what they were given."""
    faults: list[Cause] = []
    before = {name: array.copy() for name, array in subject.arrays.items()}
    integers = {name: array.copy() for name, array in subject.integers.items()}
    outputs, cache = subject.forward(subject.arrays)
    outputs = copy.deepcopy(outputs)  # a pass may return the same array every time
    faults += _written(
        subject.arrays | subject.integers, before | integers, "inputs-written",
        "forward writes into {name}, an input",
    )  # fmt: skip
    restore(subject.arrays | subject.integers, before | integers)
    again, _ = subject.forward(subject.arrays)
    restore(subject.arrays, before)
    doubts = _doubts(outputs, again)
    upstream = draw_upstream(outputs, rng)
    if doubts:
        return Passes(outputs, upstream, Returned({}), faults, doubts, [])

    given = copy.deepcopy(upstream)
    spare = _copied(cache)  # a backward pass may use its own up
    cached = arrays_in(cache)
    kept = [array.copy() for array in cached]
    with np.errstate(all="ignore"):  # a wrong backward pass may overflow; what comes of it is compared
        found = subject.backward(given, cache)
        notes = _shared(subject, found, given)
        gradients = _kept(found)
        name = "the upstream gradient"
        faults += _written(
            dict(leaves(given, name)), dict(leaves(upstream, name)), "upstream-written",
            "backward writes into {name}: whoever passed it is left with other numbers than it had",
        )  # fmt: skip
        faults += _written(subject.arrays, before, "inputs-written", "backward writes into {name}, an input")
        restore(subject.arrays, before)
        faults += _cache_written(cached, kept)
        try:
            again = subject.backward(copy.deepcopy(upstream), cache)
            not_the_same = _repeats(gradients, again) + _one_buffer(found, again)
        except Exception as error:  # noqa: BLE001 - the first call had the same arguments and went well
            raised = type(error).__name__
            text = f"backward, called again with the same cache, raises {raised}: is the cache used up?"
            not_the_same = [Cause("cache-used-up", text)]
        faults += not_the_same
        restore(subject.arrays, before)
        if not not_the_same:  # sums over several calls are not linear for that reason alone
            faults += _linear(subject, spare, upstream, gradients, rng)
        restore(subject.arrays, before)
    return Passes(outputs, upstream, gradients, faults, doubts, notes)


def draw_upstream(outputs: Any, rng: np.random.Generator) -> Any:
    """A random number for every output, in the outputs' structure."""

    def draw(value: Any) -> Any:
        array = np.asarray(value)
        drawn = rng.standard_normal(array.shape)
        return np.asarray(drawn, array.dtype if array.dtype.kind == "f" else np.float64)

    return mapped(draw, outputs)


def mapped(function: Any, tree: Any, *others: Any) -> Any:
    """Apply a function to every array of a nest of tuples, lists and dicts; None and text stay."""
    if isinstance(tree, dict):
        return {key: mapped(function, part, *(other[key] for other in others)) for key, part in tree.items()}
    if isinstance(tree, (tuple, list)):
        parts = [mapped(function, *branches) for branches in zip(tree, *others, strict=True)]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    return tree if tree is None or isinstance(tree, str) else function(tree, *others)


def restore(arrays: dict[str, Array], kept: dict[str, Array]) -> None:
    """Put back what was written over."""
    for name, array in arrays.items():
        if array.flags.writeable and not _same(array, kept[name]):
            array[...] = kept[name]


def arrays_in(value: Any, seen: set[int] | None = None) -> list[Array]:
    """The arrays that a cache refers to, through containers and attributes."""
    seen = set() if seen is None else seen
    if id(value) in seen or isinstance(value, (str, bytes, type)) or callable(value):
        return []
    seen.add(id(value))
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, dict):
        parts: Any = value.values()
    elif isinstance(value, (tuple, list, set, frozenset)):
        parts = value
    else:
        parts = getattr(value, "__dict__", {}).values()
    return [array for part in parts for array in arrays_in(part, seen)]


def _doubts(outputs: Any, again: Any) -> list[Cause]:
    values = [np.asarray(leaf) for _, leaf in leaves(outputs, "")]
    others = [np.asarray(leaf) for _, leaf in leaves(again, "")]
    kinds = sorted({str(value.dtype) for value in values if value.dtype.kind not in "fc"})
    if not values:
        return [Cause("no-outputs", "forward returns no arrays: there is nothing to differentiate")]
    if kinds:
        text = f"an output is {', '.join(kinds)}: only floating-point numbers have derivatives"
        return [Cause("integer-outputs", text)]
    if len(values) != len(others) or not all(map(_same, values, others)):
        text = (
            "forward gives other numbers when it is called again with the same inputs: is something drawn at "
            "random, or remembered from the call before?"
        )
        return [Cause("not-deterministic", text)]
    if not all(np.isfinite(value).all() for value in values):
        return [Cause("not-finite", "forward gives NaN or inf for these inputs: nothing can be compared")]
    return []


def _shared(subject: Subject, found: Returned, upstream: Any) -> list[str]:
    """Gradients that are views of something else: whoever adds to one in place changes both."""
    others = [*subject.arrays.items(), *leaves(upstream, "the upstream gradient")]
    notes = []
    for name, value in found.items():
        if isinstance(value, np.ndarray):
            notes += [
                f"the gradient of {name} shares memory with {other}: adding to it in place changes both"
                for other, array in others
                if isinstance(array, np.ndarray) and np.shares_memory(value, array)
            ]
            others.append((f"the gradient of {name}", value))
    return notes


def _cache_written(cached: list[Array], kept: list[Array]) -> list[Cause]:
    changed = [k for k, array in enumerate(cached) if not _same(array, kept[k])]
    for k in changed:
        if cached[k].flags.writeable:
            cached[k][...] = kept[k]
    text = f"backward writes into {len(changed)} of the cache's arrays: a second call would see other numbers"
    return [Cause("cache-written", text)] if changed else []


def _repeats(first: Returned, second: Returned) -> list[Cause]:
    """Nothing may be left over from the call before."""
    pairs = {
        name: (np.asarray(value), np.asarray(second.get(name)))
        for name, value in first.items()
        if value is not None
    }
    differing = [name for name, (a, b) in pairs.items() if not _same(a, b)]
    if not differing:
        return []
    doubled = all(_is_double(*pairs[name]) for name in differing)
    text = (
        f"backward, called again, gives {'twice the' if doubled else 'other'} numbers for "
        f"{', '.join(differing)}: something is kept from the call before (start the sums from zeros inside "
        "backward), or drawn at random"
    )
    return [Cause("not-repeatable", text)]


def _one_buffer(first: Returned, second: Returned) -> list[Cause]:
    """Two calls must not hand out the same memory: the second overwrites what the first returned."""
    shared = [
        name
        for name, value in first.items()
        if isinstance(value, np.ndarray) and value.size and np.shares_memory(value, second.get(name))
    ]
    text = f"backward returns the same array at every call ({', '.join(shared)}): the next call overwrites it"
    return [Cause("one-buffer", text)] if shared else []


def _kept(found: Returned) -> Returned:
    """Gradients that a later call cannot change."""
    return Returned({name: copy.deepcopy(value) for name, value in found.items()}, found.surplus)


def _copied(cache: Any) -> Any:
    try:
        return copy.deepcopy(cache)
    except Exception:  # noqa: BLE001 - a lock, a generator
        return cache


def _linear(
    subject: Subject, cache: Any, upstream: Any, gradients: Returned, rng: np.random.Generator
) -> list[Cause]:
    """The gradient of a sum is the sum of the gradients; clipping, averaging and constants break that."""
    other = draw_upstream(upstream, rng)
    cache = _copied(cache)
    parts = _kept(subject.backward(copy.deepcopy(other), _copied(cache)))
    whole = subject.backward(mapped(lambda a, b: np.asarray(a + b), upstream, other), cache)
    found, room = {}, SINGLE
    for name, value in gradients.items():
        first, second, total = (np.asarray(part) for part in (value, parts.get(name), whole.get(name)))
        if first.shape == second.shape == total.shape and first.dtype.kind in "fc":
            size = np.max(np.abs(first), initial=0.0) + np.max(np.abs(second), initial=0.0)
            found[name] = float(np.max(np.abs(first + second - total), initial=0.0)), float(size)
            room = max(room, ROUNDINGS * float(np.finfo(first.dtype).eps))
    # a gradient of 0 is nothing but rounding
    largest = max((size for _, size in found.values()), default=0.0)
    odd = [name for name, (error, size) in found.items() if error > room * max(size, 1e-3 * largest)]
    text = (
        f"backward is not linear in the upstream gradient ({', '.join(odd)}): the gradients of two upstream "
        "gradients do not add up to that of their sum, as if something were clipped, normalised or added"
    )
    return [Cause("not-linear", text)] if odd else []


def _written(after: dict[str, Any], before: dict[str, Any], code: str, message: str) -> list[Cause]:
    changed = [name for name in before if not _same(np.asarray(after[name]), np.asarray(before[name]))]
    return [Cause(code, message.format(name=", ".join(changed)))] if changed else []


def _same(a: Array, b: Array) -> bool:
    """To the last bit, NaN included; what has bits without a meaning by its values, objects not at all."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.type in (np.longdouble, np.clongdouble):  # padded
        return bool(np.array_equal(a, b, equal_nan=True))
    return a.dtype == object or a.tobytes() == b.tobytes()


def _is_double(first: Array, second: Array) -> bool:
    if first.shape != second.shape or first.dtype.kind not in "fc" or second.dtype.kind not in "fc":
        return False
    return bool(np.allclose(second, 2 * first, rtol=1e-6, atol=0))
