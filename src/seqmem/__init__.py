"""Recurrent networks, attention and encoder-decoders in NumPy, with backward passes written by hand.

Axes: T steps, B batch, D input features, H hidden units, S source positions, E embedding width, K key width,
A attention width, V vocabulary. Time comes first; LSTM gates are in the order i, f, o, g, GRU gates r, z, n.

A name is imported when it is first used: a script pays for what it needs.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from seqmem.version import VERSION

if TYPE_CHECKING:
    from seqmem.cells import GRUCell, LSTMCell, LSTMState, RNNCell
    from seqmem.checking import assert_gradients, check_module, gradcheck, gradcheck_functions
    from seqmem.contexts import AdditiveAttention, FixedContext
    from seqmem.data import Batch, Vocabulary, make_batch
    from seqmem.layers import Dropout, Embedding, Linear, Recurrent, cross_entropy
    from seqmem.models import Decoder, Encoder, Seq2Seq
    from seqmem.search import Hypothesis
    from seqmem.tasks import Translator
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

__version__ = VERSION

_ROOMS = {
    "GRUCell": "cells",
    "LSTMCell": "cells",
    "LSTMState": "cells",
    "RNNCell": "cells",
    "assert_gradients": "checking",
    "check_module": "checking",
    "gradcheck": "checking",
    "gradcheck_functions": "checking",
    "Translator": "tasks",
    "Vocabulary": "data",
    "make_batch": "data",
    "AdditiveAttention": "contexts",
    "Dropout": "layers",
    "Embedding": "layers",
    "FixedContext": "contexts",
    "Linear": "layers",
    "Recurrent": "layers",
    "cross_entropy": "layers",
    "Batch": "data",
    "Decoder": "models",
    "Encoder": "models",
    "Hypothesis": "search",
    "Seq2Seq": "models",
    "SGD": "training",
    "Adam": "training",
    "CheckpointError": "training",
    "History": "training",
    "clip_by_global_norm": "training",
    "cosine_decay": "training",
    "fit": "training",
    "load": "training",
    "save": "training",
}
_OTHER_ROOMS = ("experiments", "insight", "pages", "reference")  # public by their own names

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
    "assert_gradients",
    "check_module",
    "clip_by_global_norm",
    "cosine_decay",
    "cross_entropy",
    "fit",
    "gradcheck",
    "gradcheck_functions",
    "load",
    "make_batch",
    "save",
]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        value = getattr(importlib.import_module(f"seqmem.{_ROOMS[name]}"), name)
        globals()[name] = value  # found without this function the next time
        return value
    if name in _OTHER_ROOMS or name in _ROOMS.values():
        return importlib.import_module(f"seqmem.{name}")
    raise AttributeError(f"module 'seqmem' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
