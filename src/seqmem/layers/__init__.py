"""Layers: linear maps, embeddings, dropout, and recurrence over time in several layers and directions."""

from seqmem.layers.bidirectional import Bidirectional, BidirectionalState
from seqmem.layers.dropout import Dropout
from seqmem.layers.embedding import Embedding
from seqmem.layers.linear import Linear
from seqmem.layers.losses import cross_entropy
from seqmem.layers.multilayer import GRU, LSTM, RNN
from seqmem.layers.recurrent import Recurrent
from seqmem.layers.stack import Stack

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Bidirectional",
    "BidirectionalState",
    "Dropout",
    "Embedding",
    "Linear",
    "Recurrent",
    "Stack",
    "cross_entropy",
]
