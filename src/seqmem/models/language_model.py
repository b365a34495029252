"""A prediction of each token from the previous tokens (Mikolov et al., 2010).

hs, final = encoder(tokens, state)
logits_t  = hs_t @ W + b              (B, V), the scores of the token after tokens_t
loss      = mean cross-entropy of the unmasked targets; perplexity = exp(loss)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from seqmem.cells import State
from seqmem.data.batch import SequenceBatch
from seqmem.initializers import Rng
from seqmem.layers import Linear
from seqmem.layers.linear import LinearCache
from seqmem.layers.losses import cross_entropy
from seqmem.models.encoder import Encoder
from seqmem.models.reading import ReadCache, layer_of, read, read_backward
from seqmem.module import Array, Grads, Module, prefixed
from seqmem.search.sampling import SPECIAL, sample_tokens
from seqmem.validation import as_cache, as_flag, as_ids, as_pair, check_type


class LanguageModelCache(NamedTuple):
    """The values that `forward` passes to `backward`."""

    read: ReadCache
    output: LinearCache


class LanguageModel(Module):
    """A distribution over the next token, at every step.

    Args:
        encoder: an encoder that reads the tokens from the first to the last.
        tied: whether the embedding's table also serves as output weights (Press & Wolf, 2017); the embedding
            and the encoder's output then have the same size, and `embedding_std` should be about 1/√E.
        rng: seed or generator for the output's initial weights.

    >>> model = LanguageModel(Encoder(9, 3, 4, rng=0), rng=1)
    >>> (logits, final), cache = model.forward(np.array([[5, 6], [7, 8], [4, 4]]))
    >>> logits.shape, final.c.shape
    ((3, 2, 9), (2, 4))
    >>> [len(tokens) for tokens in model.sample(np.array([[5, 6]]), 7, top_k=3, rng=0)]
    [7, 7]
    """

    def __init__(self, encoder: Encoder, *, tied: bool = False, rng: Rng = None) -> None:
        check_type(encoder, Encoder, "LanguageModel", "encoder")
        if layer_of(encoder).directions != {"forward"}:
            raise ValueError(
                "LanguageModel: encoder also reads backwards, expected one that reads only from the first "
                "token to the last: it should predict the tokens ahead"
            )
        self.encoder, size = encoder, layer_of(encoder).output_size
        self.tied = as_flag(tied, "LanguageModel", "tied")
        if tied and encoder.embedding_size != size:
            raise ValueError(
                f"LanguageModel: encoder has embedding_size {encoder.embedding_size}, expected {size} with "
                "tied=True: the size of its output"
            )
        self.output = Linear(size, encoder.vocab_size, rng=rng, dtype=encoder.embedding.W.dtype)
        if tied:
            self.tie("output.W", "encoder.embedding.W", transposed=True)

    def forward(
        self, tokens: Array, state: State | None = None, *, lengths: Any = None, rng: Rng = None
    ) -> tuple[tuple[Array, State], LanguageModelCache]:
        """Score the token after each token.

        Args:
            tokens: (T, B), integers from 0 to V - 1.
            state: the state before the first step, e.g. that after the previous tokens; None means zeros.
            lengths: (B,) integers from 0 to T; None if every sequence has T tokens.
            rng: enables dropout.

        Returns:
            ((logits, final), cache): (T, B, V), the state after each sequence's last token, and the
            cache for `backward`.

        Raises:
            ValueError, TypeError: for tokens outside the vocabulary, wrong shapes, dtypes or lengths.
        """
        caller = "LanguageModel.forward"
        tokens = as_ids(tokens, self.encoder.vocab_size, ("T", "B"), caller, "tokens")
        (hs, final), read_cache = read(self.encoder, tokens, state, lengths, rng, caller)
        logits, output_cache = self.output.forward(hs)
        return (logits, final), LanguageModelCache(read_cache, output_cache)

    def backward(
        self, d_outputs: tuple[Array | None, State | None], cache: LanguageModelCache
    ) -> tuple[tuple[None, State], Grads]:
        """Return ((None, d_state), grads) from (d_logits, d_final); None means zeros."""
        cache = as_cache(cache, LanguageModelCache, "LanguageModel.backward")
        d_logits, d_final = as_pair(d_outputs, "LanguageModel.backward", "d_outputs", "(d_logits, d_final)")
        (d_hs,), output_grads = self.output.backward(d_logits, cache.output)
        (_, d_state), grads = read_backward(self.encoder, (d_hs, d_final), cache.read)
        return (None, d_state), self.summed(prefixed("encoder", grads) | prefixed("output", output_grads))

    def loss_and_grads(self, batch: SequenceBatch, rng: Rng = None) -> tuple[float, Grads]:
        """Return the mean cross-entropy of the targets, in nats per token, and its gradients.

        Args:
            batch: tokens (T, B), and the next tokens as targets (T, B).
            rng: enables dropout.
        """
        loss, grads, _ = self.loss_grads_and_state(batch, None, rng)
        return loss, grads

    def loss_grads_and_state(
        self, batch: SequenceBatch, state: State | None, rng: Rng = None
    ) -> tuple[float, Grads, State]:
        """Run `loss_and_grads` from a constant state and return the final state: for truncated BPTT.

        Args:
            batch: as for `loss_and_grads`.
            state: the final state of the previous window; None means zeros.
            rng: enables dropout.
        """
        caller = "LanguageModel.loss_and_grads"
        check_type(batch, SequenceBatch, caller, "batch")
        (logits, final), cache = self.forward(batch.inputs, state, lengths=batch.lengths, rng=rng)
        loss, d_logits = cross_entropy(logits, batch.targets, batch.mask, sample_weights=batch.weights)
        _, grads = self.backward((d_logits, None), cache)
        return loss, grads, final

    def loss(self, batch: SequenceBatch) -> float:
        """Return the mean cross-entropy of the targets, in nats per token, without dropout."""
        return self.loss_and_state(batch, None)[0]

    def loss_and_state(self, batch: SequenceBatch, state: State | None) -> tuple[float, State]:
        """Return `loss` from a state, with the final state: for a long text, window by window."""
        check_type(batch, SequenceBatch, "LanguageModel.loss", "batch")
        (logits, final), _ = self.forward(batch.inputs, state, lengths=batch.lengths)
        loss, _ = cross_entropy(logits, batch.targets, batch.mask, sample_weights=batch.weights)
        return float(loss), final

    def sample(
        self,
        prompt: Array,
        n_tokens: int,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        excluded: Iterable[int] = SPECIAL,
        end: int | None = None,
        rng: Rng = None,
    ) -> list[list[int]]:
        """Draw the continuation of a prompt, one token at a time.

        Args:
            prompt: (P, B) tokens, at least one step: START if there is no text to continue.
            n_tokens: the number of tokens to draw for each of the B sequences.
            temperature: above 0; below 1, probable tokens become more probable.
            top_k: the number of tokens to draw from at each step; None for all.
            top_p: the minimum total probability of the tokens to draw from at each step; None for all.
            excluded: ids that are never drawn; by default the vocabulary's special ids.
            end: an id that ends a sequence; it may be drawn and is not returned. None for no such id.
            rng: None, a seed, a SeedSequence or a Generator.

        Returns:
            A list of ids for each sequence, without the prompt.

        Raises:
            ValueError, TypeError: for a wrong argument, or a model whose logits are not finite.
        """
        caller = "LanguageModel.sample"
        prompt = as_ids(prompt, self.encoder.vocab_size, ("P", "B"), caller, "prompt")
        if len(prompt) == 0:
            raise ValueError(f"{caller}: prompt has no step, expected at least one token for each sequence")
        with np.errstate(invalid="ignore", over="ignore"):  # nan and inf are named by the search
            (logits, state), _ = self.forward(prompt)

            def step(tokens: Array) -> Array:
                nonlocal state
                (scores, state), _ = self.forward(tokens[None], state)
                return scores[0]

            return sample_tokens(
                step,
                logits[-1],
                n_tokens,
                temperature=temperature,
                top_k=top_k,
                top_p=top_p,
                excluded=excluded,
                end=end,
                rng=rng,
            )
