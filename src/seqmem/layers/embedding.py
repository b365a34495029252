"""A row of a table for every token.

y[t, b] = W[tokens[t, b]]        W (V, E)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seqmem.initializers import Rng, as_generator
from seqmem.module import Array, Grads, Module
from seqmem.validation import as_cache, as_ids, as_param_dtype, as_positive, as_size, as_upstream

STD = 1.0  # what docs/first-values.md found best


class EmbeddingCache(NamedTuple):
    """What `forward` hands to `backward`."""

    tokens: Array  # (...) intp


class Embedding(Module):
    """Table lookup; a token that occurs twice gets the sum of both gradients.

    Args:
        vocab_size: V.
        embedding_size: E.
        std: standard deviation of the first table, whose entries are normal with mean 0.
        rng: seed or generator of the first table.
        dtype: float64 or float32.

    >>> table = Embedding(10, 3, rng=0)
    >>> y, cache = table.forward(np.array([[7, 7]]))
    >>> (d_tokens,), grads = table.backward(np.ones((1, 2, 3)), cache)
    >>> d_tokens is None, grads["W"][7]
    (True, array([2., 2., 2.]))
    """

    def __init__(
        self,
        vocab_size: int,
        embedding_size: int,
        *,
        std: float = STD,
        rng: Rng = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        self.vocab_size = as_size(vocab_size, "Embedding", "vocab_size")
        self.embedding_size = as_size(embedding_size, "Embedding", "embedding_size")
        self.std = as_positive(std, "Embedding", "std")
        shape = (self.vocab_size, self.embedding_size)
        dtype = as_param_dtype(dtype, "Embedding")
        self.W: Array = (self.std * as_generator(rng).standard_normal(shape)).astype(dtype, copy=False)

    def forward(self, tokens: Array) -> tuple[Array, EmbeddingCache]:
        """tokens (...), integers from 0 to V - 1, to their rows (..., E).

        Raises:
            ValueError: for an id outside the table, with the id and its place.
            TypeError: for tokens that are not integers.
        """
        tokens = as_ids(tokens, self.vocab_size, ("...",), "Embedding.forward", "tokens")
        return self.W.take(tokens, axis=0), EmbeddingCache(tokens.copy())

    def backward(self, d_y: Array | None, cache: EmbeddingCache) -> tuple[tuple[None], Grads]:
        """d_y (..., E) to ((None,), grads): integers have no gradient."""
        (tokens,) = as_cache(cache, EmbeddingCache, "Embedding.backward")
        shape = (*tokens.shape, self.embedding_size)
        d_y = as_upstream(d_y, shape, self.W.dtype, "Embedding.backward", "d_y")
        d_W = np.zeros(self.W.shape, d_y.dtype)
        if tokens.size:
            # Equal ids side by side, one sum per id: `d_W[tokens] += d_y` would keep only the last.
            order = np.argsort(tokens, axis=None, kind="stable")
            ids = tokens.take(order)
            rows = d_y.reshape(-1, self.embedding_size).take(order, axis=0)
            first = np.concatenate([[0], np.flatnonzero(ids[1:] != ids[:-1]) + 1])
            d_W[ids[first]] = np.add.reduceat(rows, first, axis=0)
        return (None,), {"W": d_W}
