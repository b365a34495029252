"""The summary of a class: the results of each exercise, and the number of students per mistake."""

from __future__ import annotations

import html
import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from seqmem.exercises.grading.record import STATUSES, Grade

BINS = 10  # of the scores, in equal fractions of the maximum


@dataclass(frozen=True)
class MistakeCount:
    """A mistake, and the number of students who made it."""

    exercise: str
    code: str
    message: str
    students: int


@dataclass(frozen=True)
class ExerciseSummary:
    """The results of one exercise."""

    exercise: str
    max_score: float
    mean: float  # over the students who handed in
    statuses: dict[str, int]  # students by status
    bins: tuple[int, ...]  # students by their fraction of the points, of those who handed in
    parts: dict[str, int]  # students with a wrong part, of those whose code ran
    mistakes: tuple[MistakeCount, ...]  # the most common first


def summed_up(grades: Sequence[Grade]) -> list[ExerciseSummary]:
    """Return the results of each exercise.

    >>> [one] = summed_up([Grade("ada", "rnn_step_forward", "right", 3.0, 3.0)])
    >>> one.statuses["right"], one.mean
    (1, 3.0)
    """
    return [
        _of([grade for grade in grades if grade.exercise == name], name)
        for name in dict.fromkeys(grade.exercise for grade in grades)
    ]


def _of(grades: Sequence[Grade], name: str) -> ExerciseSummary:
    handed_in = [grade for grade in grades if grade.status not in ("not handed in", "error")]
    most = max((grade.max_score for grade in grades), default=0.0)
    shares = [grade.score / grade.max_score if grade.max_score else 0.0 for grade in handed_in]
    bins = Counter(min(BINS - 1, int(share * BINS)) for share in shares)
    statuses = Counter(grade.status for grade in grades)
    wrong = Counter(
        part
        for grade in handed_in
        if grade.status == "wrong"
        for part, right in grade.parts.items()
        if not right
    )
    made = Counter(mistake for grade in grades for mistake in dict.fromkeys(grade.mistakes))
    counts = sorted(made.items(), key=lambda pair: (-pair[1], pair[0].code))
    return ExerciseSummary(
        name,
        most,
        sum(grade.score for grade in handed_in) / max(1, len(handed_in)),
        {status: statuses[status] for status in STATUSES},
        tuple(bins[k] for k in range(BINS)),
        dict(wrong.most_common()),
        tuple(MistakeCount(name, mistake.code, mistake.message, count) for mistake, count in counts),
    )


def as_table(summaries: Sequence[ExerciseSummary], width: int = 80) -> str:
    """Return the summary as text: a line for each exercise, then the mistakes, most common first."""
    if not summaries:
        return "there is nothing to sum up"
    column = max(len("exercise"), *(len(one.exercise) for one in summaries))
    heads = ("right", "wrong", "unstarted", "absent", "failed", "error")
    lines = [f"{'exercise':<{column}}  {'  '.join(heads)}  mean"]
    for one in summaries:
        counts = "  ".join(
            f"{one.statuses[status]:>{len(head)}}" for status, head in zip(STATUSES, heads, strict=True)
        )
        lines.append(f"{one.exercise:<{column}}  {counts}  {one.mean:.1f} of {one.max_score:g}")
    mistakes = sorted((m for one in summaries for m in one.mistakes), key=lambda m: (-m.students, m.code))
    if mistakes:
        lines += ["", "students  mistake"]
        for mistake in mistakes:
            lines.append(f"{mistake.students:>8}  {mistake.code} ({mistake.exercise})")
            lines += textwrap.wrap(
                mistake.message, width, initial_indent=" " * 10, subsequent_indent=" " * 10
            )
    return "\n".join(lines)


STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
       color: #1b1b1b; background: #fff; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem; }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid #ddd; vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
code { font-size: .9em; }
svg text { font: 12px system-ui, sans-serif; fill: currentColor; }
svg rect { fill: #3b6ea5; }
@media (prefers-color-scheme: dark) {
  body { color: #e8e8e8; background: #161616; } th, td { border-color: #444; } svg rect { fill: #7aa9dd; }
}
"""


def as_body(summaries: Sequence[ExerciseSummary]) -> str:
    """Return the summary as the body of a page: tables, and the distribution of each exercise's scores."""
    parts = [
        f"<h2>{html.escape(one.exercise)}</h2>{_histogram(one)}{_mistakes(one)}{_parts(one)}"
        for one in summaries
    ]
    return "\n".join(["<h1>The class</h1>", _overview(summaries), *parts])


def _overview(summaries: Sequence[ExerciseSummary]) -> str:
    head = "".join(f'<th class="number">{status}</th>' for status in STATUSES)
    rows = "".join(
        f"<tr><td>{html.escape(one.exercise)}</td>"
        + "".join(f'<td class="number">{one.statuses[status]}</td>' for status in STATUSES)
        + f'<td class="number">{one.mean:.1f} of {one.max_score:g}</td></tr>'
        for one in summaries
    )
    return f'<table><tr><th>exercise</th>{head}<th class="number">mean</th></tr>{rows}</table>'


def _histogram(one: ExerciseSummary) -> str:
    """Return a histogram of the students by their fraction of the points, with numbers on the bars."""
    most, height, step = max(1, *one.bins), 120, 56
    bars = []
    for k, count in enumerate(one.bins):
        tall = round(height * count / most)
        x = k * step + 4
        label = f"{100 * k // BINS}-{100 * (k + 1) // BINS} %"
        bars.append(f'<rect x="{x}" y="{height - tall + 16}" width="{step - 8}" height="{tall}"></rect>')
        bars.append(
            f'<text x="{x + step // 2 - 4}" y="{height - tall + 12}" text-anchor="middle">{count}</text>'
        )
        bars.append(f'<text x="{x + step // 2 - 4}" y="{height + 32}" text-anchor="middle">{label}</text>')
    said = f"students by their share of {one.max_score:g} points: {', '.join(map(str, one.bins))}"
    size = f'viewBox="0 0 {step * BINS} {height + 40}" width="100%"'
    return f'<svg role="img" aria-label="{html.escape(said)}" {size}>{"".join(bars)}</svg>'


def _mistakes(one: ExerciseSummary) -> str:
    if not one.mistakes:
        return ""
    rows = "".join(
        f'<tr><td class="number">{m.students}</td><td><code>{html.escape(m.code)}</code><br>'
        f"{html.escape(m.message)}</td></tr>"
        for m in one.mistakes
    )
    return f'<table><tr><th class="number">students</th><th>mistake</th></tr>{rows}</table>'


def _parts(one: ExerciseSummary) -> str:
    if not one.parts:
        return ""
    rows = "".join(
        f'<tr><td class="number">{count}</td><td>{html.escape(part)}</td></tr>'
        for part, count in one.parts.items()
    )
    return f'<table><tr><th class="number">students</th><th>wrong</th></tr>{rows}</table>'
