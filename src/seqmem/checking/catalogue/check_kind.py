"""Checks of functions that should compute what a reference pass computes; known mistakes are named."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from seqmem.checking.catalogue.kinds import Arrays, Kind, Problem, as_kind
from seqmem.checking.catalogue.layouts import Layout, layouts, outputs_of, says_nothing
from seqmem.checking.catalogue.mistakes.record import Mistake
from seqmem.checking.catalogue.recognise import CLOSE, Found, KnownResults, agree
from seqmem.checking.contract.changing_lines import changing_lines
from seqmem.checking.contract.conduct import FAULTS, SINGLE, Lent
from seqmem.checking.contract.side_effects import side_effect
from seqmem.checking.contract.subject import FunctionSubject, Named, gate_name
from seqmem.checking.exposing import T
from seqmem.checking.gradients.check import check
from seqmem.checking.gradients.measured import SECONDS
from seqmem.checking.report import WITH_A_SIDE_EFFECT, Cause, Report, Row, SideEffect, Verdict
from seqmem.module import Array
from seqmem.nests import tree_leaves

MOST_LAYOUTS = 4000

Outputs = list[tuple[str, tuple[int, ...]]]  # for each returned array: which output it is, and its axes


class KindSubject(FunctionSubject):
    """Functions that take the reference's arrays in another layout."""

    def __init__(self, forward: Any, backward: Any, layout: Layout, kind: Kind, inputs: Arrays) -> None:
        super().__init__(forward, backward, layout.pack(inputs))
        self.layout = layout
        self._blocks = _blocks(layout, kind, inputs)

        self.outputs: Outputs = []  # known after recognition

    def blocks(self, name: str) -> dict[str, Array]:
        return self._blocks.get(name, {})

    def time_axes(self, outputs: Named) -> dict[str, int]:
        pairs = zip(outputs, self.outputs, strict=False)
        return {own: axes.index(0) for own, (name, axes) in pairs if name == "hs"}


class Match(NamedTuple):
    """A layout in which a function computes the reference's result, right or with a known mistake."""

    subject: KindSubject
    outputs: Outputs
    mistakes: Found


def check_kind(
    forward: Callable[..., Any],
    backward: Callable[..., Any] | None,
    like: str,
    seed: int = 0,
    tolerance: float | None = None,
    max_elements: int = 20_000,
    seconds: float = SECONDS,
) -> Report:
    """Check functions that should compute what a reference pass computes.

    Args:
        forward: takes the reference's arrays under recognisable names, in any common layout, and returns
            (out, cache) or several outputs and the cache; a function without a backward pass returns only its
            outputs.
        backward: takes (d_out, cache) and returns the gradients; None for `like="clipping"`.
        like: "lstm_step", "gru_sequence", ..., "attention", "embedding", "cross_entropy", "clipping".
        seed: seed of the test values.
        tolerance, max_elements, seconds: as in `gradcheck`.

    Returns:
        A `Report` whose causes name known mistakes of either pass.

    Raises:
        ValueError: for an unknown `like`, or parameters with unknown names.
    """
    kind = as_kind(like)
    if backward is None:
        return _check_values(forward, kind, seed)
    absent = _absent(forward, kind)
    problem = kind.problem(seed, absent)
    known = KnownResults(kind, problem)
    match, ran = _match(forward, backward, kind, problem, known)
    subject = match.subject if match else ran[0]
    subject.outputs = match.outputs if match else []
    report = check(subject, seed, tolerance, max_elements, seconds=seconds)
    if match is None:
        text = (
            f"forward is neither {kind.title} nor a known mistake of it: its values differ. The "
            "gradients were compared with the derivative of the function that it computes"
        )
        return replace(
            report,
            verdict="cannot tell" if report.passed else report.verdict,
            causes=(Cause("forward-unknown", text), *report.causes),
        )
    if match.mistakes:
        whole = " (The backward pass is right for this forward pass.)" if report.passed else ""
        causes = (*(_cause(mistake, kind.is_step, whole) for mistake in match.mistakes), *report.causes)
        return replace(report, verdict="wrong", causes=causes)
    if report.verdict == "wrong":
        found = _named(match, kind, problem)
        other = kind.problem(seed + 1, absent, steps=T + 2)  # one agreement may be chance
        confirmed = found and _gives(match, kind, other, found)
        return with_names(report, found if confirmed else None, kind.is_step)
    return report


def causes_in(
    forward: Callable[..., Any], backward: Callable[..., Any], like: str, seed: int = 0
) -> tuple[Cause, ...]:
    """Return the known mistakes that explain the gradients of functions that need not be of a kind.

    A forward pass that differs from the reference may be intended. The difference explains wrong gradients
    only if the backward pass is that of the reference.

    Args:
        forward, backward, like, seed: as in `check_kind`.

    Raises:
        ValueError: for parameters with unknown names.
    """
    kind = as_kind(like)
    absent = _absent(forward, kind)
    problem = kind.problem(seed, absent)
    match, _ = _match(forward, backward, kind, problem, KnownResults(kind, problem))
    if match is None:
        return ()
    found = match.mistakes or _named(match, kind, problem)
    other = kind.problem(seed + 1, absent, steps=T + 2)  # once is chance
    if not found or not all(_gives(match, kind, one, found) for one in (problem, other)):
        return ()
    return tuple(_cause(mistake, kind.is_step) for mistake in found)


def _absent(forward: Any, kind: Kind) -> list[str]:
    """Return inputs of the reference that a function lacks: a state that starts from zeros, a bias, a mask.

    Raises:
        ValueError: for parameters with unknown names.
    """
    inputs = kind.draw(np.random.default_rng(0))
    layout = next(layouts(kind, list(inspect.signature(forward).parameters)), None)
    if layout is None:
        raise ValueError(_unknown_parameters(forward, kind))
    numbers = [np.ravel(numbers) for numbers in layout.sources(inputs).values()]
    used = set(np.concatenate(numbers).tolist())
    absent, start = [], 0
    for name, value in inputs.items():
        if start not in used and np.size(value):
            absent.append(name)
        start += np.size(value)
    return absent


def _match(
    forward: Any, backward: Any, kind: Kind, problem: Problem, known: KnownResults
) -> tuple[Match | None, list[KindSubject]]:
    """Return the layout in which forward is right or has a known mistake, and all in which it runs."""
    names = list(inspect.signature(forward).parameters)
    ran: list[tuple[KindSubject, list[Array]]] = []
    raised: list[Exception] = []
    for count, layout in enumerate(layouts(kind, names)):
        if count >= MOST_LAYOUTS:
            break
        subject = KindSubject(forward, backward, layout, kind, problem.inputs)
        try:
            with np.errstate(all="ignore"):
                outputs, _ = subject.forward(subject.arrays)
        except Exception as error:  # noqa: BLE001 - another layout may work
            raised.append(error)
            continue
        parts = list(outputs.values())
        found = outputs_of(parts, known.outputs, _closeness(parts))
        if found is not None:
            return Match(subject, found, ()), [subject]
        ran.append((subject, parts))
    if not ran:  # a shape that does not fit is the layout's fault, anything else the function's
        of_its_own = [error for error in raised if not isinstance(error, (ValueError, IndexError))]
        raise (of_its_own or raised)[0]
    mistaken = (_with_a_mistake(subject, parts, known) for subject, parts in ran)
    return next((match for match in mistaken if match), None), [subject for subject, _ in ran]


def _with_a_mistake(subject: KindSubject, parts: list[Array], known: KnownResults) -> Match | None:
    """Return the only mistake of a forward pass that gives these outputs."""
    shapes = [sorted(np.shape(value)) for value in known.outputs.values()]
    if not all(sorted(part.shape) in shapes for part in parts):
        return None
    matches = []
    for wrong in known.singles("forward"):
        found = outputs_of(parts, wrong.results, _closeness(parts))
        if found is not None:
            matches.append(Match(subject, found, wrong.mistakes))
    return matches[0] if len(matches) == 1 else None


def _named(match: Match, kind: Kind, problem: Problem) -> Found | None:
    """Return the mistakes of a backward pass whose forward pass is right."""
    try:
        got, only, single = _returned(match, kind, problem)
        return KnownResults(kind, only).backward_mistakes(got, SINGLE if single else CLOSE)
    except Exception:  # noqa: BLE001 - whatever a wrong backward pass does: then it has no name
        return None


def _gives(match: Match, kind: Kind, problem: Problem, mistakes: Found) -> bool:
    """Return whether the mistakes give the function's results on another problem as well."""
    try:
        got, only, single = _returned(match, kind, problem)
        return agree(got, kind.run(only.inputs, only.upstream, mistakes)[1], SINGLE if single else CLOSE)
    except Exception:  # noqa: BLE001 - as above
        return False


def _returned(match: Match, kind: Kind, problem: Problem) -> tuple[Arrays, Problem, bool]:
    """Return a function's gradients in the reference's layout, the problem, and the single-precision flag."""
    whole = {name for name, _ in match.outputs}
    upstreams = {name: value for name, value in problem.upstream.items() if name in whole}
    own = match.subject
    subject = KindSubject(own.forward_function, own.backward_function, own.layout, kind, problem.inputs)
    outputs, cache = subject.forward(subject.arrays)
    seen: set[str] = set()
    upstream: Named = {}
    for (place, leaf), (name, axes) in zip(outputs.items(), match.outputs, strict=True):
        drawn = np.transpose(upstreams[name], axes) if name not in seen else np.zeros(leaf.shape)
        upstream[place] = np.array(drawn, leaf.dtype)
        seen.add(name)
    with np.errstate(all="ignore"):
        gradients = subject.backward(upstream, cache)
    got = subject.layout.unpack(gradients, problem.inputs)
    single = any(np.asarray(value).dtype == np.float32 for value in gradients.values())
    return got, Problem(problem.inputs, upstreams), single


def with_names(report: Report, mistakes: Found | None, is_step: bool) -> Report:
    """Return a report with these mistakes as its causes, and with faults unrelated to them."""
    if not mistakes:
        return report
    faults = [cause for cause in report.causes if cause.code in FAULTS]
    return replace(report, causes=(*(_cause(mistake, is_step) for mistake in mistakes), *faults))


def _cause(mistake: Mistake, is_step: bool = False, whole: str = "") -> Cause:
    return Cause(mistake.code, mistake.text(is_step) + whole)


def _check_values(function: Callable[..., Any], kind: Kind, seed: int) -> Report:
    """Check a function without a backward pass by its values, for norms within and beyond the bound."""
    problems = [kind.draw(np.random.default_rng(seed)) | {"max_norm": bound} for bound in (0.2, 1.5, 50.0)]
    known: list[Found] = [(), *((mistake,) for mistake in kind.mistakes)]
    title = getattr(function, "__qualname__", type(function).__name__)
    about = ("compared with the reference's values", CLOSE, seed)
    ran, error = False, None
    for layout in layouts(kind, list(inspect.signature(function).parameters)):
        try:
            values = _values(function, [layout.pack(problem) for problem in problems])
        except Exception as raised:  # noqa: BLE001 - another layout may work
            error = raised
            continue
        ran = True
        parts = [
            [np.asarray(leaf) for _, leaf in tree_leaves(value, "") if np.ndim(leaf)] for value in values
        ]
        matches = [
            mistakes
            for mistakes in known
            if all(
                outputs_of(part, kind.run(problem, None, mistakes)[0], CLOSE)
                for part, problem in zip(parts, problems, strict=True)
            )
        ]
        effects = _changed_arguments(function, layout.pack(problems[0])) if matches else ()
        if matches and not matches[0]:
            rows = tuple(
                Row(name, np.shape(part), "right", 0.0)
                for name, part in tree_leaves(values[0], "")
                if np.ndim(part)
            )
            verdict: Verdict = WITH_A_SIDE_EFFECT if effects else "right"
            return Report(title, verdict, *about, rows=rows, side_effects=effects)
        if len(matches) == 1:
            causes = tuple(map(_cause, matches[0]))
            return Report(title, "wrong", *about, causes=causes, side_effects=effects)
    if error and not ran:
        raise error
    if not ran:
        raise ValueError(_unknown_parameters(function, kind))
    cause = Cause("forward-unknown", f"it is neither {kind.title} nor a known mistake of it")
    return Report(title, "wrong", *about, causes=(cause,))


def _changed_arguments(function: Callable[..., Any], given: Arrays) -> tuple[SideEffect, ...]:
    """Return the arguments that a function without a backward pass changes in place."""
    for arguments in (given, _with_lists(given)):
        leaves = tree_leaves(arguments, "")
        inputs = Lent("inputs", {name: leaf for name, leaf in leaves if isinstance(leaf, np.ndarray)})
        lines = changing_lines(partial(function, **arguments), partial(dict, inputs.arrays))
        first = next(iter(lines.values()), None)
        effects = tuple(side_effect(change.finding, first) for change in inputs.changes("the function"))
        if effects:
            return effects
    return ()


def _with_lists(given: Arrays) -> Arrays:
    """Return the same arguments with lists for dicts."""
    return {name: list(value.values()) if isinstance(value, dict) else value for name, value in given.items()}


def _values(function: Callable[..., Any], given: list[Arrays]) -> list[Any]:
    """Return a function's results for several inputs, with dicts of arrays as dicts or as lists."""
    try:
        return [_returned_or_changed(function, one) for one in given]
    except Exception as error:  # noqa: BLE001 - it may expect a list
        try:
            return [_returned_or_changed(function, _with_lists(one)) for one in given]
        except Exception:  # noqa: BLE001 - the first error is the one to report
            raise error from None


def _returned_or_changed(function: Callable[..., Any], given: Arrays) -> Any:
    """Return a function's result, or its changed arguments if it returned no array."""
    found = function(**given)
    return found if any(np.ndim(leaf) for _, leaf in tree_leaves(found, "")) else given


def _closeness(parts: list[Array]) -> float:
    return SINGLE if any(part.dtype == np.float32 for part in parts) else CLOSE


def _blocks(layout: Layout, kind: Kind, inputs: Arrays) -> dict[str, dict[str, Array]]:
    """Return, for each packed array, its parts by gate and by factor."""
    if not kind.gates:
        return {}
    labels: dict[int, tuple[str, str]] = {}
    marked: Arrays = {}
    for name, value in inputs.items():
        numbers = np.full(np.shape(value), -1)
        if name in ("W_x", "W_h", "b"):
            for k, gate in enumerate(kind.gates):
                numbers[k] = len(labels)
                labels[len(labels)] = (gate_name(gate), name)
        marked[name] = numbers
    blocks: dict[str, dict[str, Array]] = {}
    for name, packer in layout.packers.items():
        numbers = packer(marked)
        found = sorted(set(np.unique(numbers).tolist()) - {-1})
        several = len({labels[k][1] for k in found}) > 1
        own = {"W_x": ", weights of x", "W_h": ", weights of h", "b": ""}
        if len(found) > 1:
            blocks[name] = {
                labels[k][0] + (own[labels[k][1]] if several else ""): numbers == k for k in found
            }
    return blocks


def _unknown_parameters(forward: Any, kind: Kind) -> str:
    names = list(inspect.signature(forward).parameters)
    unknown = [name for name in names if says_nothing(kind, name)]
    wanted = ", ".join(kind.draw(np.random.default_rng(0)))
    what = f"what are {', '.join(unknown)}?" if unknown else "its parameters do not match any layout."
    name = getattr(forward, "__name__", "forward")
    return (
        f"{name}({', '.join(names)}) should be {kind.title}: {what} Expected "
        f"names like ({wanted}), the weights wide, transposed, one for each gate, or with h and x joined as W"
    )
