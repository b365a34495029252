"""From a candidate to a report: a search for values, the check itself, and the mistake's name."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from seqmem.checking.calling.flat import Flat, flat
from seqmem.checking.calling.guess import ONE, Search, search
from seqmem.checking.calling.trial import ANSWERED, PAIRED, Plan, frames_of
from seqmem.checking.calling.values import Value
from seqmem.checking.catalogue.check_kind import check_kind
from seqmem.checking.contract.conduct import SINGLE
from seqmem.checking.gradient_check import gradcheck_functions
from seqmem.checking.reading import torch_functions
from seqmem.checking.reading.candidates import Candidate, is_clipping
from seqmem.checking.report import WITH_A_SIDE_EFFECT, Report
from seqmem.checking.submissions.naming import named
from seqmem.checking.submissions.small_numbers import Small, small_numbers, without

NEARLY = 1e-3  # relative to an array's largest entry: no small number explains a larger error


class Options(NamedTuple):
    """The user's options."""

    like: str = ""
    seed: int = 0
    values: dict[str, Value] = {}  # noqa: RUF012 - of inputs, by name
    excluded: frozenset[str] = frozenset()  # inputs to ignore
    pair: tuple[str, str] | None = None  # names of the two passes
    verbose: bool = False
    until: float = math.inf  # the value of `time.monotonic` after which no search for a wrong line starts


class UnguessedError(LookupError):
    """Raised if a pass cannot be called without more information; the argument says which."""


def judge(candidate: Candidate, names: dict[str, Any], options: Options) -> Report:
    """Check one candidate.

    Raises:
        UnguessedError: if no values were found with which it runs.
        LookupError: if it needs torch, which is not installed.
    """
    if candidate.backward is None and is_clipping(candidate.forward):
        return _clipping(check_kind(candidate.forward, None, "clipping", options.seed))
    if candidate.is_torch and not torch_functions.is_available():
        raise LookupError(
            f"{candidate.name} is a torch.autograd.Function, and torch is not installed: pip install torch"
        )
    found = search(candidate, names, options.seed, options.values)
    plan = found.outcome.plan
    if plan is None or not _is_convincing(found):
        raise UnguessedError(_question(candidate, found))
    made = flat(plan, options.excluded)
    if options.like:
        report = _like(made, plan, options)
    else:
        report = gradcheck_functions(made.forward, made.backward, dict(made.inputs), seed=options.seed)
        if report.verdict == "wrong" and _is_nearly_right(report):
            report = _meant(candidate, plan, made, report, options.seed)
        if report.verdict == "wrong":
            report = named(plan, names, options.excluded, report, options.seed, options.until)
    notes = (*report.notes, *_notes(found, made, options))
    return replace(report, title=_title(candidate), notes=notes)


def _clipping(report: Report) -> Report:
    """Return the report without the small number added to the norm, which is a choice, not a mistake."""
    codes = [cause.code for cause in report.causes]
    if codes != ["clipping-epsilon-in-the-division"]:
        return report
    verdict = WITH_A_SIDE_EFFECT if report.side_effects else "right"
    return replace(report, verdict=verdict, causes=(), notes=(*report.notes, report.causes[0].message))


def _title(candidate: Candidate) -> str:
    return candidate.forward.__qualname__


def _like(made: Flat, plan: Any, options: Options) -> Report:
    """Compare with the reference pass, whose arrays have other sizes."""
    return check_kind(made.forward, made.backward, options.like, options.seed)


def _is_convincing(found: Search) -> bool:
    """Return whether gradients of unexpected shapes can be blamed on the pass: if others are right."""
    outcome = found.outcome
    if outcome.score[0] != PAIRED or outcome.plan is None:
        return outcome.score[0] > PAIRED
    return outcome.is_sound and bool(outcome.wanted) and not found.is_cut_short


def _is_nearly_right(report: Report) -> bool:
    """Return whether all errors are small enough to look for a small number in the forward pass."""
    wrong = [row for row in report.rows if row.verdict == "wrong"]
    return bool(wrong) and all(row.max_error <= NEARLY for row in wrong)


def _meant(candidate: Candidate, plan: Plan, made: Flat, report: Report, seed: int) -> Report:
    """Return the report on the pass without its small numbers or in single precision, if it is then right."""
    worst = max(row.max_error for row in report.rows if row.verdict == "wrong")
    inputs = dict(made.inputs)
    is_single = _is_single(made, seed, [row.name for row in report.rows if row.verdict == "wrong"])
    if worst <= SINGLE and is_single:
        found = gradcheck_functions(made.forward, made.backward, inputs, seed=seed, tolerance=SINGLE)
        note = f"right to {worst:.0e} of the largest entry: the gradients are computed in single precision"
        return replace(found, notes=(*found.notes, note)) if found.passed else report
    owners = [] if candidate.owner is None else [candidate.owner]
    numbers = small_numbers([candidate.forward, *owners], plan.call._made.values())
    if not numbers:
        return report

    def forward(**arrays: Any) -> Any:
        with without(numbers):
            return made.forward(**arrays)

    forward.__qualname__, forward.__signature__ = _title(candidate), inspect.signature(made.forward)  # type: ignore[attr-defined]
    tolerance = SINGLE if is_single else None
    found = gradcheck_functions(forward, made.backward, inputs, seed=seed, tolerance=tolerance)
    if not found.passed:
        return report
    listed = " and ".join(sorted({_said(number) for number in numbers}))
    note = (
        f"right for the forward pass without the small number {listed}: it changes the derivative by "
        f"{worst:.0e} of the largest entry, and the backward pass leaves it out"
    )
    return replace(found, notes=(*found.notes, note))


def _said(number: Small) -> str:
    return f"{number.value:g}" + (f" in line {number.line}" if number.line else "")


def _is_single(made: Flat, seed: int, names: list[str]) -> bool:
    """Return whether single precision can represent all values of these gradients."""
    outputs = made.forward(**{name: array.copy() for name, array in made.inputs.items()})
    *parts, cache = outputs
    rng = np.random.default_rng(seed)
    upstream = [np.asarray(rng.standard_normal(np.shape(part))) for part in parts]
    gradients = made.backward(upstream[0] if len(upstream) == 1 else tuple(upstream), cache)
    values = [np.asarray(gradients[name]) for name in names]
    return all(np.array_equal(value, value.astype(np.float32)) for value in values)


def _notes(found: Search, made: Flat, options: Options) -> Iterator[str]:
    plan = found.outcome.plan
    if made.without:
        yield f"no gradient is returned for {', '.join(made.without)}"
    if plan is not None:
        yield from plan.pairing.notes
        if plan.binding.loss is not None:
            yield f"the loss that backward begins with was taken for the {plan.binding.loss}"
    if options.verbose:
        shapes = ", ".join(f"{site.name} {value}" for site, value in found.outcome.values.items())
        yield f"assumed, after {found.trials} trial{'s' * (found.trials != 1)} ({found.start}): {shapes}"
        if plan is not None and plan.call.params:
            yield f"parameters found in objects: {', '.join(plan.call.params)}"


def _question(candidate: Candidate, found: Search) -> str:
    """Return what could not be guessed, with the flag that answers it."""
    outcome = found.outcome
    error = outcome.error
    if isinstance(error, TimeoutError):
        return f"it did not finish within {ONE:g} seconds at any shapes tried: is there an endless loop?"
    frames = frames_of(error) if error is not None else []
    where = f" in line {frames[-1].tb_lineno}" if frames else ""
    if type(error).__name__ == "KeyError":
        text = f"the key {error} is missing"
    else:
        text = (
            str(error).strip().split("\n")[0][:200]
            if error is not None
            else "its gradients have other shapes"
        )
    what = {True: "forward runs, backward does not", False: "it could not be called"}[
        outcome.score[0] >= ANSWERED
    ]
    kind = f"{type(error).__name__}: " if error is not None and frames else ""
    shown = " ".join(
        f"{site.name}={'x'.join(map(str, value.shape))}"
        for site, value in outcome.values.items()
        if value.is_float and value.shape
    )
    flag = f"--inputs {shown}" if shown else "--set NAME=VALUE"
    says = "Give the right shapes with --inputs, other values with --set"
    return f"{what} ({kind}{text}{where}). Tried last: {flag}. {says}"
