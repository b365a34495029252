"""The proof of the checker: plant every known mistake, and see what it says."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqmem.checking.gradcheck import gradcheck
from seqmem.checking.likes import LIKES, Like
from seqmem.checking.mistakes.record import Mistake, mistaken
from seqmem.checking.named import check_like
from seqmem.checking.planted import PLANTED, plant
from seqmem.checking.recognise import CLOSE, Bank, Wrong
from seqmem.checking.report import Report
from seqmem.checking.styles import STYLES
from seqmem.module import Array

CATALOGUES = (
    "rnn_sequence",
    "lstm_sequence",
    "gru_sequence",
    "gru_after_sequence",
    "attention",
    "embedding",
    "cross_entropy",
    "clipping",
)


@dataclass(frozen=True)
class Score:
    """How many mistakes of one kind were planted, caught and named."""

    title: str
    planted: int
    caught: int
    named: int
    pairs: int = 0
    named_pairs: int = 0
    silent: tuple[str, ...] = ()  # what was not caught
    unnamed: tuple[str, ...] = ()


@dataclass(frozen=True)
class SelfTest:
    """The mutation score; printable."""

    scores: tuple[Score, ...]
    correct: int  # correct passes in different styles
    findings: tuple[str, ...]  # on them

    @property
    def passed(self) -> bool:
        """All caught, at least 95 % named, nothing found on what is correct."""
        planted = sum(score.planted for score in self.scores)
        caught = sum(score.caught for score in self.scores)
        named = sum(score.named for score in self.scores)
        return caught == planted and named >= 0.95 * planted and not self.findings

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
    """Plant every mistake of the catalogue in the reference passes, and others in the library's code."""
    scores = [_score(LIKES[name]) for name in CATALOGUES]
    scores.append(_score_planted())
    findings = []
    for style in STYLES:
        report = check_like(style.forward, style.backward, style.like)
        if not report.passed:
            findings.append(f"{style.name}: {report}")
    return SelfTest(tuple(scores), len(STYLES), tuple(findings))


def with_mistakes(like: Like, mistakes: tuple[Mistake, ...]) -> tuple[Callable[..., Any], Any]:
    """A reference's passes with mistakes, as the functions that somebody hands in."""
    forward, backward = mistaken(like.reference, mistakes)

    def handed_in(**arrays: Any) -> Any:
        outputs, cache = forward(**arrays)
        return (outputs, cache) if backward else outputs

    handed_in.__signature__ = inspect.signature(forward)  # type: ignore[attr-defined]
    handed_in.__qualname__ = handed_in.__name__ = like.name
    return handed_in, (lambda upstream, cache: backward(*upstream.values(), cache)) if backward else None


def _score(like: Like) -> Score:
    silent, unnamed = [], []
    for mistake in like.mistakes:
        report = check_like(*with_mistakes(like, (mistake,)), like.name)
        if report.verdict != "wrong":
            silent.append(mistake.code)
        if not _names(report, mistake.code):
            unnamed.append(mistake.code)
    n = len(like.mistakes)
    bank = Bank(like, like.problem(0))
    pairs = list(bank.pairs()) if hasattr(like.reference, "backward") else []
    named_pairs = _unique(pairs, bank.singles("backward"))
    counts = (n, n - len(silent), n - len(unnamed), len(pairs), named_pairs)
    return Score(like.title, *counts, tuple(silent), tuple(unnamed))


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
    """How many pairs give results that nothing else gives."""
    if not pairs:
        return 0
    rows = np.array([_row(wrong.results) for wrong in (*pairs, *singles)])
    count = 0
    for k in range(len(pairs)):
        same = np.all(np.abs(rows - rows[k]) <= CLOSE * np.maximum(np.abs(rows[k]), 1e-3), axis=1)
        count += int(same.sum()) == 1
    return count


def _row(results: dict[str, Array]) -> Array:
    return np.nan_to_num(np.concatenate([np.ravel(results[name]) for name in sorted(results)]))


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"
