"""Additive attention, forward and backward."""

from __future__ import annotations

from seqmem.exercises.exercise import Exercise, Task
from seqmem.exercises.lectures.numbers import drawn

_LOOK = {"query": "BQ", "keys": "SBK", "W_q": "QA", "W_k": "KA", "b": "A", "v": "A"}
_DRAW = drawn(_LOOK, masked="mask")
_EQUATION = """
hidden_s = tanh(query @ W_q + k_s @ W_k + b)        (S, B, A)
score_s  = hidden_s @ v                             (S, B)
alpha    = softmax of the scores over s             (S, B), 0 in the padding
context  = sum over s of alpha_s * k_s              (B, K)
"""

ATTENTION_FORWARD = Exercise(
    "additive_attention_forward",
    "Additive attention, forward",
    "Attention",
    (Task("additive_attention_forward", _DRAW, ("context", "weights"), kind="attention", axes=_LOOK),),
    _EQUATION,
    "A question that is compared with every source position, and an average weighted by the answers.",
    35,
    (
        "The query is one vector for a sentence, the keys are one for each word. Which shape has their sum, "
        "once both are A wide?",
        "query @ W_q is (B, A) and keys @ W_k is (S, B, A): NumPy adds the query to every position. The "
        "softmax runs over the first axis, and only over positions where mask is True.",
        "Take the maximum of the valid scores off before the exponential, and give the others the score "
        "-inf: their weight is then exactly 0. Set the padding of the keys to 0 first, by "
        "zero_padding_forward. Return context, alpha.T.copy() and the cache (query, keys, W_q, W_k, "
        "v, mask, hidden, alpha).",
    ),
    (
        "The softmax over the batch or the features.",
        "The padding masked after the softmax: the weights then do not add up to 1.",
        "The tanh left out: the scores of all positions then move together.",
    ),
    "None: the definition (Bahdanau, Cho & Bengio, 2015).",
    given=("zero_padding_forward",),
)

ATTENTION_BACKWARD = Exercise(
    "additive_attention_backward",
    "Additive attention, backward",
    "Attention",
    (Task("additive_attention_backward", _DRAW, ("context", "weights"), kind="attention", axes=_LOOK),),
    _EQUATION,
    "The softmax's derivative in terms of its value, and keys that are used twice: as values and in the "
    "scores.",
    60,
    (
        "The keys stand in two lines of the forward pass. The weights are used twice as well: where?",
        "From context: gradients of alpha and of the keys as values. To that of alpha comes d_weights. Then "
        "the softmax, the product with v, the tanh, and the sum of query, keys and bias.",
        "The softmax: d_scores = alpha * (d_alpha - centre), where centre is the sum of alpha * d_alpha over "
        "the positions. The query is added to every position, so its gradient is a sum over them. In the "
        "padding the keys have the gradient 0.",
    ),
    (
        "The softmax's derivative as alpha * (1 - alpha): the positions are not independent.",
        "The keys' gradient from one of their two uses alone.",
        "The query's gradient left out: the decoder then learns nothing through attention.",
        "d_weights left out.",
        "A gradient in the padding.",
    ),
    "The Jacobian of a softmax, diag(alpha) - alpha alphaᵀ, applied to a vector.",
    given=("additive_attention_forward",),
)

EXERCISES = (ATTENTION_FORWARD, ATTENTION_BACKWARD)
