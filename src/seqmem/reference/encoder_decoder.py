"""An encoder-decoder with attention, step by step, from tokens to the loss and back.

After Bahdanau, Cho & Bengio (2015):

    encoder     e_s = embedding of the source's token s;  k_s = gru(e_s, k_{s-1});  s_0 = the last k
    decoder     y_{t-1} = embedding of the previous token
                C_t = attention of s_{t-1} over k_1, ..., k_S: the query is the state before the step
                s_t = gru(s_{t-1}, [y_{t-1} ; C_t])
                logits_t = s_t @ W + b
    loss        mean cross-entropy of the unmasked targets

Tokens are (S, B) and (T, B), k (S, B, H), s (B, H), y (B, E), C (B, H), logits (T, B, V). The GRU is
`gru_before`. Parameters come in one dict, under the names that they have in a `seqmem.Seq2Seq` of GRU cells:

    encoder.embedding.W (V, E)         encoder.layer.cell.W_x (3, E, H), .W_h (3, H, H), .b (3, H)
    decoder.embedding.W (V, E)         decoder.cell.W_x (3, E + H, H), .W_h (3, H, H), .b (3, H)
    decoder.context.W_q (H, A), .W_k (H, A), .b (A,), .v (A,)        decoder.output.W (H, V), .b (V,)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.reference.activations import Array
from seqmem.reference.attention import additive_attention_backward, additive_attention_forward
from seqmem.reference.cross_entropy import cross_entropy_backward, cross_entropy_forward
from seqmem.reference.embedding import embedding_backward, embedding_forward
from seqmem.reference.gru_before import (
    gru_before_backward,
    gru_before_forward,
    gru_before_step_backward,
    gru_before_step_forward,
)
from seqmem.reference.layers import linear_backward, linear_forward

Params = dict[str, Array]


def encoder_forward(tokens: Array, mask: Array, params: Params) -> tuple[Array, Array, Any]:
    """Return the keys (S, B, H), the last state (B, H) and the cache for `encoder_backward`.

    Args:
        tokens: the source, (S, B) integers from 0 to V - 1.
        mask: (S, B) bool, True within a source.
        params: all parameters by name; only the encoder's are used.

    >>> params = {"encoder.embedding.W": np.ones((7, 2)), "encoder.layer.cell.W_x": np.ones((3, 2, 4))}
    >>> params |= {"encoder.layer.cell.W_h": np.ones((3, 4, 4)), "encoder.layer.cell.b": np.zeros((3, 4))}
    >>> keys, state, cache = encoder_forward(np.ones((5, 3), int), np.ones((5, 3), bool), params)
    >>> grads = encoder_backward(np.zeros((5, 3, 4)), np.ones((3, 4)), cache)["params"]
    >>> keys.shape, state.shape, grads["encoder.embedding.W"].shape
    ((5, 3, 4), (3, 4), (7, 2))
    """
    W = params["encoder.embedding.W"]
    W_x, W_h, b = (params[f"encoder.layer.cell.{name}"] for name in ("W_x", "W_h", "b"))
    h0 = np.zeros((tokens.shape[1], b.shape[1]))
    xs, embedding = embedding_forward(W, tokens)
    keys, state, gru = gru_before_forward(xs, h0, W_x, W_h, b, mask)
    return keys, state, (embedding, gru)


def encoder_backward(d_keys: Array, d_state: Array, cache: Any) -> dict[str, Params]:
    """Return {"params": the gradients of the encoder's parameters}.

    Args:
        d_keys: the gradient of the keys, (S, B, H).
        d_state: the gradient of the last state, (B, H).
        cache: the cache that `encoder_forward` returned.
    """
    embedding, gru = cache
    # from keys, state, gru = gru_before_forward(xs, h0, W_x, W_h, b, mask)
    d_gru = gru_before_backward(d_keys, d_state, gru)
    # from xs, embedding = embedding_forward(W, tokens)
    d_embedding = embedding_backward(d_gru["xs"], embedding)
    grads = {
        "encoder.embedding.W": d_embedding["W"],
        "encoder.layer.cell.W_x": d_gru["W_x"],
        "encoder.layer.cell.W_h": d_gru["W_h"],
        "encoder.layer.cell.b": d_gru["b"],
    }
    return {"params": grads}


def decoder_step_forward(
    tokens: Array, s_prev: Array, keys: Array, mask: Array, params: Params
) -> tuple[Array, Array, Array, Any]:
    """Return logits (B, V), weights (B, S), s (B, H) and the cache for `decoder_step_backward`.

    Args:
        tokens: the tokens before the step, (B,) integers.
        s_prev: the state before the step, (B, H).
        keys: the encoder's keys of the source, (S, B, H).
        mask: (S, B) bool, True within a source.
        params: all parameters by name; only the decoder's are used.

    >>> import seqmem
    >>> attention = seqmem.AdditiveAttention(4, 4, 6, rng=0)
    >>> decoder = seqmem.Decoder(7, 2, 4, context=attention, cell="gru", rng=1)
    >>> params = {f"decoder.{name}": param for name, param in decoder.params.items()}
    >>> tokens, s_prev = np.array([1, 3]), np.zeros((2, 4))
    >>> keys, mask = np.ones((5, 2, 4)), np.ones((5, 2), bool)
    >>> logits, weights, s, cache = decoder_step_forward(tokens, s_prev, keys, mask, params)
    >>> d_step = decoder_step_backward(np.ones((2, 7)), np.zeros((2, 5)), np.zeros((2, 4)), cache)
    >>> logits.shape, weights.shape, d_step["s_prev"].shape, d_step["keys"].shape
    ((2, 7), (2, 5), (2, 4), (5, 2, 4))
    """
    W_e = params["decoder.embedding.W"]
    W_q, W_k, b_a, v = (params[f"decoder.context.{name}"] for name in ("W_q", "W_k", "b", "v"))
    W_x, W_h, b = (params[f"decoder.cell.{name}"] for name in ("W_x", "W_h", "b"))
    W_o, b_o = params["decoder.output.W"], params["decoder.output.b"]
    y_prev, embedding = embedding_forward(W_e, tokens)
    context, weights, attention = additive_attention_forward(s_prev, keys, W_q, W_k, b_a, v, mask)
    x = np.concatenate([y_prev, context], axis=1)  # (B, E + H)
    s, gru = gru_before_step_forward(x, s_prev, W_x, W_h, b)
    logits, output = linear_forward(s, W_o, b_o)
    return logits, weights, s, (embedding, attention, gru, output)


def decoder_step_backward(d_logits: Array, d_weights: Array, d_s: Array, cache: Any) -> dict[str, Any]:
    """Return the gradients of s_prev, of keys and, under "params", of the decoder's parameters.

    Args:
        d_logits: the gradient of the logits, (B, V).
        d_weights: the gradient of the weights as an output, (B, S).
        d_s: the gradient of the state after the step from all later steps, (B, H).
        cache: the cache that `decoder_step_forward` returned.
    """
    embedding, attention, gru, output = cache
    # from logits, output = linear_forward(s, W_o, b_o): s is used twice, here and by the next step
    d_output = linear_backward(d_logits, output)
    d_s = d_s + d_output["x"]
    # from s, gru = gru_before_step_forward(x, s_prev, W_x, W_h, b)
    d_gru = gru_before_step_backward(d_s, gru)
    # from x = np.concatenate([y_prev, context], axis=1)
    W, _ = embedding
    E = W.shape[1]
    d_y_prev, d_context = d_gru["x"][:, :E], d_gru["x"][:, E:]
    # from context, weights, attention = additive_attention_forward(s_prev, keys, W_q, W_k, b_a, v, mask)
    d_attention = additive_attention_backward(d_context, d_weights, attention)
    # from y_prev, embedding = embedding_forward(W_e, tokens)
    d_embedding = embedding_backward(d_y_prev, embedding)
    # s_prev is used twice: the cell starts from it, and it is the attention query
    d_s_prev = d_gru["h_prev"] + d_attention["query"]
    grads = {
        "decoder.context.W_q": d_attention["W_q"],
        "decoder.context.W_k": d_attention["W_k"],
        "decoder.context.b": d_attention["b"],
        "decoder.context.v": d_attention["v"],
        "decoder.embedding.W": d_embedding["W"],
        "decoder.cell.W_x": d_gru["W_x"],
        "decoder.cell.W_h": d_gru["W_h"],
        "decoder.cell.b": d_gru["b"],
        "decoder.output.W": d_output["W"],
        "decoder.output.b": d_output["b"],
    }
    return {"s_prev": d_s_prev, "keys": d_attention["keys"], "params": grads}


def decoder_forward(
    tokens: Array, s0: Array, keys: Array, mask: Array, params: Params
) -> tuple[Array, Array, Array, Any]:
    """Return logits (T, B, V), weights (T, B, S), the last state (B, H) and the cache for `decoder_backward`.

    Args:
        tokens: the input tokens of all steps, (T, B) integers: teacher forcing.
        s0: the state before the first step, (B, H).
        keys: the encoder's keys of the source, (S, B, H).
        mask: (S, B) bool, True within a source.
        params: all parameters by name; only the decoder's are used.

    >>> import seqmem
    >>> attention = seqmem.AdditiveAttention(4, 4, 6, rng=0)
    >>> decoder = seqmem.Decoder(7, 2, 4, context=attention, cell="gru", rng=1)
    >>> params = {f"decoder.{name}": param for name, param in decoder.params.items()}
    >>> tokens, s0 = np.ones((3, 2), int), np.zeros((2, 4))
    >>> keys, mask = np.ones((5, 2, 4)), np.ones((5, 2), bool)
    >>> logits, weights, s, cache = decoder_forward(tokens, s0, keys, mask, params)
    >>> d_inputs = decoder_backward(np.ones((3, 2, 7)), np.zeros((3, 2, 5)), np.zeros((2, 4)), cache)
    >>> logits.shape, weights.shape, d_inputs["s0"].shape, d_inputs["keys"].shape
    ((3, 2, 7), (3, 2, 5), (2, 4), (5, 2, 4))
    """
    s = s0
    logits = []
    weights = []
    steps = []
    for tokens_t in tokens:
        s_prev = s
        logits_t, weights_t, s, step = decoder_step_forward(tokens_t, s_prev, keys, mask, params)
        logits.append(logits_t)
        weights.append(weights_t)
        steps.append(step)
    return np.stack(logits), np.stack(weights), s, (steps, keys)


def decoder_backward(d_logits: Array, d_weights: Array, d_s: Array, cache: Any) -> dict[str, Any]:
    """Return the gradients of s0, of keys and, under "params", of the decoder's parameters.

    Args:
        d_logits: the gradient of the logits, (T, B, V).
        d_weights: the gradient of the weights as an output, (T, B, S).
        d_s: the gradient of the last state, (B, H).
        cache: the cache that `decoder_forward` returned.
    """
    steps, keys = cache
    d_keys = np.zeros_like(keys)
    grads: Params = {}
    for t in reversed(range(len(steps))):
        # from logits_t, weights_t, s, step = decoder_step_forward(tokens_t, s_prev, keys, mask, params)
        d_step = decoder_step_backward(d_logits[t], d_weights[t], d_s, steps[t])
        d_s = d_step["s_prev"]
        # the keys and the parameters are used at every step
        d_keys += d_step["keys"]
        grads = {name: grads.get(name, 0) + grad for name, grad in d_step["params"].items()}
    # from s = s0
    d_s0 = d_s
    return {"s0": d_s0, "keys": d_keys, "params": grads}


def encoder_decoder_forward(
    source: Array, inputs: Array, targets: Array, source_mask: Array, target_mask: Array, params: Params
) -> tuple[Array, Any]:
    """Return the loss, a zero-dimensional array, and the cache for `encoder_decoder_backward`.

    Args:
        source: (S, B) tokens of the source.
        inputs: (T, B) the decoder's input: the start token, then the target without its last token.
        targets: (T, B) the correct output: the target, then the end token.
        source_mask: (S, B) bool, True within a source.
        target_mask: (T, B) bool, True where a target counts.
        params: all parameters by name.

    >>> import seqmem
    >>> attention = seqmem.AdditiveAttention(4, 4, 6, rng=0)
    >>> encoder = seqmem.Encoder(9, 3, 4, cell="gru", rng=0)
    >>> model = seqmem.Seq2Seq(encoder, seqmem.Decoder(7, 2, 4, context=attention, cell="gru", rng=1))
    >>> letters = seqmem.Vocabulary("abc")
    >>> batch = seqmem.make_batch([("abc", "cb"), ("a", "b")], letters, letters)
    >>> source_mask = np.arange(3)[:, None] < batch.source_lengths
    >>> loss, cache = encoder_decoder_forward(
    ...     batch.source, batch.inputs, batch.targets, source_mask, batch.mask, model.params
    ... )
    >>> grads = encoder_decoder_backward(1.0, cache)["params"]
    >>> fast_loss, fast_grads = model.loss_and_grads(batch)
    >>> bool(np.isclose(loss, fast_loss)), all(np.allclose(grads[name], fast_grads[name]) for name in grads)
    (True, True)
    """
    keys, state, encoder = encoder_forward(source, source_mask, params)
    logits, weights, _, decoder = decoder_forward(inputs, state, keys, source_mask, params)
    loss, cross_entropy = cross_entropy_forward(logits, targets, target_mask)
    return loss, (encoder, decoder, cross_entropy, state, weights)


def encoder_decoder_backward(d_loss: float, cache: Any) -> dict[str, Params]:
    """Return {"params": the gradients of all parameters}; d_loss is 1 if nothing follows the loss."""
    encoder, decoder, cross_entropy, state, weights = cache
    # from loss, cross_entropy = cross_entropy_forward(logits, targets, target_mask)
    d_logits = cross_entropy_backward(d_loss, cross_entropy)["logits"]
    # from logits, weights, _, decoder = decoder_forward(inputs, state, keys, source_mask, params)
    d_decoder = decoder_backward(d_logits, np.zeros_like(weights), np.zeros_like(state), decoder)
    # from keys, state, encoder = encoder_forward(source, source_mask, params)
    d_encoder = encoder_backward(d_decoder["keys"], d_decoder["s0"], encoder)
    return {"params": d_encoder["params"] | d_decoder["params"]}
