"""Models: encoder, decoder, both as one, and search."""

from seqmem.models.bridge import Bridge
from seqmem.models.decoder import Decoder
from seqmem.models.encoder import Encoder
from seqmem.models.search import Hypothesis
from seqmem.models.seq2seq import Seq2Seq

__all__ = ["Bridge", "Decoder", "Encoder", "Hypothesis", "Seq2Seq"]
