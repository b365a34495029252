"""The report on an exercise: the checks in their order, the right arrays, and the credit."""

from __future__ import annotations

import html
import json
import textwrap
from dataclasses import asdict, dataclass, field
from typing import Literal, NamedTuple

from seqmem.checking.report import Cause

WIDTH = 80
Verdict = Literal["right", "wrong", "not started", "not reached"]
CHECKS = ("runs", "shapes", "values", "convention", "gradient", "purity", "speed")  # in the order of a report
UNFOLD = "All in full: --whole, or in a notebook report.lines(whole=True)"
_MARKS = {"right": "ok", "wrong": "WRONG", "not started": "-", "not reached": "-"}


class Check(NamedTuple):
    """One of the checks."""

    name: str  # of CHECKS
    verdict: Verdict
    score: float = 0.0
    max_score: float = 0.0
    says: str = ""  # a sentence on what is right or wrong
    details: tuple[str, ...] = ()  # where, and then why
    causes: tuple[Cause, ...] = ()  # recognised mistakes


@dataclass(frozen=True)
class ExerciseReport:
    """The result of one exercise; printable, and shown as a table by a notebook."""

    exercise: str  # its name
    verdict: Literal["right", "wrong", "started", "not started"]
    checks: tuple[Check, ...]
    parts: dict[str, bool] = field(default_factory=dict)  # the units of credit, and whether each is right
    layout: str = ""  # the answer's layout, if it is not the reference's
    notes: tuple[str, ...] = ()  # on lines of the file that were not executed
    done: tuple[int, int] = (0, 0)  # how many functions were judged, of how many; "started" if not all
    left: str = ""  # the functions that were not

    @property
    def passed(self) -> bool:
        """True if everything is right."""
        return self.verdict == "right"

    @property
    def score(self) -> float:
        """The points earned, of `max_score`."""
        return sum(check.score for check in self.checks)

    @property
    def max_score(self) -> float:
        """The maximum number of points."""
        return sum(check.max_score for check in self.checks)

    @property
    def causes(self) -> tuple[Cause, ...]:
        """The recognised mistakes."""
        return tuple(cause for check in self.checks for cause in check.causes)

    @property
    def first(self) -> Check | None:
        """The first check that failed; None if none did."""
        return next((check for check in self.checks if check.verdict in ("wrong", "not started")), None)

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self, whole: bool = False, width: int = WIDTH) -> list[str]:
        """Return the report's lines: the first failed check in full, the others in one line each.

        Args:
            whole: whether to show the others in full as well.
            width: of a line, in characters.
        """
        head = f"{self.exercise}: {self.verdict if self.passed else self.verdict.upper()}"
        functions = "" if not self.left else f"{self.done[0]} of {self.done[1]} functions, "
        points = f" ({functions}{self.score:g} of {self.max_score:g} points)"
        found = [f"{head}{points}" if self.verdict != "not started" else head]
        first = self.first
        later = [check.name for check in self.checks if check.verdict == "not reached"]
        for check in self.checks:
            if check.verdict == "not reached" and (self.verdict == "started" or not whole):
                continue
            unfolded = check is first or whole
            mark = _MARKS[check.verdict]
            says = check.says if unfolded or check.verdict != "wrong" else textwrap.shorten(check.says, 50)
            found += _wrapped(f"  {mark:<6} {check.name:<11} ", says, width)
            if unfolded:
                for detail in check.details:
                    found += _wrapped(" " * 9, detail, width)
        if self.left:
            found += _wrapped(f"  {'-':<6} not yet     ", self.left, width)
        if later and not whole and self.verdict == "wrong":
            found += _wrapped(f"  {'-':<6} not reached ", ", ".join(later), width)
        if not whole and any(check.verdict == "wrong" and check is not first for check in self.checks):
            found += _wrapped("  ", UNFOLD, width)
        if self.layout:
            found += _wrapped("  layout: ", self.layout, width)
        for note in self.notes:
            found += _wrapped("  note: ", note, width)
        return found

    def _repr_html_(self) -> str:
        colours = {"right": "#2a7", "wrong": "#c33"}
        rows = []
        for check in self.checks:
            colour = colours.get(check.verdict, "#888")
            details = "".join(f"<div>{html.escape(line)}</div>" for line in check.details)
            folded = f"<details{' open' if check is self.first else ''}><summary>"
            says = html.escape(check.says)
            body = f"{folded}{says}</summary>{details}</details>" if details else says
            rows.append(
                f'<tr><td style="color:{colour}">{_MARKS[check.verdict]}</td>'
                f'<td style="text-align:left">{check.name}</td><td style="text-align:left">{body}</td></tr>'
            )
        head = f"{html.escape(self.exercise)}: {self.verdict}, {self.score:g} of {self.max_score:g} points"
        more = (*([f"not yet: {self.left}"] if self.left else []), *self.notes)
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in more)
        return f"<table><caption>{head}</caption>{''.join(rows)}</table>{notes}"

    def to_json(self) -> str:
        """Return the report as a JSON object."""
        more = {"passed": self.passed, "score": self.score, "max_score": self.max_score}
        found = asdict(self) | more
        found["checks"] = [
            check._asdict() | {"causes": [asdict(cause) for cause in check.causes]} for check in self.checks
        ]
        return json.dumps(found, indent=2)


def _wrapped(start: str, text: str, width: int) -> list[str]:
    lines: list[str] = []
    for k, line in enumerate(text.split("\n")):
        lead = start if k == 0 else " " * len(start)
        lines += textwrap.wrap(
            line, width, initial_indent=lead, subsequent_indent=" " * len(start), break_on_hyphens=False
        ) or [lead.rstrip()]
    return lines
