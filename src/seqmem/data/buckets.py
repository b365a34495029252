"""Batches of sequences of similar lengths, redrawn in every epoch."""

from __future__ import annotations

import math

import numpy as np

from seqmem.data.bounds import cut_by_symbols, fits
from seqmem.module import Array

POOL = 50  # batches that are sorted together: more mean less padding, fewer mean more randomness


class Buckets:
    """A partition of sequences into batches of similar lengths, so that a batch has little padding.

    Sequences are shuffled and grouped into pools of 50 batches; each pool is sorted by length and cut into
    batches; the batches of all pools are shuffled. Sequences so long that batch_size of them would not fit a
    batch are sorted separately and form smaller batches. `len` is the number of batches.

    Args:
        lengths: (N, 2) of source and target; without a target, the target length is 1.
        batch_size: sequences per batch.
        max_symbols: limit of a batch on each side, including padding; each sequence alone fits.

    >>> buckets = Buckets(np.array([[3, 1], [5, 1], [3, 1], [5, 1]]), batch_size=2, max_symbols=16)
    >>> sorted(sorted(cut.tolist()) for cut in buckets.cuts(np.random.default_rng(0)))
    [[0, 2], [1, 3]]
    """

    def __init__(self, lengths: Array, batch_size: int, max_symbols: int) -> None:
        self._lengths, self._batch_size = lengths, batch_size
        longest, of_row = np.unique(lengths.max(axis=1), return_inverse=True)
        other = lengths[:, 1].max(initial=0) > 1  # without a target there are no attention weights to limit
        is_long = [not fits(batch_size, n, n if other else 1, max_symbols) for n in longest.tolist()]
        self._is_long = np.array(is_long, bool)[of_row]  # (N,)
        long = lengths[self._is_long]
        # the sorted lengths, and therefore the cuts, are the same in every epoch
        self._long_cuts = cut_by_symbols(long[_longest_last(long)].tolist(), batch_size, max_symbols)

    def __len__(self) -> int:
        return math.ceil(np.count_nonzero(~self._is_long) / self._batch_size) + len(self._long_cuts)

    def cuts(self, rng: np.random.Generator) -> list[Array]:
        """Return the positions of the sequences of each batch of an epoch."""
        order = rng.permutation(len(self._lengths))
        is_long = self._is_long[order]
        cuts: list[Array] = []
        for pool in pieces(order[~is_long], POOL * self._batch_size):
            source_lengths, target_lengths = self._lengths[pool].T
            by_length = pool[np.lexsort((target_lengths, source_lengths))]
            cuts += pieces(by_length, self._batch_size)
        long = order[is_long]
        by_longest = long[_longest_last(self._lengths[long])]
        cuts += [by_longest[cut] for cut in self._long_cuts]
        return [cuts[i] for i in rng.permutation(len(cuts))]


def pieces(indices: Array, size: int) -> list[Array]:
    """Return an array cut into pieces of a size; the last may be smaller.

    >>> [piece.tolist() for piece in pieces(np.arange(5), 2)]
    [[0, 1], [2, 3], [4]]
    """
    return [indices[start : start + size] for start in range(0, len(indices), size)]


def _longest_last(lengths: Array) -> Array:
    """Return the order of (N, 2) lengths by their longer side; a stable sort."""
    source, target = lengths.T
    return np.lexsort((target, source, lengths.max(axis=1)))
