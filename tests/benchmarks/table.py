"""Rows and goals as text: on the terminal, and as Markdown."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

from benchmarks.goals import Goal
from benchmarks.measure import BUSY, Row

GOAL_HEADINGS = (
    "work",
    "shape",
    "ours",
    "other",
    "ratio (median)",
    "spread",
    "must reach",
    "aim",
    "verdict",
)
ROW_HEADINGS = (
    *("work", "shape", "threads", "ours", "other", "other is"),
    *("ratio (median)", "spread", "CPU of others"),
)
FACTORS = {"ms": 1e3, "µs": 1e6, "MB": 1e-6, "s": 1.0, "floats": 1.0}


class Outcome(NamedTuple):
    """What became of a goal."""

    shape: str
    ours: str
    other: str
    figure: float | None
    spread: tuple[float, float] | None
    verdict: str


def geometric_mean(values: Iterable[float]) -> float:
    """The mean that treats twice as fast and twice as slow alike."""
    return statistics.geometric_mean(values)


def outcome(goal: Goal, rows: Sequence[Row]) -> Outcome:
    """The goal's figure, made of the medians of its rows; no verdict unless every row is there."""
    selected = [
        row
        for row in rows
        if row.contest in goal.contests and row.figure == goal.figure and row.other_name == goal.other
    ]
    n_wanted = len(goal.contests)
    missing = next((row.missing for row in selected if row.missing), None)
    measured = [row for row in selected if row.judged]
    if not measured:
        return Outcome("", "", "", None, None, missing or "not measured")
    at_most = measured[0].at_most
    if goal.how == "geometric mean":
        figure = geometric_mean([row.median for row in measured])
        rounds = [geometric_mean(turn) for turn in zip(*(row.judged for row in measured), strict=True)]
        ours, other = (
            show(geometric_mean([statistics.median(values) for values in side]), measured[0].unit)
            for side in ([row.ours for row in measured], [row.other for row in measured])
        )
        shape = f"geometric mean of {len(measured)}"
    else:
        row = (max if at_most else min)(measured, key=lambda row: row.median)
        figure, rounds = row.median, row.judged
        ours, other = shown_values(row)
        shape = f"worst of {len(measured)}: {row.shape or row.work}" if goal.how == "worst" else row.shape
    verdict = judge(goal, figure, at_most)
    if len(measured) < n_wanted:
        verdict = f"open: {len(measured)} of {n_wanted} shapes measured"
    elif any((row.busy or 0) > BUSY for row in measured):
        verdict = f"open: the machine was busy ({verdict})"
    return Outcome(shape, ours, other, figure, (min(rounds), max(rounds)), verdict)


def judge(goal: Goal, figure: float, at_most: bool) -> str:
    """Aim, must, or missed; nothing of a goal that is none."""

    def reached(bound: float | None) -> bool:
        return bound is not None and (figure <= bound if at_most else figure >= bound)

    if goal.must is None:
        return "for information"
    if reached(goal.aim):
        return "aim reached"
    return "reached" if reached(goal.must) else "MISSED"


def show(value: float, unit: str) -> str:
    """A value with its unit: seconds as what the unit says, bytes as megabytes."""
    if unit == "tokens/s":
        return f"{1 / value:,.0f} tokens/s"
    return f"{digits(value * FACTORS[unit])} {unit}"


def digits(value: float) -> str:
    """Three significant digits, never in exponents."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    return f"{value:,.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def shown_values(row: Row) -> tuple[str, str]:
    """Median of ours and of the other, with their unit."""
    ours, other = (
        show(statistics.median(values), row.unit) if values else "" for values in (row.ours, row.other)
    )
    return ours, other


def spread_text(spread: tuple[float, float] | None) -> str:
    return "" if spread is None else f"{spread[0]:.2f}–{spread[1]:.2f}"


def row_cells(row: Row) -> list[str]:
    """A row's cells under ROW_HEADINGS."""
    ours, other = shown_values(row)
    ratio = spread = ""
    if row.missing:
        other = f"missing: {row.missing}"
    elif row.other_name is not None:
        ratio, spread = f"{row.median:.2f}", spread_text((min(row.judged), max(row.judged)))
    busy = "" if row.busy is None else f"{row.busy:.0%}"
    work, name, threads = f"{row.work}, {row.figure}", row.other_name or "", str(row.threads)
    return [work, row.shape, threads, ours, other, name, ratio, spread, busy]


def goal_cells(goal: Goal, rows: Sequence[Row]) -> list[str]:
    """A goal's cells under GOAL_HEADINGS."""
    found = outcome(goal, rows)
    figure = "" if found.figure is None else f"{found.figure:.2f}"
    must, aim = ("" if bound is None else f"{bound:g}" for bound in (goal.must, goal.aim))
    spread = spread_text(found.spread)
    return [
        goal.work,
        found.shape,
        found.ours,
        found.other,
        figure,
        spread,
        must,
        aim,
        found.verdict,
    ]


def goal_lines(goals: Sequence[Goal], rows: Sequence[Row], threads: int) -> list[list[str]]:
    """The table of goals with so many threads."""
    measured = [row for row in rows if row.threads == threads]
    return [goal_cells(goal, measured) for goal in goals]


def heading_of(threads: int) -> str:
    """What stands above that table."""
    return "With one thread:" if threads == 1 else f"With {threads} threads:"


def aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    """One line of the terminal's table."""
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def terminal_table(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table as wide as its contents."""
    widths = [max(map(len, column)) for column in zip(headings, *lines, strict=True)]
    return "\n".join(aligned(line, widths) for line in (headings, *lines))


def markdown_table(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """The same in Markdown."""
    return "\n".join(f"| {' | '.join(line)} |" for line in (headings, ["---"] * len(headings), *lines))


def markdown(goals: dict[int, list[Goal]], rows: Sequence[Row], facts: dict[str, object]) -> str:
    """The document's part that is produced: the machine, the goals by the number of threads, every row."""
    versions = [
        f"{name} {value or 'not installed'}"
        for name, value in facts.items()
        if name not in ("cores", "architecture")
    ]
    architecture = f", {facts['architecture']}" if "architecture" in facts else ""
    machine = f"{facts['cores']} cores{architecture}"
    machine += f", with {', '.join(versions)}" if versions else ""
    older = " Compared with an older version it is always other / ours." if "against" in facts else ""
    parts = [
        f"Measured on {machine}.",
        "Ratio = other / ours; above 1, seqmem is faster or smaller. In rows that say *at most*, "
        "ratio = ours / other. "
        f"The ratio is the median over the rounds, the spread is the smallest and the largest ratio.{older}",
        *chain.from_iterable(
            (heading_of(threads), markdown_table(GOAL_HEADINGS, goal_lines(of_these, rows, threads)))
            for threads, of_these in goals.items()
        ),
        markdown_table(ROW_HEADINGS, [row_cells(row) for row in rows]),
    ]
    return "\n\n".join(parts) + "\n"
