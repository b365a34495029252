"""Contexts: the decoder's view of the source."""

from seqmem.contexts.additive import AdditiveAttention
from seqmem.contexts.bilinear import BilinearAttention
from seqmem.contexts.context import Context
from seqmem.contexts.dot_product import DotProductAttention
from seqmem.contexts.fixed import FixedContext
from seqmem.contexts.none import NoContext

__all__ = [
    "AdditiveAttention",
    "BilinearAttention",
    "Context",
    "DotProductAttention",
    "FixedContext",
    "NoContext",
]
