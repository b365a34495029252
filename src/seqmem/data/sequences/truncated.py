"""Long sequences in windows of k steps, for truncated backpropagation through time.

The windows of a sequence follow one another; each continues the previous one: the state is carried over, but
no gradient flows through it (Williams & Peng, 1990, with h = h'). So a training step needs the memory of k
steps, however long the sequence is, and a gradient reaches back at most k steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any

import numpy as np

from seqmem.data.batch import SequenceBatch
from seqmem.initializers import Rng, as_generator
from seqmem.module import Array
from seqmem.validation import as_ids, as_size, check_type


def stream_batch(tokens: Any, batch_size: int) -> SequenceBatch:
    """Return one long text as B parallel streams, in which the target of each step is the next token.

    The text is cut into B pieces of equal lengths, of which the last may be shorter; no token is lost: the
    last target of a stream is the first token of the next stream.

    Args:
        tokens: (N,) token ids, at least 2.
        batch_size: B, the number of streams; fewer if the text is too short for B streams.

    Returns:
        A SequenceBatch with inputs and targets (T, B), where T B is about N - 1.

    Raises:
        TypeError: for ids that are not integers.
        ValueError: for a text of fewer than 2 tokens, a negative id, or a batch_size below 1.

    >>> batch = stream_batch([4, 5, 6, 7, 8], batch_size=2)
    >>> batch.inputs.T, batch.targets.T
    (array([[4, 5],
           [6, 7]]), array([[5, 6],
           [7, 8]]))
    """
    ids = as_ids(tokens, np.iinfo(np.intp).max, ("N",), "stream_batch", "tokens")
    as_size(batch_size, "stream_batch", "batch_size")
    if len(ids) < 2:
        raise ValueError(f"stream_batch: tokens has {len(ids)} ids, expected at least 2: one and its target")
    count = len(ids) - 1
    T = -(-count // batch_size)
    B = -(-count // T)  # only streams with at least one step
    padding = np.zeros(T * B - count, np.intp)
    inputs, targets = (np.concatenate([part, padding]).reshape(B, T).T for part in (ids[:-1], ids[1:]))
    lengths = np.minimum(T, count - T * np.arange(B))
    return SequenceBatch(inputs, lengths, targets, np.arange(T)[:, None] < lengths)


def truncated_windows(batch: SequenceBatch, steps: int) -> Iterator[SequenceBatch]:
    """Yield the windows of a batch in order; every window but the first `continues` the previous one.

    A row that has ended has length 0 in the following windows. Final windows without a target that counts are
    left out.

    Args:
        batch: sequences with a target for each step.
        steps: k, the steps per window; the last window may have fewer.

    Raises:
        TypeError: for anything but a SequenceBatch.
        ValueError: for targets that do not belong to steps, or a `steps` below 1.

    >>> windows = list(truncated_windows(stream_batch([4, 5, 6, 7, 8, 9, 4], batch_size=2), steps=2))
    >>> [(window.inputs.shape, window.continues) for window in windows]
    [((2, 2), False), ((1, 2), True)]
    """
    check_type(batch, SequenceBatch, "truncated_windows", "batch")
    as_size(steps, "truncated_windows", "steps")
    T, B = batch.inputs.shape[:2]
    if batch.mask.shape != (T, B):
        raise ValueError(
            f"truncated_windows: the mask has shape {batch.mask.shape}, expected {(T, B)}: a target for each "
            "step"
        )
    counted = np.flatnonzero(batch.mask.any(axis=1))
    end = int(counted[-1]) + 1 if counted.size else 0

    def part(array: Array, start: int) -> Array:
        return array[start : start + steps]

    for start in range(0, end, steps):
        inputs = part(batch.inputs, start)
        yield SequenceBatch(
            inputs,
            np.clip(batch.lengths - start, 0, len(inputs)),
            part(batch.targets, start),
            part(batch.mask, start),
            None if batch.weights is None else part(batch.weights, start),
            continues=batch.continues or start > 0,
        )


class TruncatedBatches:
    """The windows of other batches, for truncated backpropagation through time; see `truncated_windows`.

    A call with an rng starts an epoch: the windows of each batch in order, batch by batch. `fit` passes the
    state from window to window for models that take one.

    Args:
        batches: a list of SequenceBatch, or a function of a Generator that returns an epoch's batches.
        steps: k, the steps per window.

    Raises:
        TypeError: for batches that are neither.
        ValueError: for a `steps` below 1.

    >>> windows = TruncatedBatches([stream_batch(range(4, 20), batch_size=3)], steps=2)
    >>> [window.inputs.shape for window in windows(rng=0)]
    [(2, 3), (2, 3), (1, 3)]
    """

    def __init__(
        self, batches: Iterable[SequenceBatch] | Callable[..., Iterable[SequenceBatch]], steps: int
    ) -> None:
        self.steps = as_size(steps, "TruncatedBatches", "steps")
        once = isinstance(batches, (SequenceBatch, Iterator, str, bytes))
        if once or not (callable(batches) or isinstance(batches, Iterable)):
            came = type(batches).__name__
            raise TypeError(
                f"TruncatedBatches: batches is of type {came}, expected a list or a function of a Generator"
            )
        self.batches = batches

    def __len__(self) -> int:
        """Return the windows of an epoch.

        Raises:
            TypeError: if the batches come from a function, because their lengths are unknown in advance.
        """
        if callable(self.batches) or not isinstance(self.batches, Sized):
            raise TypeError(
                "TruncatedBatches: the number of windows is not known before the batches are made"
            )
        return sum(1 for batch in self.batches for _ in truncated_windows(batch, self.steps))

    def __call__(self, rng: Rng) -> Iterator[SequenceBatch]:
        """Return an iterator over the windows of an epoch."""
        whole = self.batches(as_generator(rng)) if callable(self.batches) else self.batches
        return (window for batch in whole for window in truncated_windows(batch, self.steps))
