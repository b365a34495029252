"""A loss that only a backward pass knows: `backward(y_pred, y_true, ...)` begins with its gradient.

The usual losses of a prediction and its labels are tried. To the loss is added a fixed weighted sum of the
outputs whose upstream gradients the backward pass takes as well, so that one number depends on all of them.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from seqmem.module import Array

_PREDICTIONS = re.compile(
    r"^(y_?(pred\w*|hat|out|p)|out(put)?s?|pred\w*|logits?|scores?|prob\w*|yhat|A_?L|p|ps)$", re.I
)


class OwnLoss(NamedTuple):
    """A loss of a part of a forward pass's result."""

    part: int  # the index of the prediction
    kind: str  # "cross-entropy", "softmax cross-entropy", "squared error"
    axis: int  # of the classes
    is_mean: bool  # over the batch
    labels: Any
    weighted: tuple[tuple[int, Array], ...] = ()  # other outputs, with their upstream gradients

    def __str__(self) -> str:
        return f"{self.kind}{', mean over the batch' * self.is_mean}"

    def of(self, values: list[Any]) -> Any:
        """Return the loss of the parts of a forward pass's result."""
        prediction = np.asarray(values[self.part])
        loss = self._of(prediction)
        return loss + sum(np.sum(np.asarray(values[k]) * upstream) for k, upstream in self.weighted)

    def _of(self, prediction: Array) -> Any:
        count = prediction.size // prediction.shape[self.axis] if self.is_mean else 1
        if self.kind == "squared error":
            return 0.5 * np.sum((prediction - np.reshape(self.labels, prediction.shape)) ** 2) / count
        if self.kind == "softmax cross-entropy":
            shifted = prediction - prediction.real.max(axis=self.axis, keepdims=True)
            logs = shifted - np.log(np.exp(shifted).sum(axis=self.axis, keepdims=True))
        else:
            logs = np.log(prediction)
        return -np.sum(logs * self._one_hot(prediction)) / count

    def _one_hot(self, prediction: Array) -> Array:
        if np.shape(self.labels) == prediction.shape:
            return np.asarray(self.labels)
        hot = np.moveaxis(np.eye(prediction.shape[self.axis])[np.asarray(self.labels)], -1, self.axis)
        return np.reshape(hot, prediction.shape)


def is_prediction(name: str) -> bool:
    """Return whether a name is that of a prediction."""
    return bool(_PREDICTIONS.match(name))


def own_losses(part: int, prediction: Any, weighted: tuple[tuple[int, Array], ...]) -> Iterator[OwnLoss]:
    """Yield the losses to try for a prediction, the most likely first, with labels for each."""
    values = np.asarray(prediction)
    axes = [axis for axis in dict.fromkeys((-1, max(values.ndim - 2, 0))) if values.shape[axis] > 1]
    for axis in axes:
        is_distribution = bool((values > 0).all()) and np.allclose(values.sum(axis=axis), 1)
        kinds = ("cross-entropy",) if is_distribution else ("softmax cross-entropy",)
        for labels in _labels(values, axis):
            for kind in kinds:
                for is_mean in (True, False):
                    yield OwnLoss(part, kind, axis, is_mean, labels, weighted)
    rng = np.random.default_rng(5)
    target = np.asarray(rng.standard_normal(values.shape))
    for is_mean in (False, True):
        yield OwnLoss(part, "squared error", -1, is_mean, target, weighted)


def _labels(values: Array, axis: int) -> Iterator[Any]:
    """Yield class numbers and one-hot vectors for a prediction."""
    count = values.shape[axis]
    rng = np.random.default_rng(4)
    shape = np.delete(np.array(values.shape), axis)
    numbers = rng.integers(count, size=tuple(int(n) for n in shape))
    yield numbers
    yield np.moveaxis(np.eye(count)[numbers], -1, axis)


def drawn(name: str, value: Any) -> Array:
    """Return a fixed upstream gradient for an output."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    return np.asarray(rng.standard_normal(np.shape(value)))
