import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmem.data import END, PAD, START, UNKNOWN, BucketedBatches, Vocabulary, buckets, make_batch, pad

SOURCE = Vocabulary("abcdef")
TARGET = Vocabulary("uvwxyz")
PAIRS = st.lists(
    st.tuples(st.text("abcdef", max_size=7), st.text("uvwxyz", max_size=6)), min_size=1, max_size=40
)
IDS = st.lists(st.lists(st.integers(0, 99), max_size=7), max_size=6)


def pairs_of(batch):
    """What a batch says, read back column by column."""
    sources = [
        "".join(SOURCE.decode(ids[:n])) for ids, n in zip(batch.source.T, batch.source_lengths, strict=True)
    ]
    targets = ["".join(TARGET.decode(ids)) for ids in batch.targets.T]
    return list(zip(sources, targets, strict=True))


def assert_same(first, second):
    for one, other in zip(first, second, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


@given(IDS)
def test_padding_keeps_every_sequence_and_adds_only_pad_at_the_end(sequences):
    tokens, lengths = pad(sequences)
    assert tokens.shape == (max(map(len, sequences), default=0), len(sequences))
    assert tokens.dtype == lengths.dtype == np.intp
    assert lengths.tolist() == [len(sequence) for sequence in sequences]
    for column, sequence in zip(tokens.T, sequences, strict=True):
        assert column[: len(sequence)].tolist() == sequence
        assert (column[len(sequence) :] == PAD).all()


def test_padding_takes_lists_and_integer_arrays():
    tokens, _ = pad([np.array([7, 8], np.uint8), (9,), []])
    assert tokens.tolist() == [[7, 9, 0], [8, 0, 0]]


@pytest.mark.parametrize(
    ("sequences", "error", "message"),
    [
        ([[1], [2, -1]], ValueError, r"pad: sequences\[1\] holds -1 at \[1\]"),
        ([[1], [2.0]], TypeError, r"pad: sequences\[1\] has dtype float64, expected integers"),
        ([["a"]], TypeError, r"sequences\[0\] has dtype"),
        ([3, 4], ValueError, r"sequences\[0\] has shape \(\), expected \(S,\)"),
    ],
)
def test_padding_refuses_what_are_not_token_ids(sequences, error, message):
    with pytest.raises(error, match=message):
        pad(sequences)


@given(PAIRS)
def test_a_batch_holds_its_pairs_column_by_column(pairs):
    assert pairs_of(make_batch(pairs, SOURCE, TARGET)) == pairs


@given(PAIRS)
def test_the_decoder_is_fed_start_and_the_target_and_should_answer_the_target_and_end(pairs):
    batch = make_batch(pairs, SOURCE, TARGET)
    for column, (_, target) in enumerate(pairs):
        steps = len(target) + 1
        assert batch.inputs[:steps, column].tolist() == [START, *TARGET.encode(target)]
        assert batch.targets[:steps, column].tolist() == [*TARGET.encode(target), END]


@given(PAIRS)
def test_the_mask_is_true_up_to_the_end_and_everything_behind_it_is_padding(pairs):
    batch = make_batch(pairs, SOURCE, TARGET)
    assert batch.mask.dtype == np.bool_
    assert batch.mask.shape == batch.inputs.shape == batch.targets.shape
    assert batch.mask.sum(axis=0).tolist() == [len(target) + 1 for _, target in pairs]
    assert (np.diff(batch.mask.astype(int), axis=0) <= 0).all()
    assert (batch.inputs[~batch.mask] == PAD).all()
    assert (batch.targets[~batch.mask] == PAD).all()
    assert (batch.targets[batch.mask] != PAD).all()


@given(PAIRS)
def test_the_arrays_are_contiguous_integers(pairs):
    batch = make_batch(pairs, SOURCE, TARGET)
    assert all(array.flags.c_contiguous for array in batch)
    assert {array.dtype for array in batch[:-1]} == {np.dtype(np.intp)}


def test_an_empty_source_and_an_empty_target_are_fine():
    batch = make_batch([("", "")], SOURCE, TARGET)
    assert batch.source.shape == (0, 1)
    assert batch.source_lengths.tolist() == [0]
    assert batch.inputs.tolist() == [[START]]
    assert batch.targets.tolist() == [[END]]


def test_what_a_vocabulary_lacks_is_unknown():
    batch = make_batch([(["a", "q"], ["q", "v"])], SOURCE, TARGET)
    assert batch.source.T.tolist() == [[4, UNKNOWN]]
    assert batch.targets.T.tolist() == [[UNKNOWN, 5, END]]


@pytest.mark.parametrize("make", [make_batch, BucketedBatches])
@pytest.mark.parametrize(
    ("pairs", "side"),
    [
        ([("qr", "uv"), ("q", "w")], "source"),
        ([("ab", "qr"), ("c", "")], "target"),
        ([(["abc"], ["uvw"])], "source"),  # words for a vocabulary of characters
        ([("uvw", "abc")], "source"),  # the vocabularies exchanged
    ],
)
def test_a_vocabulary_that_fits_nothing_is_an_error_unless_it_is_meant(make, pairs, side):
    size = {} if make is make_batch else {"batch_size": 2}
    with pytest.raises(ValueError, match=f"the {side} vocabulary contains none of the {side} symbols"):
        make(pairs, SOURCE, TARGET, **size)
    made = make(pairs, SOURCE, TARGET, **size, allow_unknown=True)
    (batch,) = [made] if make is make_batch else made(0)
    assert len(batch.source_lengths) == len(pairs)


def test_a_batch_of_unknown_symbols_in_pairs_that_fit_is_trained_on():
    bucketed = BucketedBatches([("ab", "uv"), ("q", "r")], SOURCE, TARGET, batch_size=1)
    assert len(list(bucketed(0))) == 2


@pytest.mark.parametrize("make", [make_batch, lambda *arguments: BucketedBatches(*arguments, batch_size=2)])
@pytest.mark.parametrize(
    ("pairs", "error", "message"),
    [
        ([], ValueError, "pairs is empty"),
        ([("a", "u"), ("a", "u", "licence")], ValueError, r"pairs\[1\] has 3 entries, expected 2"),
        ([("a", "u"), "au"], ValueError, r"pairs\[1\] is 'au', expected a pair"),
        ([("a", "u"), 3], ValueError, r"pairs\[1\] is 3, expected a pair"),
        ([(["a"], ["u", 3])], TypeError, r"sequence\[1\] is 3, expected a string"),
    ],
)
def test_pairs_that_are_none_are_refused(make, pairs, error, message):
    with pytest.raises(error, match=message):
        make(pairs, SOURCE, TARGET)


@given(PAIRS, st.integers(1, 9), st.integers(0, 99))
def test_an_epoch_holds_every_pair_exactly_once(pairs, batch_size, seed):
    bucketed = BucketedBatches(pairs, SOURCE, TARGET, batch_size)
    epoch = list(bucketed(seed))
    assert Counter(pair for batch in epoch for pair in pairs_of(batch)) == Counter(pairs)
    assert len(epoch) == len(bucketed)
    sizes = sorted((len(batch.source_lengths) for batch in epoch), reverse=True)
    assert sizes[:-1] == [batch_size] * (len(bucketed) - 1)
    assert 1 <= sizes[-1] <= batch_size


@given(PAIRS, st.integers(1, 9), st.integers(0, 99))
def test_a_seed_decides_the_epochs_and_one_generator_gives_one_after_the_other(pairs, batch_size, seed):
    first, second = (BucketedBatches(pairs, SOURCE, TARGET, batch_size) for _ in range(2))
    assert_same(first(seed), first(seed))
    rng, twin = np.random.default_rng(seed), np.random.default_rng(seed)
    for _ in range(2):
        assert_same(first(rng), second(twin))


def test_everything_random_is_drawn_at_the_call():
    bucketed = BucketedBatches([("a" * n, "u") for n in range(9)], SOURCE, TARGET, batch_size=2)
    rng, twin = np.random.default_rng(5), np.random.default_rng(5)
    epoch = bucketed(rng)
    rng.random(7)
    assert_same(epoch, bucketed(twin))


def test_epochs_differ_in_the_order_of_batches_and_in_what_is_batched_together():
    pairs = [("abcdef"[i % 6] + "ab"[i // 6 % 2] + "cd"[i // 12], "u") for i in range(24)]  # all different
    bucketed = BucketedBatches(pairs, SOURCE, TARGET, batch_size=4)
    rng = np.random.default_rng(0)
    one, other = ([pairs_of(batch) for batch in bucketed(rng)] for _ in range(2))
    assert {frozenset(batch) for batch in one} != {frozenset(batch) for batch in other}


def test_within_a_pool_a_batch_is_a_run_of_the_sorted_lengths():
    pairs = [("a" * (n % 20), "u" * (n % 7)) for n in range(200)]
    epoch = list(BucketedBatches(pairs, SOURCE, TARGET, batch_size=8)(3))  # one pool: 25 batches
    spans = sorted((b.source_lengths.min(), b.source_lengths.max()) for b in epoch)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))
    firsts = [batch.source_lengths.min() for batch in epoch]
    assert firsts != sorted(firsts)  # short sentences do not come first in every epoch


def test_pools_are_sorted_one_by_one_so_that_chance_decides_the_neighbours():
    count = 3 * 2 * buckets.POOL
    bucketed = BucketedBatches([("a" * n, "u") for n in range(count)], SOURCE, TARGET, batch_size=2)
    spans = [np.ptp(batch.source_lengths) for batch in bucketed(0)]
    assert 1 < np.mean(spans) < 10  # in one pool of all pairs, each batch would span 1


def test_bucketing_wastes_little_on_padding():
    lengths = np.random.default_rng(0).integers(1, 40, 2000)
    pairs = [("a" * n, "u" * n) for n in lengths]
    epoch = BucketedBatches(pairs, SOURCE, TARGET, batch_size=20)(0)
    padded = sum(batch.source.size for batch in epoch)
    assert padded < 1.05 * lengths.sum()


@pytest.mark.parametrize("batch_size", [0, -1, 2.0, True])
def test_a_batch_size_is_a_positive_integer(batch_size):
    with pytest.raises(ValueError, match="BucketedBatches: batch_size is"):
        BucketedBatches([("a", "u")], SOURCE, TARGET, batch_size)


@pytest.mark.parametrize("rng", [True, 1.5, "0"])
def test_an_epoch_refuses_what_is_no_seed(rng):
    with pytest.raises(TypeError, match="rng is"):
        BucketedBatches([("a", "u")], SOURCE, TARGET, 1)(rng)
