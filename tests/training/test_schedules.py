"""Schedules: their ends, their shape, and that they can be joined."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmem.training import cosine_decay, exponential_decay, linear_decay, warm_up

pytestmark = pytest.mark.quick

SCHEDULES = {
    "cosine": cosine_decay,
    "linear": linear_decay,
    "exponential": exponential_decay(0.01),
    "warm-up": warm_up(0.25),
    "warm-up, then cosine": warm_up(0.25, cosine_decay),
}
unit = st.floats(0, 1)


@given(unit, unit)
def test_decays_fall_from_1(first: float, second: float) -> None:
    before, after = sorted((first, second))
    for schedule in (cosine_decay, linear_decay, exponential_decay(0.01)):
        assert schedule(0) == 1
        assert schedule(before) >= schedule(after) >= 0
    assert exponential_decay(0.01)(1) == pytest.approx(0.01)
    assert linear_decay(1) == 0


@given(unit, st.floats(0, 0.9))
def test_a_warm_up_rises_to_1_and_hands_over(fraction: float, part: float) -> None:
    schedule = warm_up(part, linear_decay)
    if fraction < part:
        assert schedule(fraction) == pytest.approx(fraction / part)
    else:
        assert schedule(fraction) == pytest.approx(1 - (fraction - part) / (1 - part))
    assert schedule(1) == 0
    assert warm_up(part)(1) == 1


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("fraction", [-0.1, 1.1, float("nan")])
def test_a_fraction_outside_is_refused(name: str, fraction: float) -> None:
    with pytest.raises(ValueError, match="fraction is"):
        SCHEDULES[name](fraction)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: exponential_decay(0), ValueError, "exponential_decay: final is 0"),
        (lambda: exponential_decay("a"), TypeError, "exponential_decay: final is 'a'"),
        (lambda: warm_up(1.0), ValueError, "warm_up: part is 1.0"),
        (lambda: warm_up(0.1, 3), TypeError, "warm_up: then is of type int"),
        (lambda: warm_up(0.1, lambda fraction: None)(0.5), TypeError, "what then returned is None"),
    ],
)
def test_what_does_not_fit_is_refused(make: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        make()
