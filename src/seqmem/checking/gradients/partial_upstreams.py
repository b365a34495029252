"""Parts of an upstream gradient: one output alone, one step alone, one batch row alone."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from seqmem.checking.contract.subject import Named, Subject
from seqmem.module import Array

Axes = dict[str, int]  # one axis for each of some outputs
MOST_OUTPUTS = 4  # up to this many, every combination is left out; above, each alone
MOST_INDICES = 64  # of an axis, to be tried one by one


class Part(NamedTuple):
    """A part of an upstream gradient, and the explanation if a gradient used only this part."""

    code: str
    text: str
    upstream: Named


class Dependence(NamedTuple):
    """The dependence of an output on an input, along an axis of each."""

    name: str  # of the input
    axis: int
    output: str
    output_axis: int
    depends: Array  # [s, t]: does entry t of the output depend on entry s of the input?


class PartialUpstreams:
    """The parts of an upstream gradient of a subject.

    Args:
        subject: the subject, whose arrays and axes provide the names of the parts.
        upstream: the upstream gradient by the outputs' names.
        jacobians: (size, n_outputs) of those arrays of the subject for which it was kept.
    """

    def __init__(self, subject: Subject, upstream: Named, jacobians: Mapping[str, Array]) -> None:
        self.upstream = upstream
        self.shapes = {name: array.shape for name, array in subject.arrays.items()}
        self.letters = {name: subject.axes(name) for name in subject.arrays}
        self.time_axes = subject.time_axes(upstream)
        self.jacobians = jacobians
        self.names = {name: f"output {name or 'the output'}" for name in upstream}

    def outputs_alone(self) -> list[Named]:
        """Return, for each output, the upstream gradient with zeros for all other outputs."""
        return [self._masked({name: ...}) for name in self.upstream]

    def steps_alone(self) -> list[Named]:
        """Return, for each time step, the upstream gradient with zeros at all other steps."""
        axes = dict(self.time_axes)
        if not axes:
            for found in self._dependences():
                if _is_causal(found.depends):
                    axes.setdefault(found.output, found.output_axis)
        return self._along(axes)

    def parts(self) -> Iterator[Part]:
        """Yield every part that a backward pass may have used instead of the whole."""
        for n_left_out in range(1, len(self.names) if len(self.names) <= MOST_OUTPUTS else 2):
            for left_out in itertools.combinations(self.names, n_left_out):
                kept = self._masked({name: ... for name in self.names if name not in left_out})
                which = " and ".join(self.names[name] for name in left_out)
                text = f"right except for {which}, whose upstream gradient does not arrive"
                yield Part("output-unused", text, kept)
        for what, code, alone in self._slices():
            whole = {name: sum(part[name] for part in alone) for name in self.upstream}
            rest = _minus(self.upstream, whole)  # of the outputs without this axis
            for k, part in enumerate(alone):
                only = f"the gradient of {what.format(k)} alone: the rest is missing"
                yield Part(code, only, part)
                if any(np.any(leaf) for leaf in rest.values()):
                    yield Part(code, only, {name: part[name] + rest[name] for name in part})
                without = f"right except for {what.format(k)}, which is left out"
                yield Part(f"{code}-missing", without, _minus(self.upstream, part))

    def _slices(self) -> Iterator[tuple[str, str, list[Named]]]:
        """Yield steps and rows: a text with a place for the number, a code, each one's upstream gradient."""
        steps = self.steps_alone()
        if 1 < len(steps) <= MOST_INDICES:
            what = "the outputs of step {}" if self.time_axes else "the outputs at position {}"
            yield what, "one-step", steps
        grouped: dict[tuple[str, int], Axes] = {}
        for found in self._dependences():
            if _is_independent(found.depends):
                axes = grouped.setdefault((found.name, found.axis), {})
                axes.setdefault(found.output, found.output_axis)
        seen: list[Axes] = []
        for (name, axis), axes in grouped.items():
            # The same rows of the outputs may be rows of several inputs.
            if axes not in seen and self.shapes[name][axis] <= MOST_INDICES:
                seen.append(axes)
                letter = self.letters[name][axis : axis + 1]
                what = {"T": "step {}", "B": "batch row {}"}.get(
                    letter, f"index {{}} of axis {axis} of {name}"
                )
                yield what, "one-row", self._along(axes)

    def _masked(self, keep: Mapping[str, Any]) -> Named:
        """Return zeros except at the positions to keep, by the outputs' names."""
        masked = {name: np.zeros_like(value) for name, value in self.upstream.items()}
        for name, index in keep.items():
            masked[name][index] = self.upstream[name][index]
        return masked

    def _along(self, axes: Axes) -> list[Named]:
        lengths = {name: self.upstream[name].shape[axis] for name, axis in axes.items()}
        return [
            self._masked({n: (slice(None),) * axes[n] + (t,) for n, length in lengths.items() if t < length})
            for t in range(max(lengths.values(), default=0))
        ]

    def _dependences(self) -> Iterator[Dependence]:
        """Yield the dependence along any two axes of equal length, of an input and of an output."""
        start = 0
        for output, out in self.upstream.items():
            for name, jacobian in self.jacobians.items():
                given = self.shapes[name]
                block = (jacobian[:, start : start + out.size] != 0).reshape(*given, *out.shape)
                for axis, other in itertools.product(range(len(given)), range(out.ndim)):
                    if given[axis] == out.shape[other] > 1:
                        others = tuple(i for i in range(block.ndim) if i not in (axis, len(given) + other))
                        yield Dependence(name, axis, output, other, block.any(axis=others))
            start += out.size


def _minus(one: Named, other: Mapping[str, Any]) -> Named:
    return {name: one[name] - other[name] for name in one}


def _is_causal(depends: Array) -> bool:
    """Return whether outputs depend on earlier steps but not on later ones, unlike rows of a batch."""
    return bool(not np.tril(depends, -1).any() and np.triu(depends, 1).any())


def _is_independent(depends: Array) -> bool:
    """Return whether each entry depends at most on the entry with the same index."""
    return bool(depends.any() and not (depends & ~np.eye(len(depends), dtype=bool)).any())
