"""Scores against scikit-learn's, seqeval's, jiwer's and sacrebleu's, on random answers."""

import importlib
import warnings

import numpy as np
import pytest

from seqmem.training import (
    accuracy,
    bleu,
    character_error_rate,
    chrf,
    entity_f1_score,
    f1_score,
    mean_absolute_error,
    root_mean_squared_error,
    word_error_rate,
)

AVERAGES = ("micro", "macro", "weighted")


@pytest.fixture
def metrics(require):
    """The metrics of an oracle by its name."""

    def of(name):
        require(name)
        return importlib.import_module(f"{name}.metrics")

    return of


@pytest.mark.parametrize("seed", range(20))
def test_scores_of_labels_and_numbers_equal_scikit_learns(metrics, seed):
    theirs = metrics("sklearn")
    rng = np.random.default_rng(seed)
    found, right = rng.integers(0, 6, 30), rng.integers(0, rng.integers(2, 7), 30)
    assert accuracy(found, right) == pytest.approx(theirs.accuracy_score(right, found))
    for average in AVERAGES:
        expected = theirs.f1_score(right, found, average=average, zero_division=0)
        assert f1_score(found, right, average=average) == pytest.approx(expected)
    each = theirs.f1_score(right, found, average=None, zero_division=0)
    assert list(f1_score(found, right, average=None).values()) == pytest.approx(each)
    chosen = theirs.f1_score(right, found, labels=[1, 9], average="macro", zero_division=0)
    assert f1_score(found, right, labels=[1, 9]) == pytest.approx(chosen)
    ours, wanted = rng.standard_normal((7, 3)), rng.standard_normal((7, 3))
    assert mean_absolute_error(ours, wanted) == pytest.approx(theirs.mean_absolute_error(wanted, ours))
    squared = theirs.mean_squared_error(wanted, ours)
    assert root_mean_squared_error(ours, wanted) == pytest.approx(np.sqrt(squared))


@pytest.mark.parametrize("letters", ["BI", "I", "BIES", "BIE"])
@pytest.mark.parametrize("seed", range(10))
def test_scores_of_entities_equal_seqevals_whatever_the_tags(metrics, letters, seed):
    theirs = metrics("seqeval")
    rng = np.random.default_rng(seed)
    tags = ["O", "O", *(f"{letter}-{label}" for letter in letters for label in ("X", "Y", "Z"))]

    def sentences():
        sizes = np.random.default_rng(seed).integers(1, 15, 20)
        return [[tags[k] for k in rng.integers(len(tags), size=size)] for size in sizes]

    right = sentences()
    found = [
        [tag if rng.random() < 0.7 else other for tag, other in zip(*rows, strict=True)]
        for rows in zip(right, sentences(), strict=True)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of labels without an entity
        for average in AVERAGES:
            expected = theirs.f1_score(right, found, average=average)
            assert entity_f1_score(found, right, average=average) == pytest.approx(expected)
        each = theirs.f1_score(right, found, average=None)
    assert list(entity_f1_score(found, right, average=None).values()) == pytest.approx(each)


@pytest.mark.parametrize("seed", range(20))
def test_error_rates_equal_jiwers(require, seed):
    jiwer = require("jiwer")
    rng = np.random.default_rng(seed)

    def texts(least):
        sizes = rng.integers(least, 9, 6)
        return [" ".join(rng.choice(["a", "bc", "d", "cab"], size)) for size in sizes]

    found, right = texts(0), texts(1)
    assert word_error_rate(found, right) == pytest.approx(jiwer.wer(right, found), rel=1e-12)
    assert character_error_rate(found, right) == pytest.approx(jiwer.cer(right, found), rel=1e-12)


def test_bleu_and_chrf_are_sacrebleus(require):
    sacrebleu = require("sacrebleu")
    found, right = ["the cat sat on a mat", "a dog barks"], ["the cat sat on the mat", "the dog barks"]
    assert bleu(found, right) == sacrebleu.corpus_bleu(found, [right]).score
    assert chrf(found, right) == sacrebleu.corpus_chrf(found, [right]).score
    by_character = sacrebleu.corpus_bleu(found, [right], tokenize="char").score
    assert bleu(found, right, tokenize="char") == by_character != bleu(found, right)
