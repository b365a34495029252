"""Windows over series: which steps they see, and what follows them."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmem.data import series_windows

pytestmark = pytest.mark.quick


@given(st.data(), st.integers(1, 3), st.integers(1, 4), st.integers(1, 3), st.integers(0, 2**32))
def test_every_window_and_its_targets_lie_where_they_should(
    data: st.DataObject, D: int, length: int, stride: int, seed: int
) -> None:
    steps = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=3))
    columns = data.draw(st.lists(st.integers(0, D - 1), min_size=1, max_size=D))
    sizes = data.draw(st.lists(st.integers(length + max(steps), 20), min_size=1, max_size=3))
    rng = np.random.default_rng(seed)
    series = [rng.standard_normal((N, D)) for N in sizes]
    batch = series_windows(series, length, steps, stride, target_columns=columns)
    b = 0
    for one in series:
        for start in range(0, len(one) - length - max(steps) + 1, stride):
            np.testing.assert_array_equal(batch.inputs[:, b], one[start : start + length])
            expected = [one[start + length - 1 + step, columns] for step in steps]
            np.testing.assert_array_equal(batch.targets[:, b], expected)
            b += 1
    assert batch.inputs.shape == (length, b, D)
    assert batch.targets.shape == (len(steps), b, len(columns))
    assert batch.mask.shape == (len(steps), b)
    assert batch.mask.all()
    assert batch.lengths.tolist() == [length] * b


def test_a_horizon_is_all_steps_up_to_it() -> None:
    series = np.arange(20.0)
    np.testing.assert_array_equal(
        series_windows(series, 4, 3).targets, series_windows(series, 4, (1, 2, 3)).targets
    )


def test_each_step_of_a_window_may_have_a_target() -> None:
    batch = series_windows(np.arange(8.0), 3, (2,), every_step=True)
    np.testing.assert_array_equal(batch.targets, batch.inputs + 2)
    assert batch.mask.shape == (3, 4)


def test_the_windows_of_one_series_are_a_view_that_nobody_writes_to() -> None:
    series = np.arange(1000.0).reshape(-1, 1)
    batch = series_windows(series, 100)
    assert np.shares_memory(batch.inputs, series)
    assert not batch.inputs.flags.writeable


def test_integers_are_numbers_and_a_list_of_lists_is_many_series() -> None:
    assert series_windows([1, 2, 3, 4], 2).inputs.T.tolist() == [[[1.0, 2.0], [2.0, 3.0]]]
    assert series_windows([[1, 2, 3], [4, 5, 6, 7]], 2).inputs.shape == (2, 3, 1)


@pytest.mark.parametrize(
    ("series", "options", "error", "message"),
    [
        (np.ones(3), {}, ValueError, "series has 3 steps, expected at least 4: a window of 3 and 1 ahead"),
        ([np.ones(9), np.ones(2)], {}, ValueError, r"series\[1\] has 2 steps, expected at least 4"),
        (np.ones(0), {}, ValueError, "series has 0 steps"),
        ([], {}, ValueError, "series has 0 steps"),
        (np.array([1, 2, np.nan, 4, 5]), {}, ValueError, r"series\[0\] holds nan at \[2, 0\]"),
        (np.ones(9), {"length": 0}, ValueError, "length is 0, expected at least 1"),
        (np.ones(9), {"stride": 0}, ValueError, "stride is 0"),
        (np.ones(9), {"horizon": 0}, ValueError, "horizon is 0"),
        (np.ones(9), {"horizon": ()}, ValueError, "horizon is empty"),
        (np.ones(9), {"horizon": (1, 0)}, ValueError, r"horizon\[1\] is 0"),
        (np.ones(9), {"horizon": "zz"}, TypeError, "horizon is of type str"),
        (np.ones(9), {"horizon": 2, "every_step": True}, ValueError, "expected one step with every_step"),
        (np.ones(9), {"target_columns": 1}, ValueError, r"target_columns\[0\] is 1, expected 0 to 0"),
        (np.ones(9), {"target_columns": []}, ValueError, "target_columns is empty"),
        (np.ones((2, 9, 1, 1)), {}, ValueError, r"series\[0\] has shape \(2, 9, 1, 1\)"),
        (["zz"], {}, TypeError, "expected real numbers"),
        (None, {}, TypeError, "expected real numbers"),
    ],
)
def test_what_does_not_fit_is_refused(
    series: Any, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=f"series_windows: .*{message}"):
        series_windows(series, **({"length": 3} | options))
