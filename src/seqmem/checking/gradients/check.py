"""The check itself, of whatever kind of subject."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.checking.gradients import conduct, explain, locate
from seqmem.checking.gradients.comparison import (
    DIRECTIONS,
    Comparison,
    every_element,
    random_directions,
    unusable,
)
from seqmem.checking.gradients.conduct import ROUNDINGS, Passes
from seqmem.checking.gradients.derivatives import Derivatives, flat
from seqmem.checking.gradients.subject import Subject
from seqmem.checking.report import Cause, Report, Row, Verdict
from seqmem.module import Array

COARSE = 0.1  # a tolerance with which nothing can be told


def check(
    subject: Subject,
    seed: int = 0,
    tolerance: float | None = None,
    max_elements: int = 20_000,
    explained: bool = True,
) -> Report:
    """Compare a subject's gradients with the derivatives of its forward pass.

    Args:
        subject: what is checked.
        seed: of the upstream gradient.
        tolerance: the largest relative error of what is right; from the dtypes when None.
        max_elements: with more than these, random directions are compared instead of every element.
        explained: whether to look for where and why something is wrong, which takes longer than to see it.
    """
    rng = np.random.default_rng(seed)
    passes = conduct.run(subject, rng)
    if tolerance is None:
        tolerance = tolerance_of(subject, passes.outputs)
        if tolerance > COARSE:
            text = "computed in half precision, whose rounding hides mistakes: check in float32 or float64"
            passes.doubts.append(Cause("half-precision", text))
    if passes.doubts:
        why = (*passes.doubts, *passes.faults)
        return Report(subject.title, "cannot tell", "", tolerance, seed, causes=why)
    derivatives = Derivatives(subject, rng)
    upstream = flat(passes.upstream).astype(np.float64)
    elementwise = sum(array.size for array in subject.arrays.values()) <= max_elements
    comparisons, jacobians = _compared(subject, passes, derivatives, upstream, elementwise, rng)

    # A gradient that is nothing but rounding is measured against the other gradients and the outputs: with
    # this floor, the default tolerance still is no more than four rounding errors of the largest of them.
    weighted = np.abs(upstream * flat(passes.outputs))
    floor = 1e-3 * max([c.scale for c in comparisons] + [float(np.max(weighted, initial=0.0))], default=0.0)
    rows = [comparison.row(tolerance, floor) for comparison in comparisons]
    surplus = passes.gradients.surplus
    rows += [Row(name, (), "wrong", np.inf, None, note) for name, note in surplus.items()]

    wrong = [c for c, row in zip(comparisons, rows, strict=False) if row.verdict == "wrong"]
    causes: list[Cause] = list(passes.faults)
    places: list[str] = []
    if wrong and elementwise and explained:
        places = locate.places(subject, comparisons, tolerance, floor)
        places += locate.one_by_one(subject, passes, jacobians, tolerance)
        causes += explain.causes(subject, wrong, tolerance, passes.upstream, jacobians)
    elif wrong and explained:
        searched, places = _searched(subject, passes, derivatives, wrong, rng, tolerance, floor)
        rows = [searched.get(row.name, row) for row in rows]
    untested = [c.name for c in comparisons if c.untested(tolerance, floor)]
    verdicts = {row.verdict for row in rows}
    verdict: Verdict = (
        "wrong"
        if "wrong" in verdicts or passes.faults
        else "cannot tell"
        if "cannot tell" in verdicts or not rows
        else "right"
    )
    if verdict == "cannot tell":
        causes += _not_tested(untested, rows)
    method = ("complex step" if derivatives.exact else "central differences") + ", "
    method += "every element" if elementwise else f"{DIRECTIONS} random directions an array"
    notes = list(passes.notes)
    if not derivatives.exact:
        notes.append(f"compared with differences, not with the complex step: {derivatives.obstacle}")
    found = (tuple(rows), tuple(causes), tuple(places), tuple(notes))
    return Report(subject.title, verdict, method, tolerance, seed, *found)


def _compared(
    subject: Subject,
    passes: Passes,
    derivatives: Derivatives,
    upstream: Array,
    elementwise: bool,
    rng: np.random.Generator,
) -> tuple[list[Comparison], dict[str, Array]]:
    """Every array beside the right one, and the Jacobians that were small enough to keep."""
    comparisons: list[Comparison] = []
    jacobians: dict[str, Array] = {}
    for name, array in subject.arrays.items():
        got = passes.gradients.get(name)
        comparison = unusable(name, array, got)
        if comparison is None and elementwise:
            comparison, jacobian = every_element(name, array, np.asarray(got), derivatives, upstream)
            if jacobian is not None:
                jacobians[name] = jacobian
        elif comparison is None:
            comparison = random_directions(name, np.asarray(got), derivatives, upstream, rng)
        comparison = comparison._replace(unread=name in subject.unread)
        comparisons.append(comparison)
    return comparisons, jacobians


def _not_tested(names: list[str], rows: list[Row]) -> list[Cause]:
    """What nothing could have refuted is not right."""
    if not rows:
        text = "no parameter and no input is a floating-point number: there is no gradient to compare"
        return [Cause("nothing-to-compare", text)]
    text = (
        f"{', '.join(names)}: a backward pass that returns nothing but zeros would look right here, too. "
        "Check at inputs that reach every array: not empty, not all zero, not masked or dropped altogether"
    )
    return [Cause("not-tested", text)] if names else []


def _searched(
    subject: Subject,
    passes: Passes,
    derivatives: Derivatives,
    wrong: list[Comparison],
    rng: np.random.Generator,
    tolerance: float,
    floor: float,
) -> tuple[dict[str, Row], list[str]]:
    """Where arrays are wrong of which only directions were compared: a row with one wrong entry for each."""
    upstream = flat(passes.upstream).astype(np.float64)
    usable = [comparison for comparison in wrong if comparison.got is not None]
    rows: dict[str, Row] = {}
    places: list[str] = []
    for comparison in usable:
        got = np.asarray(passes.gradients[comparison.name])
        row, told = locate.bisect(subject, comparison, got, derivatives, upstream, rng, tolerance, floor)
        rows[comparison.name] = row
        places += told
    names = [comparison.name for comparison in usable]
    return rows, places + locate.step_by_step(subject, passes, derivatives, names, rng, tolerance)


def tolerance_of(subject: Subject, outputs: Any) -> float:
    """4096 rounding errors of the least precise dtype that went in or came out.

    At least those of float64: in no more than that are the right derivatives computed.
    """
    dtypes = [array.dtype for array in subject.arrays.values()] + [flat(outputs).dtype]
    kinds = [np.dtype(np.float64), *(dtype for dtype in dtypes if dtype.kind in "fc")]
    return ROUNDINGS * max(float(np.finfo(dtype).eps) for dtype in kinds)
