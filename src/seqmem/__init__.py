"""Recurrent networks, attention and encoder-decoders in NumPy, with backward passes written by hand.

Axes: T steps, B batch, D input features, H hidden units, S source positions, E embedding width, K key width,
A attention width, V vocabulary. Time comes first; LSTM gates are in the order i, f, o, g, GRU gates r, z, n.
"""

from importlib.metadata import version

from seqmem.cells import GRUCell, LSTMCell, LSTMState, RNNCell
from seqmem.checking import gradcheck
from seqmem.data import Translator, Vocabulary, make_batch
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
from seqmem.training import (
    SGD,
    Adam,
    CheckpointError,
    History,
    clip_by_global_norm,
    cosine_decay,
    fit,
    load,
    save,
)

__version__ = version("seqmem")

__all__ = [
    "SGD",
    "Adam",
    "AdditiveAttention",
    "Batch",
    "CheckpointError",
    "Decoder",
    "Dropout",
    "Embedding",
    "Encoder",
    "FixedContext",
    "GRUCell",
    "History",
    "Hypothesis",
    "LSTMCell",
    "LSTMState",
    "Linear",
    "RNNCell",
    "Recurrent",
    "Seq2Seq",
    "Translator",
    "Vocabulary",
    "clip_by_global_norm",
    "cosine_decay",
    "cross_entropy",
    "fit",
    "gradcheck",
    "load",
    "make_batch",
    "save",
]
