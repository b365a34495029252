"""Factors of the learning rate over a training: functions of the completed fraction, from 0 to 1.

`fit(..., schedule=cosine_decay)` multiplies the optimizer's learning rate by the factor in every step.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from seqmem.validation import as_fraction, as_positive, as_returned, check_callable

Schedule = Callable[[float], float]


def cosine_decay(fraction: float) -> float:
    """Return a factor that falls from 1 to 0 along half a cosine (Loshchilov & Hutter, 2017, no restarts).

    Args:
        fraction: the completed fraction of the training, from 0 to 1.

    Returns:
        The factor of the learning rate.

    Raises:
        ValueError: for a fraction outside [0, 1].
        TypeError: for a fraction that is not a number.

    >>> [round(cosine_decay(fraction), 3) for fraction in (0, 0.25, 0.5, 1)]
    [1.0, 0.854, 0.5, 0.0]
    """
    return 0.5 + 0.5 * math.cos(math.pi * _part(fraction, "cosine_decay"))


def linear_decay(fraction: float) -> float:
    """Return a factor that falls from 1 to 0 along a line.

    Args:
        fraction: the completed fraction of the training, from 0 to 1.

    Raises:
        ValueError, TypeError: as from `cosine_decay`.

    >>> [linear_decay(fraction) for fraction in (0, 0.25, 1)]
    [1.0, 0.75, 0.0]
    """
    return 1.0 - _part(fraction, "linear_decay")


def exponential_decay(final: float = 0.01) -> Schedule:
    """Return a schedule that falls from 1 to a final factor, by the same factor in every step.

    Args:
        final: the factor at the end, above 0.

    Raises:
        ValueError, TypeError: for a final factor that is not a finite number above 0.

    >>> [round(exponential_decay(0.01)(fraction), 3) for fraction in (0, 0.5, 1)]
    [1.0, 0.1, 0.01]
    """
    final = as_positive(final, "exponential_decay", "final")

    def schedule(fraction: float) -> float:
        return float(final ** _part(fraction, "exponential_decay"))

    return schedule


def warm_up(part: float, then: Schedule | None = None) -> Schedule:
    """Return a schedule that rises from 0 to 1 along a line and then follows another (Goyal et al., 2017).

    Args:
        part: the fraction of the training for the rise, in [0, 1).
        then: the schedule of the rest, from its beginning to its end; None stays at 1.

    Raises:
        ValueError, TypeError: for a part out of range, or a `then` that is not callable.

    >>> schedule = warm_up(0.2, then=cosine_decay)
    >>> [round(schedule(fraction), 3) for fraction in (0, 0.1, 0.2, 0.6, 1)]
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    part = as_fraction(part, "warm_up", "part")
    check_callable(then, "warm_up", "then")

    def schedule(fraction: float) -> float:
        fraction = _part(fraction, "warm_up")
        if fraction < part:
            return fraction / part
        if then is None:
            return 1.0
        return as_returned(then(min((fraction - part) / (1 - part), 1.0)), "warm_up", "what then returned")

    return schedule


def _part(fraction: float, caller: str) -> float:
    fraction = as_returned(fraction, caller, "fraction")
    if not 0 <= fraction <= 1:
        raise ValueError(f"{caller}: fraction is {fraction}, expected a number from 0 to 1")
    return fraction
