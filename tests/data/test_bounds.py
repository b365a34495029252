"""Batches are bounded by their symbols, padding included, and by what attention keeps of them."""

import tracemalloc
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmem import Adam, AdditiveAttention, Decoder, Encoder, Seq2Seq, fit
from seqmem.data import BucketedBatches, Vocabulary, default_max_symbols, read_pairs
from seqmem.data.bounds import LOOKS, cut_by_symbols
from seqmem.tasks import Translator

LETTERS = Vocabulary("abcd")
LENGTHS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=60)


def pairs_of(lengths):
    return [("abcd"[i % 4] * source, "dcba"[i % 4] * target) for i, (source, target) in enumerate(lengths)]


def sizes(batch):
    (S, B), T = batch.source.shape, len(batch.inputs)
    return B, S, T


@given(LENGTHS, st.integers(1, 9), st.integers(41, 200), st.integers(0, 9))
def test_no_batch_has_more_symbols_and_every_pair_is_in_one(lengths, batch_size, max_symbols, seed):
    bucketed = BucketedBatches(pairs_of(lengths), LETTERS, LETTERS, batch_size, max_symbols=max_symbols)
    rng = np.random.default_rng(seed)
    for _ in range(2):
        epoch = list(bucketed(rng))
        assert len(epoch) == len(bucketed)
        assert all(batch_size >= B and B * max(S, T) <= max_symbols for B, S, T in map(sizes, epoch))
        found = [
            (int(source), int(target))
            for batch in epoch
            for source, target in zip(batch.source_lengths, batch.mask.sum(axis=0) - 1, strict=True)
        ]
        assert Counter(found) == Counter(lengths)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=60), st.integers(1, 9))
def test_cuts_are_runs_that_fit_and_that_one_more_would_not(steps, batch_size):
    max_symbols = 60
    cuts = cut_by_symbols(steps, batch_size, max_symbols)
    assert [i for cut in cuts for i in range(cut.start, cut.stop)] == list(range(len(steps)))
    for number, cut in enumerate(cuts):
        sizes = [max(pair) for pair in steps[cut]]
        assert len(sizes) == 1 or len(sizes) * max(sizes) <= max_symbols
        assert len(sizes) <= batch_size
        if number + 1 < len(cuts):
            more = [*sizes, max(steps[cut.stop])]
            assert len(more) > batch_size or len(more) * max(more) > max_symbols


def test_two_long_sides_are_bounded_by_their_product_which_attention_keeps():
    pairs = pairs_of([(1000, 1000)] * 9 + [(3, 3)] * 50)
    most = LOOKS * default_max_symbols(64)
    for B, S, T in map(sizes, BucketedBatches(pairs, LETTERS, LETTERS, 64)(0)):
        assert most >= B * S * T
    with pytest.raises(ValueError, match=r"pairs\[1\]: 3,000 source symbols times 3,001 target symbols are"):
        BucketedBatches(pairs_of([(3, 3), (3000, 3000)]), LETTERS, LETTERS, 64)


def test_ordinary_lengths_are_batched_as_if_there_were_no_bound():
    rng = np.random.default_rng(0)
    pairs = pairs_of(rng.integers(0, 256, size=(300, 2)).tolist())
    bounded = BucketedBatches(pairs, LETTERS, LETTERS, 64)
    unbounded = BucketedBatches(pairs, LETTERS, LETTERS, 64, max_symbols=10**9)
    for one, other in zip(bounded(3), unbounded(3), strict=True):
        assert all(map(np.array_equal, one, other))


def test_a_pair_that_is_too_long_is_an_error_or_named_and_left_out():
    pairs, told = pairs_of([(3, 3), (20_000, 3), (4, 4)]), []
    message = r"pairs\[1\]: the source has 20,000 symbols, expected at most 16,384"
    with pytest.raises(ValueError, match=message):
        BucketedBatches(pairs, LETTERS, LETTERS, 64)
    (batch,) = BucketedBatches(pairs, LETTERS, LETTERS, 64, on_too_long=told.append)(0)
    assert sizes(batch) == (2, 4, 5)
    assert told == ["pairs[1]: the source has 20,000 symbols, expected at most 16,384: left out"]
    with pytest.raises(ValueError, match="all 1 pairs are too long"):
        BucketedBatches(pairs[1:2], LETTERS, LETTERS, 64, on_too_long=told.append)


def test_a_line_that_is_too_long_is_an_error_or_named_and_left_out(tmp_path):
    path, told = tmp_path / "pairs.tsv", []
    path.write_text(f"a\tb\n{'a' * 30}\tb\n\nb\t{'a' * 30}\nc\td\n", encoding="utf-8")
    with pytest.raises(
        ValueError, match=r"pairs.tsv, line 2: the source has 30 symbols, expected at most 20"
    ):
        read_pairs(path, max_symbols=20)
    assert read_pairs(path, max_symbols=20, on_too_long=told.append) == [(["a"], ["b"]), (["c"], ["d"])]
    assert [message.split(": ")[0].rpartition(", ")[2] for message in told] == ["line 2", "line 4"]
    assert len(read_pairs(path)) == len(read_pairs(path, max_symbols=31)) == 4
    path.write_text(f"{'a' * 30}\tb\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no pairs, all 1 lines are too long"):
        read_pairs(path, max_symbols=20, on_too_long=told.append)


@pytest.mark.parametrize("max_symbols", [0, -1, 2.5, True])
def test_a_bound_is_a_positive_integer(max_symbols, tmp_path):
    with pytest.raises(ValueError, match="BucketedBatches: max_symbols is"):
        BucketedBatches([("a", "b")], LETTERS, LETTERS, 1, max_symbols=max_symbols)
    with pytest.raises(ValueError, match="read_pairs: max_symbols is"):
        read_pairs(tmp_path / "pairs.tsv", max_symbols=max_symbols)


def model_of(size=4):
    attention = AdditiveAttention(size, size, size, rng=0)
    V = len(LETTERS)
    return Seq2Seq(Encoder(V, size, size, rng=1), Decoder(V, size, size, context=attention, rng=2))


def peak(function):
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_one_long_line_among_short_ones_costs_no_more_memory_than_a_batch_of_ordinary_ones():
    def train(pairs):
        batches = BucketedBatches(pairs, LETTERS, LETTERS, 64)
        fit(model_of(), batches, Adam(), epochs=1, progress=False)

    def translate(texts):
        Translator(model_of(), LETTERS, LETTERS, "char").translate(texts, max_length=3)

    for work, ordinary, mixed in (
        (train, pairs_of([(256, 3)] * 64), pairs_of([(8, 3)] * 100 + [(4_000, 3)])),
        (translate, ["a" * 256] * 64, [*["a" * 8] * 63, "a" * 4_000]),
    ):
        assert peak(lambda: work(mixed)) < 1.5 * peak(lambda: work(ordinary))  # noqa: B023 - called at once


def test_translations_are_in_order_whatever_the_cuts():
    translator = Translator(model_of(), LETTERS, LETTERS, "char")
    texts = ["ab", "a" * 20_000, "", "ba" * 300, "cd"]
    found = translator.translate(texts, max_length=3)
    assert ["".join(one.source) for one in found] == texts
