"""Bilinear attention: a key's score is its inner product with a learned map of the query.

    score_s = k_s · (q @ W)                       Luong's "general"; W (Q, K)

Weights and context are those of contexts/inner_product.py.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from seqmem.contexts.inner_product import InnerProductContext
from seqmem.initializers import Rng, as_generator, glorot_uniform
from seqmem.module import Array, Grads
from seqmem.validation import as_param_dtype, as_size


class BilinearAttention(InnerProductContext):
    """Bilinear attention, "general" in Luong, Pham & Manning (2015).

    Args:
        query_size: Q.
        key_size: K.
        rng: seed or generator for the initial weights.
        dtype: float64 or float32.

    >>> attention = BilinearAttention(3, 4, rng=0)
    >>> (context, weights), cache = attention.forward(np.ones((2, 3)), np.ones((6, 2, 4)), lengths=[6, 2])
    >>> weights[1]
    array([0.5, 0.5, 0. , 0. , 0. , 0. ])
    >>> (d_query, d_keys), grads = attention.backward((np.ones((2, 4)), None), cache)
    >>> d_keys.shape, sorted(grads)
    ((6, 2, 4), ['W'])
    """

    def __init__(
        self, query_size: int, key_size: int, *, rng: Rng = None, dtype: npt.DTypeLike = np.float64
    ) -> None:
        self.query_size = Q = as_size(query_size, "BilinearAttention", "query_size")
        self.key_size = K = as_size(key_size, "BilinearAttention", "key_size")
        dtype, rng = as_param_dtype(dtype, "BilinearAttention"), as_generator(rng)
        self.W: Array = glorot_uniform(rng, (Q, K), dtype)

    def ask(self, query: Array) -> Array:
        return np.dot(query, self.W)  # dot: faster for one row

    def ask_backward(self, d_asked: Array) -> Array:
        return d_asked @ self.W.T

    def ask_gradients(self, queries: Array, d_asked: Array) -> Grads:
        return {"W": queries.T @ d_asked}
