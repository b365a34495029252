"""Subwords by byte pair encoding: rare words in pieces that occur often (Sennrich, Haddow & Birch, 2016).

    learn   start from characters; again and again merge the most frequent pair of neighbouring pieces
    split   merge the pieces of a word in the order in which the merges were learned
    join    the pieces in a row, cut at the ends of words

The last piece of a word ends with a space, which no word contains, so `join` restores every sequence
of words exactly. A pair of pieces never spans two words.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from seqmem.validation import as_count, as_list, as_size, as_texts

END_OF_WORD = " "
Merge = tuple[str, str]


class Subwords:
    """Splits words into subwords, and joins them again.

    Args:
        merges: pairs of pieces, the first to be merged first, as `learn` finds them.

    >>> subwords = Subwords.learn([["low", "lower", "lowest", "slow"], ["newest", "widest"]], 6)
    >>> subwords.split(["slowest", "we"])
    ['s', 'lo', 'west ', 'w', 'e ']
    >>> subwords.join(['s', 'lo', 'west ', 'w', 'e '])
    ['slowest', 'we']
    """

    def __init__(self, merges: Iterable[Merge]) -> None:
        self.merges: list[Merge] = []
        for position, pair in enumerate(as_list(merges, "Subwords", "merges", "a list of pairs of pieces")):
            pieces = as_texts(pair, "Subwords", f"merges[{position}]")
            if len(pieces) != 2 or not all(pieces):
                raise ValueError(f"Subwords: merges[{position}] is {pair!r:.80}, expected two pieces")
            self.merges.append((pieces[0], pieces[1]))
        self._rank = {pair: rank for rank, pair in reversed(list(enumerate(self.merges)))}

    @classmethod
    def learn(cls, sentences: Iterable[Sequence[str]], n_merges: int, *, min_count: int = 2) -> Subwords:
        """Learn merges from sentences. For two languages with one alphabet, pass the sentences of both.

        Args:
            sentences: lists of words.
            n_merges: the maximum number of merges; each adds at most one piece to the vocabulary.
            min_count: how often a pair must occur to be merged.

        Raises:
            TypeError: for anything but lists of words.
            ValueError: for a word that is empty or contains white space.
        """
        caller = "Subwords.learn"
        n_merges, min_count = as_count(n_merges, caller, "n_merges"), as_size(min_count, caller, "min_count")
        found: Counter[str] = Counter()
        for position, words in enumerate(as_list(sentences, caller, "sentences", "lists of words")):
            found.update(_as_words(words, caller, f"sentences[{position}]"))
        corpus = _Corpus(found)
        merges: list[Merge] = []
        while len(merges) < n_merges:
            pair = corpus.most_frequent(min_count)
            if pair is None:
                break
            merges.append(pair)
            corpus.merge(pair)
        return cls(merges)

    def split(self, words: Sequence[str]) -> list[str]:
        """Return the pieces of all words, in order.

        Raises:
            TypeError: for anything but a list of words.
            ValueError: for a word that is empty or contains white space.
        """
        found = _as_words(words, "Subwords.split", "words")
        pieces_of = {word: self._pieces(word) for word in set(found)}
        return [piece for word in found for piece in pieces_of[word]]

    def join(self, pieces: Sequence[str]) -> list[str]:
        """Return the words of pieces; a last word may lack its end, as in a translation that was cut off.

        Raises:
            TypeError: for anything but a list of pieces.
        """
        text = "".join(as_texts(pieces, "Subwords.join", "pieces"))
        return [word for word in text.split(END_OF_WORD) if word]

    def _pieces(self, word: str) -> list[str]:
        pieces = _characters(word)
        while True:
            ranked = [self._rank[pair] for pair in pairwise(pieces) if pair in self._rank]
            if not ranked:
                return pieces
            pieces = _merged(pieces, self.merges[min(ranked)])


class _Corpus:
    """The words of a corpus in pieces, and how often each pair of neighbours occurs in them."""

    def __init__(self, found: Counter[str]) -> None:
        self.words = [(_characters(word), count) for word, count in found.items()]
        self.counts: Counter[Merge] = Counter()
        self.places: defaultdict[Merge, set[int]] = defaultdict(set)  # the words with the pair
        for place in range(len(self.words)):
            self._add(place)

    def most_frequent(self, min_count: int) -> Merge | None:
        """Return the most frequent pair; of several, the last in the order of subword-nmt."""
        top = max(self.counts.values(), default=0)
        if top < min_count:
            return None
        return max((pair for pair, count in self.counts.items() if count == top), key=_in_their_order)

    def merge(self, pair: Merge) -> None:
        """Merge a pair wherever it occurs."""
        for place in sorted(self.places[pair]):
            pieces, count = self.words[place]
            for other in pairwise(pieces):
                self.counts[other] -= count
                if not self.counts[other]:
                    del self.counts[other]
                self.places[other].discard(place)
            self.words[place] = (_merged(pieces, pair), count)
            self._add(place)

    def _add(self, place: int) -> None:
        pieces, count = self.words[place]
        for pair in pairwise(pieces):
            self.counts[pair] += count
            self.places[pair].add(place)


def _in_their_order(pair: Merge) -> tuple[str, ...]:
    return tuple(piece.replace(END_OF_WORD, "</w>") for piece in pair)


def _characters(word: str) -> list[str]:
    return [*word[:-1], word[-1] + END_OF_WORD]


def _merged(pieces: list[str], pair: Merge) -> list[str]:
    """Return the pieces with a pair merged wherever it occurs, from the left."""
    merged: list[str] = []
    k = 0
    while k < len(pieces):
        if k + 1 < len(pieces) and (pieces[k], pieces[k + 1]) == pair:
            merged.append(pieces[k] + pieces[k + 1])
            k += 2
        else:
            merged.append(pieces[k])
            k += 1
    return merged


def _as_words(words: Any, caller: str, name: str) -> list[str]:
    found = as_texts(words, caller, name)
    for position, word in enumerate(found):
        if not word or word.split() != [word]:
            raise ValueError(
                f"{caller}: {name}[{position}] is {word!r:.80}, expected a word without white space"
            )
    return found
