"""Sampling: what may be drawn, and how often."""

import numpy as np
import pytest
from comparing import assert_close
from hypothesis import given
from hypothesis import strategies as st

from seqmem.activations import softmax
from seqmem.search import draw_tokens, sample_tokens, sampling_probabilities

LOGITS = np.log([[0.1, 0.4, 0.2, 0.3]])


@st.composite
def logits(draw_from):
    """Scores (B, V), some of them equal."""
    rng = np.random.default_rng(draw_from(st.integers(0, 2**32 - 1)))
    shape = draw_from(st.integers(1, 4)), draw_from(st.integers(1, 9))
    return np.round(3 * rng.standard_normal(shape), draw_from(st.sampled_from([0, 8])))


settings_of = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.sampled_from([1e-3, 0.5, 1.0, 2.0, 1e6]),
        "top_k": st.integers(1, 12),
        "top_p": st.floats(1e-6, 1),
    },
)


@given(logits(), settings_of)
def test_a_row_is_a_distribution_and_the_most_probable_token_stays(scores, options):
    p = sampling_probabilities(scores, **options)
    assert (p >= 0).all()
    assert_close(p.sum(axis=1), np.ones(len(scores)))
    assert (np.take_along_axis(p, scores.argmax(axis=1)[:, None], axis=1) > 0).all()


@given(logits())
def test_without_a_choice_it_is_the_softmax(scores):
    assert_close(sampling_probabilities(scores), softmax(scores))


@given(logits(), st.floats(0.1, 10))
def test_a_temperature_divides_the_logits(scores, temperature):
    assert_close(sampling_probabilities(scores, temperature=temperature), softmax(scores / temperature))


@given(logits(), st.integers(1, 12))
def test_top_k_keeps_the_k_most_probable_and_their_odds(scores, k):
    p, whole = sampling_probabilities(scores, top_k=k), softmax(scores)
    for row, before in zip(p, whole, strict=True):
        kept = sorted(range(len(row)), key=lambda token: (-before[token], token))[:k]
        assert set(np.flatnonzero(row)) == set(kept)
        assert_close(row[kept], before[kept] / before[kept].sum())


@given(logits(), st.floats(0.01, 1))
def test_top_p_keeps_the_smallest_set_that_has_the_probability(scores, share):
    p, whole = sampling_probabilities(scores, top_p=share), softmax(scores)
    for row, before in zip(p, whole, strict=True):
        order = sorted(range(len(row)), key=lambda token: (-before[token], token))
        n = next(
            n for n in range(1, len(order) + 1) if before[order[:n]].sum() > share - 1e-12 or n == len(row)
        )
        assert len(np.flatnonzero(row)) in (n, n + 1)  # at the edge rounding decides
        assert set(np.flatnonzero(row)) <= set(order[: n + 1])


def test_a_set_that_has_the_probability_exactly_is_enough():
    p = sampling_probabilities(np.zeros((1, 4)), top_p=0.5)
    assert p.tolist() == [[0.5, 0.5, 0.0, 0.0]]


def test_top_k_comes_before_top_p():
    p = sampling_probabilities(LOGITS, top_k=2, top_p=0.5)  # 4/7 of what top_k leaves is enough
    assert_close(p, np.array([[0.0, 1.0, 0.0, 0.0]]))


@given(logits(), settings_of, st.data())
def test_what_is_excluded_has_probability_exactly_0(scores, options, data):
    V = scores.shape[1]
    excluded = data.draw(st.sets(st.integers(0, V - 1), max_size=V - 1))
    p = sampling_probabilities(scores, excluded=excluded, **options)
    assert (p[:, sorted(excluded)] == 0).all()
    assert_close(p.sum(axis=1), np.ones(len(scores)))


def test_extreme_logits_and_temperatures_stay_finite():
    with np.errstate(all="raise"):
        p = sampling_probabilities(np.array([[1e300, -1e300, 0.0]]), temperature=1e-300)
    assert p.tolist() == [[1.0, 0.0, 0.0]]


def test_tokens_are_drawn_as_often_as_their_probability_says():
    p = np.exp(LOGITS)
    n = 40_000
    drawn = draw_tokens(np.repeat(p, n, axis=0), rng=0)
    counts = np.bincount(drawn, minlength=4) / n
    # six standard deviations of a share of n draws
    assert (np.abs(counts - p[0]) < 6 * np.sqrt(p[0] * (1 - p[0]) / n)).all()


@given(st.integers(0, 2**32 - 1))
def test_a_token_of_probability_0_is_never_drawn(seed):
    p = np.repeat([[0.0, 0.5, 0.0, 0.5, 0.0]], 50, axis=0)
    assert set(draw_tokens(p, rng=seed).tolist()) <= {1, 3}


def chain(tokens):
    """Logits that make token + 1 all but certain, the last one followed by 4."""
    scores = np.full((len(tokens), 8), -50.0)
    scores[np.arange(len(tokens)), np.where(tokens < 7, tokens + 1, 4)] = 50.0
    return scores


def test_the_drawn_token_is_fed_to_the_next_step():
    assert sample_tokens(chain, chain(np.array([4, 6])), 5, rng=0) == [[5, 6, 7, 4, 5], [7, 4, 5, 6, 7]]


def test_the_special_ids_are_never_drawn_unless_it_is_said_so():
    scores = np.zeros((1, 6))
    scores[:, :4] = 50.0  # all but certain
    for seed in range(20):
        (found,) = sample_tokens(lambda tokens: scores, scores, 30, rng=seed)
        assert set(found) <= {4, 5}
    (found,) = sample_tokens(lambda tokens: scores, scores, 30, excluded=(), rng=0)
    assert set(found) <= {0, 1, 2, 3}


def test_a_row_ends_at_the_end_symbol_and_the_others_go_on():
    def step(tokens):
        scores = chain(tokens)
        scores[tokens == 6] = -50.0
        scores[tokens == 6, 2] = 50.0
        return scores

    first = chain(np.array([4, 5]))
    assert sample_tokens(step, first, 5, end=2, rng=0) == [[5, 6], [6]]
    assert [len(row) for row in sample_tokens(step, first, 5, rng=0)] == [5, 5]  # nothing is cut unless asked


def test_nothing_is_drawn_of_no_tokens_and_a_seed_decides_the_rest():
    assert sample_tokens(chain, np.zeros((2, 8)), 0, rng=0) == [[], []]
    flat = np.zeros((3, 8))
    first, again, other = (sample_tokens(lambda tokens: flat, flat, 9, rng=seed) for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 0}, "temperature is 0, expected a finite number above 0"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"top_k": 0}, "top_k is 0, expected at least 1"),
        ({"top_p": 0.0}, "top_p is 0.0, expected a number above 0, up to 1"),
        ({"top_p": 1.5}, "top_p is 1.5"),
        ({"excluded": range(4)}, "excluded holds all 4 ids"),
        ({"excluded": [7]}, r"excluded\[0\] is 7, expected 0 to 3"),
    ],
)
def test_a_choice_out_of_its_range_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        sampling_probabilities(LOGITS, **options)


def test_logits_that_are_not_finite_are_named_by_their_row():
    with pytest.raises(ValueError, match=r"logits\[1, 2\] is nan, expected a finite number"):
        sampling_probabilities(np.array([[0.0, 0, 0], [0, 0, np.nan]]))
    p = sampling_probabilities(np.array([[0.0, 0, np.nan]]), excluded=[2])  # what cannot be drawn is not read
    assert p.tolist() == [[0.5, 0.5, 0.0]]
