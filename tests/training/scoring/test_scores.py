"""Accuracy, F1, RMSE and MAE by their definitions; tests/oracles holds them against scikit-learn's."""

from typing import Any

import numpy as np
import pytest
from comparing import assert_close
from hypothesis import given
from hypothesis import strategies as st

from seqmem.training import (
    accuracy,
    f1_score,
    mean_absolute_error,
    root_mean_squared_error,
    sequence_accuracy,
)

pytestmark = pytest.mark.quick


@st.composite
def answers(draw: st.DrawFn) -> tuple[Any, Any, Any]:
    """Predicted and right labels (T, B), and a mask that leaves at least one."""
    T, B = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    mask = rng.random((T, B)) < 0.6
    mask[rng.integers(T), rng.integers(B)] = True
    return rng.integers(0, 3, (T, B)), rng.integers(0, 3, (T, B)), mask


@given(answers())
def test_accuracy_is_the_share_of_labels_that_count_and_are_right(drawn: Any) -> None:
    found, right, mask = drawn
    places = [where for where in np.ndindex(found.shape) if mask[where]]
    assert accuracy(found, right, mask) == pytest.approx(np.mean([found[w] == right[w] for w in places]))


@given(answers())
def test_a_sequence_is_right_when_all_its_labels_that_count_are(drawn: Any) -> None:
    found, right, mask = drawn
    columns = [b for b in range(found.shape[1]) if mask[:, b].any()]
    expected = [bool((found[mask[:, b], b] == right[mask[:, b], b]).all()) for b in columns]
    assert sequence_accuracy(found, right, mask) == pytest.approx(np.mean(expected))


@given(answers())
def test_lists_of_sequences_and_masked_arrays_have_the_same_scores(drawn: Any) -> None:
    found, right, mask = drawn
    ours, theirs = (
        [["abc"[k] for k in side[mask[:, b], b]] for b in range(side.shape[1])] for side in (found, right)
    )
    assert accuracy(ours, theirs) == accuracy(found, right, mask)
    names = f1_score(ours, theirs, average=None)
    assert {"abc".index(name): score for name, score in names.items()} == f1_score(
        found, right, mask, average=None
    )


def test_a_prediction_of_another_length_is_a_wrong_sequence() -> None:
    assert sequence_accuracy([[1, 2], [3]], [[1, 2, 0], [3]]) == 0.5


@given(answers())
def test_f1_is_1_where_all_is_right_and_0_where_nothing_is(drawn: Any) -> None:
    found, _, mask = drawn
    for average in ("macro", "micro", "weighted"):
        assert f1_score(found, found, mask, average=average) == 1
        assert f1_score(found, found + 3, mask, average=average) == 0


def test_a_label_that_does_not_occur_has_the_score_0() -> None:
    assert f1_score([1, 1], [1, 1], labels=[1, 7], average=None) == {1: 1.0, 7: 0.0}


def test_errors_are_in_the_unit_of_the_targets_and_no_square_overflows() -> None:
    assert root_mean_squared_error([3e200, 0.0], [0.0, 4e200]) == pytest.approx(5e200 / np.sqrt(2))
    assert mean_absolute_error([3e200, 0.0], [0.0, 4e200]) == 3.5e200
    assert root_mean_squared_error([1, 2], [1, 2]) == 0


@given(answers())
def test_errors_are_those_of_the_numbers_that_count(drawn: Any) -> None:
    found, right, mask = (np.asarray(one, float) for one in drawn)
    mask = mask.astype(bool)
    e = (found - right)[mask]
    found[~mask] = np.nan
    assert_close(root_mean_squared_error(found, right, mask), np.sqrt(np.mean(e**2)))
    assert_close(mean_absolute_error(found, right, mask), np.mean(np.abs(e)))
    whole = np.stack([found, found], axis=-1), np.stack([right, right], axis=-1)
    assert_close(root_mean_squared_error(*whole, mask), np.sqrt(np.mean(e**2)))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: accuracy([0, 1], [0]),
            ValueError,
            r"predictions has shape \(2,\), expected \(1,\)",
        ),
        (
            lambda: accuracy([[0], [1, 2]], [[0], [1]]),
            ValueError,
            r"predictions\[1\] has 2 labels, expected",
        ),
        (lambda: accuracy([[0]], [[0], [1]]), ValueError, "there are 1 predictions for 2 targets"),
        (lambda: accuracy([0.5], [1]), TypeError, "predictions has dtype float64, expected integers or str"),
        (lambda: accuracy(["a"], [1]), TypeError, "expected labels alike"),
        (lambda: accuracy([], []), ValueError, "there is no label that counts"),
        (lambda: accuracy([1], [1], [False]), ValueError, "there is no label that counts"),
        (lambda: accuracy([[1]], [[1]], [True]), TypeError, "mask is for arrays"),
        (lambda: sequence_accuracy([], []), ValueError, "there is no sequence that counts"),
        (lambda: sequence_accuracy(["a"], ["a", "b"]), ValueError, "there are 1 predictions for 2"),
        (lambda: sequence_accuracy([3], [3]), TypeError, "predictions is of type int"),
        (lambda: f1_score([1], [1], average="mean"), ValueError, "average is 'mean', expected 'macro'"),
        (lambda: f1_score([1], [1], labels=[]), ValueError, "labels is empty"),
        (lambda: mean_absolute_error([1.0], [np.nan]), ValueError, r"targets holds nan at \[0\]"),
        (lambda: mean_absolute_error([np.inf], [1.0]), ValueError, r"predictions holds inf at \[0\]"),
        (lambda: mean_absolute_error([], []), ValueError, "there is no number that counts"),
        (lambda: mean_absolute_error(["a"], [1]), TypeError, "predictions has dtype <U1"),
    ],
)
def test_what_does_not_fit_is_refused(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
