"""The proof of the checker: all known mistakes are planted, and the verdicts are counted."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqmem.checking.catalogue.check_kind import check_kind
from seqmem.checking.catalogue.kinds import KINDS, Arrays, Kind, Problem
from seqmem.checking.catalogue.mistakes.record import Mistake, mistaken
from seqmem.checking.catalogue.recognise import CLOSE, KnownResults, Wrong, agree
from seqmem.checking.gradient_check import gradcheck
from seqmem.checking.report import Report
from seqmem.checking.selftest.correct_passes import STYLES
from seqmem.checking.selftest.mutation_score import Mutation, mutation
from seqmem.checking.selftest.planted import PLANTED, plant
from seqmem.module import Array

WITHOUT_C0 = ("c0",)
CATALOGUES = (
    *("rnn_sequence", "lstm_sequence", "gru_sequence", "gru_after_sequence"),
    *("rnn_step", "lstm_step", "gru_step", "gru_after_step"),
    "attention",
    "embedding",
    "cross_entropy",
    "clipping",
)


@dataclass(frozen=True)
class Score:
    """The numbers of planted, caught and named mistakes of one kind."""

    title: str
    planted: int
    caught: int
    named: int
    pairs: int = 0
    named_pairs: int = 0
    silent: tuple[str, ...] = ()  # mistakes that were not caught
    unnamed: tuple[str, ...] = ()


@dataclass(frozen=True)
class SelfTest:
    """The mutation score; printable."""

    scores: tuple[Score, ...]
    correct: int  # correct passes in different styles
    findings: tuple[str, ...]  # mistakes found in correct passes
    mutation: Mutation

    @property
    def passed(self) -> bool:
        """True if all are caught, including mutants, at least 95 % named, and no correct pass is rejected."""
        planted = sum(score.planted for score in self.scores)
        caught = sum(score.caught for score in self.scores)
        named = sum(score.named for score in self.scores)
        missed = self.findings or self.mutation.silent
        return caught == planted and named >= 0.95 * planted and not missed

    def __str__(self) -> str:
        width = max(len(score.title) for score in self.scores)
        lines = [f"{'mistakes planted in':<{width}}  planted  caught  named  pairs  named"]
        for score in (*self.scores, self._total()):
            pairs = f"{score.pairs:>5}  {score.named_pairs:>5}" if score.pairs else ""
            counts = f"{score.planted:>7}  {score.caught:>6}  {score.named:>5}  {pairs}"
            lines.append(f"{score.title:<{width}}  {counts}".rstrip())
        total = self._total()
        lines += [f"NOT CAUGHT: {code}" for score in self.scores for code in score.silent]
        lines += [f"not named: {code}" for score in self.scores for code in score.unnamed]
        lines += [f"FALSE FINDING: {finding}" for finding in self.findings]
        lines += [f"NOT CAUGHT: {mutant}" for mutant in self.mutation.silent]
        lines.append(str(self.mutation))
        lines.append(
            f"{_percent(total.caught, total.planted)} caught, {_percent(total.named, total.planted)} named, "
            f"{_percent(total.named_pairs, total.pairs)} of the pairs named; "
            f"{len(self.findings)} false findings on {self.correct} correct passes"
        )
        return "\n".join(lines)

    def _total(self) -> Score:
        sums = [
            sum(getattr(s, f) for s in self.scores)
            for f in ("planted", "caught", "named", "pairs", "named_pairs")
        ]
        return Score("in all", *sums)


def selftest() -> SelfTest:
    """Plant all mistakes of the catalogue in the reference passes, and others in the library's own code."""
    scores = [_score(KINDS[name]) for name in CATALOGUES]
    scores.insert(2, _score(KINDS["lstm_sequence"], WITHOUT_C0))
    scores.append(_score_planted())
    findings = []
    for style in STYLES:
        report = check_kind(style.forward, style.backward, style.like)
        if report.verdict != "right":
            findings.append(f"{style.name}: {report}")
    return SelfTest(tuple(scores), len(STYLES), tuple(findings), mutation())


def with_mistakes(
    kind: Kind, mistakes: tuple[Mistake, ...], absent: tuple[str, ...] = ()
) -> tuple[Callable[..., Any], Any]:
    """Return a reference's passes with mistakes, as two plain functions.

    Args:
        kind: the kind of the reference.
        mistakes: the mistakes to plant.
        absent: inputs that the functions do not have; then they return only the outputs of all steps.
    """
    forward, backward = mistaken(kind.reference, mistakes)
    drawn = kind.draw(np.random.default_rng(0))

    def handed_in(**arrays: Any) -> Any:
        arrays |= {name: np.zeros_like(drawn[name]) for name in absent}
        outputs, cache = kind.call(forward, kind.as_sequence(arrays))
        if absent:
            hs = outputs.pop("hs")
            return {"hs": hs}, (list(map(np.zeros_like, outputs.values())), cache)
        unread = [np.zeros_like(outputs["hs"])] if kind.is_step else []
        outputs = kind.as_step(outputs)
        return (outputs, (unread, cache)) if backward else outputs

    def handed_back(upstream: Arrays, cache: Any) -> Arrays:
        unread, cache = cache
        upstreams = [*upstream.values(), *unread] if absent else [*unread, *upstream.values()]
        gradients: Arrays = backward(*upstreams, cache)  # type: ignore[misc]
        return {name: value for name, value in kind.as_step(gradients).items() if name not in absent}

    names = [name for name in drawn if name not in absent]
    parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    handed_in.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    handed_in.__qualname__ = handed_in.__name__ = kind.name
    return handed_in, handed_back if backward else None


def _score(kind: Kind, absent: tuple[str, ...] = ()) -> Score:
    silent, unnamed = [], []
    planted = _planted(kind, absent)
    for mistake, names in planted:
        report = check_kind(*with_mistakes(kind, (mistake,), absent), kind.name)
        if report.verdict != "wrong":
            silent.append(mistake.code)
        if not any(_names(report, name) for name in names):
            unnamed.append(mistake.code)
    n = len(planted)
    pairs, singles = _pairs(kind, absent) if kind.is_differentiated and not kind.is_step else ([], [])
    title = f"{kind.title} without {' and '.join(absent)}" if absent else kind.title
    counts = (n, n - len(silent), n - len(unnamed), len(pairs), _unique(pairs, singles))
    return Score(title, *counts, tuple(silent), tuple(unnamed))


def _planted(kind: Kind, absent: tuple[str, ...] = ()) -> list[tuple[Mistake, list[str]]]:
    """Return the mistakes to plant, each with the codes that count as its name.

    Some mistakes cannot occur in a single step, and some are equivalent there; the same applies if inputs and
    their gradients are absent.
    """
    if not kind.is_step and not absent:
        return [(mistake, [mistake.code]) for mistake in kind.mistakes]
    right = _results(kind, (), absent)
    results = {mistake.code: _results(kind, (mistake,), absent) for mistake in kind.mistakes}
    return [
        (mistake, [code for code, other in results.items() if _equal(other, results[mistake.code])])
        for mistake in kind.mistakes
        if not _equal(results[mistake.code], right)
    ]


def _pairs(kind: Kind, absent: tuple[str, ...]) -> tuple[list[Wrong], list[Wrong]]:
    """Return all pairs of mistakes, and all single mistakes.

    If inputs are absent, only the first of equivalent mistakes is used, and no pair in which one mistake
    hides the other.
    """
    known = KnownResults(kind, _problem(kind, absent))
    singles = known.singles("backward")
    if not absent:
        return list(known.pairs()), singles
    shown = {mistake.code: names for mistake, names in _planted(kind, absent)}
    singles = [one for one in singles if shown.get(one.mistakes[0].code, [""])[0] == one.mistakes[0].code]
    returned = {name for name in known.gradients if name not in absent}
    alone = {one.mistakes: _returned(one, returned) for one in singles}
    pairs = [_returned(one, returned) for one in known.pairs(singles, returned)]
    both = [
        pair
        for pair in pairs
        if not any(agree(pair.results, alone[(one,)].results, CLOSE) for one in pair.mistakes)
    ]
    return both, list(alone.values())


def _returned(wrong: Wrong, names: set[str]) -> Wrong:
    return wrong._replace(results={name: wrong.results[name] for name in names})


def _problem(kind: Kind, absent: tuple[str, ...]) -> Problem:
    problem = kind.problem(0, absent)
    return problem._replace(upstream={"hs": problem.upstream["hs"]}) if absent else problem


def _results(kind: Kind, mistakes: tuple[Mistake, ...], absent: tuple[str, ...] = ()) -> Array:
    problem = _problem(kind, absent)
    outputs, gradients = kind.run(problem.inputs, problem.upstream, mistakes)
    if absent:
        outputs = {"hs": outputs["hs"]}
        gradients = {name: value for name, value in gradients.items() if name not in absent}
    return np.concatenate([_row(outputs), _row(gradients)])


def _equal(one: Array, other: Array) -> bool:
    return one.shape == other.shape and bool(np.allclose(one, other, rtol=1e-9, atol=1e-12))


def _score_planted() -> Score:
    silent, unnamed = [], []
    for planted in PLANTED:
        what = f"{planted.owner.__name__}.{planted.method}: {planted.becomes.strip()}"
        report = gradcheck(plant(planted))
        if report.verdict != "wrong":
            silent.append(what)
        if not planted.code or not _names(report, planted.code):
            unnamed.append(f"{what} ({planted.code or 'not in the catalogue'})")
    n = len(PLANTED)
    return Score(
        "the library's own code", n, n - len(silent), n - len(unnamed), 0, 0, tuple(silent), tuple(unnamed)
    )


def _names(report: Report, code: str) -> bool:
    return bool(report.causes) and report.causes[0].code == code


def _unique(pairs: list[Wrong], singles: list[Wrong]) -> int:
    """Return how many pairs give results that nothing else gives."""
    if not pairs:
        return 0
    rows = np.array([_row(wrong.results) for wrong in (*pairs, *singles)])
    # equal rows have nearly equal sums, so only rows with adjacent sums are compared
    sums = rows @ np.random.default_rng(0).uniform(1, 2, rows.shape[1])
    room = 2 * CLOSE * np.maximum(np.abs(rows), 1e-3).sum(axis=1)
    order = np.argsort(sums)
    first = np.searchsorted(sums[order], sums - 2 * room)
    last = np.searchsorted(sums[order], sums + 2 * room, side="right")
    count = 0
    for k in range(len(pairs)):
        near = rows[order[first[k] : last[k]]]
        same = np.all(np.abs(near - rows[k]) <= CLOSE * np.maximum(np.abs(rows[k]), 1e-3), axis=1)
        count += int(same.sum()) == 1
    return count


def _row(results: dict[str, Array]) -> Array:
    return np.nan_to_num(np.concatenate([np.ravel(results[name]) for name in sorted(results)]))


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"
