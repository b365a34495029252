"""Encoder and decoder as one model (Cho et al., 2014; Sutskever et al., 2014; Bahdanau et al., 2015)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple, overload

import numpy as np

from seqmem.data.batch import Batch
from seqmem.initializers import Rng, as_generator
from seqmem.layers.losses import cross_entropy
from seqmem.models.bridge import Bridge, BridgeCache, form_of
from seqmem.models.decoder import Decoder, DecoderCache
from seqmem.models.encoder import Encoder, EncoderCache, check_dtype
from seqmem.module import Array, Grads, Module, prefixed
from seqmem.search.beam import beam_options, search
from seqmem.search.greedy import Hypothesis
from seqmem.validation import Axis, as_cache, as_ids, as_lengths, check_type


class Seq2SeqCache(NamedTuple):
    """The values that `forward` passes to `backward`."""

    encoder: EncoderCache
    bridge: BridgeCache
    decoder: DecoderCache


class Seq2Seq(Module):
    """An encoder and a decoder: the encoder's states are the decoder's keys, its final state the initial one.

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

    @overload
    def generate(
        self,
        source: Array,
        lengths: Any = None,
        *,
        beam_size: int = 1,
        n_best: None = None,
        max_length: int = 100,
        min_length: int = 0,
        length_penalty: float = 0.0,
        no_repeat_ngram_size: int = 0,
    ) -> list[Hypothesis]: ...

    @overload
    def generate(
        self,
        source: Array,
        lengths: Any = None,
        *,
        beam_size: int = 1,
        n_best: int,
        max_length: int = 100,
        min_length: int = 0,
        length_penalty: float = 0.0,
        no_repeat_ngram_size: int = 0,
    ) -> list[list[Hypothesis]]: ...

    def generate(
        self,
        source: Array,
        lengths: Any = None,
        *,
        beam_size: int = 1,
        n_best: int | None = None,
        max_length: int = 100,
        min_length: int = 0,
        length_penalty: float = 0.0,
        no_repeat_ngram_size: int = 0,
    ) -> list[Hypothesis] | list[list[Hypothesis]]:
        """Translate a batch by greedy search or beam search.

        Args:
            source: (S, B) tokens.
            lengths: (B,) of the sources; None if each has S tokens.
            beam_size: the number of prefixes kept at each step; 1 is greedy search.
            n_best: the number of hypotheses for each row, at most beam_size; None means the best one alone.
            max_length: the maximum number of tokens, without the end token.
            min_length: the minimum number of tokens, without the end token.
            length_penalty: the exponent of Wu et al. (2016) by which hypotheses are ranked; 0 ranks by
                log-probability, which favours short ones.
            no_repeat_ngram_size: the size of the n-grams of which none may occur twice in a hypothesis; 0 for
                no such rule.

        Returns:
            A hypothesis for each row: its tokens, its log-probability, the attention weights (T, S) with S
            the row's own length, whether it ended with the end token, and the score by which it was ranked.
            With n_best, a list for each row, the best first; fewer than n_best if there are no more.

        Raises:
            ValueError: for an option out of range, or logits that are not finite, with their row and step.
            ValueError, TypeError: for tokens outside the vocabulary, wrong shapes, dtypes or lengths.
        """
        caller = "Seq2Seq.generate"
        options = beam_options(
            caller,
            beam_size=beam_size,
            n_best=1 if n_best is None else n_best,
            max_length=max_length,
            min_length=min_length,
            length_penalty=length_penalty,
            no_repeat_ngram_size=no_repeat_ngram_size,
        )
        source = as_ids(source, self.encoder.vocab_size, ("S", "B"), caller, "source")
        rows = as_lengths(lengths, source.shape[1], len(source), caller, "S")
        with np.errstate(invalid="ignore", over="ignore"):  # nan and inf are reported by the search
            (keys, final), _ = self.encoder.forward(source, lengths=rows)
            state, _ = self.bridge.forward(final)
            memory = self.decoder.memory(keys, lengths=rows)
        found = search(self.decoder, state, memory, self.start, self.end, options)
        if rows is not None:
            found = [
                [replace(one, weights=one.weights[:, :length]) for one in own]
                for own, length in zip(found, rows, strict=True)
            ]
        return [own[0] for own in found] if n_best is None else found
