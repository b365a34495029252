"""The right derivatives of a forward pass, from the pass's values alone.

    complex step        df/dx = Im f(x + i·h) / h,  h = 1e-20            (Squire & Trapp, 1998)
    central differences df/dx = (f(x + h) - f(x - h)) / 2h, extrapolated  (Richardson, 1911)

The complex step involves no difference, so nothing cancels and it is exact up to rounding, but only if the
forward pass propagates imaginary parts. Otherwise differences are used, with a measured error bar: from the
disagreement between the extrapolations of several steps, and from the disagreement between the slopes on both
sides.
"""

from __future__ import annotations

import inspect
import re
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqmem.checking.contract.subject import Named, Subject
from seqmem.module import Array

STEP = 1e-20
STEPS = (1e-2, 1e-4, 1e-6)  # of the differences; a smaller step if a bar is still wide
WALK, WALKS = 1e-5, 4  # for measuring noise: the step size, and the number of walks
SURE = 30  # times the rounding: a larger difference of the slopes is not noise
NARROW = 1e-9  # an error bar, relative to the derivatives, that needs no smaller step

# functions that return real numbers for complex ones without a warning
_SILENT = re.compile(
    r"\b(abs|absolute|fabs|conj|conjugate|real|norm|floor|ceil|rint|round|sign|float|astype|hypot|angle)\b"
)
_REAL = re.compile(r"\b(float\(|math\.)")  # conversions of a single number
_INTO_REAL = "writes into an array of real numbers"
_OWN = Path(__file__).parents[1]  # checking


class Slope(NamedTuple):
    """The derivative of every output along one direction."""

    value: Array  # (n_outputs,)
    bar: Array  # (n_outputs,) the error bar
    kink: Array  # (n_outputs,) whether the slopes to both sides differ, or the outputs jump
    blind: Array  # (n_outputs,) the largest difference of the slopes that would go unnoticed


class Derivatives:
    """Derivatives of a subject's outputs at the subject's arrays."""

    def __init__(self, subject: Subject, rng: np.random.Generator) -> None:
        self.subject = subject
        self.obstacle = self._obstacle(rng)
        self._start()

    @property
    def exact(self) -> bool:
        """True if the complex step is used."""
        return not self.obstacle

    def along(self, name: str, direction: Array | None = None, index: int | None = None) -> Slope:
        """Return the slope along a direction of one array, or along one entry, by flat index."""
        array = self._arrays[name]
        kept = array.copy() if index is None else array.flat[index]

        def outputs(step: complex) -> Array:
            if index is not None:
                array.flat[index] = kept + step
            elif direction is not None:
                array[...] = kept + step * direction
            return self._outputs()

        try:
            if self.exact:
                value = outputs(1j * STEP).imag / STEP
                none = np.zeros(value.shape)
                return Slope(value, none, none.astype(bool), none)
            size = 1.0 if index is None else max(1.0, abs(float(kept)))
            return _extrapolated(outputs, self._values, self._noise, size)
        finally:
            if index is None:
                array[...] = kept
            else:
                array.flat[index] = kept

    def _start(self) -> None:
        dtype = np.complex128 if self.exact else np.float64
        self._arrays = {name: array.astype(dtype) for name, array in self.subject.arrays.items()}
        self._values = self._outputs()
        self._noise = np.zeros(self._values.shape) if self.exact else self._measured_noise()

    def _measured_noise(self) -> Array:
        """Return the noise of each output, from fourth differences of walks too short to show curvature.

        The walks leave out the numbers themselves, where the outputs may jump.
        """
        rng = np.random.default_rng(0)
        kept = {name: array.copy() for name, array in self._arrays.items()}
        noise = np.zeros(self._values.shape)
        rounded = True
        for _ in range(WALKS):
            steps = {
                name: WALK * rng.uniform(0.2, 1, array.shape) * np.maximum(1, np.abs(array))
                for name, array in kept.items()
            }
            found = []
            for side in (1, -1):
                walk = []
                for k in range(1, 10):
                    for name, array in self._arrays.items():
                        array[...] = kept[name] + side * k * steps[name]
                    walk.append(self._outputs())
                with np.errstate(all="ignore"):
                    rounded = rounded and np.array_equal(np.array(walk, np.float32), walk)
                fourth = np.diff(np.array(walk), 4, axis=0)
                found.append(np.sqrt(np.mean(fourth**2, axis=0) / 70))  # 70 = 1² + 4² + 6² + 4² + 1²
            # a kink next to the numbers affects one side only; a walk in step with the rounding sees no noise
            noise = np.maximum(noise, np.minimum(*found))
        for name, array in self._arrays.items():
            array[...] = kept[name]
        # On a flat function, a walk does not reveal rounding, and neither does a round number.
        if rounded:
            noise = np.maximum(noise, 0.3 * np.finfo(np.float32).eps * np.abs(self._values))
        return np.maximum(noise, np.sqrt(np.mean(noise**2))) if noise.size else noise

    def _outputs(self) -> Array:
        with np.errstate(all="ignore"):
            return flat(self.subject.forward(self._arrays)[0])

    def _obstacle(self, rng: np.random.Generator) -> str:
        """Return why the complex step cannot be used; empty if it can."""
        self.obstacle = ""
        self._directions: dict[str, Array] = {}
        with warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            try:
                self._start()
            except Exception as error:  # noqa: BLE001 - a function may fail in any way on complex numbers
                return _refusal(error)
            if self.subject.arrays and not np.iscomplexobj(self._values):
                return "the outputs are real for complex inputs" + self._suspects()
            try:
                exact = {name: self.along(name, self._direction(name, rng)) for name in self._arrays}
            except Exception as error:  # noqa: BLE001
                return _refusal(error)
        lost = [name for name, slope in exact.items() if not np.isfinite(slope.value).all()]
        if lost:
            return f"it overflows in complex arithmetic ({', '.join(lost)})"
        directions = self._directions
        self.obstacle = "being compared"
        self._start()
        for name, slope in exact.items():
            other = self.along(name, directions[name])
            room = 1e-5 * np.max(np.abs(other.value), initial=0.0) + 10 * other.bar
            if np.any(np.abs(slope.value - other.value) > room):
                return f"an imaginary part of {name} is lost on the way" + self._suspects()
            if other.kink.any():
                return f"the function has a kink at this {name}, and the complex step sees one side of it"
        return ""

    def _direction(self, name: str, rng: np.random.Generator) -> Array:
        self._directions[name] = rng.standard_normal(self._arrays[name].shape)
        return self._directions[name]

    def _suspects(self) -> str:
        """Return the lines of the forward pass that may drop an imaginary part silently."""
        found = []
        for function in self.subject.sources:
            try:
                lines, first = inspect.getsourcelines(function)
            except (OSError, TypeError):
                continue
            found += [
                f"line {first + k} `{line.strip()}`"
                for k, line in enumerate(lines)
                if _SILENT.search(line.partition("#")[0])
            ]
        return f"; look at {', '.join(found[:3])}" if found else ""


def flat(outputs: Named) -> Array:
    """Return all outputs as one vector."""
    return np.concatenate([np.ravel(part) for part in outputs.values()]) if outputs else np.zeros(0)


def _extrapolated(outputs: Callable[[complex], Array], start: Array, noise: Array, size: float) -> Slope:
    if np.max(noise, initial=0.0) > 1e-12 * np.max(np.abs(start), initial=0.0):
        still = (outputs(size / 2) == start) & (outputs(-size / 2) == start)
        noise = np.where(still, 2 * STEPS[0] * noise, noise)  # no change over a long distance: zero slope
    best = _richardson(outputs, start, noise, size * STEPS[0])
    for step in STEPS[1:]:
        if np.all(best.bar <= NARROW * np.max(np.abs(best.value), initial=0.0)):
            break
        other = _richardson(outputs, start, noise, size * step)
        # a step too short to change rounded numbers gives 0 with a misleadingly narrow bar
        trusted = best.bar < 1e-2 * np.abs(best.value)
        denied = np.abs(other.value - best.value) > 3 * best.bar + other.bar
        # a step too short to detect a kink above the noise does not overrule a longer one
        unseen = best.kink & ~other.kink & (best.bar < other.blind)
        closer = (other.bar < best.bar) & ~(trusted & denied) & ~unseen
        best = Slope(*(np.where(closer, *parts) for parts in zip(other, best, strict=True)))
    return best


def _richardson(outputs: Callable[[complex], Array], start: Array, noise: Array, step: float) -> Slope:
    """Return central differences of three steps, extrapolated twice."""
    slopes, kinks, sides = [], [], []
    for h in (step, step / 2, step / 4):
        up, down = outputs(h), outputs(-h)
        slopes.append((up - down) / (2 * h))
        kinks.append(np.abs(up - 2 * start + down) / h)  # the slopes to both sides, one minus the other
        sides.append(np.maximum(np.abs(up - start), np.abs(start - down)) / h)
    first = (4 * slopes[1] - slopes[0]) / 3
    second = (4 * slopes[2] - slopes[1]) / 3
    value = (16 * second - first) / 15
    rounding = np.maximum(16 * np.finfo(start.dtype).eps * np.abs(start), 6 * noise) / step
    disagreement = np.maximum(np.abs(value - second), np.abs(value - first) / 5)
    typical = np.sqrt(np.mean(disagreement**2)) if disagreement.size else 0.0  # one may agree by chance
    bar = np.maximum(disagreement, typical) + rounding
    # on a smooth curve the two slopes close in on each other as the step shrinks; at a kink they do not
    blind = np.maximum(SURE * rounding, 1e-6 * np.abs(value))
    stays = kinks[2] > 0.6 * kinks[0]
    kink = stays & (kinks[2] > blind)
    # at a jump, a quarter of the step has four times the slope
    jump = (sides[2] > 2 * sides[0]) & (sides[2] > blind)
    # what may be noise is no kink for sure, but the slopes to both sides may differ by as much
    bar = np.where(stays & (kinks[2] > 6 * rounding), np.maximum(bar, kinks[2]), bar)
    return Slope(value, np.where(jump, 10 * sides[2], bar), kink | jump, blind)


def _refusal(error: BaseException) -> str:
    if isinstance(error, np.exceptions.ComplexWarning):
        line = _line_of(error)
        what = "makes a real number of a complex one" if _REAL.search(line) else _INTO_REAL
        return f"{line} drops the imaginary part: it {what}"
    return f"{_line_of(error)} does not take complex numbers ({type(error).__name__}: {error})"


def _line_of(error: BaseException) -> str:
    """Return the line of the forward pass at which an error was raised."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not Path(frame.filename).is_relative_to(_OWN) and "numpy" not in Path(frame.filename).parts
    ]
    frames = [frame for frame in frames if "site-packages" not in Path(frame.filename).parts] or frames
    return f"line {frames[-1].lineno} `{frames[-1].line}`" if frames else "the forward pass"
