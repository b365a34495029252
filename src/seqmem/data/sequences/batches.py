"""Padded time-first batches of ragged sequences, of ids or features, with their targets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from seqmem.data.batch import SequenceBatch
from seqmem.data.buckets import Buckets, pieces
from seqmem.initializers import Rng, as_generator
from seqmem.module import Array
from seqmem.validation import as_array, as_flag, as_ids, as_list, as_size, as_weights, brief, check_type

SHORT = 256  # this many steps are never too long for a batch


def pad_features(sequences: Iterable[Any], input_size: int | None = None) -> tuple[Array, Array]:
    """Return sequences of features, padded with 0 at the end, one sequence per column.

    An array whose first axis is the batch, (B, T, D), also counts as a list of such sequences.

    Args:
        sequences: B sequences, each (length, D) real numbers, or (length,) for one feature per step.
        input_size: D; None means that of the first sequence.

    Returns:
        (xs, lengths): (T, B, D) float64 and (B,) intp, where T is the greatest length.

    Raises:
        TypeError: for sequences that are not real numbers.
        ValueError: for a sequence with another number of features, or a number that is not finite, with its
            position.

    >>> xs, lengths = pad_features([[1.0, 2.0, 3.0], [4.0]])
    >>> xs[:, :, 0]
    array([[1., 4.],
           [2., 0.],
           [3., 0.]])
    >>> lengths
    array([3, 1])
    """
    rows = as_features(sequences, "pad_features", input_size)
    return _pad(rows), _lengths(rows)


def make_sequence_batch(
    sequences: Iterable[Any], targets: Iterable[Any], *, per_step: bool = False, weights: Any = None
) -> SequenceBatch:
    """Return sequences and their targets as arrays for training.

    Args:
        sequences: B sequences. Integers (length,) are token ids, as from `Vocabulary.encode`; anything else
            is features, as in `pad_features`.
        targets: for each sequence an id, a number or K numbers; with `per_step`, one of these for each step
            of the sequence.
        per_step: whether each step has a target, as in tagging.
        weights: for each sequence a number of at least 0, the weight of its target or of each of its targets;
            None for equal weights.

    Raises:
        TypeError: for sequences that are not real numbers, or targets that are neither ids nor real numbers.
        ValueError: for empty sequences, another number of targets, or a target that is not finite, with its
            row.

    >>> batch = make_sequence_batch([[4, 5, 6], [7]], [[1, 0, 1], [2]], per_step=True)
    >>> batch.targets.T
    array([[1, 0, 1],
           [2, 0, 0]])
    >>> batch.mask.T
    array([[ True,  True,  True],
           [ True, False, False]])
    """
    return _batch(*_as_rows(sequences, targets, per_step, weights, "make_sequence_batch"))


class SequenceBatches:
    """Shuffled batches of sequences of similar lengths, so that a batch has little padding.

    A call with an rng starts an epoch: an iterator in which every sequence occurs exactly once, as in
    `BucketedBatches`. `len` is the number of batches per epoch.

    Args:
        sequences, targets, per_step, weights: as in `make_sequence_batch`.
        batch_size: sequences per batch; one batch of an epoch may be smaller.
        max_steps: the maximum number of steps of a batch, including padding; sequences so long that
            batch_size of them would exceed it form smaller batches. None means batch_size times 256 or times
            twice the median length, whichever is larger: a few very long sequences then cost no memory for
            padding.

    Raises:
        TypeError, ValueError: as from `make_sequence_batch`; for a batch_size or max_steps below 1, or a
            sequence of more than max_steps steps.

    >>> batches = SequenceBatches([[4, 5], [4], [6, 5], [7]], [0, 1, 0, 1], batch_size=2)
    >>> len(batches), sorted(batch.inputs.shape for batch in batches(rng=0))
    (2, [(1, 2), (2, 2)])
    """

    def __init__(
        self,
        sequences: Iterable[Any],
        targets: Iterable[Any],
        batch_size: int,
        *,
        per_step: bool = False,
        weights: Any = None,
        max_steps: int | None = None,
    ) -> None:
        self.batch_size = as_size(batch_size, "SequenceBatches", "batch_size")
        self._rows = _as_rows(sequences, targets, per_step, weights, "SequenceBatches")
        lengths = _lengths(self._rows[0])
        if max_steps is None:
            max_steps = max(self.batch_size * max(SHORT, 2 * int(np.median(lengths))), int(lengths.max()))
        self.max_steps = as_size(max_steps, "SequenceBatches", "max_steps")
        if lengths.max() > self.max_steps:
            row = int(lengths.argmax())
            raise ValueError(
                f"SequenceBatches: sequences[{row}] has {lengths[row]:,} steps, expected at most "
                f"{self.max_steps:,}: max_steps"
            )
        self._buckets = Buckets(
            np.stack([lengths, np.ones_like(lengths)], axis=1), self.batch_size, self.max_steps
        )

    def __len__(self) -> int:
        return len(self._buckets)

    def __call__(self, rng: Rng) -> Iterator[SequenceBatch]:
        """Return an iterator over the batches of an epoch."""
        sequences, targets, per_step, weights = self._rows
        return (
            _batch(
                [sequences[i] for i in cut],
                [targets[i] for i in cut] if per_step else targets[cut],
                per_step,
                None if weights is None else weights[cut],
            )
            for cut in self._buckets.cuts(as_generator(rng))
        )


class Minibatches:
    """Shuffled minibatches of one large batch, such as all windows of a series.

    A call with an rng starts an epoch: an iterator in which every sequence occurs exactly once. `len` is the
    number of batches per epoch.

    Args:
        whole: the large batch.
        batch_size: sequences per batch; the last batch of an epoch may be smaller.

    Raises:
        TypeError: for anything but a SequenceBatch.
        ValueError: for a batch_size below 1, or a batch without a sequence.

    >>> xs = np.arange(12.0).reshape(3, 4, 1)
    >>> whole = SequenceBatch(xs, np.full(4, 3), np.array([0, 1, 1, 0]), np.ones(4, bool))
    >>> [batch.inputs.shape for batch in Minibatches(whole, 3)(rng=0)]
    [(3, 3, 1), (3, 1, 1)]
    """

    def __init__(self, whole: SequenceBatch, batch_size: int) -> None:
        check_type(whole, SequenceBatch, "Minibatches", "whole")
        self.batch_size = as_size(batch_size, "Minibatches", "batch_size")
        if len(whole.lengths) == 0:
            raise ValueError("Minibatches: whole has no sequence, expected at least one")
        self.whole = whole

    def __len__(self) -> int:
        return -(-len(self.whole.lengths) // self.batch_size)

    def __call__(self, rng: Rng) -> Iterator[SequenceBatch]:
        """Return an iterator over the batches of an epoch."""
        order = as_generator(rng).permutation(len(self.whole.lengths))
        return (take_sequences(self.whole, rows) for rows in pieces(order, self.batch_size))


def take_sequences(batch: SequenceBatch, rows: Any) -> SequenceBatch:
    """Return some of the sequences of a batch.

    Args:
        batch: B sequences.
        rows: positions from 0 to B - 1, or a slice.

    >>> batch = make_sequence_batch([[4, 5], [6], [7]], [0, 1, 2])
    >>> take_sequences(batch, [2, 1]).targets
    array([2, 1])
    """
    check_type(batch, SequenceBatch, "take_sequences", "batch")
    if not isinstance(rows, slice):
        rows = as_ids(rows, len(batch.lengths), ("B",), "take_sequences", "rows")

    def of(array: Array, axis: int) -> Array:
        return array[rows] if axis == 0 else array[:, rows]

    axis = batch.mask.ndim - 1  # of the batch, in the mask, the targets and the weights
    return batch._replace(
        inputs=batch.inputs[:, rows],
        lengths=batch.lengths[rows],
        targets=of(batch.targets, axis),
        mask=of(batch.mask, axis),
        weights=None if batch.weights is None else of(batch.weights, axis),
    )


def as_features(
    sequences: Iterable[Any], caller: str, input_size: int | None = None, name: str = "sequences"
) -> list[Array]:
    """Return sequences of features as float64 arrays (length, D), all numbers finite.

    Raises:
        TypeError, ValueError: as from `pad_features`, under the caller's name.
    """
    if input_size is not None:
        as_size(input_size, caller, "input_size")
    rows = []
    for position, sequence in enumerate(as_list(sequences, caller, name, "a list of sequences")):
        row = as_array(sequence, caller, f"{name}[{position}]")
        if row.dtype.kind not in "fiub":
            raise TypeError(f"{caller}: {name}[{position}] has dtype {row.dtype}, expected real numbers")
        if row.ndim == 1:
            row = row.reshape(-1, 1) if row.size or input_size is None else row.reshape(0, input_size)
        if input_size is None:
            input_size = row.shape[-1] if row.ndim == 2 else None
        if row.ndim != 2 or row.shape[1] != input_size:
            expected = "(T, D)" if input_size is None else f"(T, {input_size})"
            raise ValueError(
                f"{caller}: {name}[{position}] has shape {row.shape}, expected {expected}: steps and features"
            )
        check_row(row, caller, f"{name}[{position}]")
        rows.append(row.astype(np.float64, copy=False))
    return rows


def check_row(row: Array, caller: str, name: str) -> None:
    """Raise if a number is not finite.

    Raises:
        ValueError: with the number and its position.
    """
    if not np.isfinite(row).all():
        where = np.argwhere(~np.isfinite(row))[0].tolist()
        raise ValueError(
            f"{caller}: {name} holds {row[tuple(where)]} at {where}, expected finite numbers: fill or drop "
            "missing values first"
        )


Rows = tuple[list[Array], Any, bool, Array | None]  # sequences, targets, per_step, weights


def _as_rows(sequences: Any, targets: Any, per_step: bool, weights: Any, caller: str) -> Rows:
    per_step = as_flag(per_step, caller, "per_step")
    found = _as_sequences(as_list(sequences, caller, "sequences", "a list of sequences"), caller)
    if not found:
        raise ValueError(f"{caller}: sequences is empty, expected at least one sequence")
    targets = as_list(targets, caller, "targets", "a target for each sequence")
    if len(targets) != len(found):
        raise ValueError(f"{caller}: there are {len(targets)} targets for {len(found)} sequences")
    if weights is not None:
        weights = as_weights(weights, ((len(found), "the number of sequences"),), caller, "weights")
    if not per_step:
        return found, _as_targets(targets, caller, "targets"), False, weights
    rows = []
    for position, (row, sequence) in enumerate(zip(targets, found, strict=True)):
        name = f"targets[{position}]"
        rows.append(_as_targets(row, caller, name))
        if len(rows[-1]) != len(sequence):
            raise ValueError(
                f"{caller}: {name} has {len(rows[-1])} entries, expected {len(sequence)}: the steps of "
                f"sequences[{position}]"
            )
    _check_alike(rows, caller)
    return found, rows, True, weights


def _as_sequences(sequences: Sequence[Any], caller: str) -> list[Array]:
    """Return token ids (length,) if the first sequence that is not empty contains integers, else features."""
    arrays = [as_array(row, caller, f"sequences[{i}]") for i, row in enumerate(sequences)]
    first = next((array for array in arrays if array.size), None)
    if first is None or (first.ndim == 1 and first.dtype.kind in "iu"):
        largest = np.iinfo(np.intp).max
        return [as_ids(row, largest, ("T",), caller, f"sequences[{i}]") for i, row in enumerate(arrays)]
    return as_features(arrays, caller)


def _as_targets(targets: Any, caller: str, name: str) -> Array:
    """Return ids (N,) intp, or numbers (N,) or (N, K) float64."""
    array = as_array(targets, caller, name)
    if array.size == 0:
        return array.astype(np.intp) if array.ndim == 1 else array
    if array.dtype.kind not in "fiub" or array.ndim not in (1, 2):
        shown = brief(repr(targets), 60)
        raise TypeError(f"{caller}: {name} is {shown}, expected class ids or real numbers, alike in all rows")
    if array.dtype.kind in "iub" and array.ndim == 1:
        return array.astype(np.intp)
    check_row(array, caller, name)
    return array.astype(np.float64, copy=False)


def _check_alike(rows: list[Array], caller: str) -> None:
    """Raise if targets per step differ in kind or in K from the first row that has any."""
    filled = [(position, row) for position, row in enumerate(rows) if row.size]
    for position, row in filled:
        first = filled[0][1]
        if (row.dtype, row.shape[1:]) != (first.dtype, first.shape[1:]):
            raise ValueError(
                f"{caller}: targets[{position}] has dtype {row.dtype} and shape {row.shape}, unlike "
                f"targets[{filled[0][0]}]: dtype {first.dtype}, shape {first.shape}"
            )


def _batch(sequences: list[Array], targets: Any, per_step: bool, weights: Array | None) -> SequenceBatch:
    inputs, lengths = _pad(sequences), _lengths(sequences)
    if not per_step:
        return SequenceBatch(inputs, lengths, targets, np.ones(len(sequences), bool), weights)
    mask = np.arange(len(inputs))[:, None] < lengths  # (T, B)
    shares = None if weights is None else np.where(mask, weights, 0.0)
    return SequenceBatch(inputs, lengths, _pad(targets), mask, shares)


def _lengths(rows: Sequence[Array]) -> Array:
    return np.array([len(row) for row in rows], np.intp)


def _pad(rows: Sequence[Array]) -> Array:
    """Return rows (length, ...) of one kind side by side, (T, B, ...), padded with 0."""
    like = next((row for row in rows if row.size), rows[0] if rows else np.zeros((0, 0)))
    padded = np.zeros((max(map(len, rows), default=0), len(rows), *like.shape[1:]), like.dtype)
    for column, row in enumerate(rows):
        if len(row):
            padded[: len(row), column] = row
    return padded
