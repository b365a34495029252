"""Layers: linear maps, embeddings, dropout and recurrence over time."""

from seqmem.layers.dropout import Dropout
from seqmem.layers.embedding import Embedding
from seqmem.layers.linear import Linear
from seqmem.layers.losses import cross_entropy
from seqmem.layers.recurrent import Recurrent

__all__ = [
    "Dropout",
    "Embedding",
    "Linear",
    "Recurrent",
    "cross_entropy",
]
