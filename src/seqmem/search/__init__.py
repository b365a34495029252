"""Search: from the scores of a decoder to sequences of tokens."""

from seqmem.search.greedy import Hypothesis, greedy_search

__all__ = ["Hypothesis", "greedy_search"]
