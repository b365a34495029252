"""Models: encoder, decoder, and both as one."""

from seqmem.models.bridge import Bridge
from seqmem.models.decoder import Decoder
from seqmem.models.encoder import Encoder
from seqmem.models.seq2seq import Seq2Seq

__all__ = ["Bridge", "Decoder", "Encoder", "Seq2Seq"]
