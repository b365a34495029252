"""Search: from a decoder's scores to sequences of tokens."""

from seqmem.search.beam import beam_search
from seqmem.search.greedy import Hypothesis, greedy_search
from seqmem.search.sampling import draw_tokens, sample_tokens, sampling_probabilities

__all__ = [
    "Hypothesis",
    "beam_search",
    "draw_tokens",
    "greedy_search",
    "sample_tokens",
    "sampling_probabilities",
]
