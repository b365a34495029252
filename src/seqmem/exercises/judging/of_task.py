"""The judgement of one function's answers: whether it runs, whether its numbers are right, and why."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from seqmem.checking.catalogue.kinds import KINDS
from seqmem.checking.catalogue.layouts import outputs_of
from seqmem.checking.catalogue.recognise import CLOSE, KnownResults
from seqmem.checking.report import Cause
from seqmem.exercises.asking import Answer, Question, clock
from seqmem.exercises.exercise import LARGE, Part, Task, parts_of
from seqmem.exercises.judging.comparing import (
    as_given,
    as_numbers,
    close,
    listed,
    named_arrays,
    part_of,
    shape_text,
    sizes_text,
)
from seqmem.exercises.judging.naming import as_kind, conventions, described, why
from seqmem.exercises.judging.places import where
from seqmem.exercises.judging.questions import REPEAT, About, layouts_returned
from seqmem.exercises.judging.report import Check
from seqmem.nests import tree_leaves

Pairs = list[tuple[Question, Answer]]
_TROUBLES = {
    "memory": "it needs more memory than it may have",
    "not started": "it still raises NotImplementedError",
}


class TaskJudge:
    """Judges one task.

    Args:
        task: the task.
        pairs: the task's questions and their answers, in order.
        forward_is_own: whether the forward pass of a backward pass is also a task.
        hidden: the code of a mistake that the student has to name; it is not revealed.
    """

    def __init__(self, task: Task, pairs: Pairs, forward_is_own: bool = False, hidden: str = "") -> None:
        self.task, self.forward_is_own, self.hidden = task, forward_is_own, hidden
        self._pairs = [(question.about, given) for question, given in pairs]
        self.about, self.base = self._pairs[0]
        self.layout, self.answer, self.second = self._settled()

    @property
    def is_not_started(self) -> bool:
        """True if there is still a hole."""
        return self.base.trouble is not None and self.base.trouble.kind == "not started"

    @cached_property
    def layout_text(self) -> str:
        """The answer's layout in words; "" for the reference's layout."""
        about = self.layout or self.returned_layout
        return "" if about is None or about.layout is None else described(about, self.task)

    @cached_property
    def returned_layout(self) -> About | None:
        """The layout of gradients that do not have the reference's shapes, if the checker knows it."""
        result = self.answer.results[-1] if self.answer.results else None
        if not self.task.is_backward or self.layout is not None or result is None:
            return None
        problem, right = self.about.problem, self.right[0]
        own = {name: as_numbers(value) for name, value in as_given(result, right).items()}
        if not own or all(name in own and np.shape(own[name]) == np.shape(right[name]) for name in right):
            return None
        as_reference = self._right_of(own)
        best, most = None, -1
        for about in layouts_returned(self.task, problem, tuple(own)):
            assert about.layout is not None
            unpacked = about.layout.unpack(own, problem.inputs)
            good = self._right_of(unpacked)
            if set(unpacked) == set(right) and len(good) > most and good >= as_reference:
                best, most = about, len(good)
        return best

    def _right_of(self, arrays: dict[str, Any]) -> set[str]:
        """Return the names of the gradients that are right."""
        right = self.right[0]
        return {
            name for name in arrays if name in right and close(arrays[name], right[name], self.task.tolerance)
        }

    @cached_property
    def got(self) -> list[dict[str, Any]]:
        """The returned arrays for each of the two problems, by the reference's names."""
        return [
            {name: as_numbers(value) for name, value in self._named(given, about).items()}
            for given, about in self._both
        ]

    @cached_property
    def right(self) -> list[dict[str, Any]]:
        """The right arrays for each of the two problems."""
        return [self.task.right(about.problem) for _, about in self._both]

    @cached_property
    def parts(self) -> dict[Part, bool]:
        """The units of credit, and whether each is right on both problems."""
        found = {}
        for part in parts_of(self.task):
            pairs = zip(self.got, self.right, strict=True)
            found[part] = all(self._is_right(part, got, right) for got, right in pairs)
        return found

    def checks(self) -> dict[str, Check]:
        """Return the checks by name; after a failed check, the others are not reached."""
        found = {"runs": self._runs()}
        later = ["shapes", "values", "convention", *(["gradient"] * self.task.is_backward), "purity"]
        later += ["speed"] * self.task.is_timed
        if found["runs"].verdict != "right":
            return found | {name: Check(name, "not reached") for name in later}
        steps = {name: getattr(self, f"_{name}") for name in later}
        found["shapes"] = self._shapes()
        for name in later[1:]:
            found[name] = steps[name]()
        return found

    @cached_property
    def _both(self) -> list[tuple[Answer, About]]:
        second = next(about for about, _ in self._pairs if about.purpose == "again")
        return [(self.answer, self.about), (self.second, second)]

    @cached_property
    def _order(self) -> list[int]:
        """Return the two problems, beginning with one that shows that something is wrong."""
        first_is_right = all(self._is_right(part, self.got[0], self.right[0]) for part in parts_of(self.task))
        return [1, 0] if first_is_right and self.got[1] else [0, 1]

    def _settled(self) -> tuple[About | None, Answer, Answer]:
        """Find the layout in which the answer is right or has a known mistake; None for the reference's."""
        given = {id(one.layout): other for one, other in self._pairs if one.purpose == "again"}
        second = next(other for one, other in self._pairs if one.purpose == "again")
        outputs = self._outputs_of_reference()
        tried = [
            (about, other)
            for about, other in self._pairs
            if about.layout is not None and about.purpose == "values" and other.trouble is None
        ]
        if not tried or not outputs or self._fits(self.base, outputs):
            return None, self.base, second
        results = [outputs]
        if not self.task.is_backward:
            known = KnownResults(KINDS[self.task.kind], as_kind(self.task, self.about.problem))
            results += [wrong.results for wrong in known.singles("forward")]
        for wanted in results:
            for about, other in tried:
                if self._fits(other, wanted):
                    return about, other, given[id(about.layout)]
        return None, self.base, second

    def _outputs_of_reference(self) -> dict[str, Any]:
        """Return the right results of the forward pass, by name; {} if there are no other layouts."""
        if not self.task.kind or self.task.view is not None:
            return {}
        returned = self.task.of_reference(self.task.forward)(**self.about.problem.inputs)
        shown = returned[:-1] if self.task.has_cache else returned
        return dict(zip(self.task.outputs, shown if isinstance(shown, tuple) else (shown,), strict=False))

    def _fits(self, given: Answer, outputs: dict[str, Any]) -> bool:
        """Return whether an answer's outputs are these, possibly with permuted axes."""
        if given.trouble is not None or not given.results:
            return False
        leaves = [np.asarray(leaf) for _, leaf in tree_leaves(given.results[0], "")]
        plain = {name: value for name, value in outputs.items() if isinstance(value, np.ndarray)}
        return len(leaves) == len(plain) and outputs_of(leaves, plain, CLOSE) is not None

    def _named(self, given: Answer, about: About) -> dict[str, Any]:
        """Return the returned arrays by the reference's names; {} if nothing was returned."""
        if given.trouble is not None or not given.results:
            return {}
        result = given.results[-1]
        layout = about.layout if self.layout is None else self.layout.layout
        if not self.task.is_backward:
            return self._outputs_named(result)
        if layout is None and self.returned_layout is not None:
            layout = self.returned_layout.layout
        if layout is None:
            return named_arrays(result, self.task.right(about.problem))
        if self.layout is None:
            return layout.unpack(as_given(result, layout.packers), about.problem.inputs)
        packed = named_arrays(result, dict.fromkeys(layout.packers))
        own = {name: value for name, value in packed.items() if name in layout.packers}
        return layout.unpack(own, about.problem.inputs)

    def _outputs_named(self, result: Any) -> dict[str, Any]:
        if self.layout is None:
            try:
                return self.task.arrays_of(result)
            except (ValueError, TypeError, KeyError, IndexError, AttributeError):
                return {}
        parts = result if isinstance(result, (tuple, list)) else (result,)
        axes = self.layout.axes
        found = {}
        for name, part in zip(self.task.outputs, parts, strict=False):
            turns = np.ndim(part) == len(axes) or axes == (2, 1, 0)
            back = np.argsort(axes) if np.ndim(part) == len(axes) else (1, 0)
            found[name] = np.transpose(part, back) if axes and turns and np.ndim(part) > 1 else part
        return found

    def _is_right(self, part: Part, got: dict[str, Any], right: dict[str, Any]) -> bool:
        if part.array not in got:
            return False
        own, other = (part_of(part, arrays[part.array], self.task) for arrays in (got, right))
        return close(own, other, self.task.tolerance)

    def _runs(self) -> Check:
        trouble = self.answer.trouble
        if trouble is None:
            return Check("runs", "right", says="it runs")
        verdict: Any = "not started" if trouble.kind == "not started" else "wrong"
        says = _TROUBLES.get(trouble.kind, trouble.message)
        is_of_shapes = trouble.message.startswith(("ValueError", "IndexError"))
        sizes = [sizes_text(self.task)] if is_of_shapes and self.task.axes else []
        return Check("runs", verdict, says=says, details=(*trouble.frames, *sizes))

    def _shapes(self) -> Check:
        got, right = self.got[0], self.right[0]
        if self.answer.results and self.answer.results[-1] is None:
            says = f"{self.task.function} returns nothing: is a return missing?"
            return Check("shapes", "wrong", says=says)
        returned = self._count_of_returned()
        if returned:
            return Check("shapes", "wrong", says=returned)
        missing = [name for name in right if name not in got]
        if len(missing) > 1 and self.task.is_backward:
            says = f"there is no gradient of {listed(missing)}: expected a dict of {listed(list(right))}"
            return Check("shapes", "wrong", says=says, details=self._layout_refused())
        wrong = [
            f"{name} has shape {np.shape(got[name])}, expected {shape_text(name, right[name], self.task)}"
            for name in right
            if name in got and np.shape(got[name]) != np.shape(right[name])
        ]
        surplus = [name for name in got if name not in right]
        what = "gradient of" if self.task.is_backward else "output"
        details = [f"there is no {what} {name}" for name in missing]
        details += [
            *wrong,
            *(f"{name} is not an {'input' if self.task.is_backward else 'output'}" for name in surplus),
        ]
        if details:
            details += self._layout_refused()
            return Check("shapes", "wrong", says=details[0], details=tuple(details[1:]))
        return Check("shapes", "right", says=f"{', '.join(right)}: as expected")

    def _count_of_returned(self) -> str:
        """Return a sentence if the forward pass returned fewer or more values than expected."""
        outputs = self.task.outputs
        if self.task.is_backward or not self.task.has_cache or self.task.view or not self.answer.results:
            return ""
        shown = self.answer.results[-1]
        count = len(shown) if isinstance(shown, tuple) else 1
        if count == len(outputs):
            return ""
        return f"{count + 1} values returned, {len(outputs) + 1} expected: {', '.join(outputs)}, cache"

    def _layout_refused(self) -> tuple[str, ...]:
        """Return a note if gradients have another layout than the given forward pass."""
        if not self.task.is_backward or self.forward_is_own or self.layout_text:
            return ()
        sizes = {np.size(value) for value in self.right[0].values() if np.ndim(value) > 1}
        sizes.add(sum(np.size(v) for n, v in self.right[0].items() if n.startswith("W_")))
        other = [
            name
            for name, value in self.got[0].items()
            if np.ndim(value) > 1
            and np.size(value) in sizes
            and (name not in self.right[0] or np.shape(value) != np.shape(self.right[0][name]))
        ]
        if not other:
            return ()
        return (
            f"{listed(other)}: another layout for some of the gradients. {self.task.forward} is given in the "
            "reference's layout: return all gradients in that layout, or all in another",
        )

    def _values(self) -> Check:
        if self.task.is_backward:
            if self._forward_is_right():
                return Check("values", "right", says="the forward pass is right")
            told = "fix that first" if self.forward_is_own else "copy it back from a new file"
            says = f"{self.task.forward} does not compute what it should: {told}"
            return Check("values", "wrong", says=says)
        wrong = [part for part, right in self.parts.items() if not right]
        if not wrong:
            return Check("values", "right", says=f"{', '.join(self.right[0])}: right, to rounding")
        good = [
            part.array + (f" {part.gate}" if part.gate else "") for part in self.parts if part not in wrong
        ]
        causes = () if self._convention_causes else self.causes
        says = f"{', '.join(part.array for part in wrong)} wrong" + (
            f"; {', '.join(good)} right" if good else ""
        )
        details = self._where()
        details += [f"Why: {cause.message}" for cause in causes]
        return Check("values", "wrong", says=says, details=tuple(details), causes=causes)

    def _forward_is_right(self) -> bool:
        if self.layout is not None:
            return True
        *right, _ = self.task.of_reference(self.task.forward)(**self.about.problem.inputs)
        leaves = [leaf for _, leaf in tree_leaves(self.answer.results[0], "")]
        return len(leaves) == len(right) and all(
            close(leaf, own, self.task.tolerance) for leaf, own in zip(leaves, right, strict=True)
        )

    def _convention(self) -> Check:
        if self.layout_text:
            return Check(
                "convention", "right", says=f"another layout than the reference's: {self.layout_text}"
            )
        causes = self._convention_causes
        if causes:
            details = tuple(cause.message for cause in causes)
            says = "it follows a convention other than the one that the exercise asks for"
            return Check("convention", "wrong", says=says, details=details, causes=causes)
        return Check("convention", "right", says="the reference's layout")

    def _gradient(self) -> Check:
        wrong = [part for part, right in self.parts.items() if not right]
        if not wrong:
            return Check("gradient", "right", says=f"{', '.join(self.right[0])}: right, to rounding")
        bad = {part.array for part in wrong}
        good = [name for name in self.right[0] if name not in bad]
        names = [name for name in self.right[0] if name in bad]
        says = f"{', '.join(names)} wrong" + (f"; {', '.join(good)} right" if good else "")
        causes = tuple(cause for cause in self.causes if cause.code != self.hidden)
        details = self._where()
        details += [f"Why: {cause.message}" for cause in causes]
        return Check("gradient", "wrong", says=says, details=tuple(details), causes=causes)

    @cached_property
    def causes(self) -> tuple[Cause, ...]:
        """The mistakes that explain the wrong arrays."""
        problems = [about.problem for _, about in self._both]
        first, second = self._order
        if self.answer.trouble is not None or self.task.expected is not None:
            return ()
        return why(
            self.task,
            [problems[first], problems[second]],
            [self.got[first], self.got[second]],
            [self.right[first], self.right[second]],
        )

    def _where(self) -> list[str]:
        k = self._order[0]
        if self.task.told is not None and self._both[k][0].results:
            try:
                return self.task.told(self._both[k][0].results[-1])
            except (ValueError, TypeError, KeyError, IndexError, AttributeError):
                return []
        return where(self.task, self._both[k][1].problem, self.got[k], self.right[k])

    @cached_property
    def _convention_causes(self) -> tuple[Cause, ...]:
        return () if self.task.is_backward else conventions(self.causes)

    def _purity(self) -> Check:
        changed = dict.fromkeys([*self.answer.changed, *self.second.changed])
        if changed:
            says = "it writes to its arguments: work on a copy, or write a = a + b instead of a += b"
            return Check("purity", "wrong", says=says, details=tuple(changed))
        trouble = self.second.trouble
        if trouble is not None:
            what = "a second call" if self.task.is_backward else "another call"
            says = f"it runs once, and {what} fails: {trouble.message or trouble.kind}"
            return Check("purity", "wrong", says=says, details=trouble.frames)
        first, last = self.second.results[-2 if self.task.is_backward else 0], self.second.results[-1]
        if not _same(first, last):
            says = (
                "a second call with the same arguments returns something else: is anything kept, or added to?"
            )
            return Check("purity", "wrong", says=says)
        return Check("purity", "right", says="arguments are unchanged, nothing is kept between calls")

    def _speed(self) -> Check:
        pair = next(((a, given) for a, given in self._pairs if a.purpose == "speed"), None)
        if pair is None or self.layout is not None:
            return Check("speed", "right", says="not measured in this layout")
        trouble = pair[1].trouble
        if trouble is not None:
            says = (
                f"it fails for other sizes ({trouble.message or trouble.kind}): are sizes written as numbers?"
            )
            return Check("speed", "wrong", says=says, details=trouble.frames)
        seconds = pair[1].seconds
        own, loop = _seconds(self.task, LARGE), LARGE["B"] * _seconds(self.task, LARGE | {"B": 1})
        text = f"{1e3 * seconds:.2g} ms for {LARGE['B']} rows; a loop over the rows takes {1e3 * loop:.2g} ms"
        if seconds <= max(loop / 2, 4 * own):
            return Check("speed", "right", says=text)
        return Check("speed", "wrong", says=f"{text}: let NumPy do the whole batch at once")


def _seconds(task: Task, sizes: dict[str, int]) -> float:
    """Return the time that the reference needs now, on this machine."""
    problem = task.problem(np.random.default_rng(0), sizes)
    best = float("inf")
    for _ in range(REPEAT):
        start = clock()
        returned = task.of_reference(task.forward)(**problem.inputs)
        if task.is_backward:
            task.of_reference(task.function)(*problem.upstream, returned[-1])
        best = min(best, clock() - start)
    return best


def _same(one: Any, other: Any) -> bool:
    pairs = list(tree_leaves(one, "")), list(tree_leaves(other, ""))
    if [name for name, _ in pairs[0]] != [name for name, _ in pairs[1]]:
        return False
    return all(
        np.array_equal(a, b, equal_nan=all(np.asarray(value).dtype.kind in "fc" for value in (a, b)))
        for (_, a), (_, b) in zip(*pairs, strict=True)
    )
