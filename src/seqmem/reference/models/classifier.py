"""A classifier of sequences, from tokens to the loss and back.

    x_t    = embedding of token t;  h_t = gru(x_t, h_{t-1}), from h_0 = 0
    m      = the last h, the mean of all h, or attention over them (see `pooling`)
    loss   = mean cross-entropy of m @ W + b

The GRU is `gru_before`. Parameters come in one dict, under the names that they have in a
`seqmem.SequenceClassifier` with an `Encoder` of a GRU cell:

    encoder.embedding.W (V, E)         encoder.layer.cell.W_x (3, E, H), .W_h (3, H, H), .b (3, H)
    pool.W (H, A), pool.b (A,), pool.v (A,) of attention           output.W (H, C), output.b (C,)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.reference.activations import Array
from seqmem.reference.cross_entropy import cross_entropy_backward, cross_entropy_forward
from seqmem.reference.embedding import embedding_backward, embedding_forward
from seqmem.reference.gru_before import gru_before_backward, gru_before_forward
from seqmem.reference.layers import linear_backward, linear_forward
from seqmem.reference.models.pooling import (
    attention_pooling_backward,
    attention_pooling_forward,
    mean_pooling_backward,
    mean_pooling_forward,
)

Params = dict[str, Array]


def sequence_classifier_forward(
    tokens: Array, targets: Array, mask: Array, pooling: str, params: Params
) -> tuple[Array, Any]:
    """Return the loss, a zero-dimensional array, and the cache for `sequence_classifier_backward`.

    Args:
        tokens: (T, B) integers from 0 to V - 1.
        targets: (B,) the correct classes.
        mask: (T, B) bool, True within a sequence.
        pooling: "last", "mean" or "attention".
        params: all parameters by name.

    >>> import seqmem
    >>> model = seqmem.SequenceClassifier(seqmem.Encoder(9, 3, 4, cell="gru", rng=0), 5, rng=1)
    >>> tokens, mask = np.array([[5, 6], [7, 8]]), np.ones((2, 2), bool)
    >>> loss, cache = sequence_classifier_forward(tokens, np.array([0, 3]), mask, "last", model.params)
    >>> grads = sequence_classifier_backward(1.0, cache)["params"]
    >>> batch = seqmem.SequenceBatch(tokens, np.array([2, 2]), np.array([0, 3]), np.ones(2, bool))
    >>> fast_loss, fast_grads = model.loss_and_grads(batch)
    >>> bool(np.isclose(loss, fast_loss)), all(np.allclose(grads[name], fast_grads[name]) for name in grads)
    (True, True)
    """
    W_x, W_h, b = (params[f"encoder.layer.cell.{name}"] for name in ("W_x", "W_h", "b"))
    W_pool, b_pool, v_pool = (params.get(f"pool.{name}", b) for name in ("W", "b", "v"))
    h0 = np.zeros((tokens.shape[1], b.shape[1]))
    xs, embedding = embedding_forward(params["encoder.embedding.W"], tokens)
    hs, h, gru = gru_before_forward(xs, h0, W_x, W_h, b, mask)
    if pooling == "mean":
        m, pool = mean_pooling_forward(hs, mask)
    elif pooling == "attention":
        m, _, pool = attention_pooling_forward(hs, W_pool, b_pool, v_pool, mask)
    else:
        m, pool = h, None
    logits, output = linear_forward(m, params["output.W"], params["output.b"])
    loss, cross_entropy = cross_entropy_forward(logits[None], targets[None])
    return loss, (embedding, gru, pooling, pool, output, cross_entropy, hs)


def sequence_classifier_backward(d_loss: float, cache: Any) -> dict[str, Params]:
    """Return {"params": the gradients of all parameters}; d_loss is 1 if nothing follows the loss."""
    embedding, gru, pooling, pool, output, cross_entropy, hs = cache
    # from loss, cross_entropy = cross_entropy_forward(logits[None], targets[None])
    d_logits = cross_entropy_backward(d_loss, cross_entropy)["logits"][0]
    # from logits, output = linear_forward(m, params["output.W"], params["output.b"])
    d_output = linear_backward(d_logits, output)
    d_m = d_output["x"]
    grads = {"output.W": d_output["W"], "output.b": d_output["b"]}
    d_hs, d_h = np.zeros_like(hs), np.zeros_like(d_m)
    if pooling == "mean":
        # from m, pool = mean_pooling_forward(hs, mask)
        d_hs = mean_pooling_backward(d_m, pool)["hs"]
    elif pooling == "attention":
        # from m, _, pool = attention_pooling_forward(hs, W_pool, b_pool, v_pool, mask)
        d_pool = attention_pooling_backward(d_m, np.zeros(hs.shape[:2]), pool)
        d_hs = d_pool.pop("hs")
        grads |= {f"pool.{name}": grad for name, grad in d_pool.items()}
    else:
        # from m, pool = h, None
        d_h = d_m
    # from hs, h, gru = gru_before_forward(xs, h0, W_x, W_h, b, mask)
    d_gru = gru_before_backward(d_hs, d_h, gru)
    grads |= {f"encoder.layer.cell.{name}": d_gru[name] for name in ("W_x", "W_h", "b")}
    # from xs, embedding = embedding_forward(params["encoder.embedding.W"], tokens)
    grads["encoder.embedding.W"] = embedding_backward(d_gru["xs"], embedding)["W"]
    return {"params": grads}
