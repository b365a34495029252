"""Search: from a decoder's scores to sequences of tokens."""

from seqmem.search.greedy import Hypothesis, greedy_search

__all__ = ["Hypothesis", "greedy_search"]
