"""Greedy search with an encoder-decoder: the most probable token of each step is the next step's input."""

from __future__ import annotations

import numpy as np

from seqmem.reference.activations import Array
from seqmem.reference.encoder_decoder import Params, decoder_step_forward, encoder_forward


def greedy_search(
    source: Array, params: Params, start: int, end: int, max_length: int
) -> tuple[list[int], float, Array]:
    """Return the tokens without start and end, their log-probability and the weights, (T, S).

    Args:
        source: one sequence of at least one token, (S,) integers.
        params: all parameters by name, as `encoder_decoder_forward` takes them.
        start: the input token of the first step.
        end: the token that ends a sequence; its log-probability counts too.
        max_length: the maximum number of tokens, without the end token.

    >>> import seqmem
    >>> attention = seqmem.AdditiveAttention(4, 4, 6, rng=0)
    >>> encoder = seqmem.Encoder(9, 3, 4, cell="gru", rng=0)
    >>> model = seqmem.Seq2Seq(encoder, seqmem.Decoder(7, 2, 4, context=attention, cell="gru", rng=1))
    >>> tokens, score, weights = greedy_search(np.array([3, 5, 4]), model.params, model.start, model.end, 5)
    >>> (found,) = model.generate(np.array([[3], [5], [4]]), max_length=5)
    >>> tokens == found.tokens, bool(np.isclose(score, found.score))
    (True, True)
    """
    mask = np.ones((len(source), 1), bool)
    keys, s, _ = encoder_forward(source[:, None], mask, params)
    previous = start
    tokens: list[int] = []
    score = 0.0
    shown = np.zeros((0, len(source)))
    while len(tokens) < max_length:
        logits, weights, s, _ = decoder_step_forward(np.array([previous]), s, keys, mask, params)
        shifted = logits[0] - logits[0].max()
        log_p = shifted - np.log(np.exp(shifted).sum())  # (V,)
        previous = int(log_p.argmax())
        score += float(log_p[previous])
        if previous == end:
            break
        tokens.append(previous)
        shown = np.concatenate([shown, weights])
    return tokens, score, shown
