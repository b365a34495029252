"""Layers: linear maps, embeddings, dropout, recurrence over time, and what a decoder looks at."""

from seqmem.layers.attention import AdditiveAttention
from seqmem.layers.context import Context
from seqmem.layers.dropout import Dropout
from seqmem.layers.embedding import Embedding
from seqmem.layers.fixed_context import FixedContext
from seqmem.layers.linear import Linear
from seqmem.layers.losses import cross_entropy
from seqmem.layers.recurrent import Recurrent

__all__ = [
    "AdditiveAttention",
    "Context",
    "Dropout",
    "Embedding",
    "FixedContext",
    "Linear",
    "Recurrent",
    "cross_entropy",
]
