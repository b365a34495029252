"""Softmax cross-entropy, and the embedding: the two ends of a model of text."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.exercises.cutting import equation_of
from seqmem.exercises.exercise import Exercise, Task
from seqmem.exercises.lectures.numbers import drawn

_SCORES = drawn({"logits": "TBV"}, masked="mask", targets=("TB", "V"))
_LOGITS = {"logits": "TBV"}
_TABLE = {"W": "VE"}

# Of each kind one: a token twice in a step, twice in a sequence, in both, once, and never.
_OFTEN = np.array([[1, 2, 1], [3, 1, 0], [2, 5, 5], [1, 2, 4]])


def _words(rng: np.random.Generator, sizes: dict[str, int]) -> dict[str, Any]:
    inputs = drawn(_TABLE, tokens=("TB", "V"))(rng, sizes)
    if inputs["tokens"].shape == _OFTEN.shape:
        others = 1 + rng.permutation(sizes["V"] - 1)
        inputs["tokens"] = np.array([0, *others])[_OFTEN]
    return inputs


CROSS_ENTROPY = Exercise(
    "cross_entropy",
    "Softmax cross-entropy, forward and backward",
    "Words and losses",
    (
        Task("cross_entropy_forward", _SCORES, ("loss",), kind="cross_entropy"),
        Task("cross_entropy_backward", _SCORES, ("loss",), kind="cross_entropy", axes=_LOGITS),
    ),
    equation_of("seqmem.reference.cross_entropy"),
    "A loss that is exact for any logits, and the joint gradient of softmax and logarithm.",
    40,
    (
        "exp(1000) overflows. Which number can be subtracted from all logits of a position without changing "
        "the probabilities?",
        "The logarithm of p is shifted - log(total): the loss does not need p itself. Only the positions "
        "where mask is True count, and the mean is over these positions. The gradient of the logits is p - "
        "onehot.",
        "top is a maximum over the last axis with keepdims=True; the one-hot array is targets[:, :, None] "
        "== np.arange(V). The loss is divided by mask.sum(), so d_losses is d_loss * mask / mask.sum(), and "
        "the gradient is its product with (p - onehot). Return np.asarray(loss).",
    ),
    (
        "The mean over all positions, the padding included.",
        "log(p + 1e-7): the gradient p - onehot is not the gradient of this loss.",
        "The softmax over the wrong axis.",
        "The derivative of the softmax applied once more to p - onehot, which already contains it.",
        "p[target] -= 1 written into the cache, so that a second call is wrong.",
    ),
    "d(-log p_target)/d logits = p - onehot (lecture: softmax and its derivative).",
)

EMBEDDING_BACKWARD = Exercise(
    "embedding_backward",
    "An embedding, backward",
    "Words and losses",
    (
        Task(
            "embedding_backward",
            _words,
            ("y",),
            kind="embedding",
            axes=_TABLE,
        ),
    ),
    equation_of("seqmem.reference.embedding"),
    "A row that is looked up twice collects two gradients.",
    15,
    (
        "A word occurs three times in a batch. How many rows of d_y belong to its row of the table?",
        "d_W has the shape of W and starts at zero; each row of d_y is added to the row of its token. What "
        "does d_W[tokens] += d_y do if a token occurs twice?",
        "NumPy's ufuncs have a method `at`; np.add.at adds at every index as often as the index occurs.",
    ),
    (
        "d_W[tokens] += d_y: if a token occurs twice, only its last occurrence counts.",
        "= instead of +=.",
        "A gradient for the tokens, which are integers and have none.",
    ),
    "The gradient of a selection: the sum over all places at which an entry was selected.",
    given=("embedding_forward",),
)

EXERCISES = (CROSS_ENTROPY, EMBEDDING_BACKWARD)
