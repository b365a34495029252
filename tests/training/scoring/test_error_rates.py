"""Error rates are edits over symbols, summed before they are divided."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmem.training import (
    bleu,
    character_error_rate,
    chrf,
    edit_distance,
    phoneme_error_rate,
    word_error_rate,
)

phonemes = st.lists(st.sampled_from(["K", "AE", "T", "D"]), max_size=6)


@given(st.lists(st.tuples(phonemes, phonemes), min_size=1, max_size=5))
def test_a_rate_is_all_edits_over_all_symbols(pairs: list[tuple[list[str], list[str]]]) -> None:
    found, right = [one for one, _ in pairs], [other for _, other in pairs]
    total = sum(map(len, right))
    if not total:
        with pytest.raises(ValueError, match="phoneme_error_rate: mean of nothing: targets hold no phoneme"):
            phoneme_error_rate(found, right)
        return
    expected = sum(map(edit_distance, found, right)) / total
    assert phoneme_error_rate(found, right) == expected
    texts = [" ".join(one) for one in found], [" ".join(one) for one in right]
    assert word_error_rate(*texts) == expected


def test_a_rate_may_exceed_1_and_is_0_for_what_is_right() -> None:
    assert character_error_rate(["abcd"], ["x"]) == 4
    assert character_error_rate([" ab\n", ""], ["ab", ""]) == 0


@pytest.mark.parametrize("rate", [character_error_rate, word_error_rate, bleu, chrf])
def test_lists_of_other_lengths_and_single_texts_are_refused(rate) -> None:
    with pytest.raises(ValueError, match=r"predictions has 1 entries, expected 2 as targets"):
        rate(["a"], ["a", "b"])
    with pytest.raises(TypeError, match="predictions is of type str, expected a list"):
        rate("a", ["a"])


@pytest.mark.parametrize("score", [bleu, chrf])
def test_without_sacrebleu_the_extra_is_named(score, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    with pytest.raises(ImportError, match=r'needs sacrebleu: pip install "seqmem\[metrics\]"'):
        score(["a"], ["a"])
    with pytest.raises(ValueError, match="mean of nothing"):
        score([], [])
