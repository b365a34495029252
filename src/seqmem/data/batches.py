"""From pairs of symbol sequences to padded, time-first arrays of token ids."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from seqmem.data.batch import Batch
from seqmem.data.bounds import default_max_symbols, fits, too_long
from seqmem.data.buckets import Buckets
from seqmem.data.pairs import check_pair
from seqmem.data.vocabulary import END, PAD, START, UNKNOWN, Vocabulary
from seqmem.initializers import Rng, as_generator
from seqmem.module import Array
from seqmem.validation import as_ids, as_size, check_iterable, check_type

Pair = tuple[Sequence[str], Sequence[str]]  # source symbols, target symbols; a string is its characters


def pad(sequences: Iterable[Sequence[int] | Array]) -> tuple[Array, Array]:
    """Pad sequences to a common length with PAD at the end, one sequence per column.

    Args:
        sequences: B sequences of token ids, each (length,) integers; the length may be 0.

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
    check_iterable(sequences, "pad", "sequences", "sequences of ids")
    return _pad([as_ids(row, largest, ("S",), "pad", f"sequences[{i}]") for i, row in enumerate(sequences)])


def make_batch(
    pairs: Iterable[Pair],
    source_vocabulary: Vocabulary,
    target_vocabulary: Vocabulary,
    *,
    allow_unknown: bool = False,
) -> Batch:
    """Return pairs of (source symbols, target symbols) as arrays for training.

    The decoder's input is START and the target; the correct output is the target and END. Symbols outside a
    vocabulary become UNKNOWN; an empty source or target is allowed.

    Args:
        pairs: B pairs of sequences of strings; a single string counts as the sequence of its characters.
        source_vocabulary, target_vocabulary: the vocabularies that turn each side into ids.
        allow_unknown: whether a side may consist of unknown symbols only, as may happen in a few held-out
            pairs. In training it is a sign that the vocabulary belongs to other data.

    Returns:
        A Batch whose column b is pairs[b]; its arrays are intp, the mask bool.

    Raises:
        TypeError: for symbols that are not strings.
        ValueError: for empty pairs, an entry that is not a pair, or a side of unknown symbols only.

    >>> letters = Vocabulary("abc")
    >>> batch = make_batch([("abc", "cb"), ("a", "")], letters, letters)
    >>> batch.inputs.T
    array([[1, 6, 5],
           [1, 0, 0]])
    >>> batch.targets.T
    array([[6, 5, 2],
           [2, 0, 0]])
    """
    rows = _encode(pairs, source_vocabulary, target_vocabulary, "make_batch")
    if not allow_unknown:
        _refuse_unknown(rows, "make_batch")
    return _batch(rows)


class BucketedBatches:
    """Shuffled batches of pairs of similar lengths, so that a batch has little padding.

    A call with an rng starts an epoch: an iterator in which every pair occurs exactly once. Pairs are
    shuffled and grouped into pools of 50 batches; each pool is sorted by length and cut into batches; the
    batches of all pools are shuffled. All random numbers are drawn at the call, none during the iteration.
    `len` is the number of batches per epoch.

    Each side of a batch has at most `max_symbols` symbols including padding: rows times the longest. To bound
    the memory of attention as well, rows * S * T is at most 256 * max_symbols. Pairs so long that batch_size
    of them would exceed a limit are sorted separately and form smaller batches.

    Args:
        pairs, source_vocabulary, target_vocabulary: as in `make_batch`; the pairs are encoded once, here.
        batch_size: pairs per batch; one batch of an epoch may be smaller, and so are those of long pairs.
        max_symbols: the maximum number of symbols on each side of a batch; None means `default_max_symbols`.
        on_too_long: called with a message that gives the position of each pair that fits no batch, which is
            then left out; if None, such a pair is an error.
        allow_unknown: whether a side may consist of unknown symbols only, as in `make_batch`.

    Raises:
        TypeError: for symbols that are not strings.
        ValueError: for empty pairs, an entry that is not a pair, a batch_size or max_symbols below 1, a pair
            that is too long, or a side of unknown symbols only.

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
        *,
        max_symbols: int | None = None,
        on_too_long: Callable[[str], object] | None = None,
        allow_unknown: bool = False,
    ) -> None:
        self.batch_size = as_size(batch_size, "BucketedBatches", "batch_size")
        if max_symbols is None:
            max_symbols = default_max_symbols(self.batch_size)
        self.max_symbols = as_size(max_symbols, "BucketedBatches", "max_symbols")
        rows = _encode(pairs, source_vocabulary, target_vocabulary, "BucketedBatches")
        if not allow_unknown:
            _refuse_unknown(rows, "BucketedBatches")
        # (N, 2): END counts as a step of a target, START does not
        lengths = np.array([(len(source), len(target) - 1) for source, target in rows])
        kept = _kept(lengths, self.max_symbols, on_too_long)
        self._rows = [rows[i] for i in kept]
        self._buckets = Buckets(lengths[kept], self.batch_size, self.max_symbols)

    def __len__(self) -> int:
        return len(self._buckets)

    def __call__(self, rng: Rng) -> Iterator[Batch]:
        """Return an iterator over the batches of an epoch."""
        shuffled = self._buckets.cuts(as_generator(rng))
        return (_batch([self._rows[i] for i in cut]) for cut in shuffled)


def _encode(
    pairs: Iterable[Pair], source_vocabulary: Vocabulary, target_vocabulary: Vocabulary, caller: str
) -> list[tuple[Array, Array]]:
    check_iterable(pairs, caller, "pairs", "pairs of source and target symbols")
    check_type(source_vocabulary, Vocabulary, caller, "source_vocabulary")
    check_type(target_vocabulary, Vocabulary, caller, "target_vocabulary")
    rows = []
    for position, pair in enumerate(pairs):
        if type(pair) is not tuple or len(pair) != 2:  # build no message in the usual case
            check_pair(pair, caller, position)
        source = np.array(source_vocabulary.encode(pair[0]), np.intp)
        target = np.array([START, *target_vocabulary.encode(pair[1]), END], np.intp)
        rows.append((source, target))
    if not rows:
        raise ValueError(f"{caller}: pairs is empty, expected at least one pair of source and target symbols")
    return rows


def _kept(lengths: Array, max_symbols: int, on_too_long: Callable[[str], object] | None) -> Array:
    """Return the positions of the pairs that fit a batch; call on_too_long for all others."""
    source_steps, target_steps = lengths.max(axis=0).tolist()
    if fits(1, source_steps, target_steps, max_symbols):
        return np.arange(len(lengths))
    complaints = [too_long(source, target, max_symbols) for source, target in lengths.tolist()]
    for position, complaint in enumerate(complaints):
        if complaint and on_too_long is None:
            raise ValueError(f"BucketedBatches: pairs[{position}]: {complaint}")
        if complaint and on_too_long is not None:
            on_too_long(f"pairs[{position}]: {complaint}: left out")
    if all(complaints):
        raise ValueError(f"BucketedBatches: all {len(lengths):,} pairs are too long")
    return np.flatnonzero([not complaint for complaint in complaints])


def _refuse_unknown(rows: list[tuple[Array, Array]], caller: str) -> None:
    framing = ((0, "source"), (2, "target"))  # every vocabulary knows START and END of a target
    for side, (framed, name) in enumerate(framing):
        known = (np.count_nonzero(row[side] != UNKNOWN) > framed for row in rows)
        if not any(known) and any(len(row[side]) > framed for row in rows):
            raise ValueError(
                f"{caller}: the {name} vocabulary contains none of the {name} symbols in pairs: was it built "
                "for another level, language or file? allow_unknown=True accepts them"
            )


def _batch(rows: Sequence[tuple[Array, Array]]) -> Batch:
    source, source_lengths = _pad([source for source, _ in rows])
    framed, framed_lengths = _pad([target for _, target in rows])  # (T + 1, B): start, y_1, ..., y_n, end
    mask = np.arange(len(framed) - 1)[:, None] < framed_lengths - 1  # (T, B)
    inputs = np.where(mask, framed[:-1], PAD)  # the END of a shorter target must not be an input
    return Batch(source, source_lengths, inputs, framed[1:], mask)


def _pad(rows: Sequence[Array]) -> tuple[Array, Array]:
    lengths = np.array([len(row) for row in rows], np.intp)
    tokens = np.full((lengths.max(initial=0), len(rows)), PAD, np.intp)  # (S, B)
    for column, row in enumerate(rows):
        tokens[: len(row), column] = row
    return tokens, lengths
