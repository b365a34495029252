"""Dot-product attention: a key's score is its inner product with the query.

    score_s = k_s · q                             Luong's "dot"
    score_s = k_s · q / sqrt(K)                   scaled: as large for wide keys as for narrow ones

Weights and context are those of contexts/inner_product.py. There are no parameters, so the query must be as
wide as the keys.
"""

from __future__ import annotations

import math

from seqmem.contexts.inner_product import InnerProductContext, InnerProductLook, InnerProductMemory
from seqmem.module import Array
from seqmem.validation import as_flag, as_size


class DotProductAttention(InnerProductContext):
    """Dot-product attention (Luong, Pham & Manning, 2015), or scaled (Vaswani et al., 2017).

    Args:
        size: the width of queries and keys; None if any is allowed.
        scaled: whether the scores are divided by the square root of the width.

    >>> query, keys = np.array([[np.log(3.0)]]), np.array([[[1.0]], [[0.0]]])
    >>> (context, weights), cache = DotProductAttention().forward(query, keys)
    >>> context, weights
    (array([[0.75]]), array([[0.75, 0.25]]))
    >>> (d_query, d_keys), grads = DotProductAttention().backward((np.ones((1, 1)), None), cache)
    >>> d_query.round(4), grads
    (array([[0.1875]]), {})
    """

    def __init__(self, size: int | None = None, *, scaled: bool = False) -> None:
        self.size = None if size is None else as_size(size, "DotProductAttention", "size")
        self.query_size = self.key_size = self.size
        self.scaled = as_flag(scaled, "DotProductAttention", "scaled")

    def step(self, query: Array, memory: InnerProductMemory) -> tuple[Array, InnerProductLook]:
        if query.shape[1] != memory.keys.shape[2]:
            raise ValueError(
                f"DotProductAttention: keys are {memory.keys.shape[2]} wide, expected {query.shape[1]}: "
                "the width of the query"
            )
        return super().step(query, memory)

    def ask(self, query: Array) -> Array:
        return query / math.sqrt(query.shape[1]) if self.scaled else query

    def ask_backward(self, d_asked: Array) -> Array:
        return d_asked / math.sqrt(d_asked.shape[1]) if self.scaled else d_asked
