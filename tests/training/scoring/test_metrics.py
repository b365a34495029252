"""How good a model is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmem import AdditiveAttention, Batch, Decoder, Encoder, Seq2Seq
from seqmem.training import edit_distance, token_accuracy

words = st.text("abc", max_size=6)


@given(found=words, right=words)
def test_the_distance_is_that_of_the_recursive_definition(found: str, right: str) -> None:
    def literal(i: int, j: int) -> int:
        if i == 0 or j == 0:
            return i + j
        return min(
            literal(i - 1, j) + 1,
            literal(i, j - 1) + 1,
            literal(i - 1, j - 1) + (found[i - 1] != right[j - 1]),
        )

    assert edit_distance(found, right) == literal(len(found), len(right))


def make_model() -> Seq2Seq:
    attention = AdditiveAttention(4, 4, 3, rng=0)
    return Seq2Seq(Encoder(7, 3, 4, rng=1), Decoder(6, 3, 4, context=attention, rng=2))


@given(seed=st.integers(0, 99))
def test_the_accuracy_counts_what_is_not_masked_and_nothing_else(seed: int) -> None:
    rng = np.random.default_rng(seed)
    model = make_model()
    source, inputs = rng.integers(7, size=(5, 3)), rng.integers(6, size=(4, 3))
    (logits, _), _ = model.forward(source, inputs)
    best = logits.argmax(axis=2)
    right = rng.random(best.shape) < 0.5
    mask = rng.random(best.shape) < 0.7
    mask[0, 0] = True
    batch = Batch(source, np.full(3, 5), inputs, np.where(right, best, (best + 1) % 6), mask)
    assert token_accuracy(model, [batch]) == right[mask].mean()


def test_the_accuracy_of_no_token_is_an_error() -> None:
    with pytest.raises(ValueError, match="mean of nothing"):
        token_accuracy(make_model(), [])
