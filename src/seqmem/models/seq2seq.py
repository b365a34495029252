"""Encoder and decoder as one model (Cho et al., 2014; Sutskever et al., 2014; Bahdanau et al., 2015)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from seqmem.data.batch import Batch
from seqmem.initializers import Rng, as_generator
from seqmem.layers.losses import cross_entropy
from seqmem.models.bridge import Bridge, BridgeCache, form_of
from seqmem.models.decoder import Decoder, DecoderCache
from seqmem.models.encoder import Encoder, EncoderCache, check_dtype
from seqmem.module import Array, Grads, Module, prefixed
from seqmem.search.greedy import Hypothesis, greedy_search
from seqmem.validation import Axis, WrongTypeError, as_cache, as_count, as_ids, as_lengths, check_type


class Seq2SeqCache(NamedTuple):
    """The values that `forward` passes to `backward`."""

    encoder: EncoderCache
    bridge: BridgeCache
    decoder: DecoderCache


class Seq2Seq(Module):
    """An encoder whose states are the decoder's keys and whose final state is the decoder's initial state.

    If both states have the same form (cell, size and number of layers), the state passes unchanged, including
    an LSTM's c; otherwise it passes through a `Bridge`.

    Args:
        encoder: encodes the source.
        decoder: generates the target; its key_size is the encoder's output_size.
        start: the input token of the decoder's first step.
        end: the token that ends a target.
        rng: seed or generator for the bridge's initial weights.

    >>> from seqmem.contexts import AdditiveAttention
    >>> encoder = Encoder(9, 3, 4, rng=0)
    >>> decoder = Decoder(8, 3, 4, context=AdditiveAttention(4, 4, 5, rng=1), rng=2)
    >>> model = Seq2Seq(encoder, decoder)
    >>> source, inputs = np.array([[3, 4], [5, 6], [7, 8]]), np.array([[1, 1], [6, 7]])
    >>> (logits, weights), cache = model.forward(source, inputs, lengths=[3, 2])
    >>> logits.shape, weights.shape
    ((2, 2, 8), (2, 2, 3))
    >>> [len(hypothesis.tokens) <= 5 for hypothesis in model.generate(source, max_length=5)]
    [True, True]
    """

    def __init__(
        self, encoder: Encoder, decoder: Decoder, *, start: int = 1, end: int = 2, rng: Rng = None
    ) -> None:
        check_type(encoder, Encoder, "Seq2Seq", "encoder")
        check_type(decoder, Decoder, "Seq2Seq", "decoder")
        if decoder.key_size != encoder.output_size:
            what = "twice its hidden_size" if encoder.bidirectional else "hidden_size"
            raise ValueError(
                f"Seq2Seq: decoder has key_size {decoder.key_size}, expected {encoder.output_size}: "
                f"the encoder's {what}"
            )
        check_dtype(decoder, encoder.embedding.W.dtype, "Seq2Seq", "decoder")
        for name, token in (("start", start), ("end", end)):
            as_ids(token, decoder.vocab_size, (), "Seq2Seq", name)
        self.encoder = encoder
        self.bridge = Bridge(form_of(encoder), form_of(decoder), rng=rng, dtype=encoder.embedding.W.dtype)
        self.decoder = decoder
        self.start, self.end = int(start), int(end)

    def forward(
        self, source: Array, inputs: Array, *, lengths: Any = None, rng: Rng = None
    ) -> tuple[tuple[Array, Array], Seq2SeqCache]:
        """Compute the logits with teacher forcing.

        Args:
            source: (S, B) tokens of the source.
            inputs: (T, B) the decoder's input: the start token, then the target without its last token.
            lengths: (B,) of the sources; None if each has S tokens.
            rng: enables dropout.

        Returns:
            ((logits, weights), cache): (T, B, V), (T, B, S), and the cache for `backward`.

        Raises:
            ValueError, TypeError: for tokens outside a vocabulary, wrong shapes, dtypes or lengths.
        """
        rng = None if rng is None else as_generator(rng)
        source = as_ids(source, self.encoder.vocab_size, ("S", "B"), "Seq2Seq.forward", "source")
        axes: tuple[Axis, ...] = ("T", (source.shape[1], "the batch size of source"))
        inputs = as_ids(inputs, self.decoder.vocab_size, axes, "Seq2Seq.forward", "inputs")
        (keys, final), encoder_cache = self.encoder.forward(source, lengths=lengths, rng=rng)
        state, bridge_cache = self.bridge.forward(final)
        outputs, decoder_cache = self.decoder.forward(inputs, state, keys, lengths=lengths, rng=rng)
        return outputs, Seq2SeqCache(encoder_cache, bridge_cache, decoder_cache)

    def backward(
        self, d_outputs: tuple[Array | None, Array | None], cache: Seq2SeqCache
    ) -> tuple[tuple[None, None], Grads]:
        """Return ((None, None), grads) from (d_logits, d_weights)."""
        cache = as_cache(cache, Seq2SeqCache, "Seq2Seq.backward")
        (_, d_state, d_keys), decoder_grads = self.decoder.backward_by_name(d_outputs, cache.decoder)
        (d_final,), bridge_grads = self.bridge.backward(d_state, cache.bridge)
        encoder_grads = self.encoder.backward_by_name((d_keys, d_final), cache.encoder)
        grads = {
            **prefixed("encoder", encoder_grads),
            **prefixed("bridge", bridge_grads),
            **prefixed("decoder", decoder_grads),
        }
        return (None, None), self.summed(grads)

    def loss_and_grads(self, batch: Batch, rng: Rng = None) -> tuple[float, Grads]:
        """Return the mean cross-entropy of the targets, in nats per token, and the parameters' gradients.

        Args:
            batch: source and target sequences.
            rng: enables dropout.
        """
        if not all(hasattr(batch, name) for name in Batch._fields):
            raise TypeError(
                f"Seq2Seq.loss_and_grads: batch is of type {type(batch).__name__}, expected a Batch"
            )
        outputs, cache = self.forward(batch.source, batch.inputs, lengths=batch.source_lengths, rng=rng)
        loss, d_logits = cross_entropy(outputs[0], batch.targets, batch.mask)
        _, grads = self.backward((d_logits, None), cache)
        return loss, grads

    def generate(
        self, source: Array, lengths: Any = None, *, beam_size: int = 1, max_length: int = 100
    ) -> list[Hypothesis]:
        """Translate a batch, choosing the most probable token at each step.

        Args:
            source: (S, B) tokens.
            lengths: (B,) of the sources; None if each has S tokens.
            beam_size: the number of hypotheses kept at each step; only 1, greedy search, is implemented.
            max_length: the maximum number of tokens, without the end token.

        Returns:
            A hypothesis for each row: its tokens, its log-probability, the attention weights (T, S) with S
            the row's own length, and whether it ended with the end token.

        Raises:
            ValueError: if the model's logits are not finite.
            ValueError, TypeError: for tokens outside the vocabulary, wrong shapes, dtypes or lengths.
        """
        if type(beam_size) is bool or not isinstance(beam_size, (int, np.integer)) or beam_size != 1:
            kind = ValueError if type(beam_size) is int else WrongTypeError
            raise kind(f"Seq2Seq.generate: beam_size is {beam_size!r}, expected 1: greedy search")
        as_max_length(max_length, "Seq2Seq.generate")
        source = as_ids(source, self.encoder.vocab_size, ("S", "B"), "Seq2Seq.generate", "source")
        with np.errstate(invalid="ignore", over="ignore"):  # nan and inf are reported below
            found = self._search(source, lengths, max_length)
        for row, hypothesis in enumerate(found):
            if not np.isfinite(hypothesis.score):
                raise ValueError(
                    f"Seq2Seq.generate: the logits of row {row} are not finite: the model's parameters hold "
                    "nan, inf or numbers too large"
                )
        return found

    def _search(self, source: Array, lengths: Any, max_length: int) -> list[Hypothesis]:
        (keys, final), _ = self.encoder.forward(source, lengths=lengths)
        state, _ = self.bridge.forward(final)
        S, B = keys.shape[:2]
        rows = as_lengths(lengths, B, S, "Seq2Seq.generate", "S")
        memory = self.decoder.memory(keys, lengths=rows)
        found = greedy_search(self.decoder, state, memory, self.start, self.end, max_length)
        if rows is None:
            return found
        return [
            replace(one, weights=one.weights[:, :length]) for one, length in zip(found, rows, strict=True)
        ]


def as_max_length(value: Any, caller: str) -> int:
    """Return the maximum number of symbols of a translation: an integer of at least 0."""
    return as_count(value, caller, "max_length")
