"""Causes that need no knowledge of the function: what is the wrong gradient, seen from the right one?"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from seqmem.checking.gradients.comparison import Comparison
from seqmem.checking.gradients.derivatives import flat
from seqmem.checking.gradients.partial_upstreams import Part, parts
from seqmem.checking.gradients.subject import Subject
from seqmem.checking.report import Cause
from seqmem.module import Array

BLOCKS = (3, 4)  # gates in one array


def causes(
    subject: Subject,
    wrong: list[Comparison],
    tolerance: float,
    upstream: Any,
    jacobians: Mapping[str, Array],
) -> list[Cause]:
    """One cause for each explanation, with the arrays that it explains."""
    found = {comparison.name: explanation(subject, comparison, tolerance) for comparison in wrong}
    found |= _exchanged([comparison for comparison in wrong if not found[comparison.name]], tolerance)
    unexplained = [comparison for comparison in wrong if not found[comparison.name]]
    if unexplained and jacobians:
        found |= _of_parts(unexplained, tolerance, list(parts(subject, upstream, jacobians)), jacobians)
    explained: dict[tuple[str, str], list[str]] = {}
    for name, why in found.items():
        if why:
            explained.setdefault(why, []).append(name)
    return [Cause(code, f"{', '.join(names)}: {text}") for (code, text), names in explained.items()]


def explanation(  # noqa: C901 - one question after the other
    subject: Subject, comparison: Comparison, tolerance: float
) -> tuple[str, str] | None:
    """A code and what the wrong gradient is; None unless it is so to rounding, in every entry."""
    got, right = comparison.got, comparison.right
    if got is None or not right.any() or not np.isfinite(got).all():
        return None
    got = got.astype(np.float64)
    room = _room(comparison, tolerance)
    if not got.any():
        return (
            "zeros",
            "zeros where the right gradient is not: nothing was written there, or the path was cut",
        )

    def equals(other: Array, factor: float = 1.0) -> bool:
        return bool(np.all(np.abs(got - other) <= max(1.0, abs(factor)) * room))

    if equals(right):
        return None  # all but right: no slip
    factor = float(np.vdot(right, got) / np.vdot(right, right))
    if right.size > 1 and equals(factor * right, factor):
        return "factor", _factor(subject, factor)
    if right.ndim >= 2 and right.shape[-1] == right.shape[-2] and equals(np.swapaxes(right, -1, -2)):
        return "transposed", "the transpose of the right gradient"
    letters = subject.axes(comparison.name)
    for axis in range(right.ndim):
        if right.shape[axis] > 1 and equals(np.flip(right, axis)):
            reversed_in = "in time" if letters[axis : axis + 1] == "T" else f"along axis {axis}"
            return "reversed", f"the right gradient reversed {reversed_in}"
        found = _permuted(subject, got, right, axis, room, letters)
        if found:
            return found
    if right.ndim and right.size > 1 and equals(np.full(right.shape, right.sum())):
        return "summed-over-all", "the sum over all entries, where each entry has a gradient of its own"
    for axis in range(right.ndim):
        told = _only_one(got, right, axis, room, letters)
        if told:
            return told
    error = np.max(np.abs(got - right)) / comparison.scale
    everywhere = np.mean(got != right) > 0.5
    if (
        error < 1e-6
        and everywhere
        and not comparison.bar.any()
        and np.array_equal(got.astype(np.float32), got)
    ):
        return "single-precision", "right in single precision only: there is a float32 array on the way"
    return None


def _exchanged(wrong: list[Comparison], tolerance: float) -> dict[str, tuple[str, str]]:
    """Gradients of one shape that stand in each other's places."""
    found: dict[str, tuple[str, str]] = {}
    for one, other in itertools.permutations(wrong, 2):
        if one.got is None or other.got is None or one.right.shape != other.right.shape:
            continue
        room = _room(one, tolerance) + _room(other, tolerance)
        there = np.all(np.abs(one.got - other.right) <= room)
        if there and np.all(np.abs(other.got - one.right) <= room):
            found[one.name] = "exchanged", f"the gradient of {other.name}: the two are exchanged"
    return found


def _of_parts(
    comparisons: list[Comparison], tolerance: float, partial: list[Part], jacobians: Mapping[str, Array]
) -> dict[str, tuple[str, str]]:
    """Which gradients are right for a part of the upstream gradient, as if the rest of it were zero."""
    found: dict[str, tuple[str, str]] = {}
    if not partial:
        return found
    upstreams = np.stack([flat(part.upstream) for part in partial], axis=1).astype(np.float64)
    for comparison in comparisons:
        name, got, right = comparison.name, comparison.got, comparison.right
        if got is None or name not in jacobians or not np.isfinite(got).all():
            continue
        room = _room(comparison, tolerance)
        for part, of_part in zip(partial, (jacobians[name] @ upstreams).T, strict=True):
            of_part = of_part.reshape(right.shape)
            is_whole = np.all(np.abs(of_part - right) <= 2 * room)  # then the rest has no say in this array
            if not is_whole and np.all(np.abs(got - of_part) <= room):
                found[name] = part.code, part.text
                break
    return found


def _room(comparison: Comparison, tolerance: float) -> Array:
    return 4 * tolerance * comparison.scale + 6 * comparison.bar


def _factor(subject: Subject, factor: float) -> str:
    """A factor in words: sizes of axes are what it usually is."""
    if abs(factor + 1) < 1e-6:
        return "the right gradient with the wrong sign"
    sign, size = ("minus " if factor < 0 else ""), abs(factor)
    for plain, words in ((2.0, "twice"), (0.5, "half")):  # a 2 forgotten, or one too many
        if abs(size - plain) < 1e-6:
            return f"{sign}{words} the right gradient"
    for name, array in subject.arrays.items():
        for axis, n in enumerate(array.shape):
            if n > 1 and abs(size - n) < 1e-6 * n:
                return f"{sign}{n} times the right gradient; {n} is the length of axis {axis} of {name}"
            if n > 1 and abs(size - 1 / n) < 1e-6 / n:
                return f"{sign}1/{n} of the right gradient; {n} is the length of axis {axis} of {name}"
    digits = 6 if abs(size - 1) > 1e-4 else 12
    return f"{sign}{size:.{digits}g} times the right gradient"


def _permuted(
    subject: Subject, got: Array, right: Array, axis: int, room: Array, letters: str
) -> tuple[str, str] | None:
    """The blocks of an axis in another order."""
    size = right.shape[axis]
    for n in {size} | {n for n in BLOCKS if size % n == 0}:
        if not 1 < n <= 4 or size // n == 0:
            continue
        blocks = np.split(np.arange(size), n)
        for order in itertools.permutations(range(n)):
            if order == tuple(range(n)):
                continue
            index = np.concatenate([blocks[k] for k in order])
            if np.all(np.abs(got - np.take(right, index, axis=axis)) <= room):
                gates = subject.gates if letters[axis : axis + 1] == "G" else ()
                names = [gates[k] if len(gates) == n else str(k) for k in range(n)]
                found = ", ".join(names[k] for k in order)
                return (
                    "permuted",
                    f"its {n} blocks along axis {axis} stand in the order {found}, not {', '.join(names)}",
                )
    return None


def _only_one(got: Array, right: Array, axis: int, room: Array, letters: str) -> tuple[str, str] | None:
    """Right at one index of an axis, zero at all others."""
    if right.shape[axis] < 2:
        return None
    what = {"T": "step", "B": "batch row"}.get(letters[axis : axis + 1], f"index of axis {axis}:")
    written = np.flatnonzero(got.any(axis=tuple(k for k in range(got.ndim) if k != axis)))
    if len(written) != 1:
        return None
    index = (slice(None),) * axis + (written[0],)
    if np.all(np.abs(got - right)[index] <= np.broadcast_to(room, got.shape)[index]):
        return "only-one", f"right at {what} {written[0]} and zero everywhere else"
    return None
