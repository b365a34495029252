"""A language model, from tokens to the loss and back (Mikolov et al., 2010), and a tagger of the same form.

    x_t      = embedding of token t;  h_t = gru(x_t, h_{t-1})
    logits_t = h_t @ W + b
    loss     = mean cross-entropy of the unmasked targets

The target of step t is the next token, or the label of token t: a tagger is a language model with other
targets, which may read from both ends. Windows of truncated backpropagation start from h0 and drop its
gradient. The GRU is `gru_before`. Parameters come in one dict, under the names that they have in a
`seqmem.LanguageModel` or `seqmem.SequenceTagger` with a GRU cell:

    encoder.embedding.W (V, E)         encoder.layer.cell.W_x (3, E, H), .W_h (3, H, H), .b (3, H)
    output.W (H, V), output.b (V,)     without output.W: the embedding's table, transposed (tied)
"""

from __future__ import annotations

from typing import Any

from seqmem.reference.activations import Array
from seqmem.reference.cross_entropy import cross_entropy_backward, cross_entropy_forward
from seqmem.reference.embedding import embedding_backward, embedding_forward
from seqmem.reference.gru_before import gru_before_backward, gru_before_forward
from seqmem.reference.layers import linear_backward, linear_forward

Params = dict[str, Array]


def language_model_forward(
    tokens: Array, h0: Array, targets: Array, mask: Array, params: Params
) -> tuple[Array, Array, Any]:
    """Return the loss, a zero-dimensional array, the last state (B, H) and the cache for the backward pass.

    Args:
        tokens: (T, B) integers from 0 to V - 1.
        h0: the state before the first step, (B, H).
        targets: (T, B) the correct ids.
        mask: (T, B) bool, True within a sequence, where the targets count.
        params: all parameters by name.

    >>> import numpy as np, seqmem
    >>> model = seqmem.LanguageModel(seqmem.Encoder(9, 3, 4, cell="gru", rng=0), rng=1)
    >>> tokens, mask = np.array([[5, 6], [7, 8], [4, 4]]), np.ones((2, 2), bool)
    >>> loss, h, cache = language_model_forward(tokens[:-1], np.zeros((2, 4)), tokens[1:], mask, model.params)
    >>> grads = language_model_backward(1.0, np.zeros((2, 4)), cache)["params"]
    >>> batch = seqmem.SequenceBatch(tokens[:-1], np.array([2, 2]), tokens[1:], mask)
    >>> fast_loss, fast_grads = model.loss_and_grads(batch)
    >>> bool(np.isclose(loss, fast_loss)), all(np.allclose(grads[name], fast_grads[name]) for name in grads)
    (True, True)
    """
    W_e = params["encoder.embedding.W"]
    W_x, W_h, b = (params[f"encoder.layer.cell.{name}"] for name in ("W_x", "W_h", "b"))
    W_o = params.get("output.W", W_e.T)
    xs, embedding = embedding_forward(W_e, tokens)
    hs, h, gru = gru_before_forward(xs, h0, W_x, W_h, b, mask)
    logits, output = linear_forward(hs, W_o, params["output.b"])
    loss, cross_entropy = cross_entropy_forward(logits, targets, mask)
    return loss, h, (embedding, gru, output, cross_entropy, "output.W" not in params)


def language_model_backward(d_loss: float, d_h: Array, cache: Any) -> dict[str, Any]:
    """Return the gradients of h0 and, under "params", of the parameters.

    Args:
        d_loss: 1 if nothing follows the loss.
        d_h: the gradient of the last state, (B, H); zeros if the next window holds the state fixed.
        cache: the cache that `language_model_forward` returned.
    """
    embedding, gru, output, cross_entropy, tied = cache
    # from loss, cross_entropy = cross_entropy_forward(logits, targets, mask)
    d_logits = cross_entropy_backward(d_loss, cross_entropy)["logits"]
    # from logits, output = linear_forward(hs, W_o, params["output.b"])
    d_output = linear_backward(d_logits, output)
    # from hs, h, gru = gru_before_forward(xs, h0, W_x, W_h, b, mask)
    d_gru = gru_before_backward(d_output["x"], d_h, gru)
    # from xs, embedding = embedding_forward(W_e, tokens)
    d_W_e = embedding_backward(d_gru["xs"], embedding)["W"]
    grads = {
        "encoder.layer.cell.W_x": d_gru["W_x"],
        "encoder.layer.cell.W_h": d_gru["W_h"],
        "encoder.layer.cell.b": d_gru["b"],
        "output.b": d_output["b"],
    }
    if tied:  # the table is used twice
        grads["encoder.embedding.W"] = d_W_e + d_output["W"].T
    else:
        grads |= {"encoder.embedding.W": d_W_e, "output.W": d_output["W"]}
    return {"h0": d_gru["h0"], "params": grads}
