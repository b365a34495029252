"""The proof of the checker: plant every known mistake, and see what it says."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from seqmem.cells import GRUCell, LSTMCell, RNNCell
from seqmem.checking.gradcheck import gradcheck
from seqmem.checking.likes import LIKES, Like
from seqmem.checking.mistakes.record import Mistake, mistaken
from seqmem.checking.named import check_like
from seqmem.checking.recognise import CLOSE, Bank, Wrong
from seqmem.checking.report import Report
from seqmem.checking.styles import STYLES
from seqmem.layers import AdditiveAttention, Embedding, Recurrent
from seqmem.module import Array, Module

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


class Planted(NamedTuple):
    """A mistake in the library's own code."""

    make: Callable[[], Module]
    owner: type  # whose method it is planted in
    method: str
    line: str
    becomes: str
    code: str = ""  # of the catalogue's mistake that computes the same; "" when there is none


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


def plant(planted: Planted) -> Module:
    """A module of the library with a line of one of its methods changed.

    Raises:
        ValueError: for a line that does not stand exactly once in the method.
    """
    source = textwrap.dedent(inspect.getsource(getattr(planted.owner, planted.method)))
    if source.count(planted.line) != 1:
        raise ValueError(f"{planted.line!r} stands {source.count(planted.line)} times in {planted.method}")
    names: dict[str, Any] = dict(vars(inspect.getmodule(planted.owner)))
    names["__class__"] = planted.owner
    changed = source.replace(planted.line, planted.becomes).replace("super()", "super(__class__, self)")
    exec(changed, names)  # our own text, from our own files
    module = planted.make()
    target: Any = module.cell if isinstance(module, Recurrent) and planted.owner is not Recurrent else module
    target.__class__ = type(type(target).__name__, (type(target),), {planted.method: names[planted.method]})
    return module


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


def _lstm() -> Module:
    return Recurrent(LSTMCell(2, 5, rng=0))


def _gru() -> Module:
    return Recurrent(GRUCell(2, 5, rng=0))


def _gru_after() -> Module:
    return Recurrent(GRUCell(2, 5, reset="after", rng=0))


def _rnn() -> Module:
    return Recurrent(RNNCell(2, 5, rng=0))


def _attention() -> Module:
    return AdditiveAttention(3, 4, 5, rng=0)


def _embedding() -> Module:
    return Embedding(7, 3, rng=0)


PLANTED = (
    Planted(
        _lstm,
        LSTMCell,
        "local_derivatives",
        "f * (1 - f), prev.c",
        "f * (1 - f), i * g + f * prev.c",
        "lstm-d-f-with-new-c",
    ),
    Planted(
        _lstm,
        LSTMCell,
        "local_derivatives",
        "i * (1 - i), g",
        "i, g",
        "lstm-sigmoid-for-its-derivative-in-i",
    ),
    Planted(
        _lstm,
        LSTMCell,
        "local_derivatives",
        "o * (1 - o), tanh_c",
        "o * (1 - o), np.arctanh(tanh_c)",
        "lstm-d-o-with-c",
    ),
    Planted(
        _lstm,
        LSTMCell,
        "local_derivatives",
        "1 - g**2, i",
        "1 + g**2, i",
        "lstm-tanh-derivative-of-g-plus",
    ),
    Planted(
        _lstm,
        LSTMCell,
        "local_derivatives",
        "1 - tanh_c**2, o",
        "np.ones_like(o), o",
        "lstm-tanh-derivative-of-c-missing",
    ),
    Planted(
        _lstm,
        LSTMCell,
        "step_backward",
        "d_c *= f",
        "pass",
        "lstm-carried-d-c-without-f",
    ),
    Planted(
        _lstm,
        LSTMCell,
        "step_backward",
        "d_c *= f",
        "d_c *= kept[0]",
        "lstm-carried-d-c-with-i",
    ),
    Planted(
        _lstm,
        LSTMCell,
        "step_backward",
        "d_c += d_h * dh_dc",
        "d_c += d_c + d_h * dh_dc",
        "lstm-d-c-carried-twice",
    ),
    Planted(
        _lstm,
        LSTMCell,
        "step_backward",
        "d_c += d_h * dh_dc",
        "pass",
        "lstm-d-c-from-h-cut",
    ),
    Planted(
        _lstm,
        LSTMCell,
        "step_backward",
        "d_a[2] *= d_h",
        "d_a[2] *= d_c",
    ),
    Planted(
        _lstm,
        LSTMCell,
        "step_backward",
        "d_a[:4], W_h_T",
        "d_a[:3], W_h_T[:3]",
        "lstm-d-h-without-g",
    ),
    Planted(
        _lstm,
        LSTMCell,
        "step",
        "np.tanh(new.c, out=tanh_c)",
        "tanh_c[...] = new.c",
        "lstm-forward-tanh-of-c-missing",
    ),
    Planted(
        _gru,
        GRUCell,
        "local_derivatives",
        "n - prev, out",
        "prev - n, out",
        "gru-before-z-exchanged-in-d-z",
    ),
    Planted(
        _gru,
        GRUCell,
        "step_backward",
        "d_h *= 1 - z",
        "d_h *= z",
        "gru-before-direct-with-z",
    ),
    Planted(
        _gru,
        GRUCell,
        "step_backward",
        "through_n = r * d_reset_h",
        "through_n = d_reset_h",
        "gru-before-d-h-without-r",
    ),
    Planted(
        _gru,
        GRUCell,
        "collect_W_h",
        "np.matmul(kept[3].T, d_a[2], out=d_W_h[2])",
        "np.matmul(prev.T, d_a[2], out=d_W_h[2])",
        "gru-before-d-W-hn-without-r",
    ),
    Planted(
        _gru,
        GRUCell,
        "step",
        "(1 - z) * prev, z * n",
        "z * prev, (1 - z) * n",
        "gru-before-forward-z-keeps",
    ),
    Planted(
        _gru_after,
        GRUCell,
        "local_derivatives",
        "local[2], r, out=local[3]",
        "local[2], 1, out=local[3]",
        "gru-after-d-a-hn-without-r",
    ),
    Planted(
        _gru_after,
        GRUCell,
        "collect",
        '"b_hn": d_a[3].sum',
        '"b_hn": d_a[2].sum',
        "gru-after-d-b-hn-without-r",
    ),
    Planted(
        _rnn,
        RNNCell,
        "local_derivatives",
        "kept[:1] ** 2",
        "kept[:1]",
        "rnn-tanh-derivative-without-square",
    ),
    Planted(
        _rnn,
        RNNCell,
        "step_backward",
        "through(d_a, W_h_T, out=d_state)",
        "through(d_a, W_h_T.swapaxes(1, 2).copy(), out=d_state)",
        "rnn-d-h-without-transpose",
    ),
    Planted(
        _rnn,
        Recurrent,
        "_backward",
        "d_h += d_hs[now]",
        "d_h[...] = d_hs[now]",
        "rnn-carry-and-final-dropped",
    ),
    Planted(
        _attention,
        AdditiveAttention,
        "step_backward",
        "1 - hidden**2",
        "np.ones_like(hidden)",
        "attention-tanh-derivative-missing",
    ),
    Planted(
        _attention,
        AdditiveAttention,
        "step_backward",
        "(weights * d_weights).sum(axis=1, keepdims=True)",
        "0",
        "attention-centring-missing",
    ),
    Planted(
        _attention,
        AdditiveAttention,
        "collect",
        "d_keys += np.matmul(weights, d_contexts)",
        "pass",
        "attention-d-keys-through-scores-only",
    ),
    Planted(
        _embedding,
        Embedding,
        "backward",
        "d_W[ids[first]] = np.add.reduceat(d_y.reshape(-1, self.embedding_size)[order], first, axis=0)",
        "d_W[tokens] = d_y",
        "embedding-repeated-token-keeps-last",
    ),
)
