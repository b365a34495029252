"""Scores of predictions: how often they are right and how far off they are, without a model.

Predictions and targets are arrays of one shape, with a mask of the entries that count, or lists of sequences
of unequal lengths. Labels are integers or strings.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np

from seqmem.layers.counted import as_mask, check_finite
from seqmem.module import Array
from seqmem.validation import Axis, as_array, as_list, brief, check_iterable, check_shape

Average = Literal["macro", "micro", "weighted"]


def accuracy(predictions: Any, targets: Any, mask: Any = None) -> float:
    """Return the fraction of correct labels.

    Args:
        predictions: labels, an array or a list of sequences.
        targets: the correct labels, in the same form.
        mask: True where a label counts, bool in the shape of the arrays; None if all count.

    Raises:
        ValueError: for shapes or lengths that differ, with the row, or if no label counts.
        TypeError: for anything but labels.

    >>> accuracy(np.array([1, 2, 1, 0]), np.array([1, 2, 0, 9]), np.array([True, True, True, False]))
    0.6666666666666666
    >>> accuracy([["O", "B"], ["O"]], [["O", "O"], ["O"]])
    0.6666666666666666
    """
    found, right = _flat(predictions, targets, mask, "accuracy")
    return float(np.mean(found == right))


def sequence_accuracy(predictions: Any, targets: Any, mask: Any = None) -> float:
    """Return the fraction of sequences with correct labels only.

    Args:
        predictions: labels, (T, B) or a list of sequences, which may be longer or shorter than the targets.
        targets: the correct labels, in the same form.
        mask: True where a label counts, (T, B) bool; None if all count. A sequence without a label that
            counts does not count.

    Raises:
        ValueError: for shapes that differ, or if no sequence counts.
        TypeError: for anything but labels.

    >>> sequence_accuracy(np.array([[1, 2], [1, 0]]), np.array([[1, 2], [0, 0]]))
    0.5
    >>> sequence_accuracy(["ab", "cd"], ["ab", "cde"])
    0.5
    """
    caller = "sequence_accuracy"
    if not isinstance(predictions, np.ndarray):
        found = as_list(predictions, caller, "predictions", "a list of sequences")
        wanted = as_list(targets, caller, "targets", "a list of sequences")
        _check_counts(found, wanted, caller)
        right = [_is_same(one, other) for one, other in zip(found, wanted, strict=True)]
        _check_some(len(right), caller, "sequence")
        return float(np.mean(right))
    ours, theirs = _labels(predictions, targets, caller)
    check_shape(ours, ("T", "B"), caller, "predictions")
    counted = np.ones(ours.shape, bool) if mask is None else as_mask(mask, _axes(ours), caller)
    rows_right = ((ours == theirs) | ~counted).all(axis=0)[counted.any(axis=0)]
    _check_some(rows_right.size, caller, "sequence")
    return float(np.mean(rows_right))


def root_mean_squared_error(predictions: Any, targets: Any, mask: Any = None) -> float:
    """Return the root of the mean squared error, in the unit of the targets.

    Args:
        predictions: real numbers, of any shape.
        targets: the correct numbers, in the same shape.
        mask: True where a number counts, bool in the same shape or in its first axes; None if all count.

    Raises:
        ValueError: for shapes that differ, a number that counts but is not finite (the message names its
            position), or if no number counts.
        TypeError: for anything but real numbers.

    >>> root_mean_squared_error([1.0, 5.0], [4.0, 1.0])
    3.5355339059327378
    """
    e = _errors(predictions, targets, mask, "root_mean_squared_error")
    top = float(np.abs(e).max())
    return top * math.sqrt(float(np.mean((e / top) ** 2))) if top else 0.0  # no square overflows


def mean_absolute_error(predictions: Any, targets: Any, mask: Any = None) -> float:
    """Return the mean absolute error, in the unit of the targets.

    Args:
        predictions, targets, mask: as in `root_mean_squared_error`.

    Raises:
        ValueError, TypeError: as from `root_mean_squared_error`.

    >>> mean_absolute_error([1.0, 5.0], [4.0, 1.0])
    3.5
    """
    return float(np.mean(np.abs(_errors(predictions, targets, mask, "mean_absolute_error"))))


class Counts(NamedTuple):
    """The number of times that a label was right, predicted, and in the targets."""

    right: int
    predicted: int
    expected: int

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall; 0 for a label that is never right."""
        both = self.predicted + self.expected
        return 2 * self.right / both if both else 0.0


def f1_score(
    predictions: Any,
    targets: Any,
    mask: Any = None,
    *,
    average: Average | None = "macro",
    labels: Iterable[Any] | None = None,
) -> Any:
    """Return the F1 score of labels: the harmonic mean of precision and recall.

    Args:
        predictions, targets, mask: as in `accuracy`.
        average: "macro", the mean over labels; "weighted", the mean weighted by the labels' frequency in the
            targets; "micro", the score of the counts of all labels together; None for a dict with the score
            of each label.
        labels: the labels; None for all that occur on either side, in order. A label that does not occur has
            the score 0.

    Raises:
        ValueError, TypeError: as from `accuracy`; for another average, or no labels.

    >>> f1_score([0, 1, 1, 2], [0, 1, 2, 2], average=None)
    {0: 1.0, 1: 0.6666666666666666, 2: 0.6666666666666666}
    >>> f1_score([0, 1, 1, 2], [0, 1, 2, 2])
    0.7777777777777777
    """
    found, right = _flat(predictions, targets, mask, "f1_score")
    if labels is None:
        names = np.union1d(found, right).tolist()
    else:
        rows = as_array(as_list(labels, "f1_score", "labels", "a list of labels"), "f1_score", "labels")
        check_shape(rows, ("L",), "f1_score", "labels")
        names = rows.tolist()
    if not names:
        raise ValueError("f1_score: labels is empty, expected at least one label")
    hits = found == right
    counts = {
        name: Counts(
            int(np.sum(hits & (right == name))), int(np.sum(found == name)), int(np.sum(right == name))
        )
        for name in names
    }
    return averaged(counts, average, "f1_score")


def averaged(counts: Mapping[Any, Counts], average: str | None, caller: str) -> Any:
    """Return the F1 scores by label, or their average.

    Raises:
        ValueError: for another average.
    """
    if average is None:
        return {name: one.f1 for name, one in counts.items()}
    if average == "micro":
        return Counts(*(sum(column) for column in zip(*counts.values(), strict=True))).f1 if counts else 0.0
    if average not in ("macro", "weighted"):
        expected = "'macro', 'micro', 'weighted' or None"
        kind = ValueError if isinstance(average, str) else TypeError
        raise kind(f"{caller}: average is {brief(repr(average))}, expected {expected}")
    weights = [one.expected if average == "weighted" else 1 for one in counts.values()]
    total = sum(weights)
    return sum(w * one.f1 for w, one in zip(weights, counts.values(), strict=True)) / total if total else 0.0


def _flat(predictions: Any, targets: Any, mask: Any, caller: str) -> tuple[Array, Array]:
    """Return the labels that count, as flat arrays."""
    if _is_ragged(predictions) and _is_ragged(targets):
        if mask is not None:
            raise TypeError(f"{caller}: mask is for arrays, expected None with lists of sequences")
        _check_counts(predictions, targets, caller)
        for row, (found, right) in enumerate(zip(predictions, targets, strict=True)):
            if len(found) != len(right):
                raise ValueError(
                    f"{caller}: predictions[{row}] has {len(found)} labels, expected {len(right)}: those of "
                    f"targets[{row}]"
                )
        predictions, targets = ([label for row in rows for label in row] for rows in (predictions, targets))
    found, right = _labels(predictions, targets, caller)
    if mask is not None:
        counted = as_mask(mask, _axes(found), caller)
        found, right = found[counted], right[counted]
    _check_some(found.size, caller, "label")
    return found.reshape(-1), right.reshape(-1)


def _is_ragged(rows: Any) -> bool:
    return (
        isinstance(rows, (list, tuple))
        and len(rows) > 0
        and all(isinstance(row, (list, tuple, np.ndarray)) for row in rows)
    )


def _labels(predictions: Any, targets: Any, caller: str) -> tuple[Array, Array]:
    found, right = as_array(predictions, caller, "predictions"), as_array(targets, caller, "targets")
    for name, array in (("predictions", found), ("targets", right)):
        if array.dtype.kind not in "iubU" and array.size:
            raise TypeError(f"{caller}: {name} has dtype {array.dtype}, expected integers or strings")
    if found.size and (found.dtype.kind == "U") != (right.dtype.kind == "U"):
        raise TypeError(
            f"{caller}: predictions has dtype {found.dtype} and targets {right.dtype}, expected labels alike"
        )
    check_shape(found, _axes(right, "targets"), caller, "predictions")
    return found, right


def _axes(array: Array, name: str = "predictions") -> tuple[Axis, ...]:
    return tuple((size, f"axis {axis} of {name}") for axis, size in enumerate(array.shape))


def _errors(predictions: Any, targets: Any, mask: Any, caller: str) -> Array:
    found, right = as_array(predictions, caller, "predictions"), as_array(targets, caller, "targets")
    for name, array in (("predictions", found), ("targets", right)):
        if array.dtype.kind not in "fiub":
            raise TypeError(f"{caller}: {name} has dtype {array.dtype}, expected real numbers")
    check_shape(found, _axes(right, "targets"), caller, "predictions")
    counted = np.ones(found.shape, bool)
    if mask is not None:
        rows = as_mask(mask, _axes(found)[: as_array(mask, caller, "mask").ndim], caller)
        counted = np.broadcast_to(rows.reshape(rows.shape + (1,) * (found.ndim - rows.ndim)), found.shape)
    found, right = found.astype(np.float64), right.astype(np.float64)
    check_finite(found, counted, caller, "predictions")
    check_finite(right, counted, caller, "targets")
    _check_some(int(np.sum(counted)), caller, "number")
    return np.asarray(found[counted] - right[counted])


def _is_same(found: Any, wanted: Any) -> bool:
    caller = "sequence_accuracy"
    for name, one in (("predictions", found), ("targets", wanted)):
        check_iterable(one, caller, name, "a list of sequences")
    return list(found) == list(wanted)


def _check_counts(predictions: Any, targets: Any, caller: str) -> None:
    if len(predictions) != len(targets):
        raise ValueError(f"{caller}: there are {len(predictions)} predictions for {len(targets)} targets")


def _check_some(count: int, caller: str, what: str) -> None:
    if count == 0:
        raise ValueError(f"{caller}: mean of nothing: there is no {what} that counts")
