"""One label for each sequence.

hs, final = encoder(inputs)
pooled    = the last output, the mean over the steps, or attention over the steps     (B, F)
logits    = dropout(pooled) @ W + b                                                   (B, C)
loss      = mean cross-entropy
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from seqmem.data.batch import SequenceBatch
from seqmem.initializers import Rng, as_generator
from seqmem.layers import Dropout, Linear
from seqmem.layers.dropout import DropoutCache
from seqmem.layers.linear import LinearCache
from seqmem.layers.losses import cross_entropy
from seqmem.models.pooling import (
    AttentionPooling,
    AttentionPoolingCache,
    MeanPooling,
    MeanPoolingCache,
)
from seqmem.models.reading import (
    ReadCache,
    Reader,
    check_reader,
    dtype_of,
    last_output,
    layer_of,
    read,
    read_backward,
    with_last_output,
)
from seqmem.module import Array, Grads, Module, prefixed
from seqmem.validation import as_cache, as_choice, as_fraction, as_size, check_type

POOLINGS = ("last", "mean", "attention")


class SequenceClassifierCache(NamedTuple):
    """The values that `forward` passes to `backward`."""

    read: ReadCache
    pooling: MeanPoolingCache | AttentionPoolingCache | None  # None for the last output
    drop: DropoutCache
    output: LinearCache


class SequenceClassifier(Module):
    """A distribution over the classes for each sequence.

    Args:
        encoder: an `Encoder` for tokens, or a recurrent layer for features.
        n_classes: C.
        pooling: the combination of the steps: "last", the output after the last step, of both ends if the
            encoder reads from both; "mean" over the steps; or "attention" over them (Yang et al., 2016).
        attention_size: A of the attention; None for half of the encoder's output size.
        dropout: the probability of zeroing the pooled output if an `rng` is passed.
        rng: seed or generator for the initial weights of pooling and output.

    >>> import numpy as np
    >>> from seqmem.cells import GRUCell
    >>> from seqmem.layers import Recurrent
    >>> model = SequenceClassifier(Recurrent(GRUCell(3, 4, rng=0)), 5, pooling="mean", rng=1)
    >>> logits, cache = model.forward(np.ones((6, 2, 3)), lengths=[6, 4])
    >>> logits.shape
    (2, 5)
    """

    def __init__(
        self,
        encoder: Reader,
        n_classes: int,
        *,
        pooling: Literal["last", "mean", "attention"] = "last",
        attention_size: int | None = None,
        dropout: float = 0.0,
        rng: Rng = None,
    ) -> None:
        caller = "SequenceClassifier"
        check_reader(encoder, caller)
        rng, dtype, size = as_generator(rng), dtype_of(encoder), layer_of(encoder).output_size
        self.encoder, self.n_classes = encoder, as_size(n_classes, caller, "n_classes")
        self.pooling = as_choice(pooling, POOLINGS, caller, "pooling")
        self.attention_size = attention_size
        if attention_size is not None and pooling != "attention":
            raise ValueError(f"{caller}: attention_size is {attention_size!r} with pooling={pooling!r}")
        if pooling == "mean":
            self.pool: MeanPooling | AttentionPooling | None = MeanPooling()
        elif pooling == "attention":
            A = size // 2 or 1 if attention_size is None else attention_size
            self.pool = AttentionPooling(size, A, rng=rng, dtype=dtype)
        else:
            self.pool = None
        self.dropout = as_fraction(dropout, caller, "dropout")
        self.drop = Dropout(self.dropout)
        self.output = Linear(size, self.n_classes, rng=rng, dtype=dtype)

    def forward(
        self, inputs: Array, *, lengths: Any = None, rng: Rng = None
    ) -> tuple[Array, SequenceClassifierCache]:
        """Score the classes of each sequence.

        Args:
            inputs: (T, B) tokens, or (T, B, D) features.
            lengths: (B,) integers from 0 to T; None if every sequence has T steps.
            rng: enables dropout.

        Returns:
            (logits, cache): (B, C), and the cache for `backward`.

        Raises:
            ValueError, TypeError: for wrong shapes, dtypes or lengths, or tokens outside the vocabulary.
        """
        caller = "SequenceClassifier.forward"
        rng = None if rng is None else as_generator(rng)
        (hs, final), read_cache = read(self.encoder, inputs, None, lengths, rng, caller)
        pooling_cache: MeanPoolingCache | AttentionPoolingCache | None = None
        if isinstance(self.pool, MeanPooling):
            pooled, pooling_cache = self.pool.forward(hs, lengths=lengths)
        elif isinstance(self.pool, AttentionPooling):
            (pooled, _), pooling_cache = self.pool.forward(hs, lengths=lengths)
        else:
            pooled = last_output(layer_of(self.encoder), final)
        dropped, drop_cache = self.drop.forward(pooled, rng=rng)
        logits, output_cache = self.output.forward(dropped)
        return logits, SequenceClassifierCache(read_cache, pooling_cache, drop_cache, output_cache)

    def backward(
        self, d_logits: Array | None, cache: SequenceClassifierCache
    ) -> tuple[tuple[Array | None], Grads]:
        """Return ((d_inputs,), grads) from d_logits (B, C), with None for tokens."""
        cache = as_cache(cache, SequenceClassifierCache, "SequenceClassifier.backward")
        (d_dropped,), output_grads = self.output.backward(d_logits, cache.output)
        (d_pooled,), _ = self.drop.backward(d_dropped, cache.drop)
        d_hs, d_final, pooling_grads = None, None, Grads()
        if isinstance(cache.pooling, MeanPoolingCache):
            (d_hs,), _ = MeanPooling().backward(d_pooled, cache.pooling)
        elif isinstance(self.pool, AttentionPooling) and cache.pooling is not None:
            (d_hs,), pooling_grads = self.pool.backward((d_pooled, None), cache.pooling)
        else:
            d_final = with_last_output(layer_of(self.encoder), None, d_pooled)
        (d_inputs, _), grads = read_backward(self.encoder, (d_hs, d_final), cache.read)
        grads = prefixed("encoder", grads) | prefixed("pool", pooling_grads)
        return (d_inputs,), self.summed(grads | prefixed("output", output_grads))

    def loss_and_grads(self, batch: SequenceBatch, rng: Rng = None) -> tuple[float, Grads]:
        """Return the mean cross-entropy of the sequences' labels, in nats, and its gradients.

        Args:
            batch: sequences with a class id (B,) each.
            rng: enables dropout.
        """
        check_type(batch, SequenceBatch, "SequenceClassifier.loss_and_grads", "batch")
        logits, cache = self.forward(batch.inputs, lengths=batch.lengths, rng=rng)
        loss, d_logits = cross_entropy(logits, batch.targets, batch.mask, sample_weights=batch.weights)
        return loss, self.backward(d_logits, cache)[1]

    def loss(self, batch: SequenceBatch) -> float:
        """Return the mean cross-entropy of the sequences' labels, in nats, without dropout."""
        check_type(batch, SequenceBatch, "SequenceClassifier.loss", "batch")
        logits, _ = self.forward(batch.inputs, lengths=batch.lengths)
        return float(cross_entropy(logits, batch.targets, batch.mask, sample_weights=batch.weights)[0])
