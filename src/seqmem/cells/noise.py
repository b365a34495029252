"""What happens to the state between two steps of a pass: recurrent dropout and zoneout.

    recurrent dropout     W_h multiplies keep * h_prev instead of h_prev, with one keep (B, H) for all steps
                          of a sequence (Gal & Ghahramani, 2016)
    zoneout               h = zone * h_prev + (1 - zone) * new h, and c likewise, where the step has computed
                          the new ones; a zone is 1 at random, or the rate itself (Krueger et al., 2017)

Cells know nothing of it: a step is given other values under the names that it asks for. Where a state is
zoned, the step writes `h new`, a value of its own; the tape's h is what the next step and the outputs see.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from seqmem.module import Array

Function = Callable[..., None]
Named = tuple[Function, tuple[str, ...]]  # a function and the names of what it is given


class Noise(NamedTuple):
    """Of one pass."""

    keep: Array | None  # (N, H) what h_prev of each row is multiplied by, keep / (1 - rate)
    keep_first: Array | None  # (B, H) the same of the first step: rows of later ones are a prefix
    zones: Mapping[str, Array]  # by field: (N, H) of 0 and 1, or the rate as an array without axes


QUIET = Noise(None, None, {})


def multiplied(products: dict[str, Any], keep: Array) -> dict[str, Any]:
    """The products with W_h where it multiplies keep * h_prev, forward (`recurrent`) and back (`through`)."""

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
    """The names on the tape of what a method asks for: of a zoned state, which is there twice, the new."""
    return tuple(f"{name} new" if name in zones else name for name in names) if zones else names


def zoned_step(step: Function, names: tuple[str, ...], zones: Mapping[str, Array]) -> Named:
    """A step that mixes the new state with the one before it, and the names of what it is given."""
    more = [(f"{field} new", f"{field} zone", f"{field}_prev", field) for field in zones]
    own = len(names)

    def zoned(*values: Any) -> None:
        step(*values[:own])
        for new, zone, prev, state in _groups(values[own:], 4):
            np.multiply(zone, prev, out=state)
            state += (1 - zone) * new

    return zoned, (*sought(names, zones), *(name for group in more for name in group))


def zoned_back(step_backward: Function, names: tuple[str, ...], zones: Mapping[str, Array]) -> Named:
    """Its derivative: a part of the gradient passes the step by."""
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
