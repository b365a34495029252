"""One label for each step of a sequence.

hs, _  = encoder(inputs)
logits = dropout(hs) @ W + b          (T, B, L)
loss   = mean cross-entropy of the steps that count
"""

from __future__ import annotations

from typing import Any, NamedTuple

from seqmem.data.batch import SequenceBatch
from seqmem.initializers import Rng, as_generator
from seqmem.layers import Dropout, Linear
from seqmem.layers.dropout import DropoutCache
from seqmem.layers.linear import LinearCache
from seqmem.layers.losses import cross_entropy
from seqmem.models.reading import (
    ReadCache,
    Reader,
    check_reader,
    dtype_of,
    layer_of,
    read,
    read_backward,
)
from seqmem.module import Array, Grads, Module, prefixed
from seqmem.validation import as_cache, as_fraction, as_size, check_type


class SequenceTaggerCache(NamedTuple):
    """The values that `forward` passes to `backward`."""

    read: ReadCache
    drop: DropoutCache
    output: LinearCache


class SequenceTagger(Module):
    """A distribution over the labels at each step.

    With an encoder that reads from both ends, each label depends on the whole sequence (Graves & Schmidhuber,
    2005).

    Args:
        encoder: an `Encoder` for tokens, or a recurrent layer for features.
        n_labels: L.
        dropout: the probability of zeroing the encoder's outputs if an `rng` is passed.
        rng: seed or generator for the output's initial weights.

    >>> from seqmem.models.encoder import Encoder
    >>> model = SequenceTagger(Encoder(9, 3, 4, rng=0), 5, rng=1)
    >>> logits, cache = model.forward([[5, 6], [7, 8], [4, 0]], lengths=[3, 2])
    >>> logits.shape
    (3, 2, 5)
    """

    def __init__(self, encoder: Reader, n_labels: int, *, dropout: float = 0.0, rng: Rng = None) -> None:
        check_reader(encoder, "SequenceTagger")
        self.encoder, self.n_labels = encoder, as_size(n_labels, "SequenceTagger", "n_labels")
        self.dropout = as_fraction(dropout, "SequenceTagger", "dropout")
        self.drop = Dropout(self.dropout)
        self.output = Linear(layer_of(encoder).output_size, self.n_labels, rng=rng, dtype=dtype_of(encoder))

    def forward(
        self, inputs: Array, *, lengths: Any = None, rng: Rng = None
    ) -> tuple[Array, SequenceTaggerCache]:
        """Score the labels of each step.

        Args:
            inputs: (T, B) tokens, or (T, B, D) features.
            lengths: (B,) integers from 0 to T; None if every sequence has T steps.
            rng: enables dropout.

        Returns:
            (logits, cache): (T, B, L), and the cache for `backward`.

        Raises:
            ValueError, TypeError: for wrong shapes, dtypes or lengths, or tokens outside the vocabulary.
        """
        rng = None if rng is None else as_generator(rng)
        (hs, _), read_cache = read(self.encoder, inputs, None, lengths, rng, "SequenceTagger.forward")
        dropped, drop_cache = self.drop.forward(hs, rng=rng)
        logits, output_cache = self.output.forward(dropped)
        return logits, SequenceTaggerCache(read_cache, drop_cache, output_cache)

    def backward(
        self, d_logits: Array | None, cache: SequenceTaggerCache
    ) -> tuple[tuple[Array | None], Grads]:
        """Return ((d_inputs,), grads) from d_logits (T, B, L), with None for tokens."""
        cache = as_cache(cache, SequenceTaggerCache, "SequenceTagger.backward")
        (d_dropped,), output_grads = self.output.backward(d_logits, cache.output)
        (d_hs,), _ = self.drop.backward(d_dropped, cache.drop)
        (d_inputs, _), grads = read_backward(self.encoder, (d_hs, None), cache.read)
        return (d_inputs,), self.summed(prefixed("encoder", grads) | prefixed("output", output_grads))

    def loss_and_grads(self, batch: SequenceBatch, rng: Rng = None) -> tuple[float, Grads]:
        """Return the mean cross-entropy of the labels, in nats per step, and its gradients.

        Args:
            batch: sequences with a label id for each step, (T, B).
            rng: enables dropout.
        """
        check_type(batch, SequenceBatch, "SequenceTagger.loss_and_grads", "batch")
        logits, cache = self.forward(batch.inputs, lengths=batch.lengths, rng=rng)
        loss, d_logits = cross_entropy(logits, batch.targets, batch.mask, sample_weights=batch.weights)
        return loss, self.backward(d_logits, cache)[1]

    def loss(self, batch: SequenceBatch) -> float:
        """Return the mean cross-entropy of the labels, in nats per step, without dropout."""
        check_type(batch, SequenceBatch, "SequenceTagger.loss", "batch")
        logits, _ = self.forward(batch.inputs, lengths=batch.lengths)
        return float(cross_entropy(logits, batch.targets, batch.mask, sample_weights=batch.weights)[0])
