"""Side effects of right passes: what they change or use up, in which line, and the consequences."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from seqmem.checking.contract.changing_lines import Line, changing_lines, line_of
from seqmem.checking.contract.conduct import SIDE_EFFECTS, Finding, Watched
from seqmem.checking.contract.subject import Named, Subject
from seqmem.checking.report import SideEffect
from seqmem.module import Array
from seqmem.nests import reachable_arrays

_AUGMENTED = re.compile(r"^([A-Za-z_][\w.]*)\s*(\*\*|//|[-+*/@])=(?!=)\s*(.*)$")
_WHY = {
    "inputs-written": "The caller's own array changes, so a second call, a check or the next step starts "
    "from other numbers.",
    "upstream-written": "The caller's own array changes, so whoever uses it again, for another branch or a "
    "second call, gets different numbers.",
    "outputs-written": "Whoever keeps the outputs, for a loss or a plot, is left with different numbers.",
    "cache-written": "A second backward pass, for another loss or for a check, sees different numbers.",
    "cache-used-up": "Another loss or a check that calls backward twice needs two forward passes.",
    "one-buffer": "Whoever keeps the gradients of several calls, to compare them or to add them up, is left "
    "with the last.",
}


def side_effects(watched: Watched, findings: Iterable[Finding]) -> tuple[SideEffect, ...]:
    """Return the side effects among the findings, each with the line that causes it."""
    found = [finding for finding in findings if finding.code in SIDE_EFFECTS]
    if not found:
        return ()
    lines = _Lines(watched)
    return tuple(side_effect(finding, lines.of(finding)) for finding in found)


def side_effect(finding: Finding, line: Line | None) -> SideEffect:
    """Return a finding as a side effect, with its line if known."""
    text = f"{finding.message}. {_WHY[finding.code]}"
    if line is None:
        return SideEffect(finding.code, text)
    return SideEffect(finding.code, f"{text}{_remedy(line.text)}", line.number, line.text)


def _remedy(text: str) -> str:
    """Return a replacement for a line that changes an array in place."""
    found = _AUGMENTED.match(text.partition("#")[0].strip())
    if found:
        name, operator, rest = found.groups()
        rest = rest if re.fullmatch(r"[\w.]+|[\w.]+\([^()]*\)", rest) else "(...)"
        return f" `{name} = {name} {operator} {rest}` makes a new array instead."
    if re.match(r"^[A-Za-z_][\w.]*\[[^'\"].*\]\s*([-+*/@]|\*\*|//)?=(?!=)", text):
        name = text.partition("[")[0]
        return f" Work on a copy: `{name} = {name}.copy()` first."
    if ".pop(" in text:
        return " Read it by index instead of removing it."
    return ""


class _Lines:
    """The lines at which a subject's passes change their arguments, found on demand."""

    def __init__(self, watched: Watched) -> None:
        self.watched = watched
        self.found: dict[str, dict[str, Line]] = {}

    def of(self, finding: Finding) -> Line | None:
        """Return the line of a finding; None if it is not known."""
        kind, _, what = finding.code.rpartition("-")
        if finding.code == "one-buffer":
            return None
        again = self.watched.again
        if what == "up":
            return self._first("used", "backward") or (
                line_of(again) if isinstance(again, Exception) else None
            )
        return self._first(kind, "forward" if finding.message.startswith("forward") else "backward")

    def _first(self, kind: str, who: str) -> Line | None:
        if who not in self.found:
            self.found[who] = self._forward() if who == "forward" else self._backward()
        lines = [line for name, line in self.found[who].items() if name.startswith(f"{kind}:")]
        return lines[0] if lines else None

    def _forward(self) -> dict[str, Line]:
        subject = self.watched.subject
        given = _labelled("inputs", subject.arrays | subject.integers)
        with np.errstate(all="ignore"):
            found = changing_lines(lambda: subject.forward(subject.arrays), lambda: given)
        self.watched.inputs.restore()
        return found

    def _backward(self) -> dict[str, Line]:
        subject = self.watched.subject
        live, record = subject.forward(subject.arrays)
        upstream = copy.deepcopy(self.watched.upstream)
        fixed = _labelled("inputs", subject.arrays | subject.integers) | _labelled("upstream", upstream)
        fixed |= _labelled("outputs", live) | _labelled(
            "cache", dict(reachable_arrays(record.cache, "cache"))
        )

        kept = (record.cache, *_owners(subject))

        def state() -> Named:
            return fixed | _labelled("used", dict(reachable_arrays(kept, "", through_calls=True)))

        # An object keeps its gradients as well: an array that holds one was written to, not used up.
        gradients = {_bits(value) for value in self.watched.gradients.everything.values()}
        holders = {name for name, array in state().items() if _bits(array) in gradients}
        with np.errstate(all="ignore"):
            found = changing_lines(lambda: subject.backward(upstream, record), state)
        holders |= {name for name, array in state().items() if _bits(array) in gradients}
        self.watched.inputs.restore()
        return {n: line for n, line in found.items() if n not in holders or not n.startswith("used:")}


def _owners(subject: Subject) -> list[Any]:
    """Return all objects other than the cache in which a backward pass can keep something."""
    functions = [getattr(subject, name, None) for name in ("backward_function", "forward_function")]
    cells = [cell for function in functions for cell in getattr(function, "__closure__", None) or ()]
    owners = [getattr(function, "__self__", None) for function in functions]
    return [*owners, *(cell.cell_contents for cell in cells), getattr(subject, "module", None)]


def _labelled(kind: str, arrays: Named) -> Named:
    return {f"{kind}:{name}": array for name, array in arrays.items()}


def _bits(array: Array) -> tuple[Any, ...]:
    return array.shape, array.tobytes()
