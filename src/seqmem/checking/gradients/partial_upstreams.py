"""Parts of an upstream gradient: one output alone, one step alone, one batch row alone."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from seqmem.checking.gradients.conduct import mapped
from seqmem.checking.gradients.subject import Subject, leaves
from seqmem.module import Array

Axes = dict[int, int]  # for some of the outputs, by number: one of its axes
MOST_OUTPUTS = 4  # of which every combination is left out; of more, each alone
MOST_INDICES = 64  # of an axis that are tried one by one


class Part(NamedTuple):
    """A part of an upstream gradient, and what a gradient is that was made of it alone."""

    code: str
    text: str
    upstream: Any


def outputs_alone(upstream: Any) -> list[Any]:
    """For each output, the upstream gradient with zeros for all others."""
    return [masked(upstream, {k: ...}) for k in range(len(list(leaves(upstream, ""))))]


def steps_alone(subject: Subject, upstream: Any, jacobians: Mapping[str, Array]) -> list[Any]:
    """For each time step, the upstream gradient with zeros at all others: where outputs have a time axis."""
    axes = subject.time_axes([leaf for _, leaf in leaves(upstream, "")])
    if not axes:
        for _, _, k, other, depends in _dependences(subject, upstream, jacobians):
            if _is_causal(depends):
                axes.setdefault(k, other)
    return _along(upstream, axes)


def parts(subject: Subject, upstream: Any, jacobians: Mapping[str, Array]) -> Iterator[Part]:
    """What a backward pass may have used instead of the whole upstream gradient."""
    names = [name or "the output" for name, _ in leaves(upstream, "")]
    for n_left_out in range(1, len(names) if len(names) <= MOST_OUTPUTS else 2):
        for left_out in itertools.combinations(range(len(names)), n_left_out):
            kept = masked(upstream, {k: ... for k in range(len(names)) if k not in left_out})
            which = " and ".join(f"output {names[k]}" for k in left_out)
            yield Part(
                "output-unused", f"right but for {which}, whose upstream gradient does not arrive", kept
            )
    for what, code, alone in _slices(subject, upstream, jacobians):
        rest = _minus(upstream, reduce(_plus, alone))  # of the outputs without this axis
        for k, part in enumerate(alone):
            only = f"of {what.format(k)} alone: the others' share is missing"
            yield Part(code, f"the gradient {only}", part)
            if any(np.any(leaf) for _, leaf in leaves(rest, "")):
                yield Part(code, f"the gradient {only}", _plus(part, rest))
            yield Part(
                f"{code}-missing",
                f"right but for {what.format(k)}, which is left out",
                _minus(upstream, part),
            )


def _slices(
    subject: Subject, upstream: Any, jacobians: Mapping[str, Array]
) -> Iterator[tuple[str, str, list[Any]]]:
    """Steps and rows: words with a place for the number, a code, and the upstream gradient of each alone."""
    steps = steps_alone(subject, upstream, jacobians)
    if 1 < len(steps) <= MOST_INDICES:
        known = subject.time_axes([leaf for _, leaf in leaves(upstream, "")])
        what = "the outputs of step {}" if known else "the outputs at position {}"
        yield what, "one-step", steps
    grouped: dict[tuple[str, int], Axes] = {}
    for name, axis, k, other, depends in _dependences(subject, upstream, jacobians):
        if _is_independent(depends):
            grouped.setdefault((name, axis), {}).setdefault(k, other)
    seen: list[Axes] = []
    for (name, axis), axes in grouped.items():
        # The same rows of the outputs may be rows of several inputs.
        if axes not in seen and subject.arrays[name].shape[axis] <= MOST_INDICES:
            seen.append(axes)
            letter = subject.axes(name)[axis : axis + 1]
            what = {"T": "step {}", "B": "batch row {}"}.get(letter, f"index {{}} of axis {axis} of {name}")
            yield what, "one-row", _along(upstream, axes)


def _plus(one: Any, other: Any) -> Any:
    return mapped(np.add, one, other)


def _minus(one: Any, other: Any) -> Any:
    return mapped(np.subtract, one, other)


def masked(upstream: Any, keep: dict[int, Any]) -> Any:
    """Zeros but for the places to keep, by the outputs' numbers."""
    count = itertools.count()

    def mask(value: Any) -> Array:
        zeros = np.zeros_like(value)
        k = next(count)
        if k in keep:
            zeros[keep[k]] = value[keep[k]]
        return zeros

    return mapped(mask, upstream)


def _along(upstream: Any, axes: Axes) -> list[Any]:
    parts = [leaf for _, leaf in leaves(upstream, "")]
    lengths = {k: parts[k].shape[axis] for k, axis in axes.items()}
    return [
        masked(upstream, {k: (slice(None),) * axes[k] + (t,) for k, length in lengths.items() if t < length})
        for t in range(max(lengths.values(), default=0))
    ]


def _dependences(
    subject: Subject, upstream: Any, jacobians: Mapping[str, Array]
) -> Iterator[tuple[str, int, int, int, Array]]:
    """Input, its axis, output, its axis, for axes of one length: [s, t], does t of the output depend on s?"""
    start = 0
    for k, (_, out) in enumerate(leaves(upstream, "")):
        for name, jacobian in jacobians.items():
            given = subject.arrays[name].shape
            block = (jacobian[:, start : start + out.size] != 0).reshape(*given, *out.shape)
            for axis, other in itertools.product(range(len(given)), range(out.ndim)):
                if given[axis] == out.shape[other] > 1:
                    others = tuple(i for i in range(block.ndim) if i not in (axis, len(given) + other))
                    yield name, axis, k, other, block.any(axis=others)
        start += out.size


def _is_causal(depends: Array) -> bool:
    """On earlier steps and on no later one. A batch axis is none: there each row depends on its own alone."""
    return bool(not np.tril(depends, -1).any() and np.triu(depends, 1).any())


def _is_independent(depends: Array) -> bool:
    """Each on its own alone, where it depends on any."""
    return bool(depends.any() and not (depends & ~np.eye(len(depends), dtype=bool)).any())
