"""At a kink nothing can be told, whatever the numbers look like; right beside it everything can."""

import numpy as np
import pytest
from checking.gradients.piecewise import PIECEWISE, draws, forward_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqmem.checking import assert_gradients, check_module, gradcheck, gradcheck_functions
from seqmem.checking.submissions.find import check_names
from seqmem.module import Module

every_kind = pytest.mark.parametrize("kind", PIECEWISE)
few = settings(max_examples=15, deadline=None)
many = settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))


def report_of(draw, x, factor=1.0):
    with np.errstate(all="ignore"):
        return gradcheck_functions(
            forward_of(draw),
            lambda d, x: factor * draw.function.backward(d, x, draw.share),
            (x,),
            seed=draw.seed,
            max_elements=draw.max_elements,
        )


def nothing_can_be_told_at_a_kink(draw):
    report = report_of(draw, draw.at)
    assert report.verdict == "cannot tell", (draw, str(report))


def everything_can_be_told_beside_a_kink(draw):
    report = report_of(draw, draw.x)
    note = report.rows[0].note
    if "put to the test" in note:  # a gradient of zeros is no proof
        return
    if (
        draw.inside is np.float32 and "noisy there" in note
    ):  # a slope of 2 exp(-6) below single precision's noise
        return
    assert report.verdict == "right", (draw, str(report))
    assert report_of(draw, draw.x, 2.0).verdict == "wrong", draw


@every_kind
def test_at_a_kink_nothing_can_be_told(kind):
    few(given(draws(kind))(nothing_can_be_told_at_a_kink))()


@every_kind
def test_right_beside_a_kink_everything_can_be_told(kind):
    few(given(draws(kind))(everything_can_be_told_beside_a_kink))()


def both(draw):
    nothing_can_be_told_at_a_kink(draw)
    everything_can_be_told_beside_a_kink(draw)


@pytest.mark.slow
@every_kind
def test_at_a_kink_and_beside_it_for_a_thousand_draws(kind):
    many(given(draws(kind))(both))()


class Applied(Module):
    """A function of a test as a module."""

    def __init__(self, function, share):
        self.chosen = (function.forward, function.backward, share)

    def forward(self, x):
        return self.chosen[0](np.asarray(x)), np.array(x)

    def backward(self, d_y, cache):
        return (self.chosen[1](d_y, cache, self.chosen[2]),), {}


ONE_OF_EACH = {kind: functions[0] for kind, functions in PIECEWISE.items()}
ROWS = np.array([[1.625, -2.25, 0.25, 3.25], [-0.25, 2.25, 4.75, 1.25]])
one_of_each = pytest.mark.parametrize("function", ONE_OF_EACH.values(), ids=ONE_OF_EACH.keys())


def at_a_kink(function):
    if function.tied is not None:
        return function.tied(ROWS)
    x = ROWS.copy()
    x[0, 1] = function.kinks[0]
    return x


@one_of_each
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_entry_point_accuses_or_acquits_at_a_kink(function, share, dtype):
    x = at_a_kink(function).astype(dtype)
    module = Applied(function, share)
    assert gradcheck(module, x).verdict == "cannot tell"
    with pytest.raises(AssertionError, match="has a kink or jumps there"):
        assert_gradients(module, x)
    with pytest.raises(AssertionError, match="was not shown to keep 1 of"):
        check_module(module, x, batch_axes=(0,), checks=["gradients"])
    names = {
        "f_forward": lambda x: (function.forward(x), x),
        "f_backward": lambda d, x: function.backward(d, x, share),
        "f_inputs": lambda: {"x": x},
    }
    assert check_names(names, "f", "", 0).verdict == "cannot tell"


@one_of_each
def test_every_entry_point_tells_beside_a_kink(function):
    module = Applied(function, 0.5)
    assert gradcheck(module, ROWS).passed
    assert_gradients(module, ROWS)
    assert check_module(module, ROWS, batch_axes=(0,), checks=["gradients"]).passed


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([20_000, 0]))
@settings(max_examples=25, deadline=None)
def test_a_dead_unit_within_a_network_is_a_kink_too(seed, share, max_elements):
    """Round weights, and one unit whose pre-activation is 0 exactly."""
    rng = np.random.default_rng(seed)
    x, w = rng.integers(-4, 5, (2, 3)) / 2 + 0.25, rng.integers(1, 5, (3, 4)) / 2.0
    b = rng.integers(-3, 4, 4) / 4 + 0.0625
    b[2] -= (x @ w + b)[1, 2]

    def back(d, cache):
        x, w, a = cache
        d_a = d * np.where(a > 0, 1, np.where(a < 0, 0, share))
        return d_a @ w.T, x.T @ d_a, d_a.sum(axis=0)

    def forward(x, w, b):
        a = x @ w + b
        return np.where(a.real > 0, a, 0), (x, w, a)

    report = gradcheck_functions(
        forward, back, {"x": x, "w": w, "b": b}, seed=seed, max_elements=max_elements
    )
    assert report.verdict == "cannot tell", str(report)
    wrong = gradcheck_functions(
        forward, lambda d, cache: (*back(d, cache)[:2], 1.5 * back(d, cache)[2]), {"x": x, "w": w, "b": b}
    )
    assert not wrong.passed
