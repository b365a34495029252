"""Contexts: the decoder's view of the source."""

from seqmem.contexts.additive import AdditiveAttention
from seqmem.contexts.context import Context
from seqmem.contexts.fixed import FixedContext

__all__ = ["AdditiveAttention", "Context", "FixedContext"]
