"""The positions at which a wrong gradient is wrong, and those at which it is right."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from seqmem.checking.contract.subject import Named, Subject, gate_name
from seqmem.checking.gradients.comparison import Comparison
from seqmem.checking.gradients.derivatives import flat
from seqmem.checking.gradients.measured import Measured
from seqmem.checking.gradients.partial_upstreams import MOST_INDICES
from seqmem.checking.report import Row
from seqmem.module import Array

AXIS_NAMES = {"T": "step", "B": "batch row", "S": "source position"}
SMALL = 64  # entries that a bisection finally tests one by one
MOST_BLOCKS = 16  # blocks of a first axis that are distinguished
ONE_STEP = "an upstream gradient on one step alone"
LOOSE = 1e-6  # the minimum tolerance if a part of an upstream gradient leaves little but rounding errors

Region = tuple[slice, ...]


def places(measured: Measured) -> list[str]:
    """Return a sentence for each axis along which an array is partly wrong."""
    found = []
    for comparison in measured.comparisons:
        if comparison.got is not None and comparison.name in measured.by_element:
            mask = comparison.wrong(measured.tolerance, measured.floor)
            found += [f"{comparison.name}: {text}" for text in places_in(measured.subject, comparison, mask)]
    return found


def places_in(subject: Subject, comparison: Comparison, mask: Array) -> list[str]:
    """Return sentences on where one array is wrong, unless it is wrong everywhere or nowhere."""
    if mask.all() or not mask.any():
        return []
    blocks, letters = subject.blocks(comparison.name), subject.axes(comparison.name)
    sentences = [_of_blocks(blocks, mask)]
    if not blocks:
        # zeros for letters that did not occur prove nothing
        says = (
            comparison.right != 0
            if comparison.got is None
            else (comparison.right != 0) | (comparison.got != 0)
        )
        sentences += [_along(mask, axis, letters[axis : axis + 1], says) for axis in range(mask.ndim)]
    return [sentence for sentence in sentences if sentence]


def _of_blocks(blocks: dict[str, Array], mask: Array) -> str:
    """Return which gates of an array are wrong and which are right; "" if all are alike."""
    bad = [label for label, block in blocks.items() if mask[block].any()]
    good = [label for label in blocks if label not in bad]
    return f"{_listed(bad)} wrong; {_listed(good)} right" if bad and good else ""


def _along(mask: Array, axis: int, letter: str, says: Array | None = None) -> str:
    others = tuple(k for k in range(mask.ndim) if k != axis)
    wrong = mask.any(axis=others)
    right = ~wrong if says is None else ~wrong & says.any(axis=others)
    if not right.any():
        return ""
    bad, good = np.flatnonzero(wrong).tolist(), np.flatnonzero(right).tolist()
    what = AXIS_NAMES.get(letter, f"index of axis {axis}:")
    return f"wrong at {what} {_ranges(bad)}; right at {_ranges(good)}"


def one_by_one(measured: Measured) -> list[str]:
    """Report for which single outputs, and for which single steps, the backward pass is right."""
    returned = {name for name, value in measured.passes.gradients.items() if value is not None}
    if set(measured.jacobians) != returned:
        return []
    partial = measured.partial
    found = []
    parts = partial.outputs_alone()
    if len(parts) > 1:
        wrong = [_wrong_arrays(measured, part) for part in parts]
        labels = list(partial.names.values())
        found += _told_apart("an upstream gradient on one output alone", labels, wrong)
    steps = partial.steps_alone()
    if len(steps) < 2:
        return found
    return found + _of_steps(measured, steps, [_wrong_arrays(measured, part) for part in steps])


def _of_steps(measured: Measured, steps: list[Named], wrong: list[Named]) -> list[str]:
    """Report which steps are right alone, and where the first wrong step is wrong."""
    subject = measured.subject
    blocks = {name: subject.blocks(name) for name in subject.arrays}
    told = _told_apart(ONE_STEP, [f"step {t}" for t in range(len(steps))], wrong)
    first = next((t for t, arrays in enumerate(wrong) if arrays), None)
    carried = {n for arrays in wrong for n in arrays if subject.arrays[n].ndim < 3 or blocks[n]}
    alone = flat(steps[0]).astype(np.float64)
    # Without a state before it, step 0 says nothing about W_h.
    was_tested = all((measured.jacobians[name] @ alone).any() for name in carried)
    if told and first and carried and was_tested:
        told.append(
            f"the first step whose gradient breaks is {first}: one step is right and the sequence is wrong, "
            "so look at the wiring between the steps first, then at the algebra within a step"
        )
    if first == 0:  # only one step has been taken, so no error has spread yet
        told += [
            f"with an upstream gradient on step 0 alone, {name}: {sentence}"
            for name, mask in wrong[0].items()
            if (sentence := _of_blocks(blocks[name], mask))
        ]
    return told


def searched(measured: Measured) -> tuple[dict[str, Row], list[str]]:
    """Locate one wrong entry in each array that was compared along directions only."""
    usable = [comparison for comparison in measured.wrong if comparison.got is not None]
    rows: dict[str, Row] = {}
    found: list[str] = []
    for comparison in usable:
        if comparison.name not in measured.by_element:
            rows[comparison.name], told = _bisected(measured, comparison)
            found += told
    return rows, found + _step_by_step(measured, [comparison.name for comparison in usable])


def _step_by_step(measured: Measured, wrong: list[str]) -> list[str]:
    """Test the steps one by one without Jacobians, along one direction of each wrong array."""
    arrays = measured.subject.arrays
    steps = measured.partial.steps_alone()
    if not 2 <= len(steps) <= MOST_INDICES or not wrong:
        return []
    directions = {name: measured.rng.standard_normal(arrays[name].shape) for name in wrong}
    slopes = {name: measured.derivatives.along(name, direction) for name, direction in directions.items()}
    found: list[Named] = []
    for upstream in steps:
        gradients = measured.gradients_of(upstream)
        u, broken = flat(upstream).astype(np.float64), {}
        for name, direction in directions.items():
            parts = np.asarray(gradients.get(name), np.float64) * direction
            right, bar = float(slopes[name].value @ u), float(slopes[name].bar @ np.abs(u))
            scale = max(float(np.sqrt(np.sum(parts**2))), abs(right))
            if not abs(parts.sum() - right) <= max(measured.tolerance, LOOSE) * scale + 3 * bar:
                broken[name] = np.ones(direction.shape, bool)
        found.append(broken)
    return _told_apart(ONE_STEP, [f"step {t}" for t in range(len(steps))], found)


def _told_apart(what: str, labels: list[str], wrong: list[Named]) -> list[str]:
    bad = [label for label, arrays in zip(labels, wrong, strict=True) if arrays]
    good = [label for label, arrays in zip(labels, wrong, strict=True) if not arrays]
    if not bad or not good:
        return []
    return [f"{what}: right for {_listed(good)}, wrong for {_listed(bad)}"]


def _wrong_arrays(measured: Measured, upstream: Named) -> Named:
    """Find the arrays whose gradient is wrong for an upstream gradient, and where."""
    gradients = measured.gradients_of(upstream)
    u = flat(upstream).astype(np.float64)
    arrays = measured.subject.arrays
    rights = {name: (J @ u).reshape(arrays[name].shape) for name, J in measured.jacobians.items()}
    floor = 1e-3 * max((float(np.max(np.abs(right), initial=0.0)) for right in rights.values()), default=0.0)
    wrong = {}
    for name, right in rights.items():
        got = gradients.get(name)
        scale = max(float(np.max(np.abs(right), initial=0.0)), floor)
        if got is None or np.shape(got) != right.shape:
            wrong[name] = np.ones(right.shape, bool)
        elif (mask := ~(np.abs(got - right) <= max(measured.tolerance, LOOSE) * scale)).any():
            wrong[name] = mask
    return wrong


def _bisected(measured: Measured, comparison: Comparison) -> tuple[Row, list[str]]:
    """Bisect an array that failed along a direction: its wrong blocks, and one wrong entry."""
    name, shape = comparison.name, comparison.shape

    def is_wrong(region: Region) -> bool:
        part = measured.directions(name, region, n=1)
        return bool(part.wrong(measured.tolerance, measured.floor).any())

    told = []
    if shape and 1 < shape[0] <= MOST_BLOCKS:
        rest = tuple(slice(0, size) for size in shape[1:])
        blocks = np.array([is_wrong((slice(k, k + 1), *rest)) for k in range(shape[0])])
        sentence = _of_first_axis(measured.subject, name, blocks)
        told = [f"{name}: {sentence}"] if sentence else []
    return _worst(measured, comparison, _halved(shape, is_wrong)), told


def _of_first_axis(subject: Subject, name: str, wrong: Array) -> str:
    if wrong.all() or not wrong.any():
        return ""
    if subject.axes(name)[:1] == "G" and len(subject.gates) == len(wrong):
        gates = {gate_name(gate): np.array(k) for k, gate in enumerate(subject.gates)}
        return _of_blocks(gates, wrong)
    return _along(wrong, 0, "")


def _halved(shape: tuple[int, ...], is_wrong: Callable[[Region], bool]) -> Region:
    """Narrow a wrong array down to a small wrong region by halving the longest axis each time."""
    region = tuple(slice(0, size) for size in shape)
    while np.prod([part.stop - part.start for part in region]) > SMALL:
        axis = int(np.argmax([part.stop - part.start for part in region]))
        part = region[axis]
        middle = (part.start + part.stop) // 2
        halves = [slice(part.start, middle), slice(middle, part.stop)]
        tried = [(*region[:axis], half, *region[axis + 1 :]) for half in halves]
        region = tried[0] if is_wrong(tried[0]) else tried[1]
    return region


def _worst(measured: Measured, comparison: Comparison, region: Region) -> Row:
    """Make the report's row from the worst entry of a region."""
    name, shape = comparison.name, comparison.shape
    got = np.asarray(measured.passes.gradients[name])
    worst = (-1.0, (0,) * got.ndim, 0.0)
    for offset in np.ndindex(*(part.stop - part.start for part in region)):
        index = tuple(part.start + k for part, k in zip(region, offset, strict=True))
        slope = measured.derivatives.along(name, index=int(np.ravel_multi_index(index, shape)))
        right = float(slope.value @ measured.upstream)
        worst = max(worst, (abs(float(got[index]) - right), index, right))
    difference, index, right = worst
    scale = max(comparison.scale, measured.floor)
    return Row(name, shape, "wrong", difference / scale, index, f"got {got[index]:.6g}, right is {right:.6g}")


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _ranges(numbers: list[int]) -> str:
    """Return numbers as ranges: "0-2, 5"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
