"""The search for a change that makes every gradient right."""

from __future__ import annotations

import contextlib
import copy
import io
import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from seqmem.checking.contract.conduct import watch
from seqmem.checking.contract.subject import FunctionSubject, Named
from seqmem.checking.gradients.check import check
from seqmem.checking.gradients.derivatives import flat
from seqmem.checking.gradients.measured import Limits, Measured
from seqmem.checking.reading.loading import patience
from seqmem.checking.repairs.edits import Edit
from seqmem.checking.repairs.missing import (
    derivatives,
    missing_factors,
    missing_means,
    missing_products,
    missing_terms,
)
from seqmem.checking.repairs.own_code import Own, as_changed, functions_run
from seqmem.checking.repairs.slips import axes, slips
from seqmem.module import Array

SECONDS = 6.0  # of computing, for a search
BACKWARD = 0.75  # the share of that for changes of the backward pass
ONE = 0.5  # seconds for a single run
CLOSE = 1e-9  # relative, at least: a repaired line rounds differently
SLOPE = 1e-5  # the step of a difference if the forward pass was changed
MOST_EDITS = 4  # the maximum number of lines to change together
LARGE = 2000  # with more numbers in the arrays, there is no search

Phase = Callable[[Own], Iterator[Edit]]
PHASES: tuple[Phase, ...] = (
    *(slips, derivatives, missing_terms, missing_factors, missing_means, missing_products),
)


class Tried(NamedTuple):
    """The result of one change."""

    edits: tuple[Edit, ...]
    gained: int  # corrected entries of the gradients; -1 if a right entry became wrong
    is_whole: bool  # whether all entries are right
    is_forward: bool = False  # whether the outputs changed as well
    instead: tuple[Edit, ...] = ()  # a change of the forward pass with the same effect


class Repair:
    """A search for changes of a pass's own lines.

    Args:
        forward, backward, inputs: a pass as plain functions, and the arrays at which it is wrong.
        names: the file's definitions.
        path: the file's path.
        seed: seed of the upstream gradient.
    """

    def __init__(
        self,
        forward: Callable[..., Any],
        backward: Callable[..., Any],
        inputs: dict[str, Any],
        names: dict[str, Any],
        path: str,
        seed: int = 0,
    ) -> None:
        self.inputs, self.seed = inputs, seed
        self.passes = (forward, backward)
        self.subject = FunctionSubject(forward, backward, inputs)
        rng = np.random.default_rng(seed)
        self.measured = Measured(watch(self.subject, rng), CLOSE, Limits(LARGE), rng)
        self.outputs = flat(self.measured.passes.outputs).copy()
        self.upstream = self.measured.passes.upstream
        self.right = self._right(self.measured.passes.gradients)
        forward_run = functions_run(names, path, self._forward)
        self.backward_run = functions_run(names, path, self._backward) or forward_run  # a loss with gradients
        known = {own.function for own in self.backward_run}
        self.forward_run = [own for own in forward_run if own.function not in known]
        self.ends = time.process_time() + BACKWARD * SECONDS

    def found(self) -> Tried | None:
        """Return the changes that make every gradient right; None if none was found."""
        is_wrong = any(not mask.all() for mask in self.right.values())
        if not self.measured.elementwise or not is_wrong:
            return None
        partly: list[Tried] = []
        of_forward: list[Tried] = []  # changes after which the backward pass suits another forward pass
        for phase in PHASES:
            for tried in self._all(phase, self.backward_run):
                if tried.is_whole and self._holds(tried.edits):
                    if not tried.is_forward:
                        return tried._replace(instead=self._of_forward(tried.edits[0]))
                    of_forward.append(tried)
                if tried.gained > 0:
                    partly.append(tried)
            together = self._together(partly)
            if together is not None:
                return together
        self.ends += (1 - BACKWARD) * SECONDS
        for tried in itertools.chain(of_forward, self._all(slips, self.forward_run)):
            if tried.is_whole and self._holds(tried.edits):
                return tried
        return None

    def _of_forward(self, edit: Edit) -> tuple[Edit, ...]:
        """Return a change of an axis in the forward pass with the effect of one in the backward pass."""
        if edit.kind == "axis":
            for tried in self._all(axes, self.forward_run):
                if tried.is_whole and self._holds(tried.edits):
                    return tried.edits
        return ()

    def _all(self, phase: Phase, functions: list[Own], start: tuple[Edit, ...] = ()) -> Iterator[Tried]:
        for edit in itertools.chain.from_iterable(map(phase, functions)):
            if time.process_time() > self.ends:
                return
            yield self._tried((*start, edit))

    def _together(self, partly: list[Tried]) -> Tried | None:
        """Return a combination of changes that each correct a part."""
        chosen: tuple[Edit, ...] = ()
        best = 0
        for tried in sorted(partly, key=lambda one: -one.gained):
            (edit,) = tried.edits
            if any(edit.statement is other.statement for other in chosen):
                continue
            both = self._tried((*chosen, edit))
            if both.gained > best:
                chosen, best = both.edits, both.gained
            if both.is_whole and self._holds(both.edits):
                return both
            if len(chosen) == MOST_EDITS or time.process_time() > self.ends:
                break
        return None

    def _tried(self, edits: tuple[Edit, ...]) -> Tried:
        try:
            with self._made(edits), patience(ONE):
                outputs, gradients = self._run()
                if np.shape(outputs) != self.outputs.shape:
                    return Tried(edits, -1, False)
                if np.allclose(outputs, self.outputs, rtol=1e-12, atol=1e-12):
                    return self._judged(edits, gradients)
                return Tried(edits, -1, self._is_derivative(gradients), is_forward=True)
        except Exception:  # noqa: BLE001 - most changes fail to run
            return Tried(edits, -1, False)

    def _judged(self, edits: tuple[Edit, ...], gradients: Named) -> Tried:
        right = self._right(gradients)
        if any((self.right[name] & ~right[name]).any() for name in right):
            return Tried(edits, -1, False)
        gained = sum(int((right[name] & ~self.right[name]).sum()) for name in right)
        return Tried(edits, gained, all(mask.all() for mask in right.values()))

    def _right(self, gradients: Named) -> dict[str, Array]:
        """Return where each gradient is right."""
        found = {}
        for comparison in self.measured.comparisons:
            got = gradients.get(comparison.name)
            if got is None or np.shape(got) != comparison.right.shape or comparison.got is None:
                found[comparison.name] = np.zeros(comparison.right.shape, bool)
            else:
                one = comparison._replace(got=np.asarray(got))
                found[comparison.name] = ~one.wrong(CLOSE, self.measured.floor)
        return found

    def _is_derivative(self, gradients: Named) -> bool:
        """Return whether the gradients are those of a changed forward pass, along one direction of all."""
        rng = np.random.default_rng(self.seed + 1)
        arrays = self.subject.arrays
        directions = {name: rng.standard_normal(array.shape) for name, array in arrays.items()}
        sides = []
        for step in (SLOPE, -SLOPE):
            moved = {name: array + step * directions[name] for name, array in arrays.items()}
            outputs, _ = self.subject.forward(moved)
            sides.append(sum(float(np.sum(self.upstream[name] * out)) for name, out in outputs.items()))
        slope = (sides[0] - sides[1]) / (2 * SLOPE)
        terms = [np.asarray(gradients[name]) * directions[name] for name in arrays]
        size = abs(slope) + float(np.sqrt(sum(np.sum(term**2) for term in terms)))
        return bool(
            abs(sum(float(term.sum()) for term in terms) - slope) <= 1e-6 * size and abs(slope) > 1e-6
        )

    def _holds(self, edits: tuple[Edit, ...]) -> bool:
        """Return whether the changed pass is right in a separate check, with another upstream gradient."""
        try:
            with self._made(edits), patience(4 * ONE):
                again = FunctionSubject(*self.passes, copy.deepcopy(self.inputs))
                report = check(again, self.seed + 1, explained=False)
        except Exception:  # noqa: BLE001 - then it is not right
            return False
        return not any(row.verdict == "wrong" for row in report.rows)

    @contextlib.contextmanager
    def _made(self, edits: tuple[Edit, ...]) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
            stack.enter_context(np.errstate(all="ignore"))
            for edit in edits:
                stack.enter_context(edit.made())
            for own in _once(edit.own for edit in edits):
                stack.enter_context(as_changed(own))
            yield

    def _run(self) -> tuple[Array, Named]:
        arrays = {
            name: array.copy() for name, array in self.subject.arrays.items()
        }  # a change may write there
        outputs, record = self.subject.forward(arrays)
        numbers = flat(outputs).copy()
        return numbers, self.subject.backward(copy.deepcopy(self.upstream), record)

    def _forward(self) -> None:
        with np.errstate(all="ignore"), contextlib.redirect_stdout(io.StringIO()):
            _, self._record = self.subject.forward(self.subject.arrays)

    def _backward(self) -> None:
        with np.errstate(all="ignore"), contextlib.redirect_stdout(io.StringIO()):
            self.subject.backward(self.upstream, self._record)


def _once(functions: Iterable[Own]) -> list[Own]:
    return list({id(own): own for own in functions}.values())
