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
    "A query that is compared with every source position, and an average of the keys weighted by the "
    "results.",
    35,
    (
        "The query is one vector for each sentence, and the keys are one vector for each word. What is the "
        "shape of their sum, once both are A wide?",
        "query @ W_q is (B, A) and keys @ W_k is (S, B, A): NumPy adds the query to every position. The "
        "softmax runs over the first axis, and only over positions where mask is True.",
        "Subtract the maximum of the valid scores before the exponential, and give the padding the score "
        "-inf, so that its weight is exactly 0. Set the padding of the keys to 0 first, with "
        "zero_padding_forward. Return context, alpha.T.copy() and the cache (query, keys, W_q, W_k, v, "
        "mask, hidden, alpha).",
    ),
    (
        "The softmax over the batch or the features.",
        "The padding is masked after the softmax, so that the weights do not add up to 1.",
        "The tanh is left out, so that the query changes the scores of all positions by the same amount.",
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
    "The derivative of the softmax in terms of its value, and keys that are used twice: as values and in "
    "the scores.",
    60,
    (
        "The keys are used in two lines of the forward pass. The weights are used twice as well: where?",
        "context gives the gradients of alpha and of the keys as values. Add d_weights to the gradient of "
        "alpha. Then go back through the softmax, the product with v, the tanh, and the sum of query, keys "
        "and bias.",
        "For the softmax, d_scores = alpha * (d_alpha - centre), where centre is the sum of alpha * d_alpha "
        "over the positions. The query is added to every position, so its gradient is a sum over the "
        "positions. In the padding, the gradient of the keys is 0.",
    ),
    (
        "alpha * (1 - alpha) as the derivative of the softmax: the positions are not independent.",
        "The gradient of the keys from only one of their two uses.",
        "The gradient of the query is left out, so that the decoder learns nothing through attention.",
        "d_weights is left out.",
        "A gradient in the padding.",
    ),
    "The Jacobian of a softmax, diag(alpha) - alpha alphaᵀ, applied to a vector.",
    given=("additive_attention_forward",),
)

EXERCISES = (ATTENTION_FORWARD, ATTENTION_BACKWARD)
