"""Greedy search: from a decoder's scores to the most probable token at each step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqmem.activations import log_softmax
from seqmem.cells import State
from seqmem.contexts.context import Memory, check_memory
from seqmem.module import Array
from seqmem.nests import tree_leaves
from seqmem.search.stepper import Decodes
from seqmem.validation import as_count

BLOCK_BYTES = 1 << 16  # of logits to collect: scored together while they are still in the cache


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """One decoded sequence."""

    tokens: list[int]  # without the start and the end token
    score: float  # the log-probability, including the end token's if the sequence ended
    weights: Array  # (T, S) for each token, the weight of each source position
    ended: bool  # True after the end token; False if cut off
    normalized_score: float = math.nan  # by which a search ranks; without a length penalty, the score


def greedy_search(
    decoder: Decodes, state: State, memory: Memory, start: int, end: int, max_length: int
) -> list[Hypothesis]:
    """Choose the most probable token at each step, for a batch at once; of several, the lowest id.

    Args:
        decoder: the decoder that scores the tokens.
        state: the decoder's state before the first step.
        memory: the memory that `decoder.memory` returned.
        start: the input token of the first step.
        end: the token that ends a sequence.
        max_length: the maximum number of tokens, without the end token.

    Returns:
        A hypothesis for each row.

    Raises:
        ValueError: for logits that are not finite, with their row and step.
        ValueError, TypeError: for an argument of the wrong type or value.
    """
    check_search(decoder, state, memory, "greedy_search")
    start, end = as_count(start, "greedy_search", "start"), as_count(end, "greedy_search", "end")
    max_length = as_count(max_length, "greedy_search", "max_length")
    B = len(memory[0])
    previous = np.full(B, start)
    ended = np.zeros(B, bool)
    tokens: list[Array] = []
    unscored: list[Array] = []
    log_probabilities: list[Array] = []
    looks: list[Array] = []
    with np.errstate(under="ignore", over="ignore", invalid="ignore"):  # what is not finite is reported
        decoding = decoder.start(parts_of(state), memory, max(1, max_length))
        while len(tokens) < max_length and np.count_nonzero(ended) < B:
            logits, weights = decoding.step(previous)
            previous = logits.argmax(axis=1)
            ended |= previous == end
            tokens.append(previous)
            looks.append(weights)
            unscored.append(logits)
            if len(unscored) * logits.nbytes >= BLOCK_BYTES:
                log_probabilities.append(_of_the_best(unscored))
                unscored = []
        if unscored:
            log_probabilities.append(_of_the_best(unscored))
        if not tokens:
            _, weights = decoding.step(previous)  # for the number of source positions
            return [Hypothesis([], 0.0, row[None][:0], False, 0.0) for row in weights]
    written, shown = np.stack(tokens), np.stack(looks)  # (T, B), (T, B, S)
    is_end = written == end
    lengths = np.where(is_end.any(axis=0), is_end.argmax(axis=0), len(written))  # (B,) up to the first end
    scored = np.arange(len(written))[:, None] <= lengths  # the end token counts too
    each = np.concatenate(log_probabilities)  # (T, B)
    scores = each.sum(axis=0, where=scored, dtype=np.float64)
    if not np.isfinite(scores).all():
        row = int(np.isfinite(scores).argmin())
        raise not_finite("greedy_search", row, int(np.isfinite(each[:, row]).argmin()))
    return [
        Hypothesis(
            written[:length, row].tolist(),
            float(scores[row]),
            shown[:length, row].copy(),
            bool(length < len(written)),
            float(scores[row]),
        )
        for row, length in enumerate(lengths)
    ]


def check_search(decoder: Any, state: Any, memory: Any, caller: str) -> None:
    """Raise for anything but a decoder, its state and its memory."""
    if not hasattr(decoder, "start"):
        raise TypeError(f"{caller}: decoder is of type {type(decoder).__name__}, expected a decoder")
    check_memory(memory, caller)
    parts = parts_of(state)
    if not parts or not all(
        isinstance(part, np.ndarray) and part.ndim == 2 and part.dtype.kind in "fc" for part in parts
    ):
        raise TypeError(f"{caller}: state is of type {type(state).__name__}, expected arrays (B, H)")


def parts_of(state: Any) -> list[Array]:
    """Return the arrays of a state."""
    return [part for _, part in tree_leaves(state, "state")]


def not_finite(caller: str, row: int, step: int) -> ValueError:
    """Return the error for logits that are not finite; rows and steps count from 0."""
    return ValueError(
        f"{caller}: the logits of row {row} are not finite at step {step}: the model's parameters hold nan, "
        "inf or numbers too large"
    )


def _of_the_best(logits: list[Array]) -> Array:
    """Return the log-probability of the best token, (n, B), for the logits of n steps, (B, V) each."""
    return log_softmax(np.stack(logits)).max(axis=-1)
