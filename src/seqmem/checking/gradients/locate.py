"""Where a wrong gradient is wrong, and where it is right."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.checking.gradients.comparison import Comparison, random_directions
from seqmem.checking.gradients.conduct import Passes, restore
from seqmem.checking.gradients.derivatives import Derivatives, flat
from seqmem.checking.gradients.pairing import Returned
from seqmem.checking.gradients.partial_upstreams import MOST_INDICES, outputs_alone, steps_alone
from seqmem.checking.gradients.subject import Subject, gate_name, leaves
from seqmem.checking.report import Row
from seqmem.module import Array

AXIS_NAMES = {"T": "step", "B": "batch row", "S": "source position"}
SMALL = 64  # entries that a search by halves looks at one by one


def places(subject: Subject, comparisons: list[Comparison], tolerance: float, floor: float) -> list[str]:
    """A sentence for each axis along which part of an array is wrong and part of it right."""
    found = []
    for comparison in comparisons:
        if comparison.got is None:
            continue
        mask = comparison.wrong(tolerance, floor)
        if mask.any() and not mask.all():
            sentence = _of_blocks(subject, comparison.name, mask)
            if sentence:
                found.append(f"{comparison.name}: {sentence}")
            letters = subject.axes(comparison.name)
            for axis in range(0 if subject.blocks(comparison.name) else mask.ndim):
                sentence = _along(mask, axis, letters[axis] if axis < len(letters) else "")
                if sentence:
                    found.append(f"{comparison.name}: {sentence}")
    return found


def _of_blocks(subject: Subject, name: str, mask: Array) -> str:
    """Which gates of an array are wrong, and which right; nothing where all are the same."""
    blocks = subject.blocks(name)
    bad = [label for label, block in blocks.items() if mask[block].any()]
    good = [label for label in blocks if label not in bad]
    return f"{_listed(bad)} wrong; {_listed(good)} right" if bad and good else ""


def _along(mask: Array, axis: int, letter: str) -> str:
    wrong = mask.any(axis=tuple(k for k in range(mask.ndim) if k != axis))
    if wrong.all():
        return ""
    bad, good = np.flatnonzero(wrong).tolist(), np.flatnonzero(~wrong).tolist()
    what = AXIS_NAMES.get(letter, f"index of axis {axis}:")
    return f"wrong at {what} {_ranges(bad)}; right at {_ranges(good)}"


def one_by_one(subject: Subject, passes: Passes, jacobians: dict[str, Array], tolerance: float) -> list[str]:
    """Upstream gradients on one output alone, and on one step alone: which of them come through right?"""
    if set(jacobians) != {name for name in subject.arrays if passes.gradients.get(name) is not None}:
        return []
    names = [name or "the output" for name, _ in leaves(passes.upstream, "")]
    found = []
    parts = outputs_alone(passes.upstream)
    if len(parts) > 1:
        wrong = [_wrong_arrays(subject, part, jacobians, tolerance) for part in parts]
        labels = [f"output {name}" for name in names]
        found += _told_apart("an upstream gradient on one output alone", labels, wrong)
    steps = steps_alone(subject, passes.upstream, jacobians)
    if len(steps) < 2:
        return found
    wrong = [_wrong_arrays(subject, part, jacobians, tolerance) for part in steps]
    told = _told_apart(
        "an upstream gradient on one step alone", [f"step {t}" for t in range(len(steps))], wrong
    )
    first = next((t for t, arrays in enumerate(wrong) if arrays), None)
    carried = {
        name for arrays in wrong for name in arrays if subject.arrays[name].ndim < 3 or subject.blocks(name)
    }
    alone = flat(steps[0]).astype(np.float64)
    # Without a state before it, step 0 says nothing of W_h.
    was_tested = all((jacobians[name] @ alone).any() for name in carried)
    if told and first and carried and was_tested:
        told.append(
            f"the first step whose gradient breaks is {first}: one step is right and the sequence is wrong, "
            "so look at the wiring from step to step first, then at the algebra within one"
        )
    if first == 0:  # only one step lies behind it, so nothing has spread yet
        told += [
            f"with an upstream gradient on step 0 alone, {name}: {sentence}"
            for name, mask in wrong[0].items()
            if (sentence := _of_blocks(subject, name, mask))
        ]
    return found + told


def step_by_step(
    subject: Subject,
    passes: Passes,
    derivatives: Derivatives,
    wrong: list[str],
    rng: np.random.Generator,
    tolerance: float,
) -> list[str]:
    """`one_by_one` for steps without Jacobians: of each wrong array, one direction."""
    steps = steps_alone(subject, passes.upstream, {})
    if not 2 <= len(steps) <= MOST_INDICES or not wrong:
        return []
    directions = {name: rng.standard_normal(subject.arrays[name].shape) for name in wrong}
    slopes = {name: derivatives.along(name, direction) for name, direction in directions.items()}
    found: list[dict[str, Array]] = []
    for upstream in steps:
        gradients = _gradients(subject, upstream)
        u, broken = flat(upstream).astype(np.float64), {}
        for name, direction in directions.items():
            parts = np.asarray(gradients.get(name), np.float64) * direction
            right, bar = float(slopes[name].value @ u), float(slopes[name].bar @ np.abs(u))
            scale = max(float(np.sqrt(np.sum(parts**2))), abs(right))
            if not abs(parts.sum() - right) <= max(tolerance, 1e-6) * scale + 3 * bar:
                broken[name] = np.ones(direction.shape, bool)
        found.append(broken)
    labels = [f"step {t}" for t in range(len(steps))]
    return _told_apart("an upstream gradient on one step alone", labels, found)


def _gradients(subject: Subject, upstream: Any) -> Returned:
    """The backward pass of an upstream gradient, the inputs left as they were."""
    kept = {name: array.copy() for name, array in subject.arrays.items()}
    _, cache = subject.forward(subject.arrays)
    with np.errstate(all="ignore"):
        gradients = subject.backward(upstream, cache)
    restore(subject.arrays, kept)
    return gradients


def _told_apart(what: str, labels: list[str], wrong: list[dict[str, Array]]) -> list[str]:
    bad = [label for label, arrays in zip(labels, wrong, strict=True) if arrays]
    good = [label for label, arrays in zip(labels, wrong, strict=True) if not arrays]
    if not bad or not good:
        return []
    return [f"{what}: right for {_listed(good)}, wrong for {_listed(bad)}"]


def _wrong_arrays(
    subject: Subject, upstream: Any, jacobians: dict[str, Array], tolerance: float
) -> dict[str, Array]:
    """The arrays whose gradient is wrong for an upstream gradient, and where."""
    gradients = _gradients(subject, upstream)
    u = flat(upstream).astype(np.float64)
    rights = {
        name: (jacobian @ u).reshape(subject.arrays[name].shape) for name, jacobian in jacobians.items()
    }
    floor = 1e-3 * max((float(np.max(np.abs(right), initial=0.0)) for right in rights.values()), default=0.0)
    wrong = {}
    for name, right in rights.items():
        got = gradients.get(name)
        scale = max(float(np.max(np.abs(right), initial=0.0)), floor)
        if got is None or np.shape(got) != right.shape:
            wrong[name] = np.ones(right.shape, bool)
        elif (mask := ~(np.abs(got - right) <= max(tolerance, 1e-6) * scale)).any():
            wrong[name] = mask
    return wrong


def bisect(
    subject: Subject,
    comparison: Comparison,
    got: Array,
    derivatives: Derivatives,
    upstream: Array,
    rng: np.random.Generator,
    tolerance: float,
    floor: float,
) -> tuple[Row, list[str]]:
    """For an array of which a direction is wrong: which blocks of its first axis are, and one wrong entry."""

    def is_wrong(region: tuple[slice, ...]) -> bool:
        part = random_directions(comparison.name, got, derivatives, upstream, rng, region, n=1)
        return bool(part.wrong(tolerance, floor).any())

    whole = tuple(slice(0, size) for size in got.shape)
    told = []
    if got.ndim and 1 < got.shape[0] <= 16:
        blocks = np.array([is_wrong((slice(k, k + 1), *whole[1:])) for k in range(got.shape[0])])
        gates = subject.axes(comparison.name)[:1] == "G" and len(subject.gates) == len(blocks)
        names = [gate_name(gate) for gate in subject.gates]
        bad = [name for name, wrong in zip(names, blocks, strict=False) if wrong]
        good = [name for name in names if name not in bad]
        sentence = _along(blocks, 0, "")
        if gates and bad and good:
            sentence = f"{_listed(bad)} wrong; {_listed(good)} right"
        told = [f"{comparison.name}: {sentence}"] if sentence else []
    region = whole
    while np.prod([part.stop - part.start for part in region]) > SMALL:
        axis = int(np.argmax([part.stop - part.start for part in region]))
        part = region[axis]
        middle = (part.start + part.stop) // 2
        halves = [slice(part.start, middle), slice(middle, part.stop)]
        tried = [(*region[:axis], half, *region[axis + 1 :]) for half in halves]
        region = tried[0] if is_wrong(tried[0]) else tried[1]
    worst = (-1.0, (0,) * got.ndim, 0.0)
    for offset in np.ndindex(*(part.stop - part.start for part in region)):
        index = tuple(part.start + k for part, k in zip(region, offset, strict=True))
        slope = derivatives.along(comparison.name, index=int(np.ravel_multi_index(index, got.shape)))
        right = float(slope.value @ upstream)
        worst = max(worst, (abs(float(got[index]) - right), index, right))
    difference, index, right = worst
    scale = max(comparison.scale, floor)
    note = f"got {got[index]:.6g}, right is {right:.6g}"
    return Row(comparison.name, got.shape, "wrong", difference / scale, index, note), told


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _ranges(numbers: list[int]) -> str:
    """0-2, 5"""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
