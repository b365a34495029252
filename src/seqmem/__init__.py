"""Recurrent networks, attention and encoder-decoders in NumPy, with backward passes written by hand.

Axes: T steps, B batch, D input features, H hidden units, S source positions, E embedding width, K key width,
A attention width, V vocabulary. Time comes first; LSTM gates are in the order i, f, o, g, GRU gates r, z, n.

A name is imported when it is first used: a script pays for what it needs. `seqmem.registry` lists them all.
"""

from __future__ import annotations

import importlib

from seqmem.registry import PUBLIC, ROOMS, find
from seqmem.version import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:  # for editors and type checkers, which run nothing
    from typing import Any

    from seqmem.cells import GRUCell as GRUCell
    from seqmem.cells import LayerNormLSTMCell as LayerNormLSTMCell
    from seqmem.cells import LSTMCell as LSTMCell
    from seqmem.cells import LSTMState as LSTMState
    from seqmem.cells import PeepholeLSTMCell as PeepholeLSTMCell
    from seqmem.cells import RNNCell as RNNCell
    from seqmem.checking import assert_gradients as assert_gradients
    from seqmem.checking import check_module as check_module
    from seqmem.checking import gradcheck as gradcheck
    from seqmem.checking import gradcheck_functions as gradcheck_functions
    from seqmem.contexts import AdditiveAttention as AdditiveAttention
    from seqmem.contexts import BilinearAttention as BilinearAttention
    from seqmem.contexts import DotProductAttention as DotProductAttention
    from seqmem.contexts import FixedContext as FixedContext
    from seqmem.contexts import NoContext as NoContext
    from seqmem.data import Batch as Batch
    from seqmem.data import SequenceBatch as SequenceBatch
    from seqmem.data import Vocabulary as Vocabulary
    from seqmem.data import make_batch as make_batch
    from seqmem.layers import GRU as GRU
    from seqmem.layers import LSTM as LSTM
    from seqmem.layers import RNN as RNN
    from seqmem.layers import Bidirectional as Bidirectional
    from seqmem.layers import BidirectionalState as BidirectionalState
    from seqmem.layers import Dropout as Dropout
    from seqmem.layers import Embedding as Embedding
    from seqmem.layers import Linear as Linear
    from seqmem.layers import Recurrent as Recurrent
    from seqmem.layers import Stack as Stack
    from seqmem.layers import TruncatedBPTT as TruncatedBPTT
    from seqmem.layers import cross_entropy as cross_entropy
    from seqmem.layers import huber_loss as huber_loss
    from seqmem.layers import mae_loss as mae_loss
    from seqmem.layers import mse_loss as mse_loss
    from seqmem.models import Decoder as Decoder
    from seqmem.models import Encoder as Encoder
    from seqmem.models import LanguageModel as LanguageModel
    from seqmem.models import Seq2Seq as Seq2Seq
    from seqmem.models import SequenceClassifier as SequenceClassifier
    from seqmem.models import SequenceRegressor as SequenceRegressor
    from seqmem.models import SequenceTagger as SequenceTagger
    from seqmem.registry import register as register
    from seqmem.search import Hypothesis as Hypothesis
    from seqmem.search import sample_tokens as sample_tokens
    from seqmem.tasks import Classifier as Classifier
    from seqmem.tasks import Forecaster as Forecaster
    from seqmem.tasks import Tagger as Tagger
    from seqmem.tasks import TextGenerator as TextGenerator
    from seqmem.tasks import Translator as Translator
    from seqmem.tasks import load_task as load_task
    from seqmem.training import SGD as SGD
    from seqmem.training import Adam as Adam
    from seqmem.training import AdamW as AdamW
    from seqmem.training import CheckpointError as CheckpointError
    from seqmem.training import EarlyStopping as EarlyStopping
    from seqmem.training import History as History
    from seqmem.training import KeepBest as KeepBest
    from seqmem.training import Metric as Metric
    from seqmem.training import RMSProp as RMSProp
    from seqmem.training import clip_by_global_norm as clip_by_global_norm
    from seqmem.training import cosine_decay as cosine_decay
    from seqmem.training import fit as fit
    from seqmem.training import load as load
    from seqmem.training import save as save

__version__ = VERSION
__all__ = sorted(entry.name for entry in PUBLIC)


def __getattr__(name: str) -> Any:
    if name in __all__:
        value = globals()[name] = find(name)  # the next access does not call this function
        return value
    if name in ROOMS:
        return importlib.import_module(f"seqmem.{name}")
    raise AttributeError(f"module 'seqmem' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *ROOMS, "__version__"])
