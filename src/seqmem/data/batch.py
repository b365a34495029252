"""The training data of a sequence-to-sequence model."""

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
