"""The vanishing gradient, word by word: how much of it reaches each word in an RNN, an LSTM and a GRU."""

from seqmem.pages.vanishing.words import vanishing_gradient

__all__ = ["vanishing_gradient"]
