"""Beam search (Lowerre, 1976; Graves, 2012): the best extensions of the best prefixes of sequences.

score of a sequence = sum over its tokens of log p(token | previous tokens), including the end token

The `beam_size` best prefixes are kept at each step. A prefix that ends leaves the beam and takes its
place with it, so the search ends when `beam_size` sequences have ended. With as many places as there are
sequences, it finds the best of all; with one place, it is greedy search.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seqmem.reference.activations import Array

Step = Callable[[int, Any], tuple[Array, Any]]


def beam_search(
    step: Step, state: Any, start: int, end: int, beam_size: int, max_length: int
) -> list[tuple[list[int], float]]:
    """Return up to beam_size sequences with their scores, the best first, without start and end.

    Args:
        step: takes a token and the state before the token; returns the log-probabilities (V,) of the next
            token, and the state after the token.
        state: the state before the start token.
        start: the input token of the first step.
        end: the token that ends a sequence; its log-probability counts too.
        beam_size: the number of prefixes to keep, 1 or more.
        max_length: the maximum number of tokens, without the end token.

    >>> table = np.log([[0.3, 0.5, 0.2], [0.4, 0.2, 0.4], [0.1, 0.1, 0.8]])  # of the token after 0, 1, 2
    >>> found = beam_search(lambda token, state: (table[token], state), None, 0, 2, beam_size=2, max_length=3)
    >>> [(tokens, round(score, 3)) for tokens, score in found]
    [([1], -1.609), ([1, 0, 1], -2.303)]
    """
    beam: list[tuple[list[int], float, int, Any]] = [([], 0.0, start, state)]
    ended: list[tuple[list[int], float]] = []
    for _ in range(max_length):
        extended = []
        for tokens, score, previous, before in beam:
            log_p, after = step(previous, before)
            for token, more in enumerate(log_p.tolist()):
                extended.append((tokens, score + more, token, after))
        extended.sort(key=lambda one: -one[1])
        beam = []
        for tokens, score, token, after in extended[: beam_size - len(ended)]:
            if token == end:
                ended.append((tokens, score))
            else:
                beam.append(([*tokens, token], score, token, after))
        if not beam:
            break
    ended += [(tokens, score) for tokens, score, _, _ in beam]
    return sorted(ended, key=lambda one: -one[1])
