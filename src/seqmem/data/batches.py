"""From pairs of symbol sequences to padded, time-first arrays of token ids."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from seqmem.data.vocabulary import END, PAD, START, Vocabulary
from seqmem.initializers import Rng, as_generator
from seqmem.models.batch import Batch
from seqmem.module import Array
from seqmem.validation import as_ids, as_size

Pair = tuple[Sequence[str], Sequence[str]]  # source symbols, target symbols; a string is its characters

POOL = 50  # batches that are sorted together: more pad less, fewer leave more to chance


def pad(sequences: Iterable[Sequence[int] | Array]) -> tuple[Array, Array]:
    """Sequences side by side, one a column, filled up with PAD at the end.

    Args:
        sequences: B sequences of token ids, each (length,) integers; a length of 0 is fine.

    Returns:
        (tokens, lengths): (S, B) and (B,) intp, where S is the greatest length.

    Raises:
        TypeError: for ids that are not integers.
        ValueError: for negative ids.

    >>> tokens, lengths = pad([[7, 8, 9], [5]])
    >>> tokens
    array([[7, 5],
           [8, 0],
           [9, 0]])
    >>> lengths
    array([3, 1])
    """
    largest = np.iinfo(np.intp).max
    return _pad([as_ids(row, largest, ("S",), "pad", f"sequences[{i}]") for i, row in enumerate(sequences)])


def make_batch(pairs: Iterable[Pair], source_vocabulary: Vocabulary, target_vocabulary: Vocabulary) -> Batch:
    """Pairs of (source symbols, target symbols) as the arrays that a model is trained on.

    The decoder is fed START and the target, and should answer the target and END. Symbols that a
    vocabulary lacks become UNKNOWN; an empty source or target is fine.

    Args:
        pairs: B pairs of sequences of strings; a plain string is its characters.
        source_vocabulary, target_vocabulary: what turns each side into ids.

    Returns:
        A Batch whose column b is pairs[b]; its arrays are intp, the mask bool.

    Raises:
        TypeError: for symbols that are not strings.
        ValueError: for no pairs at all, or an entry that is not a pair.

    >>> letters = Vocabulary("abc")
    >>> batch = make_batch([("abc", "cb"), ("a", "")], letters, letters)
    >>> batch.inputs.T
    array([[1, 6, 5],
           [1, 0, 0]])
    >>> batch.targets.T
    array([[6, 5, 2],
           [2, 0, 0]])
    """
    return _batch(_encode(pairs, source_vocabulary, target_vocabulary, "make_batch"))


class BucketedBatches:
    """Shuffled batches of pairs of similar lengths, so that little of a batch is padding.

    Called with an rng it starts an epoch: an iterator in which every pair appears exactly once. Pairs are
    shuffled and taken in pools of 50 batches; a pool is sorted by length and cut into batches; the batches
    of all pools are shuffled. All that is random is drawn at the call, none of it while iterating.
    `len` is the number of batches in an epoch.

    Args:
        pairs, source_vocabulary, target_vocabulary: as in `make_batch`; the pairs are encoded once, here.
        batch_size: pairs in a batch; one batch of an epoch may be smaller.

    Raises:
        TypeError: for symbols that are not strings.
        ValueError: for no pairs, an entry that is not a pair, or a batch_size below 1.

    >>> letters = Vocabulary("abc")
    >>> batches = BucketedBatches([("a", "b"), ("abc", "cba"), ("b", "a")], letters, letters, batch_size=2)
    >>> len(batches)
    2
    >>> sorted(batch.source.shape for batch in batches(rng=0))
    [(1, 2), (3, 1)]
    """

    def __init__(
        self,
        pairs: Iterable[Pair],
        source_vocabulary: Vocabulary,
        target_vocabulary: Vocabulary,
        batch_size: int,
    ) -> None:
        self.batch_size = as_size(batch_size, "BucketedBatches", "batch_size")
        self._rows = _encode(pairs, source_vocabulary, target_vocabulary, "BucketedBatches")
        self._lengths = np.array([(len(source), len(target)) for source, target in self._rows])  # (N, 2)

    def __len__(self) -> int:
        return math.ceil(len(self._rows) / self.batch_size)

    def __call__(self, rng: Rng) -> Iterator[Batch]:
        """One epoch."""
        rng = as_generator(rng)
        order = rng.permutation(len(self._rows))
        cuts: list[Array] = []
        for pool in _pieces(order, POOL * self.batch_size):
            source_lengths, target_lengths = self._lengths[pool].T
            by_length = pool[np.lexsort((target_lengths, source_lengths))]
            cuts += _pieces(by_length, self.batch_size)
        shuffled = [cuts[i] for i in rng.permutation(len(cuts))]
        return (_batch([self._rows[i] for i in cut]) for cut in shuffled)


def _encode(
    pairs: Iterable[Pair], source_vocabulary: Vocabulary, target_vocabulary: Vocabulary, caller: str
) -> list[tuple[Array, Array]]:
    rows = []
    for position, pair in enumerate(pairs):
        if len(pair) != 2:
            raise ValueError(
                f"{caller}: pairs[{position}] has {len(pair)} entries, expected 2: source and target symbols"
            )
        source = np.array(source_vocabulary.encode(pair[0]), np.intp)
        target = np.array([START, *target_vocabulary.encode(pair[1]), END], np.intp)
        rows.append((source, target))
    if not rows:
        raise ValueError(f"{caller}: pairs is empty, expected at least one pair of source and target symbols")
    return rows


def _batch(rows: Sequence[tuple[Array, Array]]) -> Batch:
    source, source_lengths = _pad([source for source, _ in rows])
    framed, framed_lengths = _pad([target for _, target in rows])  # (T + 1, B): start, y_1, ..., y_n, end
    mask = np.arange(len(framed) - 1)[:, None] < framed_lengths - 1  # (T, B)
    inputs = np.where(mask, framed[:-1], PAD)  # a target that ends early must not be fed its own end
    return Batch(source, source_lengths, inputs, framed[1:], mask)


def _pad(rows: Sequence[Array]) -> tuple[Array, Array]:
    lengths = np.array([len(row) for row in rows], np.intp)
    tokens = np.full((lengths.max(initial=0), len(rows)), PAD, np.intp)  # (S, B)
    for column, row in enumerate(rows):
        tokens[: len(row), column] = row
    return tokens, lengths


def _pieces(indices: Array, size: int) -> list[Array]:
    return [indices[start : start + size] for start in range(0, len(indices), size)]
