"""Recognition of known mistakes by the exact numbers that they give.

A mistake is recognised, not guessed: the reference passes are run with every mistake of the catalogue, then
with every pair, on the same problem; a cause is named only if exactly one of them gives the returned numbers,
up to rounding.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from seqmem.checking.catalogue.kinds import Arrays, Kind, Problem
from seqmem.checking.catalogue.mistakes.record import Mistake, stands_in_loop
from seqmem.module import Array

CLOSE = 1e-9  # relative to each array's largest entry
Found = tuple[Mistake, ...]


class Wrong(NamedTuple):
    """The results of the passes with mistakes in them."""

    mistakes: Found
    results: Arrays


class KnownResults:
    """The results of all known mistakes of one kind on one problem."""

    def __init__(self, kind: Kind, problem: Problem) -> None:
        self.kind, self.problem = kind, problem
        self.outputs, self.gradients = kind.run(problem.inputs, problem.upstream)
        self._singles: dict[str, list[Wrong]] = {}

    def forward_mistake(self, outputs: Arrays, close: float = CLOSE) -> Found | None:
        """Return () for the right outputs, the mistake that gives these outputs, or None if none is known."""
        return self._find(outputs, self.outputs, self.singles("forward"), close)

    def backward_mistakes(self, gradients: Arrays, close: float = CLOSE) -> Found | None:
        """Return () for the right gradients, the one or two mistakes that give these gradients, or None.

        Gradients may be missing: those of inputs that a function does not have or does not differentiate.
        """
        found = self._find(gradients, self.gradients, self.singles("backward"), close)
        if found is not None or any(
            agree(gradients, wrong.results, close) for wrong in self.singles("backward")
        ):
            return found
        if not gradients.keys() <= self.gradients.keys() or any(
            np.shape(value) != np.shape(self.gradients[name]) for name, value in gradients.items()
        ):
            return None
        # two mistakes leave everything right that neither of them affects
        untouched = {name: _equal(value, self.gradients[name], close) for name, value in gradients.items()}
        candidates = [wrong for wrong in self.singles("backward") if self._leaves(wrong, untouched)]
        pairs = list(self.pairs(candidates, set(gradients)))
        return self._find(gradients, self.gradients, pairs, close)

    def singles(self, place: str) -> list[Wrong]:
        """Return each mistake alone."""
        if place not in self._singles:
            mistakes = [mistake for mistake in self.kind.mistakes if mistake.place == place]
            if self.kind.is_step:  # of two that come to the same, one that there can be in a step
                mistakes.sort(key=self._is_of_the_loop)
            self._singles[place] = list(self._run([(mistake,) for mistake in mistakes], place))
        return self._singles[place]

    def _is_of_the_loop(self, mistake: Mistake) -> bool:
        return stands_in_loop(self.kind.reference, mistake) and not mistake.in_step

    def pairs(self, singles: list[Wrong] | None = None, names: set[str] | None = None) -> Iterator[Wrong]:
        """Yield any two mistakes of the backward pass that change different lines and affect this problem.

        Args:
            singles: the mistakes to choose from; None for all.
            names: the gradients that the mistakes must affect; None for all.
        """
        shown = [
            wrong.mistakes[0]
            for wrong in (self.singles("backward") if singles is None else singles)
            if not agree(_only(wrong.results, names), self.gradients, CLOSE)
        ]
        two = [pair for pair in itertools.combinations(shown, 2) if pair[0].line != pair[1].line]
        return self._run(two, "backward")

    def _leaves(self, wrong: Wrong, untouched: Arrays) -> bool:
        """Return whether a mistake leaves right gradients right."""
        return all(
            _equal(wrong.results[name], self.gradients[name], CLOSE)[right].all()
            for name, right in untouched.items()
            if name in wrong.results and np.shape(wrong.results[name]) == right.shape
        )

    def _run(self, groups: Iterable[Found], place: str) -> Iterator[Wrong]:
        for group in groups:
            try:
                with np.errstate(all="ignore"):
                    outputs, gradients = self.kind.run(self.problem.inputs, self.problem.upstream, group)
            except Exception:  # noqa: BLE001 - two mistakes together may fail to run
                continue
            yield Wrong(group, outputs if place == "forward" else gradients)

    def _find(self, got: Arrays, right: Arrays, known: list[Wrong], close: float) -> Found | None:
        if agree(got, right, close):
            return ()
        # with one step, or an output that is not returned, some mistakes have no effect, others the same
        partly = self.kind.is_step or len(self.problem.upstream) < len(self.outputs)
        if partly:
            known = [wrong for wrong in known if not agree(_only(wrong.results, set(got)), right, CLOSE)]
        matches = [wrong for wrong in known if agree(got, wrong.results, close)]
        if len(matches) > 1 and partly and all(self._same(matches[0], other) for other in matches[1:]):
            return matches[0].mistakes
        return matches[0].mistakes if len(matches) == 1 else None

    def _same(self, one: Wrong, other: Wrong) -> bool:
        """Return whether two groups of mistakes differ only in mistakes that are equivalent alone."""
        alone = {wrong.mistakes[0].code: wrong.results for wrong in self.singles(one.mistakes[0].place)}
        return len(one.mistakes) == len(other.mistakes) and any(
            all(
                agree(alone[mine.code], alone[yours.code], CLOSE)
                for mine, yours in zip(one.mistakes, order, strict=True)
            )
            for order in itertools.permutations(other.mistakes)
        )


def _only(results: Arrays, names: set[str] | None) -> Arrays:
    """Return the results of these names."""
    return {name: value for name, value in results.items() if names is None or name in names}


def agree(got: Arrays, known: Arrays, close: float) -> bool:
    """Return whether all returned results are the known ones, up to rounding."""
    if not got:
        return False
    for name, value in got.items():
        other = known.get(name)
        if other is None or np.shape(value) != np.shape(other):
            return False
        if not _equal(value, other, close).all():
            return False
    return True


def _equal(value: Array, other: Array, close: float) -> Array:
    """Return where two arrays of one shape agree, relative to the second's largest entry."""
    if np.any(value) != np.any(other):  # zeros differ from sums that cancel up to rounding
        return np.zeros(np.shape(other), bool)
    size = max(float(np.max(np.abs(other), initial=0.0)), 1e-3)
    return np.asarray(np.abs(value - other) <= close * size)
