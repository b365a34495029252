"""The training data of models: pairs of sequences, and sequences with targets."""

from __future__ import annotations

from typing import NamedTuple

from seqmem.module import Array


class Batch(NamedTuple):
    """B pairs of sequences, padded at the end to S source positions and T target steps."""

    source: Array  # (S, B) token ids
    source_lengths: Array  # (B,)
    inputs: Array  # (T, B) the decoder's input: start, y_1, ..., y_n
    targets: Array  # (T, B) the correct output: y_1, ..., y_n, end
    mask: Array  # (T, B) bool, False where the target is padding


class SequenceBatch(NamedTuple):
    """B sequences, padded at the end to T steps, and their targets.

    A target belongs to a sequence, (B, ...), or to a step, (T, B, ...); the mask and the weights have the
    first axes of the targets. Class ids have no further axis, numbers have one of size K.
    """

    inputs: Array  # (T, B) token ids, or (T, B, D) features
    lengths: Array  # (B,)
    targets: Array  # (B,) or (T, B) ids; (B, K), (T, B, K) or, of a forecast, (steps, B, K) numbers
    mask: Array  # bool, (B,), (T, B) or (steps, B): False where the target does not count
    weights: Array | None = (
        None  # in the shape of the mask: the weight of each target; None for equal weights
    )
    continues: bool = False  # whether row b continues row b of the previous batch
