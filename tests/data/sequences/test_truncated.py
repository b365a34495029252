"""Streams of text and windows of k steps: nothing is lost, and every window continues the one before."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmem.data import (
    TruncatedBatches,
    make_sequence_batch,
    stream_batch,
    truncated_windows,
)

pytestmark = pytest.mark.quick


@given(st.integers(2, 60), st.integers(1, 9))
def test_every_token_but_the_first_is_a_target_once_and_follows_its_input(count: int, size: int) -> None:
    tokens = np.random.default_rng(count).permutation(1000)[:count]
    batch = stream_batch(tokens, size)
    flat = [(batch.inputs[t, b], batch.targets[t, b]) for b, n in enumerate(batch.lengths) for t in range(n)]
    assert flat == list(itertools.pairwise(tokens))
    assert batch.mask.sum() == count - 1
    assert batch.lengths.min() >= 1


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(1, 12))
def test_the_windows_side_by_side_are_the_batch(lengths: list[int], steps: int) -> None:
    rng = np.random.default_rng(len(lengths))
    rows = [rng.integers(4, 9, n) for n in lengths]
    batch = make_sequence_batch(rows, rows, per_step=True, weights=np.arange(1.0, len(rows) + 1))
    windows = list(truncated_windows(batch, steps))
    for field in ("inputs", "targets", "mask", "weights"):
        joined = np.concatenate([getattr(window, field) for window in windows])
        np.testing.assert_array_equal(joined, getattr(batch, field))
    assert [window.continues for window in windows] == [False] + [True] * (len(windows) - 1)
    np.testing.assert_array_equal(sum(window.lengths for window in windows), batch.lengths)
    assert all(len(window.inputs) <= steps for window in windows)


def test_windows_of_the_whole_length_are_the_batch_itself() -> None:
    batch = stream_batch(range(4, 20), 3)
    (window,) = truncated_windows(batch, 5)
    for ours, theirs in zip(window, batch, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_an_epoch_is_the_windows_of_one_batch_after_the_other() -> None:
    parts = [stream_batch(range(4, 12), 2), stream_batch(range(4, 10), 2)]
    for batches in (parts, lambda rng: iter(parts)):
        windows = TruncatedBatches(batches, 2)
        for _ in range(2):
            assert [window.continues for window in windows(0)] == [False, True, False, True]


def test_the_windows_of_a_list_are_counted_and_those_of_a_function_are_not() -> None:
    parts = [stream_batch(range(4, 13), 2), stream_batch(range(4, 10), 2)]
    assert len(TruncatedBatches(parts, 3)) == len(list(TruncatedBatches(parts, 3)(0))) == 3
    with pytest.raises(TypeError, match="the number of windows is not known"):
        len(TruncatedBatches(lambda rng: parts, 3))


@pytest.mark.parametrize(
    ("function", "arguments", "error", "message"),
    [
        (stream_batch, ([4], 2), ValueError, "tokens has 1 ids, expected at least 2"),
        (stream_batch, ([4, 0.5], 2), TypeError, "tokens has dtype float64, expected integers"),
        (stream_batch, ([4, 5], 0), ValueError, "batch_size is 0"),
        (lambda *a: list(truncated_windows(*a)), (None, 2), TypeError, "expected a SequenceBatch"),
        (
            lambda *a: list(truncated_windows(*a)),
            (make_sequence_batch([[4], [5]], [0, 1]), 2),
            ValueError,
            r"the mask has shape \(2,\), expected \(1, 2\): a target for each step",
        ),
        (TruncatedBatches, (3, 2), TypeError, "batches is of type int, expected a list or a function"),
        (TruncatedBatches, (iter([]), 2), TypeError, "batches is of type list_iterator"),
        (TruncatedBatches, ([], 0), ValueError, "steps is 0"),
    ],
)
def test_what_does_not_fit_is_refused(
    function: Any, arguments: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        function(*arguments)
