"""A table with a row for every token.

y[t, b] = W[tokens[t, b]]        W (V, E)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seqmem.initializers import Rng, as_generator
from seqmem.module import Array, Grads, Module
from seqmem.validation import (
    as_array,
    as_cache,
    as_ids,
    as_param_dtype,
    as_positive,
    as_size,
    as_upstream,
    check_shape,
)

STD = 1.0  # the best value in docs/initial-values.md


class EmbeddingCache(NamedTuple):
    """The values that `forward` passes to `backward`."""

    tokens: Array  # (...) intp


class Embedding(Module):
    """A lookup table; a token that occurs twice gets the sum of both gradients.

    Args:
        vocab_size: V.
        embedding_size: E.
        std: standard deviation of the initial table, whose entries are normal with mean 0.
        rng: seed or generator for the initial table.
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

    @classmethod
    def from_vectors(
        cls, table: Array, found: Array | None = None, *, rng: Rng = None, dtype: npt.DTypeLike = np.float64
    ) -> Embedding:
        """Return an embedding with pretrained vectors, such as those that `data.read_vectors` returns.

        Args:
            table: (V, E) finite numbers.
            found: (V,) bool, which rows of the table are vectors; None if all are. The other rows are drawn
                with the mean and standard deviation of each column of these vectors.
            rng: seed or generator for the drawn rows.
            dtype: float64 or float32.

        Raises:
            TypeError: for a table that is not real numbers, or a `found` that is not bool.
            ValueError: for wrong shapes, numbers that are not finite, or a table without any vector.

        >>> table = np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 2.0]])
        >>> Embedding.from_vectors(table, np.array([False, True, True]), rng=0).W[1:]
        array([[1., 2.],
               [3., 2.]])
        """
        caller = "Embedding.from_vectors"
        values = as_array(table, caller, "table")
        if values.dtype.kind not in "fiu":
            raise TypeError(f"{caller}: table has dtype {values.dtype}, expected real numbers")
        check_shape(values, ("V", "E"), caller, "table")
        rows = np.ones(len(values), bool) if found is None else as_array(found, caller, "found")
        if rows.dtype != np.bool_:
            raise TypeError(f"{caller}: found has dtype {rows.dtype}, expected bool")
        check_shape(rows, ((len(values), "the rows of table"),), caller, "found")
        kept = values[rows].astype(np.float64)
        if not len(kept) or not kept.shape[1]:
            raise ValueError(f"{caller}: found has no True, expected at least one vector in table")
        if not np.isfinite(kept).all():
            raise ValueError(f"{caller}: table holds a number that is not finite where found is True")
        std = float(kept.std()) or STD
        made = cls(*values.shape, std=std, rng=rng, dtype=dtype)
        drawn = kept.mean(axis=0) + made.W / std * kept.std(axis=0)
        made.W[:] = np.where(rows[:, None], values, drawn)
        return made

    def forward(self, tokens: Array) -> tuple[Array, EmbeddingCache]:
        """Return the rows (..., E) of tokens (...), integers from 0 to V - 1.

        Raises:
            ValueError: for an id outside the table; the message gives the id and its position.
            TypeError: for tokens that are not integers.
        """
        tokens = as_ids(tokens, self.vocab_size, ("...",), "Embedding.forward", "tokens")
        return self.W.take(tokens, axis=0), EmbeddingCache(tokens.copy())

    def backward(self, d_y: Array | None, cache: EmbeddingCache) -> tuple[tuple[None], Grads]:
        """Return ((None,), grads) from d_y (..., E): integers have no gradient."""
        (tokens,) = as_cache(cache, EmbeddingCache, "Embedding.backward")
        shape = (*tokens.shape, self.embedding_size)
        d_y = as_upstream(d_y, shape, self.W.dtype, "Embedding.backward", "d_y")
        d_W = np.zeros(self.W.shape, d_y.dtype)
        if tokens.size:
            # Sort equal ids together and sum once per id: `d_W[tokens] += d_y` would keep only the last.
            order = np.argsort(tokens, axis=None, kind="stable")
            ids = tokens.take(order)
            rows = d_y.reshape(-1, self.embedding_size).take(order, axis=0)
            first = np.concatenate([[0], np.flatnonzero(ids[1:] != ids[:-1]) + 1])
            d_W[ids[first]] = np.add.reduceat(rows, first, axis=0)
        return (None,), {"W": d_W}
