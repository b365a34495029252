"""Layers: linear maps, embeddings, dropout, recurrence over time, and losses."""

from seqmem.layers.dropout import Dropout
from seqmem.layers.embedding import Embedding
from seqmem.layers.linear import Linear
from seqmem.layers.losses import cross_entropy
from seqmem.layers.recurrent import Recurrent
from seqmem.layers.regression_losses import huber_loss, mae_loss, mse_loss

__all__ = [
    "Dropout",
    "Embedding",
    "Linear",
    "Recurrent",
    "cross_entropy",
    "huber_loss",
    "mae_loss",
    "mse_loss",
]
