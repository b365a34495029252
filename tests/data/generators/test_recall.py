"""The clue stands where it is said to stand, and nothing else tells the answer."""

import collections

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmem.data import recall

DISTANCES = st.integers(5, 400)
LEADS = st.integers(0, 20)
SEEDS = st.integers(0, 2**32)
MOVES = st.booleans()
COUNTRIES = set(recall.LANGUAGE_OF)


@given(st.integers(1, 30), DISTANCES, LEADS, SEEDS, MOVES)
def test_the_clue_stands_exactly_so_far_from_the_blank(count, distance, lead, seed, moves):
    for sentence in recall.make_sentences(count, distance, seed, lead=lead, moves=moves):
        assert len(sentence.words) == lead + 4 + distance
        at = len(sentence.words) - distance
        assert recall.LANGUAGE_OF[sentence.words[at]] == sentence.answer
        assert " ".join(sentence.words[at - 4 : at]) in recall.CLUES
        assert " ".join(sentence.words[-4:]) in recall.QUESTIONS
        assert sentence.distance == distance


@given(DISTANCES, LEADS, SEEDS)
def test_the_filler_names_no_country_and_no_language(distance, lead, seed):
    for sentence in recall.make_sentences(12, distance, seed, lead=lead):
        assert len(COUNTRIES & set(sentence.words)) == 1
        assert not set(recall.LANGUAGES) & set(sentence.words)
        at = len(sentence.words) - distance
        assert set(sentence.words[: at - 4] + sentence.words[at + 1 : -4]) <= set(recall.FILLER_WORDS)
    assert not set(recall.FILLER_WORDS) & (COUNTRIES | set(recall.LANGUAGES))


def test_moves_name_every_country_equally_often_whatever_the_answer_is():
    tokens, answers = recall.make_recall(1200, 200, 0, moves=True)
    ids = np.array(recall.VOCABULARY.encode(recall.LANGUAGE_OF))
    after = tokens[-199:]
    table = np.array([[(after[:, answers == a] == i).sum() for i in ids] for a in range(12)])  # answer, named
    assert table.min() > 0
    expected = table.sum() / table.size
    assert (
        (table - expected) ** 2 / expected
    ).sum() < 220  # chi-square of 143 degrees: mean 143, deviation 17
    assert table.sum() / 1200 > 3  # there are a few in every text


@given(st.integers(1, 60), SEEDS)
def test_the_answers_are_balanced(count, seed):
    counts = np.bincount(recall.make_recall(count, 9, seed).answers, minlength=12)
    assert counts.sum() == count
    assert counts.max() - counts.min() <= 1


def test_a_single_sentence_has_any_answer():
    assert len({recall.make_sentences(1, 5, seed)[0].answer for seed in range(200)}) == 12


def test_the_same_seed_gives_the_same_texts_and_another_seed_others():
    first, again, other = (recall.make_recall(24, 30, seed).tokens for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_the_words_are_a_few_dozen_and_all_known():
    assert 36 <= len(recall.FILLER_WORDS) <= 100
    tokens, answers = recall.make_recall(600, 60, 0, lead=9, moves=True)
    assert tokens.min() >= 4  # no special id, no unknown word
    assert tokens.max() < len(recall.VOCABULARY)
    assert tokens.dtype == answers.dtype == np.intp


def test_the_fillers_vary():
    texts = collections.Counter(" ".join(s.words) for s in recall.make_sentences(50, 40, 0))
    assert len(texts) == 50


def test_arrays_and_words_say_the_same():
    tokens, answers = recall.make_recall(5, 17, 3, lead=2, moves=True)
    sentences = recall.make_sentences(5, 17, 3, lead=2, moves=True)
    assert [recall.VOCABULARY.encode(s.words) for s in sentences] == tokens.T.tolist()
    assert [recall.LANGUAGES.index(s.answer) for s in sentences] == answers.tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": 0, "distance": 9}, "count is 0"),
        ({"count": 1, "distance": 4}, "distance is 4, expected at least 5"),
        ({"count": 1, "distance": 9, "lead": -1}, "lead is -1"),
        ({"count": 1, "distance": 9, "lead": True}, "lead is True"),
    ],
)
def test_what_does_not_fit_is_said(arguments, message):
    with pytest.raises(ValueError, match=f"make_recall: {message}"):
        recall.make_recall(**arguments)
