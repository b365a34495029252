"""Subwords come back as the words that they were, and merges are those of the definition."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmem.data import Subwords

words = st.text("abc<>/w@1'", min_size=1, max_size=7)
sentences = st.lists(st.lists(words, max_size=5), max_size=5)


@given(sentences, st.lists(words, max_size=6), st.integers(0, 20))
def test_words_come_back_as_they_were(corpus: list[list[str]], text: list[str], n_merges: int) -> None:
    subwords = Subwords.learn(corpus, n_merges)
    pieces = subwords.split(text)
    assert subwords.join(pieces) == text
    assert "".join(pieces) == "".join(f"{word} " for word in text)
    assert len(subwords.merges) <= n_merges


def literally(corpus: list[list[str]], n_merges: int) -> list[tuple[str, str]]:
    """Every pair counted anew for each merge."""
    pieces_of = [[*word[:-1], f"{word[-1]} "] for sentence in corpus for word in sentence]
    merges = []
    for _ in range(n_merges):
        counts = Counter(pair for pieces in pieces_of for pair in pairwise(pieces))
        if not counts or max(counts.values()) < 2:
            break
        best = max(counts, key=lambda pair: (counts[pair], [one.replace(" ", "</w>") for one in pair]))
        merges.append(best)
        for k, pieces in enumerate(pieces_of):
            text = "\n".join(["", *pieces, ""]).replace("\n", "\n\n")
            text = text.replace(f"\n{best[0]}\n\n{best[1]}\n", f"\n{best[0]}{best[1]}\n")
            pieces_of[k] = text.strip("\n").split("\n\n")
    return merges


@given(st.lists(st.lists(st.text("ab1", min_size=1, max_size=5), max_size=5), max_size=5), st.integers(0, 12))
def test_the_most_frequent_pair_is_merged_first(corpus: list[list[str]], n_merges: int) -> None:
    assert Subwords.learn(corpus, n_merges).merges == literally(corpus, n_merges)


@given(sentences, st.integers(0, 20))
def test_the_merges_are_all_that_a_splitter_needs(corpus: list[list[str]], n_merges: int) -> None:
    subwords = Subwords.learn(corpus, n_merges)
    again = Subwords(subwords.merges)
    for sentence in corpus:
        assert again.split(sentence) == subwords.split(sentence)


def test_without_merges_pieces_are_characters_and_a_cut_off_word_is_kept() -> None:
    assert Subwords([]).split(["ab", "c"]) == ["a", "b ", "c "]
    assert Subwords([]).join(["a", "b ", "c"]) == ["ab", "c"]
    assert Subwords.learn([["ab", "ab"]], 9, min_count=3).merges == []


@pytest.mark.parametrize("word", ["", " ", "a b", "a\n", "\u00a0"])
def test_a_word_has_no_white_space(word: str) -> None:
    with pytest.raises(ValueError, match=r"Subwords.split: words\[1\] is .*, expected a word without white"):
        Subwords([]).split(["a", word])
    with pytest.raises(ValueError, match=r"Subwords.learn: sentences\[0\]\[0\] is .*, expected a word"):
        Subwords.learn([[word]], 3)


def test_a_merge_is_a_pair() -> None:
    with pytest.raises(ValueError, match=r"Subwords: merges\[1\] is .*, expected two pieces"):
        Subwords([("a", "b"), ("a", "b", "c")])  # type: ignore[list-item]
