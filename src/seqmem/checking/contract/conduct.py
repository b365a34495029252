"""The conduct of passes: which arrays they write to, what they keep, and whether they are linear.

`watch` runs both passes and records what they do to the arrays they are given. A promise is one function of
this record that yields findings: a report prints their messages, `check_module` raises their positions.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from seqmem.checking.contract.pairing import Returned
from seqmem.checking.contract.subject import Named, Record, Subject, copied
from seqmem.checking.report import Cause
from seqmem.module import Array
from seqmem.nests import reachable_arrays

SIDE_EFFECTS = (  # the codes of side effects: the returned numbers are right all the same
    *("inputs-written", "upstream-written", "outputs-written", "cache-written", "cache-used-up"),
    "one-buffer",
)
FAULTS = ("not-repeatable", "not-linear")  # the codes of faults that make the returned numbers wrong
ROUNDING = 4096  # rounding errors of a dtype by which two computations of the same numbers may differ
SINGLE = 1e-5  # additional error in single precision, relative to an array's largest entry


class Finding(NamedTuple):
    """One way in which a promise is broken."""

    code: str  # stable, for programs
    message: str  # a sentence for a report
    place: str  # the first position where it shows, for an assertion

    @property
    def cause(self) -> Cause:
        """The finding in the form of a report."""
        return Cause(self.code, self.message)


class Change(NamedTuple):
    """Arrays that a pass wrote to."""

    kind: str  # "inputs", "upstream", "outputs" or "cache"
    who: str  # "forward" or "backward"
    names: list[str]
    place: str  # the first of the arrays, with its index and numbers

    @property
    def finding(self) -> Finding:
        """Return the finding for these arrays."""
        what = "inputs" if len(self.names) > 1 else "an input"
        text = {
            "inputs": f"{self.who} writes into {', '.join(self.names)}, {what}",
            "upstream": f"{self.who} writes into the upstream gradient",
            "outputs": f"{self.who} writes into the outputs",
            "cache": f"{self.who} writes into {len(self.names)} of the cache's arrays",
        }
        return Finding(f"{self.kind}-written", text[self.kind], self.place)


class Lent:
    """Arrays given to a pass, with copies that reveal and undo what the pass writes to them."""

    def __init__(self, kind: str, arrays: Named, names: dict[str, str] | None = None) -> None:
        self.kind, self.arrays, self.names = kind, arrays, names or {}
        self.kept = {name: np.array(array) for name, array in arrays.items()}

    def changes(self, who: str) -> list[Change]:
        """Return the arrays that a pass has written to, and restore them."""
        changed = [name for name, array in self.arrays.items() if not same_bits(array, self.kept[name])]
        if not changed:
            return []
        first, lent = changed[0], "writes to what it was lent"
        place = difference(self.names.get(first, first), self.arrays[first], self.kept[first])
        self.restore()
        return [Change(self.kind, who, changed, f"{who} {lent}: {place}")]

    def restore(self) -> None:
        """Restore the overwritten numbers."""
        for name, array in self.arrays.items():
            if array.flags.writeable and not same_bits(array, self.kept[name]):
                array[...] = self.kept[name]


class Shared(NamedTuple):
    """An array whose memory a gradient must not share."""

    label: str  # in a report
    name: str  # in an assertion
    array: Array


@dataclass
class Watched:
    """One forward pass and two backward passes, with the effects on the arrays they were given."""

    subject: Subject
    rng: np.random.Generator
    inputs: Lent
    outputs: Named
    doubts: list[Cause]  # the reasons why nothing can be compared
    upstream: Named
    record: Record  # as the forward pass returned it: a backward pass may use up its copy
    changes: list[Change]
    others: list[Shared]
    returned: Returned  # the arrays themselves
    gradients: Returned  # copies, which a later call cannot change
    again: Returned | Exception  # of a second call with the same arguments
    anew: Returned | Exception  # of a call after another forward pass

    @property
    def findings(self) -> list[Finding]:
        """All faults, in the order of the promises."""
        if self.doubts:  # only the forward pass was run
            return list(purity(self))
        repeated = list(repeatability(self))
        # sums over several calls are never linear
        is_summed = any(finding.code in FAULTS for finding in repeated)
        return [*purity(self), *repeated, *([] if is_summed else linearity(self, SINGLE))]

    @property
    def is_used_up(self) -> bool:
        """True if a second backward pass differs from the first, unless another forward pass precedes it."""
        if isinstance(self.anew, Exception) or not _same(self.gradients, self.anew):
            return False
        return isinstance(self.again, Exception) or not _same(self.gradients, self.again)

    def spare(self) -> Record:
        """Return a copy of the forward pass's record, or of a new one if a copy is not enough."""
        if self.is_used_up:
            record = self.subject.forward(self.subject.arrays)[1]
            self.inputs.restore()
            return record
        return self.record._replace(cache=copied(self.record.cache))


def watch(subject: Subject, rng: np.random.Generator, anyway: bool = False) -> Watched:
    """Run both passes and record what they do to the arrays they are given.

    Args:
        subject: the passes and their inputs.
        rng: draws the upstream gradient.
        anyway: whether to run the backward pass even if nothing can be compared.
    """
    given = subject.arrays | subject.integers
    inputs = Lent("inputs", given, {name: subject.lent_name(name) for name in given})
    first = copy.deepcopy(subject.forward(subject.arrays)[0])
    changes = inputs.changes("forward")
    # Changes of the inputs remain until the backward pass is done, because its cache may hold the inputs.
    live, record = subject.forward(subject.arrays)
    outputs = copy.deepcopy(live)  # a pass may return the same array every time
    doubts = _doubts(first, outputs)
    if doubts:
        inputs.restore()
    upstream = draw_upstream(outputs, rng)
    start = Watched(
        subject, rng, inputs, outputs, doubts, upstream, record._replace(cache=copied(record.cache)),
        changes, [], Returned({}), Returned({}), Returned({}), Returned({}),
    )  # fmt: skip
    return start if doubts and not anyway else _watched_backward(start, live, record)


def _watched_backward(start: Watched, live: Named, record: Record) -> Watched:
    subject, given = start.subject, start.inputs.arrays
    handed = copy.deepcopy(start.upstream)
    cache = dict(reachable_arrays(record.cache, "cache"))
    apart = {
        _within("outputs", name): out
        for name, out in live.items()
        if not any(np.may_share_memory(out, array) for array in cache.values())
    }
    # the inputs first: a cache may hold them
    inputs = Lent("inputs", given, start.inputs.names)
    lent = [inputs, Lent("upstream", {_within("d_outputs", name): d for name, d in handed.items()})]
    lent += [Lent("cache", cache), Lent("outputs", apart)]
    others = [Shared(name, subject.lent_name(name), array) for name, array in given.items()]
    others += [
        Shared(_within("the upstream gradient", name), _within("d_outputs", name), d)
        for name, d in handed.items()
    ]
    others += [
        Shared(f"the output {name}".strip(), _within("outputs", name), out) for name, out in live.items()
    ]
    with np.errstate(all="ignore"):  # a wrong backward pass may overflow; the result is still compared
        returned = subject.backward(handed, record)
        gradients = _kept(returned)
        changes = [*start.changes, *(change for one in lent for change in one.changes("backward"))]
        again = _tried(lambda: subject.backward(copy.deepcopy(start.upstream), record))
        start.inputs.restore()
        anew: Returned | Exception = gradients
        if isinstance(again, Exception) or not _same(gradients, again):
            anew = _tried(lambda: _run(start))
            start.inputs.restore()
    found = replace(start, changes=changes, others=others, returned=returned, gradients=gradients)
    return replace(found, again=again, anew=anew)


def _tried(run: Callable[[], Returned]) -> Returned | Exception:
    """Return the gradients, or the exception of a call that succeeded with the same arguments before."""
    try:
        return run()
    except Exception as error:  # noqa: BLE001
        return error


def _run(watched: Watched) -> Returned:
    """Run both passes once more."""
    _, record = watched.subject.forward(watched.subject.arrays)
    return watched.subject.backward(copy.deepcopy(watched.upstream), record)


def purity(watched: Watched) -> Iterator[Finding]:
    """Yield a finding for each kind of array that a pass writes to."""
    return (change.finding for change in watched.changes)


def repeatability(watched: Watched) -> Iterator[Finding]:
    """Yield a finding for anything left over from the previous call: numbers or memory."""
    if watched.is_used_up:
        yield _used_up(watched)
    if isinstance(watched.again, Exception):
        if not watched.is_used_up:
            raised = type(watched.again).__name__
            text = f"backward, called again, raises {raised}, also after another forward pass"
            yield Finding("not-repeatable", text, f"{text}: {watched.again}")
        return
    first, second = watched.gradients.everything, watched.again.everything
    if not watched.is_used_up:
        yield from repeats(watched.subject, first, second, "backward again with the same cache")
    shared = [
        name
        for name, value in watched.returned.everything.items()
        if value.size and name in second and np.shares_memory(value, second[name])
    ]
    if shared:
        names = ", ".join(shared)
        text = f"backward returns the same array at every call ({names}): the next call overwrites it"
        yield Finding("one-buffer", text, text)


def _used_up(watched: Watched) -> Finding:
    """Return the finding that a second backward pass after the same forward pass differs from the first."""
    again = watched.again
    if isinstance(again, Exception):
        text = (
            f"backward, called again with the same cache, raises {type(again).__name__}: the cache is used up"
        )
        return Finding("cache-used-up", text, f"{text.partition(':')[0]}: {again}")
    first, second = watched.gradients.everything, again.everything
    (found,) = repeats(watched.subject, first, second, "backward again with the same cache")
    pairs = [(value, second[name]) for name, value in first.items() if name in second]
    many = "twice the" if all(_is_double(*pair) for pair in pairs) else "different"
    text = f"backward, called again with the same cache, gives {many} numbers: the cache is used up"
    return Finding("cache-used-up", text, found.place)


def repeats(subject: Subject, first: Named, second: Named, what: str) -> Iterator[Finding]:
    """Yield a finding for each array that differs, to the last bit, between two runs of the same pass."""
    absent = np.zeros(0)
    pairs = {name: (value, second.get(name, absent)) for name, value in first.items()}
    differing = [name for name, (one, other) in pairs.items() if not same_bits(one, other)]
    if not differing:
        return
    doubled = all(_is_double(*pairs[name]) for name in differing)
    text = (
        f"backward, called again, gives {'twice the' if doubled else 'different'} numbers for "
        f"{', '.join(differing)}: something is kept from the previous call (start the sums from zeros inside "
        "backward), or drawn at random"
    )
    shown = _shown(subject, differing)
    place = difference(subject.gradient_name(shown), *reversed(pairs[shown]))
    yield Finding("not-repeatable", text, f"{what}: {place}")


def linearity(watched: Watched, slack: float) -> Iterator[Finding]:
    """Yield a finding if the backward pass is not linear in the upstream gradient, as with clipping.

    Args:
        watched: a subject's passes.
        slack: the tolerance relative to an array's largest entry; at least `ROUNDING` rounding errors of the
            gradient's dtype.
    """
    one, subject = watched.upstream, watched.subject
    other = draw_upstream(one, watched.rng)
    both = {name: np.asarray(2.5 * u - other[name], u.dtype) for name, u in one.items()}
    found: dict[str, tuple[Array, Array]] = {}
    sizes: dict[str, float] = {}
    with np.errstate(all="ignore"):
        second = _kept(subject.backward(copy.deepcopy(other), watched.spare())).everything
        whole = subject.backward(both, watched.spare()).everything
        for name, u in watched.gradients.everything.items():
            v, got = second.get(name, u[..., None]), whole.get(name, u[..., None])
            if u.shape == v.shape == got.shape and u.dtype.kind in "fc":
                found[name], sizes[name] = (got, 2.5 * u - v), 2.5 * _largest(u) + _largest(v)
                slack = max(slack, ROUNDING * float(np.finfo(u.dtype).eps))
        # a gradient of 0 consists of rounding errors only
        floor = 1e-3 * max(sizes.values(), default=0.0)
        off = {
            name: np.abs(one - two) > slack * max(sizes[name], floor) for name, (one, two) in found.items()
        }
    watched.inputs.restore()
    odd = [name for name, mask in off.items() if mask.any()]
    if odd:
        text = (
            f"backward is not linear in the upstream gradient ({', '.join(odd)}): the gradients of two "
            "upstream gradients do not add up to the gradient of their sum, as if something were clipped, "
            "normalised or added"
        )
        shown = _shown(subject, odd)
        place = difference(subject.gradient_name(shown), *found[shown], off[shown])
        yield Finding("not-linear", text, f"backward of 2.5 u - v: {place}")


def own_memory(watched: Watched) -> Iterator[Finding]:
    """Yield a finding for each gradient that shares memory with an input, output or other gradient."""
    subject = watched.subject
    others = list(watched.others)
    for name, value in watched.returned.everything.items():
        own = Shared(f"the gradient of {name}", subject.gradient_name(name), value)
        for other in others:
            if np.shares_memory(value, other.array):
                text = f"{own.label} shares memory with {other.label}: adding to it in place changes both"
                place = f"{own.name} shares memory with {other.name}, expected its own"
                yield Finding("shared-memory", text, place)
        others.append(own)


def draw_upstream(outputs: Named, rng: np.random.Generator) -> Named:
    """Draw a random number for every output."""
    drawn: Named = {}
    for name, array in outputs.items():
        dtype = array.dtype if array.dtype.kind == "f" else np.dtype(np.float64)
        drawn[name] = np.asarray(rng.standard_normal(array.shape), dtype)
    return drawn


def difference(name: str, got: Array, right: Array, where: Array | None = None) -> str:
    """Describe the first position where two arrays differ, or where a mask of their shape is True."""
    if got.shape != right.shape:
        return f"{name} has shape {got.shape}, expected {right.shape}"
    if got.dtype != right.dtype:
        return f"{name} has dtype {got.dtype}, expected {right.dtype}"
    if where is None:
        where = (got != right) & ~((got != got) & (right != right))
    if not np.any(where):
        return f"the bytes of {name} changed"
    index = tuple(int(i) for i in np.argwhere(where)[0])
    return f"{name}{list(index) if index else ''} is {got[index]}, expected {right[index]}"


def _same(first: Returned, second: Returned) -> bool:
    """Return whether two calls returned the same arrays, to the last bit."""
    one, other = first.everything, second.everything
    return list(one) == list(other) and all(map(same_bits, one.values(), other.values()))


def same_bits(a: Array, b: Array) -> bool:
    """Return whether arrays are equal to the last bit, including NaN; compare padded types by value."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.type in (np.longdouble, np.clongdouble):  # padded
        return bool(np.array_equal(a, b, equal_nan=True))
    return a.dtype == object or a.tobytes() == b.tobytes()


def _doubts(outputs: Named, again: Named) -> list[Cause]:
    kinds = sorted({str(value.dtype) for value in outputs.values() if value.dtype.kind not in "fc"})
    if not outputs:
        return [Cause("no-outputs", "forward returns no arrays: there is nothing to differentiate")]
    if kinds:
        text = f"an output is {', '.join(kinds)}: only floating-point numbers have derivatives"
        return [Cause("integer-outputs", text)]
    if list(outputs) != list(again) or not all(map(same_bits, outputs.values(), again.values())):
        text = (
            "forward gives different numbers when it is called again with the same inputs: is something "
            "drawn at random, or remembered from the previous call?"
        )
        return [Cause("not-deterministic", text)]
    if not all(np.isfinite(value).all() for value in outputs.values()):
        return [Cause("not-finite", "forward gives NaN or inf for these inputs: nothing can be compared")]
    return []


def _within(nest: str, name: str) -> str:
    """Return the name of a leaf within a nest."""
    return f"{nest}{name}" if name[:1] in ("", "[", ".") else f"{nest}.{name}"


def _kept(found: Returned) -> Returned:
    """Return copies of gradients, which a later call cannot change."""
    return Returned(copy.deepcopy(dict(found)), found.surplus, copy.deepcopy(found.left_out))


def _shown(subject: Subject, names: list[str]) -> str:
    """Choose the array whose numbers are shown: an input rather than a parameter."""
    return min(names, key=lambda name: subject.lent_name(name) != name)


def _largest(array: Array) -> float:
    return float(np.max(np.abs(array), initial=0.0))


def _is_double(first: Array, second: Array) -> bool:
    if first.shape != second.shape or first.dtype.kind not in "fc" or second.dtype.kind not in "fc":
        return False
    return bool(np.allclose(second, 2 * first, rtol=1e-6, atol=0))
