"""Every element is compared as long as that takes little time; the report says what was compared."""

from types import SimpleNamespace

import numpy as np
import pytest

from seqmem import LSTMCell, Recurrent
from seqmem.checking import gradcheck, gradcheck_functions
from seqmem.checking.gradients import measured

SIZES = {"b": (7,), "x": (4, 30), "w": (30, 7)}
INPUTS = {name: np.random.default_rng(size[0]).standard_normal(size) for name, size in SIZES.items()}
ALL = "complex step, every element"
SOME = "complex step, every element of b, x; 3 random directions of any other array"
NONE = "complex step, 3 random directions an array"


class Clock:
    """A clock that goes on by a millisecond with each forward pass."""

    now = 0.0

    def thread_time(self):
        return self.now

    def forward(self, b, x, w):
        self.now += 1e-3
        return np.tanh(x @ w + b), (x, w, np.tanh(x @ w + b))


def backward(d, cache):
    x, w, y = cache
    d_a = d * (1 - y**2)
    return {"b": d_a.sum(axis=0), "x": d_a @ w.T, "w": x.T @ d_a}


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(measured, "time", clock)
    return clock


@pytest.mark.parametrize(("seconds", "method"), [(0.4, ALL), (0.2, SOME), (0.001, NONE), (0.0, NONE)])
def test_arrays_whose_elements_take_too_long_are_compared_along_directions(clock, seconds, method):
    report = gradcheck_functions(clock.forward, backward, INPUTS, seconds=seconds)
    assert report.passed
    assert report.method == method
    assert clock.now < seconds + 0.15  # noise, and whether the complex step serves, are looked at in any case


@pytest.mark.parametrize("seconds", [0.4, 0.2, 0.0])
@pytest.mark.parametrize("name", SIZES)
def test_what_is_wrong_is_found_and_explained_whatever_was_compared_first(clock, seconds, name):
    def wrong(d, cache):
        found = backward(d, cache)
        return found | {name: 3 * found[name]}

    report = gradcheck_functions(clock.forward, wrong, INPUTS, seconds=seconds)
    assert [row.name for row in report.rows if row.verdict == "wrong"] == [name]
    (row,) = [row for row in report.rows if row.verdict == "wrong"]
    assert len(row.where) == len(SIZES[name])
    assert [cause.message for cause in report.causes] == [f"{name}: 3 times the right gradient"]


@pytest.mark.parametrize("seconds", [0.4, 0.2, 0.0])
def test_where_it_is_wrong_is_said_whatever_was_compared_first(clock, seconds):
    def wrong(d, cache):
        found = backward(d, cache)
        found["w"][3:5] = 0
        return found

    report = gradcheck_functions(clock.forward, wrong, INPUTS, seconds=seconds)
    assert "w: wrong at index of axis 0: 3-4; right at 0-2, 5-29" in report.places


def test_arrays_that_would_take_very_long_are_searched_by_halves(clock, monkeypatch):
    monkeypatch.setattr(measured, "LONGER", 0.1)

    def wrong(d, cache):
        found = backward(d, cache)
        found["w"][17, 2] += 1
        return found

    report = gradcheck_functions(clock.forward, wrong, INPUTS, seconds=0.0)
    (row,) = [row for row in report.rows if row.verdict == "wrong"]
    assert (row.name, row.where) == ("w", (17, 2))
    assert clock.now < 0.3


def test_fifteen_thousand_numbers_take_little_time(monkeypatch):
    times = iter(np.arange(0, 1e4, 1e-3))
    monkeypatch.setattr(measured, "time", SimpleNamespace(thread_time=lambda: next(times)))
    layer = Recurrent(LSTMCell(30, 45, rng=0))
    xs = np.random.default_rng(0).standard_normal((10, 3, 30))
    assert sum(param.size for param in layer.params.values()) + xs.size > 14_500
    report = gradcheck(layer, xs)
    assert report.passed
    assert report.method.startswith("complex step, every element of cell.b, xs; 3 random directions")
