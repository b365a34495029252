"""Standardizing: the way there, the way back, and the numbers in a file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from comparing import assert_close
from hypothesis import given
from hypothesis import strategies as st

import seqmem
from seqmem.data import Standardizer
from seqmem.training import read_metadata

pytestmark = pytest.mark.quick


@given(st.lists(st.integers(1, 9), min_size=2, max_size=4), st.integers(1, 4), st.integers(0, 2**32))
def test_all_steps_of_all_series_have_mean_0_and_std_1_and_come_back(
    sizes: list[int], D: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    series = [5 + 3 * rng.standard_normal((N, D)) for N in sizes]
    scale = Standardizer.fit(series)
    scaled = [scale.transform(one) for one in series]
    together = np.concatenate(scaled)
    assert_close(together.mean(axis=0), np.zeros(D))
    assert_close(together.std(axis=0), np.ones(D), tolerance=1e-9)  # of steps that lie close together
    for one, back in zip(series, map(scale.inverse, scaled), strict=True):
        assert_close(back, one)


def test_the_numbers_survive_a_models_file_to_the_last_bit(tmp_path: Path) -> None:
    scale = Standardizer.fit(np.random.default_rng(0).standard_normal((50, 3)) * [1e-7, 1, 1e9] / 3)
    seqmem.save(tmp_path / "model.npz", seqmem.Linear(3, 1), scale.to_dict())
    loaded = Standardizer.from_dict(read_metadata(tmp_path / "model.npz"))
    assert loaded == scale
    assert hash(loaded) == hash(scale)
    assert Standardizer.from_dict(json.loads(json.dumps(scale.to_dict()))) == scale


def test_predictions_of_some_columns_come_back_by_their_own_numbers() -> None:
    scale = Standardizer(np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0, 30.0]))
    np.testing.assert_array_equal(scale.inverse([[1.0, 1.0]], [2, 0]), [[33.0, 11.0]])
    np.testing.assert_array_equal(scale.inverse([1.0, 2.0], 1), [22.0, 42.0])


def test_float32_stays_float32_and_nothing_that_goes_in_is_written_to() -> None:
    xs = np.ones((4, 2), np.float32)
    xs.flags.writeable = False
    scale = Standardizer(np.zeros(2), np.ones(2))
    assert scale.transform(xs).dtype == np.float32
    mean = np.zeros(2)
    scale = Standardizer(mean, np.ones(2))
    mean[:] = 7
    assert not scale.mean.any()
    with pytest.raises(ValueError, match="read-only"):
        scale.mean[0] = 1


def test_a_constant_feature_is_refused_with_its_position_unless_it_is_allowed() -> None:
    series = np.stack([np.arange(4.0), np.full(4, 0.1)], axis=1)
    with pytest.raises(ValueError, match=r"Standardizer.fit: feature 1 is 0.1 at every step"):
        Standardizer.fit(series)
    assert not Standardizer.fit(series, allow_constant=True).transform(series)[:, 1].any()


@pytest.mark.parametrize(
    ("series", "error", "message"),
    [
        ([], ValueError, "series is empty, expected at least one step"),
        ([np.ones(3), [1, np.nan]], ValueError, r"series\[1\] holds nan at \[1, 0\]"),
        ("zz", TypeError, "expected real numbers"),
        (
            [np.ones((3, 2)), np.ones((3, 1))],
            ValueError,
            r"series\[1\] has shape \(3, 1\), expected",
        ),
    ],
)
def test_series_that_do_not_fit_are_refused(series: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Standardizer.fit(series)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Standardizer([0.0], [0.0]), ValueError, "std has entries that are not above 0"),
        (lambda: Standardizer([np.nan], [1.0]), ValueError, "mean is not finite"),
        (lambda: Standardizer([0.0], [1.0, 1.0]), ValueError, r"std has shape \(2,\), expected \(1,\)"),
        (lambda: Standardizer("zz", [1.0]), TypeError, "mean has dtype <U2"),
        (lambda: Standardizer([0.0], [1.0]).transform([[1.0, 2.0]]), ValueError, r"expected \(..., 1\)"),
        (lambda: Standardizer([0.0], [1.0]).transform("zz"), TypeError, "the values have dtype <U2"),
        (
            lambda: Standardizer([0.0], [1.0]).inverse([1.0], 1),
            ValueError,
            r"columns\[0\] is 1, expected 0",
        ),
        (lambda: Standardizer.from_dict({"mean": [0.0]}), ValueError, "expected a dict with mean and std"),
    ],
)
def test_what_does_not_fit_is_refused(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
