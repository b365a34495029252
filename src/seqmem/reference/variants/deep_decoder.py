"""A decoder of several layers with attention (Wu et al., 2016, without their residual connections).

After `encoder_decoder`, with the state of the highest layer as the query and as the input of the logits:

    C_t = attention of the highest layer's state before the step over the keys
    s_t[0] = gru(s_{t-1}[0], [y_{t-1} ; C_t])        s_t[k] = gru(s_{t-1}[k], s_t[k - 1])
    logits_t = s_t[L - 1] @ W + b

Tokens are (T, B), s (L, B, H), y (B, E), C (B, K), keys (S, B, K), logits (T, B, V). Parameters come in one
dict, under the names that they have in a `seqmem.Seq2Seq` whose decoder has L layers of GRU cells:

    decoder.embedding.W (V, E)         decoder.cell.W_x (3, E + K, H), .W_h (3, H, H), .b (3, H)
    decoder.upper.k.W_x (3, H, H), .W_h (3, H, H), .b (3, H), of layer k + 1
    decoder.context.W_q (H, A), .W_k (K, A), .b (A,), .v (A,)        decoder.output.W (H, V), .b (V,)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.reference.activations import Array
from seqmem.reference.attention import additive_attention_backward, additive_attention_forward
from seqmem.reference.embedding import embedding_backward, embedding_forward
from seqmem.reference.gru_before import gru_before_step_backward, gru_before_step_forward
from seqmem.reference.layers import linear_backward, linear_forward

Params = dict[str, Array]


def deep_decoder_step_forward(
    tokens: Array, s_prev: Array, keys: Array, mask: Array, params: Params
) -> tuple[Array, Array, Array, Any]:
    """Return logits (B, V), weights (B, S), s (L, B, H) and the cache for `deep_decoder_step_backward`.

    Args:
        tokens: the tokens before the step, (B,) integers.
        s_prev: the state of every layer before the step, (L, B, H).
        keys: the encoder's keys of the source, (S, B, K).
        mask: (S, B) bool, True within a source.
        params: all parameters by name; only the decoder's are used.

    >>> import seqmem
    >>> attention = seqmem.AdditiveAttention(4, 5, 6, rng=0)
    >>> decoder = seqmem.Decoder(7, 2, 4, context=attention, cell="gru", num_layers=3, rng=1)
    >>> params = {f"decoder.{name}": param for name, param in decoder.params.items()}
    >>> tokens, s_prev = np.array([1, 3]), np.zeros((3, 2, 4))
    >>> keys, mask = np.ones((5, 2, 5)), np.ones((5, 2), bool)
    >>> logits, weights, s, cache = deep_decoder_step_forward(tokens, s_prev, keys, mask, params)
    >>> d_step = deep_decoder_step_backward(np.ones((2, 7)), np.zeros((2, 5)), np.zeros((3, 2, 4)), cache)
    >>> logits.shape, weights.shape, d_step["s_prev"].shape, d_step["keys"].shape
    ((2, 7), (2, 5), (3, 2, 4), (5, 2, 5))
    """
    W_e = params["decoder.embedding.W"]
    W_q, W_k, b_a, v = (params[f"decoder.context.{name}"] for name in ("W_q", "W_k", "b", "v"))
    W_o, b_o = params["decoder.output.W"], params["decoder.output.b"]
    names = ["cell", *(f"upper.{k}" for k in range(len(s_prev) - 1))]
    y_prev, embedding = embedding_forward(W_e, tokens)
    context, weights, attention = additive_attention_forward(s_prev[-1], keys, W_q, W_k, b_a, v, mask)
    h = np.concatenate([y_prev, context], axis=1)  # (B, E + K)
    s = []
    layers = []
    for k in range(len(s_prev)):
        W_x, W_h, b = (params[f"decoder.{names[k]}.{name}"] for name in ("W_x", "W_h", "b"))
        h, layer = gru_before_step_forward(h, s_prev[k], W_x, W_h, b)
        s.append(h)
        layers.append(layer)
    logits, output = linear_forward(h, W_o, b_o)
    return logits, weights, np.stack(s), (embedding, attention, layers, output, names)


def deep_decoder_step_backward(d_logits: Array, d_weights: Array, d_s: Array, cache: Any) -> dict[str, Any]:
    """Return the gradients of s_prev, of keys and, under "params", of the decoder's parameters.

    Args:
        d_logits: the gradient of the logits, (B, V).
        d_weights: the gradient of the weights as an output, (B, S).
        d_s: the gradient of the state after the step from all later steps, (L, B, H).
        cache: the cache that `deep_decoder_step_forward` returned.
    """
    embedding, attention, layers, output, names = cache
    # from logits, output = linear_forward(h, W_o, b_o)
    d_output = linear_backward(d_logits, output)
    d_h = d_output["x"]
    d_s_prev = np.zeros_like(d_s)
    grads = {"decoder.output.W": d_output["W"], "decoder.output.b": d_output["b"]}
    for k in reversed(range(len(layers))):
        # from h, layer = gru_before_step_forward(h, s_prev[k], W_x, W_h, b): above, and by the next step
        d_layer = gru_before_step_backward(d_h + d_s[k], layers[k])
        d_h = d_layer["x"]
        d_s_prev[k] = d_layer["h_prev"]
        grads |= {f"decoder.{names[k]}.{name}": d_layer[name] for name in ("W_x", "W_h", "b")}
    # from h = np.concatenate([y_prev, context], axis=1)
    W, _ = embedding
    E = W.shape[1]
    d_y_prev, d_context = d_h[:, :E], d_h[:, E:]
    # from context, weights, attention = additive_attention_forward(s_prev[-1], keys, W_q, W_k, b_a, v, mask)
    d_attention = additive_attention_backward(d_context, d_weights, attention)
    # the highest layer's s_prev is used twice: its cell starts from it, and it is the attention query
    d_s_prev[-1] += d_attention["query"]
    # from y_prev, embedding = embedding_forward(W_e, tokens)
    d_embedding = embedding_backward(d_y_prev, embedding)
    grads["decoder.embedding.W"] = d_embedding["W"]
    grads |= {f"decoder.context.{name}": d_attention[name] for name in ("W_q", "W_k", "b", "v")}
    return {"s_prev": d_s_prev, "keys": d_attention["keys"], "params": grads}


def deep_decoder_forward(
    tokens: Array, s0: Array, keys: Array, mask: Array, params: Params
) -> tuple[Array, Array, Array, Any]:
    """Return logits (T, B, V), weights (T, B, S), the last states (L, B, H) and the cache.

    Args:
        tokens: the input tokens of all steps, (T, B) integers: teacher forcing.
        s0: the state of every layer before the first step, (L, B, H).
        keys: the encoder's keys of the source, (S, B, K).
        mask: (S, B) bool, True within a source.
        params: all parameters by name; only the decoder's are used.

    >>> import seqmem
    >>> attention = seqmem.AdditiveAttention(4, 5, 6, rng=0)
    >>> decoder = seqmem.Decoder(7, 2, 4, context=attention, cell="gru", num_layers=3, rng=1)
    >>> params = {f"decoder.{name}": param for name, param in decoder.params.items()}
    >>> tokens, s0 = np.ones((6, 2), int), np.zeros((3, 2, 4))
    >>> keys, mask = np.ones((5, 2, 5)), np.ones((5, 2), bool)
    >>> logits, weights, s, cache = deep_decoder_forward(tokens, s0, keys, mask, params)
    >>> bool(np.allclose(logits, decoder.forward(tokens, tuple(s0), keys)[0][0]))
    True
    >>> deep_decoder_backward(np.ones((6, 2, 7)), np.zeros((6, 2, 5)), np.zeros((3, 2, 4)), cache)["s0"].shape
    (3, 2, 4)
    """
    s = s0
    logits = []
    weights = []
    steps = []
    for tokens_t in tokens:
        s_prev = s
        logits_t, weights_t, s, step = deep_decoder_step_forward(tokens_t, s_prev, keys, mask, params)
        logits.append(logits_t)
        weights.append(weights_t)
        steps.append(step)
    return np.stack(logits), np.stack(weights), s, (steps, keys)


def deep_decoder_backward(d_logits: Array, d_weights: Array, d_s: Array, cache: Any) -> dict[str, Any]:
    """Return the gradients of s0, of keys and, under "params", of the decoder's parameters.

    Args:
        d_logits: the gradient of the logits, (T, B, V).
        d_weights: the gradient of the weights as an output, (T, B, S).
        d_s: the gradient of the last states, (L, B, H).
        cache: the cache that `deep_decoder_forward` returned.
    """
    steps, keys = cache
    d_keys = np.zeros_like(keys)
    grads: Params = {}
    for t in reversed(range(len(steps))):
        # from logits_t, weights_t, s, step = deep_decoder_step_forward(tokens_t, s_prev, keys, mask, params)
        d_step = deep_decoder_step_backward(d_logits[t], d_weights[t], d_s, steps[t])
        d_s = d_step["s_prev"]
        # the keys and the parameters are used at every step
        d_keys += d_step["keys"]
        grads = {name: grads.get(name, 0) + grad for name, grad in d_step["params"].items()}
    # from s = s0
    d_s0 = d_s
    return {"s0": d_s0, "keys": d_keys, "params": grads}
