"""The check itself, for any kind of subject."""

from __future__ import annotations

import numpy as np

from seqmem.checking.contract import conduct
from seqmem.checking.contract.conduct import ROUNDING, Watched
from seqmem.checking.contract.subject import Subject
from seqmem.checking.gradients.derivatives import flat
from seqmem.checking.gradients.measured import DIRECTIONS, SECONDS, Limits, Measured
from seqmem.checking.report import WITH_A_SIDE_EFFECT, Cause, Report, Row, SideEffect, Verdict

COARSE = 0.1  # with this tolerance or more, nothing can be judged


def check(
    subject: Subject,
    seed: int = 0,
    tolerance: float | None = None,
    max_elements: int = 20_000,
    explained: bool = True,
    seconds: float = SECONDS,
) -> Report:
    """Compare a subject's gradients with the derivatives of its forward pass.

    Args:
        subject: the passes and the arrays to check.
        seed: seed of the upstream gradient.
        tolerance: the largest relative error of a right gradient; None to derive it from the dtypes.
        max_elements: with more elements, random directions are compared instead of every element.
        explained: whether to look for positions and causes of mistakes, which takes longer than the check.
        seconds: the processor time for comparing every element; for arrays that would take longer, random
            directions are compared.
    """
    rng = np.random.default_rng(seed)
    passes = conduct.watch(subject, rng)
    findings = passes.findings
    faults = tuple(finding.cause for finding in findings if finding.code in conduct.FAULTS)
    effects = _side_effects(passes, findings)
    doubts = list(passes.doubts)
    if tolerance is None:
        tolerance = _tolerance_of(passes)
        if tolerance > COARSE:
            text = "computed in half precision, whose rounding hides mistakes: check in float32 or float64"
            doubts.append(Cause("half-precision", text))
    if doubts:
        doubts += faults
        return Report(
            subject.title, "cannot tell", "", tolerance, seed, causes=tuple(doubts), side_effects=effects
        )
    measured = Measured(passes, tolerance, Limits(max_elements, seconds), rng)
    rows, causes, places = measured.rows, list(faults), list[str]()
    if measured.wrong and explained:
        rows, why, places = _explained(measured)
        causes += why
    verdict = _verdict(rows, faults)
    if verdict == "cannot tell":
        causes += _not_tested(measured.untested, rows)
    if verdict == "right" and effects:
        verdict = WITH_A_SIDE_EFFECT
    found = (tuple(rows), tuple(causes), tuple(places), tuple(_notes(measured)), effects)
    return Report(subject.title, verdict, _method(measured), tolerance, seed, *found)


def _side_effects(passes: Watched, findings: list[conduct.Finding]) -> tuple[SideEffect, ...]:
    if all(finding.code in conduct.FAULTS for finding in findings):
        return ()
    from seqmem.checking.contract.side_effects import side_effects  # only needed if there are findings

    return side_effects(passes, findings)


def _explained(measured: Measured) -> tuple[list[Row], list[Cause], list[str]]:
    """Find out which rows are wrong, why, and where."""
    from seqmem.checking.gradients import explain, locate  # only needed if something is wrong

    measured.look_closer()
    causes, places = explain.causes_of(measured), locate.places(measured)
    if measured.elementwise:
        return measured.rows, causes, places + locate.one_by_one(measured)
    searched, more = locate.searched(measured)
    return [searched.get(row.name, row) for row in measured.rows], causes, places + more


def _verdict(rows: list[Row], faults: tuple[Cause, ...]) -> Verdict:
    verdicts = {row.verdict for row in rows}
    if "wrong" in verdicts or faults:
        return "wrong"
    return "right" if verdicts == {"right"} else "cannot tell"


def _not_tested(names: list[str], rows: list[Row]) -> list[Cause]:
    """Return the causes for arrays whose gradients the inputs could not test."""
    if not rows:
        text = "no parameter and no input is a floating-point number: there is no gradient to compare"
        return [Cause("nothing-to-compare", text)]
    text = (
        f"{', '.join(names)}: a backward pass that returns nothing but zeros would look right here, too. "
        "Check at inputs that reach every array: not empty, not all zero, not masked or dropped altogether"
    )
    return [Cause("not-tested", text)] if names else []


def _notes(measured: Measured) -> list[str]:
    """Return notes on everything that is not wrong but worth knowing."""
    notes = [finding.message for finding in conduct.own_memory(measured.passes)]
    if not measured.derivatives.exact:
        why = measured.derivatives.obstacle
        notes.append(f"compared with differences, not with the complex step: {why}")
    return notes


def _method(measured: Measured) -> str:
    how = "complex step" if measured.derivatives.exact else "central differences"
    if measured.elementwise:
        return f"{how}, every element"
    if not measured.by_element:
        return f"{how}, {DIRECTIONS} random directions an array"
    names = [name for name in measured.sizes if name in measured.by_element]
    return f"{how}, every element of {', '.join(names)}; {DIRECTIONS} random directions of any other array"


def _tolerance_of(passes: Watched) -> float:
    """Return 4096 rounding errors of the least precise dtype among inputs and outputs.

    The dtype counts as float64 at least, because the right derivatives are computed in float64.
    """
    dtypes = [array.dtype for array in passes.subject.arrays.values()] + [flat(passes.outputs).dtype]
    kinds = [np.dtype(np.float64), *(dtype for dtype in dtypes if dtype.kind in "fc")]
    return ROUNDING * max(float(np.finfo(dtype).eps) for dtype in kinds)
