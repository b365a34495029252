"""From a model's scores to a sequence of tokens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seqmem.activations import log_softmax
from seqmem.cells import State
from seqmem.layers.context import Memory
from seqmem.models.decoder import Decoder
from seqmem.module import Array


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """One decoded sequence."""

    tokens: list[int]  # without the start and the end token
    score: float  # its log-probability, the end token's included when it came
    weights: Array  # (T, S) for each token, how much each source position counted


def greedy_search(
    decoder: Decoder, state: State, memory: Memory, batch_size: int, start: int, end: int, max_length: int
) -> list[Hypothesis]:
    """The most probable token at each step, for a batch at once; of equally probable ones, the lowest id.

    Args:
        decoder: what scores the tokens.
        state: its state before the first step.
        memory: what `decoder.memory` returned.
        batch_size: B.
        start: the token fed to the first step.
        end: the token that ends a sequence.
        max_length: tokens after which a sequence ends without it.

    Returns:
        A hypothesis for each row.
    """
    previous = np.full(batch_size, start)
    scores = np.zeros(batch_size)
    ended = np.zeros(batch_size, bool)
    tokens: list[Array] = []
    weights: list[Array] = []
    while len(tokens) < max_length and not ended.all():
        (logits, looked), state = decoder.step(previous, state, memory)
        previous = logits.argmax(axis=1)
        best = np.take_along_axis(log_softmax(logits), previous[:, None], axis=1)[:, 0]
        scores += np.where(ended, 0, best)
        ended |= previous == end
        tokens.append(np.where(ended, end, previous))
        weights.append(looked)
    lengths = [int(np.sum([step[row] != end for step in tokens])) for row in range(batch_size)]
    S = weights[0].shape[1] if weights else 0
    return [
        Hypothesis(
            tokens=[int(step[row]) for step in tokens[:length]],
            score=float(scores[row]),
            weights=np.array([step[row] for step in weights[:length]]).reshape(length, S),
        )
        for row, length in enumerate(lengths)
    ]
