"""Causes that need no knowledge of the function: how a wrong gradient derives from the right one."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from seqmem.checking.contract.subject import Subject
from seqmem.checking.gradients.comparison import Comparison
from seqmem.checking.gradients.derivatives import flat
from seqmem.checking.gradients.measured import Measured
from seqmem.checking.gradients.partial_upstreams import PartialUpstreams
from seqmem.checking.report import Cause
from seqmem.module import Array

BLOCKS = (3, 4)  # gates in one array
FLOAT32 = 1e-6  # relative: more than the error of a single-precision number

Why = tuple[str, str]  # a code, and a description of the wrong gradient


def causes_of(measured: Measured) -> list[Cause]:
    """Return one cause per explanation of the measurements, with the arrays that it explains."""
    wrong = [comparison for comparison in measured.wrong if comparison.name in measured.by_element]
    return causes(measured.subject, wrong, measured.tolerance, measured.partial)


def causes(
    subject: Subject, wrong: list[Comparison], tolerance: float, partial: PartialUpstreams | None = None
) -> list[Cause]:
    """Return one cause per explanation, with the arrays that it explains."""
    found = {comparison.name: explanation(subject, comparison, tolerance) for comparison in wrong}
    found |= _exchanged([comparison for comparison in wrong if not found[comparison.name]], tolerance)
    unexplained = [comparison for comparison in wrong if not found[comparison.name]]
    if unexplained and partial:
        found |= _of_parts(unexplained, tolerance, partial)
    explained: dict[Why, list[str]] = {}
    for name, why in found.items():
        if why:
            explained.setdefault(why, []).append(name)
    return [Cause(code, f"{', '.join(names)}: {text}") for (code, text), names in explained.items()]


def explanation(subject: Subject, comparison: Comparison, tolerance: float) -> Why | None:
    """Return a code and a description of the wrong gradient, if it fits every entry up to rounding."""
    got, right = comparison.got, comparison.right
    if got is None or not right.any() or not np.isfinite(got).all():
        return None
    pair = Pair(got.astype(np.float64), right, _room(comparison, tolerance), subject.axes(comparison.name))
    if not pair.got.any():
        text = (
            "zeros where the right gradient is not zero: the path was cut, nothing was written there, or "
            "a sum was replaced by its last term, which is zero"
        )
        return "zeros", text
    if pair.equals(right):
        return None  # almost right: none of these mistakes
    return (
        _multiple(subject, pair)
        or _rearranged(subject, pair)
        or _summed(pair)
        or next(filter(None, (_only_one(pair, axis) for axis in range(right.ndim))), None)
        or _single(comparison, pair)
    )


@dataclass(frozen=True)
class Pair:
    """A wrong gradient and the right one."""

    got: Array
    right: Array
    room: Array  # the largest rounding error of each entry
    letters: str  # of the axes

    def equals(self, other: Array, factor: float = 1.0) -> bool:
        """Return whether the wrong gradient equals another up to rounding, which the factor scales."""
        return bool(np.all(np.abs(self.got - other) <= max(1.0, abs(factor)) * self.room))

    def letter(self, axis: int) -> str:
        """Return the letter of an axis; "" if it is unknown."""
        return self.letters[axis : axis + 1]


def _multiple(subject: Subject, pair: Pair) -> Why | None:
    right = pair.right
    factor = float(np.vdot(right, pair.got) / np.vdot(right, right))
    if right.size > 1 and pair.equals(factor * right, factor):
        return "factor", _factor(subject, factor)
    return None


def _rearranged(subject: Subject, pair: Pair) -> Why | None:
    """Explain a gradient as the right numbers at other positions."""
    right = pair.right
    if right.ndim >= 2 and right.shape[-1] == right.shape[-2] and pair.equals(np.swapaxes(right, -1, -2)):
        return "transposed", "the transpose of the right gradient"
    for axis in range(right.ndim):
        if right.shape[axis] > 1 and pair.equals(np.flip(right, axis)):
            reversed_in = "in time" if pair.letter(axis) == "T" else f"along axis {axis}"
            return "reversed", f"the right gradient reversed {reversed_in}"
        found = _permuted(subject, pair, axis)
        if found:
            return found
    return None


def _summed(pair: Pair) -> Why | None:
    right = pair.right
    if right.ndim and right.size > 1 and pair.equals(np.full(right.shape, right.sum())):
        return "summed-over-all", "the sum over all entries, where each entry has a gradient of its own"
    return None


def _single(comparison: Comparison, pair: Pair) -> Why | None:
    got = pair.got
    error = np.max(np.abs(got - pair.right)) / comparison.scale
    everywhere = np.mean(got != pair.right) > 0.5
    if error >= FLOAT32 or not everywhere or comparison.bar.any() or np.any(got.astype(np.float32) != got):
        return None
    return "single-precision", "right in single precision only: there is a float32 array on the way"


def _exchanged(wrong: list[Comparison], tolerance: float) -> dict[str, Why]:
    """Find pairs of gradients of the same shape that are exchanged."""
    found: dict[str, Why] = {}
    for one, other in itertools.permutations(wrong, 2):
        if one.got is None or other.got is None or one.right.shape != other.right.shape:
            continue
        room = _room(one, tolerance) + _room(other, tolerance)
        there = np.all(np.abs(one.got - other.right) <= room)
        if there and np.all(np.abs(other.got - one.right) <= room):
            found[one.name] = "exchanged", f"the gradient of {other.name}: the two are exchanged"
    return found


def _of_parts(comparisons: list[Comparison], tolerance: float, partial: PartialUpstreams) -> dict[str, Why]:
    """Explain gradients as right for a part of the upstream gradient, as if the rest were zero."""
    found: dict[str, Why] = {}
    parts = list(partial.parts()) if partial.jacobians else []
    if not parts:
        return found
    upstreams = np.stack([flat(part.upstream) for part in parts], axis=1).astype(np.float64)
    for comparison in comparisons:
        name, got, right = comparison.name, comparison.got, comparison.right
        if got is None or name not in partial.jacobians or not np.isfinite(got).all():
            continue
        room = _room(comparison, tolerance)
        for part, of_part in zip(parts, (partial.jacobians[name] @ upstreams).T, strict=True):
            of_part = of_part.reshape(right.shape)
            is_whole = np.all(np.abs(of_part - right) <= 2 * room)  # then the rest does not affect this array
            if not is_whole and np.all(np.abs(got - of_part) <= room):
                found[name] = part.code, part.text
                break
    return found


def _room(comparison: Comparison, tolerance: float) -> Array:
    return 4 * tolerance * comparison.scale + 6 * comparison.bar


def _factor(subject: Subject, factor: float) -> str:
    """Describe a factor in words: most factors are the size of an axis."""
    if abs(factor + 1) < 1e-6:
        return "the right gradient with the wrong sign"
    sign, size = ("minus " if factor < 0 else ""), abs(factor)
    for plain, words in ((2.0, "twice"), (0.5, "half")):  # a factor of 2 forgotten, or one too many
        if abs(size - plain) < 1e-6:
            return f"{sign}{words} the right gradient"
    for n in sorted({n for array in subject.arrays.values() for n in array.shape if n > 1}):
        for value, words in (
            (n, f"{n} times"),
            (1 / n, f"1/{n} of"),
            (n**0.5, f"√{n} times"),
            (n**-0.5, f"1/√{n} of"),
        ):
            if abs(size - value) < 1e-6 * value:
                return f"{sign}{words} the right gradient; {_lengths(subject, n)}"
    digits = 6 if abs(size - 1) > 1e-4 else 12
    return f"{sign}{size:.{digits}g} times the right gradient"


def _lengths(subject: Subject, n: int) -> str:
    """Say which axes have a length: all, since nothing says which one is meant."""
    axes: dict[int, list[str]] = {}
    for name, array in subject.arrays.items():
        for axis, length in enumerate(array.shape):
            if length == n:
                axes.setdefault(axis, []).append(name)
    found = [f"axis {axis} of {_listed(names)}" for axis, names in sorted(axes.items())]
    return f"{n} is the length of {_listed(found)}"


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _permuted(subject: Subject, pair: Pair, axis: int) -> Why | None:
    """Explain a gradient as the right one with the blocks of an axis in another order."""
    size = pair.right.shape[axis]
    for n in {size} | {n for n in BLOCKS if size % n == 0}:
        if not 1 < n <= 4 or size // n == 0:
            continue
        order = _order(pair, axis, n)
        if order:
            gates = subject.gates if pair.letter(axis) == "G" else ()
            names = [gates[k] if len(gates) == n else str(k) for k in range(n)]
            found = ", ".join(names[k] for k in order)
            text = f"its {n} blocks along axis {axis} are in the order {found}, not {', '.join(names)}"
            return "permuted", text
    return None


def _order(pair: Pair, axis: int, n: int) -> tuple[int, ...] | None:
    """Find the wrong order of n blocks of an axis; None if there is none."""
    blocks = np.split(np.arange(pair.right.shape[axis]), n)
    for order in itertools.islice(itertools.permutations(range(n)), 1, None):  # the first is the right one
        index = np.concatenate([blocks[k] for k in order])
        if pair.equals(np.take(pair.right, index, axis=axis)):
            return order
    return None


def _only_one(pair: Pair, axis: int) -> Why | None:
    """Explain a gradient as right at one index of an axis and zero at all others."""
    got, right = pair.got, pair.right
    if right.shape[axis] < 2:
        return None
    what = {"T": "step", "B": "batch row"}.get(pair.letter(axis), f"index of axis {axis}:")
    written = np.flatnonzero(got.any(axis=tuple(k for k in range(got.ndim) if k != axis)))
    if len(written) != 1:
        return None
    index = (slice(None),) * axis + (written[0],)
    if np.all(np.abs(got - right)[index] <= np.broadcast_to(pair.room, got.shape)[index]):
        return "only-one", f"right at {what} {written[0]} and zero everywhere else"
    return None
