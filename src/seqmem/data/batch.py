"""What a sequence-to-sequence model is trained on."""

from __future__ import annotations

from typing import NamedTuple

from seqmem.module import Array


class Batch(NamedTuple):
    """B pairs of sequences, padded at the end to S source positions and T target steps."""

    source: Array  # (S, B) token ids
    source_lengths: Array  # (B,)
    inputs: Array  # (T, B) what the decoder is fed: start, y_1, ..., y_n
    targets: Array  # (T, B) what it should answer: y_1, ..., y_n, end
    mask: Array  # (T, B) bool, False where the target is padding
