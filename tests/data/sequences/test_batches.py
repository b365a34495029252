"""Ragged sequences with targets: padding, batches of similar lengths, minibatches."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmem.data import (
    Minibatches,
    SequenceBatch,
    SequenceBatches,
    make_sequence_batch,
    pad_features,
    take_sequences,
)

pytestmark = pytest.mark.quick


@st.composite
def ragged(draw: st.DrawFn) -> tuple[list[Any], np.random.Generator]:
    """Sequences (length, D) of at least one step."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    lengths, D = draw(st.lists(st.integers(1, 9), min_size=1, max_size=20)), draw(st.integers(1, 3))
    return [rng.standard_normal((length, D)) for length in lengths], rng


@given(ragged())
def test_features_are_padded_with_zeros_at_the_end_and_nothing_else_changes(drawn: Any) -> None:
    sequences, _ = drawn
    xs, lengths = pad_features(sequences)
    assert xs.shape == (max(map(len, sequences)), len(sequences), sequences[0].shape[1])
    for b, sequence in enumerate(sequences):
        assert lengths[b] == len(sequence)
        np.testing.assert_array_equal(xs[: lengths[b], b], sequence)
        assert not xs[lengths[b] :, b].any()


def test_batch_first_data_is_a_list_of_sequences() -> None:
    data = np.random.default_rng(0).standard_normal((4, 7, 3))  # (B, T, D)
    xs, lengths = pad_features(data)
    np.testing.assert_array_equal(xs, data.transpose(1, 0, 2))
    assert lengths.tolist() == [7] * 4


def test_an_empty_sequence_has_the_length_0() -> None:
    xs, lengths = pad_features([np.zeros((0, 2)), np.ones((3, 2))])
    assert (xs.shape, lengths.tolist()) == ((3, 2, 2), [0, 3])
    xs, lengths = pad_features([[], [1.0]], input_size=1)
    assert (xs.shape, lengths.tolist()) == ((1, 2, 1), [0, 1])


@given(ragged(), st.integers(1, 6), st.booleans())
def test_an_epoch_holds_every_sequence_once_with_its_own_targets(
    drawn: Any, size: int, per_step: bool
) -> None:
    sequences, rng = drawn
    weights = np.arange(len(sequences)) + 1.0
    targets = [row[:, 0].copy() if per_step else row.sum() for row in sequences]
    batches = SequenceBatches(sequences, targets, size, per_step=per_step, weights=weights)
    seen: Counter[bytes] = Counter()
    epoch = list(batches(rng))
    assert len(epoch) == len(batches)
    for batch in epoch:
        for b, length in enumerate(batch.lengths):
            row = np.ascontiguousarray(batch.inputs[:length, b])
            seen[row.tobytes()] += 1
            own = batch.targets[:length, b] if per_step else batch.targets[b]
            np.testing.assert_array_equal(own, row[:, 0] if per_step else row.sum())
            place = next(i for i, one in enumerate(sequences) if one.tobytes() == row.tobytes())
            shares = batch.weights[:, b] if per_step else batch.weights[b]
            assert np.sum(shares) == (length if per_step else 1) * weights[place]
            assert batch.mask.sum(axis=0)[b] == length if per_step else batch.mask[b]
    assert seen == Counter(row.tobytes() for row in sequences)


def test_token_sequences_are_integers_and_a_series_of_floats_is_one_feature() -> None:
    assert make_sequence_batch([[4, 5], [6]], [0, 1]).inputs.dtype == np.intp
    assert make_sequence_batch([[], [6]], [0, 1]).inputs.T.tolist() == [[0], [6]]
    assert make_sequence_batch([[4.0, 5.0], [6.0]], [0, 1]).inputs.shape == (2, 2, 1)
    assert make_sequence_batch([[[4, 5]], [[6, 7]]], [0, 1]).inputs.shape == (1, 2, 2)


def test_ids_as_targets_are_integers_and_numbers_keep_their_axis() -> None:
    assert make_sequence_batch([[4], [5]], np.array([True, False])).targets.dtype == np.intp
    assert make_sequence_batch([[4], [5]], [[1.0, 2.0], [3.0, 4.0]]).targets.shape == (2, 2)
    steps = make_sequence_batch([[4, 4], [5]], [[[1.0], [2.0]], [[3.0]]], per_step=True)
    assert steps.targets.shape == (2, 2, 1)


def test_the_order_of_an_epoch_is_drawn_and_nothing_else() -> None:
    sequences = [[4] * length for length in (3, 1, 2, 3, 1, 2)]
    batches = SequenceBatches(sequences, range(6), 2)
    first, again, other = ([b.targets.tolist() for b in batches(rng)] for rng in (0, 0, 3))
    assert first == again != other


def test_a_few_very_long_sequences_share_smaller_batches() -> None:
    sequences = [np.ones((3, 1))] * 20 + [np.ones((5000, 1))] * 3
    sizes = sorted(batch.inputs.shape[:2] for batch in SequenceBatches(sequences, range(23), 10)(0))
    assert sizes == [(3, 10), (3, 10), (5000, 1), (5000, 1), (5000, 1)]


def test_long_sequences_of_one_length_fill_their_batches() -> None:
    sequences = [np.ones((3000, 1))] * 4
    assert [batch.inputs.shape for batch in SequenceBatches(sequences, range(4), 4)(0)] == [(3000, 4, 1)]


def test_minibatches_hold_every_sequence_once_with_all_that_belongs_to_it() -> None:
    xs = np.arange(30.0).reshape(3, 10, 1)
    whole = SequenceBatch(xs, np.full(10, 3), xs[2:] + 1, np.ones((1, 10), bool), np.arange(10.0)[None])
    batches = Minibatches(whole, 4)
    epoch = list(batches(0))
    assert [len(batch.lengths) for batch in epoch] == [4, 4, 2]
    assert len(batches) == 3
    for batch in epoch:
        np.testing.assert_array_equal(batch.targets, batch.inputs[2:] + 1)
        np.testing.assert_array_equal(batch.weights, batch.inputs[:1, :, 0])
    assert sorted(np.concatenate([batch.inputs[0, :, 0] for batch in epoch])) == list(range(10))


def test_some_sequences_are_taken_by_position_or_slice() -> None:
    batch = make_sequence_batch([[4, 5], [6], [7]], [[1, 2], [3], [4]], per_step=True)
    np.testing.assert_array_equal(take_sequences(batch, slice(0, 2)).targets, [[1, 3], [2, 0]])
    np.testing.assert_array_equal(take_sequences(batch, [2, 0]).lengths, [1, 2])


X = [np.ones((2, 3)), np.ones((1, 3))]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([np.ones((2, 3)), np.ones((1, 4))], [0, 1]), ValueError, r"sequences\[1\] has shape \(1, 4\), exp"),
        (
            ([np.ones((2, 3)), [1.0]], [0, 1]),
            ValueError,
            r"sequences\[1\] has shape \(1, 1\), expected",
        ),
        (
            ([X[0], [[1, np.nan, 1]]], [0, 1]),
            ValueError,
            r"sequences\[1\] holds nan at \[0, 1\], exp",
        ),
        ((["zz", "zz"], [0, 1]), TypeError, r"sequences\[0\] has dtype <U2, expected real numbers"),
        (([[4], [-1]], [0, 1]), ValueError, r"sequences\[1\] holds -1 at \[0\]"),
        (([[4], [0.5]], [0, 1]), TypeError, r"sequences\[1\] has dtype float64, expected integers"),
        (([], []), ValueError, "sequences is empty"),
        ((X, [0]), ValueError, "there are 1 targets for 2 sequences"),
        ((X, ["a", "b"]), TypeError, r"targets is \['a', 'b'\], expected class ids or real numbers"),
        ((X, [0.5, np.nan]), ValueError, r"targets holds nan at \[1\], expected finite numbers"),
        ((3, [0]), TypeError, "sequences is of type int, expected a list of sequences"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_row(
    arguments: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=f"make_sequence_batch: {message}"):
        make_sequence_batch(*arguments)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ([[0, 1], [0, 1]], r"targets\[1\] has 2 entries, expected 1: the steps of sequences\[1\]"),
        (
            [[0, 1], [0.5]],
            r"targets\[1\] has dtype float64 and shape \(1,\), unlike targets\[0\]",
        ),
        ([[0.5, np.inf], [0.5]], r"targets\[0\] holds inf at \[1\]"),
    ],
)
def test_targets_that_do_not_fit_their_steps_are_refused_with_their_row(targets: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_sequence_batch(X, targets, per_step=True)


@pytest.mark.parametrize("weights", [[1], [1, -1], [1, np.nan], ["a", "b"]])
def test_weights_are_numbers_of_at_least_0_one_a_sequence(weights: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="make_sequence_batch: weights"):
        make_sequence_batch(X, [0, 1], weights=weights)


def test_a_sequence_longer_than_asked_for_is_refused() -> None:
    with pytest.raises(ValueError, match=r"sequences\[0\] has 2 steps, expected at most 1: max_steps"):
        SequenceBatches(X, [0, 1], 2, max_steps=1)
