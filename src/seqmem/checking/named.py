"""Checks of functions and modules whose mathematics is known: a mistake from the catalogue gets its name."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from seqmem.cells import Cell, GRUCell, LSTMCell, RNNCell
from seqmem.cells.tape import fields_of, parts_of
from seqmem.checking.behaviour import FAULTS, mapped
from seqmem.checking.engine import check
from seqmem.checking.layouts import Layout, layouts, outputs_of, says_nothing
from seqmem.checking.likes import Arrays, Like, Problem, T, as_like
from seqmem.checking.recognise import CLOSE, Bank, Found, agree
from seqmem.checking.report import Cause, Report, Row
from seqmem.checking.subject import FunctionSubject, gate_name, leaves
from seqmem.contexts import AdditiveAttention
from seqmem.layers import Embedding, Recurrent
from seqmem.module import Array, Module

SINGLE = 1e-5  # what counts as equal where a function computes in single precision
MOST_LAYOUTS = 4000

Outputs = list[tuple[str, tuple[int, ...]]]  # for each returned array: the output it is, and its axes


class LikeSubject(FunctionSubject):
    """Functions that take the reference's arrays in a layout of their own."""

    def __init__(self, forward: Any, backward: Any, layout: Layout, like: Like, inputs: Arrays) -> None:
        super().__init__(forward, backward, layout.pack(inputs))
        self.layout = layout
        self._blocks = _blocks(layout, like, inputs)

        self.outputs: Outputs = []  # known once they were recognised

    def blocks(self, name: str) -> dict[str, Array]:
        return self._blocks.get(name, {})

    def time_axes(self, outputs: list[Array]) -> dict[int, int]:
        return {k: axes.index(0) for k, (name, axes) in enumerate(self.outputs) if name == "hs"}


class Match(NamedTuple):
    """A layout with which a function computes what the reference does, right or with a known mistake."""

    subject: LikeSubject
    outputs: Outputs
    mistakes: Found


def check_like(
    forward: Callable[..., Any],
    backward: Callable[..., Any] | None,
    like: str,
    seed: int = 0,
    tolerance: float | None = None,
    max_elements: int = 20_000,
) -> Report:
    """Check functions that should compute what a reference pass computes.

    Args:
        forward: takes the reference's arrays under names that say what they are, in any common layout, and
            returns (out, cache) or several outputs and the cache; a function without a backward pass returns
            its outputs alone.
        backward: takes (d_out, cache) and returns the gradients; None for `like="clipping"`.
        like: "lstm_step", "gru_sequence", ..., "attention", "embedding", "cross_entropy", "clipping".
        seed: of the numbers that are tried.
        tolerance, max_elements: as in `gradcheck`.

    Returns:
        A `Report` whose causes name known mistakes of either pass.

    Raises:
        ValueError: for an unknown `like`, or parameters whose names say nothing.
    """
    kind = as_like(like)
    if backward is None:
        return _check_values(forward, kind, seed)
    absent = _absent(forward, kind)
    problem = kind.problem(seed, absent)
    bank = Bank(kind, problem)
    match, ran = _match(forward, backward, kind, problem, bank)
    subject = match.subject if match else ran[0]
    subject.outputs = match.outputs if match else []
    report = check(subject, seed, tolerance, max_elements)
    if match is None:
        text = (
            f"forward is neither {kind.title} nor one with a mistake that is known: its values differ. The "
            "gradients were compared with the derivative of what it does compute"
        )
        return replace(
            report,
            verdict="cannot tell" if report.passed else report.verdict,
            causes=(Cause("forward-unknown", text), *report.causes),
        )
    if match.mistakes:
        whole = " (The backward pass is right for this forward pass.)" if report.passed else ""
        causes = (*(_cause(mistake, whole) for mistake in match.mistakes), *report.causes)
        return replace(report, verdict="wrong", causes=causes)
    if report.verdict == "wrong":
        found = _named(match, kind, problem)
        other = kind.problem(seed + 1, absent, steps=T + 2)  # once is chance
        confirmed = found and _gives(match, kind, other, found)
        return _with_names(report, found if confirmed else None)
    return report


def name_mistake(module: Module, report: Report) -> Report:
    """A report on a module of the library, or a subclass, with what the catalogue says of it."""
    kind = _like_of(module)
    if report.verdict != "wrong" or kind is None:
        return report
    rng = np.random.default_rng(report.seed)
    found: list[Found | None] = []
    try:
        for steps in (T, T + 2):  # once is chance
            inputs, run = _of_module(module, kind, steps)
            outputs, _ = kind.run(inputs)
            upstream = {name: rng.standard_normal(np.shape(out)) for name, out in outputs.items()}
            bank = Bank(kind, Problem(inputs, upstream))
            values, gradients = run(upstream)
            mistakes = bank.forward_mistake(values)
            if mistakes == ():
                mistakes = bank.backward_mistakes({n: g for n, g in gradients.items() if g is not None})
            found.append(mistakes)
    except Exception:  # noqa: BLE001 - a broken module may do anything: then it has no name
        return report
    return _with_names(report, found[0] if found[0] == found[1] else None)


def _absent(forward: Any, like: Like) -> list[str]:
    """Inputs of the reference that a function does not have: a state that starts from zeros, a bias, a mask.

    Raises:
        ValueError: for parameters whose names say nothing.
    """
    inputs = like.draw(np.random.default_rng(0))
    layout = next(layouts(like, list(inspect.signature(forward).parameters)), None)
    if layout is None:
        raise ValueError(_unknown_parameters(forward, like))
    numbers = [np.ravel(numbers) for numbers in layout.sources(inputs).values()]
    used = set(np.concatenate(numbers).tolist())
    absent, start = [], 0
    for name, value in inputs.items():
        if start not in used and np.size(value):
            absent.append(name)
        start += np.size(value)
    return absent


def _match(
    forward: Any, backward: Any, like: Like, problem: Problem, bank: Bank
) -> tuple[Match | None, list[LikeSubject]]:
    """The layout in which forward is right, or else has a known mistake; and the layouts in which it runs."""
    names = list(inspect.signature(forward).parameters)
    ran: list[tuple[LikeSubject, list[Array]]] = []
    raised: list[Exception] = []
    for count, layout in enumerate(layouts(like, names)):
        if count >= MOST_LAYOUTS:
            break
        subject = LikeSubject(forward, backward, layout, like, problem.inputs)
        try:
            with np.errstate(all="ignore"):
                outputs, _ = subject.forward(subject.arrays)
        except Exception as error:  # noqa: BLE001 - another layout may fit
            raised.append(error)
            continue
        parts = [np.asarray(leaf) for _, leaf in leaves(outputs, "")]
        found = outputs_of(parts, bank.outputs, _closeness(parts))
        if found is not None:
            return Match(subject, found, ()), [subject]
        ran.append((subject, parts))
    if not ran:  # a shape that does not fit is the layout's fault, anything else the function's
        of_its_own = [error for error in raised if not isinstance(error, (ValueError, IndexError))]
        raise (of_its_own or raised)[0]
    mistaken = (_with_a_mistake(subject, parts, bank) for subject, parts in ran)
    return next((match for match in mistaken if match), None), [subject for subject, _ in ran]


def _with_a_mistake(subject: LikeSubject, parts: list[Array], bank: Bank) -> Match | None:
    """The only mistake of a forward pass that gives these outputs."""
    shapes = [sorted(np.shape(value)) for value in bank.outputs.values()]
    if not all(sorted(part.shape) in shapes for part in parts):
        return None
    matches = []
    for wrong in bank.singles("forward"):
        found = outputs_of(parts, wrong.results, _closeness(parts))
        if found is not None:
            matches.append(Match(subject, found, wrong.mistakes))
    return matches[0] if len(matches) == 1 else None


def _named(match: Match, like: Like, problem: Problem) -> Found | None:
    """The mistakes of a backward pass whose forward pass is right."""
    try:
        got, only, single = _returned(match, like, problem)
        return Bank(like, only).backward_mistakes(got, SINGLE if single else CLOSE)
    except Exception:  # noqa: BLE001 - whatever a wrong backward pass does: then it has no name
        return None


def _gives(match: Match, like: Like, problem: Problem, mistakes: Found) -> bool:
    """Whether the mistakes give on another problem, too, what the function gives."""
    try:
        got, only, single = _returned(match, like, problem)
        return agree(got, like.run(only.inputs, only.upstream, mistakes)[1], SINGLE if single else CLOSE)
    except Exception:  # noqa: BLE001 - as above
        return False


def _returned(match: Match, like: Like, problem: Problem) -> tuple[Arrays, Problem, bool]:
    """A function's gradients in the reference's layout, the problem, and whether in single precision."""
    whole = {name for name, _ in match.outputs}
    upstreams = {name: value for name, value in problem.upstream.items() if name in whole}
    own = match.subject
    subject = LikeSubject(own.forward_function, own.backward_function, own.layout, like, problem.inputs)
    outputs, cache = subject.forward(subject.arrays)
    parts = iter(match.outputs)
    seen: set[str] = set()

    def upstream(leaf: Any) -> Array:
        name, axes = next(parts)
        drawn = np.transpose(upstreams[name], axes) if name not in seen else np.zeros(np.shape(leaf))
        seen.add(name)
        return np.array(drawn, np.asarray(leaf).dtype)

    with np.errstate(all="ignore"):
        gradients = subject.backward(mapped(upstream, outputs), cache)
    got = subject.layout.unpack(gradients, problem.inputs)
    single = any(np.asarray(value).dtype == np.float32 for value in gradients.values())
    return got, Problem(problem.inputs, upstreams), single


def _with_names(report: Report, mistakes: Found | None) -> Report:
    if not mistakes:
        return report
    faults = [cause for cause in report.causes if cause.code in FAULTS]
    return replace(report, causes=(*map(_cause, mistakes), *faults))


def _cause(mistake: Any, whole: str = "") -> Cause:
    return Cause(mistake.code, f"{mistake.does} {mistake.think}{whole}")


def _check_values(function: Callable[..., Any], like: Like, seed: int) -> Report:
    """A function without a backward pass: its values, for numbers within the bound and beyond it."""
    problems = [like.draw(np.random.default_rng(seed)) | {"max_norm": bound} for bound in (0.2, 1.5, 50.0)]
    known: list[Found] = [(), *((mistake,) for mistake in like.mistakes)]
    title = getattr(function, "__qualname__", type(function).__name__)
    about = ("compared with the reference's values", CLOSE, seed)
    ran, error = False, None
    for layout in layouts(like, list(inspect.signature(function).parameters)):
        try:
            values = _values(function, [layout.pack(problem) for problem in problems])
        except Exception as raised:  # noqa: BLE001 - another layout may fit
            error = raised
            continue
        ran = True
        parts = [[np.asarray(leaf) for _, leaf in leaves(value, "") if np.ndim(leaf)] for value in values]
        matches = [
            mistakes
            for mistakes in known
            if all(
                outputs_of(part, like.run(problem, None, mistakes)[0], CLOSE)
                for part, problem in zip(parts, problems, strict=True)
            )
        ]
        if matches and not matches[0]:
            rows = tuple(
                Row(name, np.shape(part), "right", 0.0)
                for name, part in leaves(values[0], "")
                if np.ndim(part)
            )
            return Report(title, "right", *about, rows=rows)
        if len(matches) == 1:
            return Report(title, "wrong", *about, causes=tuple(map(_cause, matches[0])))
    if error and not ran:
        raise error
    if not ran:
        raise ValueError(_unknown_parameters(function, like))
    cause = Cause("forward-unknown", f"it is neither {like.title} nor one with a mistake that is known")
    return Report(title, "wrong", *about, causes=(cause,))


def _values(function: Callable[..., Any], given: list[Arrays]) -> list[Any]:
    """What a function makes of several inputs, a dict of arrays as it is or as a list."""
    try:
        return [_returned_or_changed(function, one) for one in given]
    except Exception as error:  # noqa: BLE001 - a list, perhaps
        lists = [
            {name: list(value.values()) if isinstance(value, dict) else value for name, value in one.items()}
            for one in given
        ]
        try:
            return [_returned_or_changed(function, one) for one in lists]
        except Exception:  # noqa: BLE001 - then the first error is the one to show
            raise error from None


def _returned_or_changed(function: Callable[..., Any], given: Arrays) -> Any:
    """What a function returned, or what it made of its arguments where it returned no array."""
    found = function(**given)
    return found if any(np.ndim(leaf) for _, leaf in leaves(found, "")) else given


def _closeness(parts: list[Array]) -> float:
    return SINGLE if any(part.dtype == np.float32 for part in parts) else CLOSE


def _blocks(layout: Layout, like: Like, inputs: Arrays) -> dict[str, dict[str, Array]]:
    """For each packed array, its parts by gate and by what they multiply."""
    if not like.gates:
        return {}
    labels: dict[int, tuple[str, str]] = {}
    marked: Arrays = {}
    for name, value in inputs.items():
        numbers = np.full(np.shape(value), -1)
        if name in ("W_x", "W_h", "b"):
            for k, gate in enumerate(like.gates):
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


def _like_of(module: Module) -> Like | None:
    ending = "sequence" if isinstance(module, Recurrent) else "step"
    name = _kind_of(module.cell if isinstance(module, Recurrent) and not module.reverse else module)
    if name is None:
        return None
    return as_like(f"{name}_{ending}" if isinstance(module, (Cell, Recurrent)) else name)


@functools.singledispatch
def _kind_of(module: Any) -> str | None:
    """What the reference passes call a module's kind."""
    return None


_kind_of.register(RNNCell, lambda cell: "rnn")
_kind_of.register(LSTMCell, lambda cell: "lstm")
_kind_of.register(GRUCell, lambda cell: "gru" if cell.reset == "before" else "gru_after")
_kind_of.register(AdditiveAttention, lambda attention: "attention")
_kind_of.register(Embedding, lambda embedding: "embedding")


def _of_module(
    module: Any, like: Like, steps: int = T
) -> tuple[Arrays, Callable[[Arrays], tuple[Arrays, Arrays]]]:
    """A module's problem in the reference's arrays, and the module run on it."""
    rng = np.random.default_rng(steps)
    twin = module.astype(np.float64)

    def normal(*shape: int) -> Array:
        return 0.8 * rng.standard_normal(shape)

    if like.name == "embedding":
        tokens = rng.integers(module.vocab_size, size=(steps, 3))
        tokens[-1] = tokens[0]

        def embed(upstream: Arrays) -> tuple[Arrays, Arrays]:
            y, cache = twin.forward(tokens)
            return {"y": y}, twin.backward(upstream["y"], cache)[1]

        return {**twin.params, "tokens": tokens}, embed
    if like.name == "attention":
        query, keys = normal(3, module.query_size), normal(6, 3, module.key_size)

        def attend(upstream: Arrays) -> tuple[Arrays, Arrays]:
            (context, weights), cache = twin.forward(query, keys)
            (d_query, d_keys), grads = twin.backward((upstream["context"], upstream["weights"]), cache)
            return {"context": context, "weights": weights}, {"query": d_query, "keys": d_keys, **grads}

        return {"query": query, "keys": keys, **twin.params}, attend

    cell: Cell[Any] = twin.cell if isinstance(twin, Recurrent) else twin
    x = normal(3, cell.input_size) if like.is_step else normal(steps, 3, cell.input_size)
    fields = fields_of(cell.state_type)
    states = [normal(3, cell.hidden_size) for _ in fields]
    names = ("x", *(f"{f}_prev" for f in fields)) if like.is_step else ("xs", *(f"{f}0" for f in fields))
    inputs = dict(zip(names, (x, *states), strict=True)) | cell.params
    state = cell.of_parts(states)

    def run(upstream: Arrays) -> tuple[Arrays, Arrays]:
        outputs, cache = twin.forward(x, state)
        final = outputs if like.is_step else outputs[1]
        values = dict(zip(fields, parts_of(final), strict=True))
        given = cell.of_parts([upstream[field] for field in fields])
        if not like.is_step:
            values["hs"], given = outputs[0], (upstream["hs"], given)
        (d_x, d_state), grads = twin.backward(given, cache)
        plain = {name.removeprefix("cell."): grad for name, grad in grads.items()}
        return values, dict(zip(names, (d_x, *parts_of(d_state)), strict=True)) | plain

    return inputs, run


def _unknown_parameters(forward: Any, like: Like) -> str:
    names = list(inspect.signature(forward).parameters)
    unknown = [name for name in names if says_nothing(like, name)]
    wanted = ", ".join(like.draw(np.random.default_rng(0)))
    what = (
        f"what are {', '.join(unknown)}?"
        if unknown
        else "its parameters do not go together as any layout does."
    )
    name = getattr(forward, "__name__", "forward")
    return (
        f"{name}({', '.join(names)}) should be {like.title}: {what} Expected "
        f"names like ({wanted}), the weights wide, transposed, one for each gate, or with h and x joined as W"
    )
