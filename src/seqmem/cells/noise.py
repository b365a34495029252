"""Noise on the state between two steps of a pass: recurrent dropout and zoneout.

    recurrent dropout     W_h multiplies keep * h_prev instead of h_prev, with one keep (B, H) for all steps
                          of a sequence (Gal & Ghahramani, 2016)
    zoneout               h = zone * h_prev + (1 - zone) * new h, where the step has computed the new h, and
                          the same for c; a zone is 1 at random, or the rate itself (Krueger et al., 2017)

Cells are not aware of it: a step gets other values under the names of its arguments. If a state is zoned, the
step writes a separate value, `h new`; the next step and the outputs use the tape's h.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from seqmem.module import Array

Function = Callable[..., None]
Named = tuple[Function, tuple[str, ...]]  # a function and the names of its arguments on the tape


class Noise(NamedTuple):
    """The noise of one pass."""

    keep: Array | None  # (N, H) the factor of h_prev in each row, keep / (1 - rate)
    keep_first: Array | None  # (B, H) the same for the first step: rows of later steps are a prefix
    zones: Mapping[str, Array]  # by field: (N, H) of 0 and 1, or the rate as an array without axes


QUIET = Noise(None, None, {})


def multiplied(products: dict[str, Any], keep: Array) -> dict[str, Any]:
    """Return the products of W_h with keep * h_prev, forward (`recurrent`) and backward (`through`)."""

    def recurrent(multiply: Callable[[Array], Any]) -> Callable[[Array], Any]:
        return lambda x: multiply(x * keep[: len(x)])

    def through(go_back: Callable[[Array, Array], Array]) -> Callable[[Array, Array], Array]:
        def back(d_a: Array, d_x: Array) -> Array:
            go_back(d_a, d_x)
            d_x *= keep[: len(d_x)]
            return d_x

        return back

    kinds: dict[str, Callable[[Any], Any]] = {"recurrent": recurrent, "through": through}
    return {
        name: kinds[name.split("_")[0]](one) if name.split("_")[0] in kinds else one
        for name, one in products.items()
    }


def sought(names: tuple[str, ...], zones: Mapping[str, Array]) -> tuple[str, ...]:
    """Return the names on the tape of a method's arguments: for a zoned state, the name of the new one."""
    return tuple(f"{name} new" if name in zones else name for name in names) if zones else names


def zoned_step(step: Function, names: tuple[str, ...], zones: Mapping[str, Array]) -> Named:
    """Return a step that mixes the new state with the previous one, and the names of its arguments."""
    more = [(f"{field} new", f"{field} zone", f"{field}_prev", field) for field in zones]
    own = len(names)

    def zoned(*values: Any) -> None:
        step(*values[:own])
        for new, zone, prev, state in _groups(values[own:], 4):
            np.multiply(zone, prev, out=state)
            state += (1 - zone) * new

    return zoned, (*sought(names, zones), *(name for group in more for name in group))


def zoned_back(step_backward: Function, names: tuple[str, ...], zones: Mapping[str, Array]) -> Named:
    """Return the backward pass of `zoned_step`: a part of the gradient bypasses the step."""
    more = [(f"d_{field}", f"{field} zone") for field in zones]
    own = len(names)

    def zoned(*values: Any) -> None:
        pairs = _groups(values[own:], 2)
        past = [zone * d_state for d_state, zone in pairs]
        for d_state, zone in pairs:
            d_state *= 1 - zone
        step_backward(*values[:own])
        for (d_state, _), d_past in zip(pairs, past, strict=True):
            d_state += d_past

    return zoned, (*sought(names, zones), *(name for group in more for name in group))


def _groups(values: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [values[k : k + size] for k in range(0, len(values), size)]
