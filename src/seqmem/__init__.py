"""Recurrent networks, attention and encoder-decoders in NumPy, with backward passes written by hand.

Axes: T steps, B batch, D input features, H hidden units, S source positions, E embedding width, K key width,
A attention width, V vocabulary. Time comes first; LSTM gates are in the order i, f, o, g, GRU gates r, z, n.
"""

from importlib.metadata import version

from seqmem.cells import GRUCell, LSTMCell, LSTMState, RNNCell
from seqmem.checking import gradcheck
from seqmem.layers import (
    AdditiveAttention,
    Dropout,
    Embedding,
    FixedContext,
    Linear,
    Recurrent,
    cross_entropy,
)
from seqmem.models import Batch, Decoder, Encoder, Hypothesis, Seq2Seq

__version__ = version("seqmem")

__all__ = [
    "AdditiveAttention",
    "Batch",
    "Decoder",
    "Dropout",
    "Embedding",
    "Encoder",
    "FixedContext",
    "GRUCell",
    "Hypothesis",
    "LSTMCell",
    "LSTMState",
    "Linear",
    "RNNCell",
    "Recurrent",
    "Seq2Seq",
    "cross_entropy",
    "gradcheck",
]
