"""Recurrent dropout and zoneout: noise in the state between two steps of a pass.

    recurrent dropout     W_h multiplies keep * h_prev instead of h_prev, with one keep (B, H) for all steps
                          of a sequence (Gal & Ghahramani, 2016)
    zoneout               h = zone * h_prev + (1 - zone) * h new, and c likewise; h new is the step's result,
                          and a zone is 1 at random, or equal to the rate (Krueger et al., 2017)

Cells contain no code for either: a step receives other values under the names of its arguments. With zoneout,
the step writes to the array `h new`, and the tape's h, which the next step and the outputs read, is the
mixture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from seqmem.module import Array

Function = Callable[..., None]
Named = tuple[Function, tuple[str, ...]]  # a function and the names of its arguments


class Noise(NamedTuple):
    """The noise of one pass."""

    keep: Array | None  # (N, H) the factor of h_prev in each row, keep / (1 - rate)
    keep_first: Array | None  # (B, H) the factor in the first step; later steps have a prefix of its rows
    zones: Mapping[str, Array]  # by field: (N, H) of 0 and 1, or the rate as a 0-d array


QUIET = Noise(None, None, {})


def multiplied(products: dict[str, Any], keep: Array) -> dict[str, Any]:
    """Return the products `recurrent` and `through` for a W_h that multiplies keep * h_prev."""

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
    """Return the tape's names of a method's arguments: `h new` instead of h for a state with zoneout."""
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
    """Return the derivative of `zoned_step`, and the names of its arguments.

    The share `zone` of the gradient goes to the previous state directly.
    """
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
