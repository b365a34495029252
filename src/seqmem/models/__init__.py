"""Models: encoder, decoder and both as one; language model, classifier, tagger and regressor."""

from seqmem.models.bridge import Bridge
from seqmem.models.classifier import SequenceClassifier
from seqmem.models.decoder import Decoder
from seqmem.models.encoder import Encoder
from seqmem.models.language_model import LanguageModel
from seqmem.models.pooling import AttentionPooling, MeanPooling
from seqmem.models.regressor import SequenceRegressor
from seqmem.models.seq2seq import Seq2Seq
from seqmem.models.tagger import SequenceTagger

__all__ = [
    "AttentionPooling",
    "Bridge",
    "Decoder",
    "Encoder",
    "LanguageModel",
    "MeanPooling",
    "Seq2Seq",
    "SequenceClassifier",
    "SequenceRegressor",
    "SequenceTagger",
]
