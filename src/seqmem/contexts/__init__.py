"""Contexts: what a decoder looks at."""

from seqmem.contexts.additive import AdditiveAttention
from seqmem.contexts.context import Context
from seqmem.contexts.fixed import FixedContext

__all__ = ["AdditiveAttention", "Context", "FixedContext"]
