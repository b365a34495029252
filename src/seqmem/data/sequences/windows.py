"""Windows over series, with the values that follow them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqmem.data.batch import SequenceBatch
from seqmem.data.sequences.batches import as_features
from seqmem.module import Array
from seqmem.validation import as_flag, as_index, as_list, as_size


def series_windows(
    series: Any,
    length: int,
    horizon: int | Sequence[int] = 1,
    stride: int = 1,
    *,
    target_columns: int | Sequence[int] | None = None,
    every_step: bool = False,
) -> SequenceBatch:
    """Return all windows of one or many series, and the values that follow each window.

    A window that starts at step s contains the steps s to s + length - 1; "h steps ahead" is the step
    s + length - 1 + h. No window and no target extends from one series into the next.

    Args:
        series: one series, an array (N,) or (N, D) of finite numbers, or a list of such series with one D.
        length: T, the steps per window.
        horizon: the number of steps ahead to predict, all of them; or the steps themselves, such as (1, 7,
            28).
        stride: the number of steps from the start of one window to the start of the next.
        target_columns: the features to predict, counted from 0; None for all D.
        every_step: whether each step of a window has a target, `horizon` steps ahead of that step; the
            horizon is then one step.

    Returns:
        A SequenceBatch of B windows, those of the first series first: inputs (T, B, D); targets
        (steps, B, K), or (T, B, K) with `every_step`; all lengths are T and all targets count. The inputs of
        a single series are a read-only view of it.

    Raises:
        TypeError: for series that are not real numbers, or sizes that are not integers.
        ValueError: for a number that is not finite, or a series with too few steps for one window, with its
            position; for any other argument out of range.

    >>> batch = series_windows(np.arange(6.0), length=3, horizon=2)
    >>> batch.inputs[:, :, 0].T
    array([[0., 1., 2.],
           [1., 2., 3.]])
    >>> batch.targets[:, :, 0].T
    array([[3., 4.],
           [4., 5.]])
    """
    caller = "series_windows"
    length, stride = as_size(length, caller, "length"), as_size(stride, caller, "stride")
    steps = _as_steps(horizon)
    if as_flag(every_step, caller, "every_step") and len(steps) != 1:
        raise ValueError(f"{caller}: horizon is {horizon!r}, expected one step with every_step: (h,)")
    many = is_many(series)
    rows = as_features(series if many else [series], caller, name="series")
    if not rows:
        raise ValueError(f"{caller}: series is empty, expected at least one series")
    columns = _as_columns(target_columns, rows[0].shape[1])
    for position, row in enumerate(rows):
        if len(row) < length + max(steps):
            name = f"series[{position}]" if many else "series"
            raise ValueError(
                f"{caller}: {name} has {len(row)} steps, expected at least {length + max(steps)}: "
                f"a window of {length} and {max(steps)} ahead"
            )
    pieces = [_windows(row, length, steps, stride, columns, every_step) for row in rows]
    inputs = pieces[0][0] if len(rows) == 1 else np.concatenate([xs for xs, _ in pieces], axis=1)
    targets = np.concatenate([ys for _, ys in pieces], axis=1)
    lengths = np.full(inputs.shape[1], length, np.intp)
    return SequenceBatch(inputs, lengths, targets, np.ones(targets.shape[:2], bool))


def is_many(series: Any) -> bool:
    """Return whether a value contains many series: a list of series, or an array of three axes.

    >>> is_many([1.0, 2.0]), is_many(np.zeros((9, 2))), is_many([np.zeros(3), np.zeros(5)])
    (False, False, True)
    """
    if isinstance(series, np.ndarray):
        return series.ndim == 3 or (series.dtype == object and series.ndim == 1)
    return isinstance(series, (list, tuple)) and any(hasattr(one, "__len__") for one in series[:1])


def _windows(
    row: Array, length: int, steps: list[int], stride: int, columns: list[int], every_step: bool
) -> tuple[Array, Array]:
    """Return inputs (T, B, D) and targets (steps, B, K), or (T, B, K), of one series (N, D)."""
    starts = np.arange(0, len(row) - length - max(steps) + 1, stride)
    view = np.lib.stride_tricks.sliding_window_view(row, length, axis=0)  # (N - length + 1, D, T)
    inputs = view[: starts[-1] + 1 : stride].transpose(2, 0, 1)
    ahead = np.arange(length) + steps[0] if every_step else np.array(steps) + length - 1
    return inputs, row[starts + ahead[:, None]][:, :, columns]


def _as_steps(horizon: Any) -> list[int]:
    caller = "series_windows"
    if isinstance(horizon, (int, np.integer)) or not hasattr(horizon, "__iter__"):
        return list(range(1, as_size(horizon, caller, "horizon") + 1))
    steps = as_list(horizon, caller, "horizon", "a number of steps, or the steps themselves")
    if not steps:
        raise ValueError(f"{caller}: horizon is empty, expected at least one step")
    return [as_size(step, caller, f"horizon[{i}]") for i, step in enumerate(steps)]


def _as_columns(columns: Any, width: int) -> list[int]:
    caller = "series_windows"
    if columns is None:
        return list(range(width))
    if isinstance(columns, (int, np.integer)) or not hasattr(columns, "__iter__"):
        columns = [columns]
    columns = as_list(columns, caller, "target_columns", "the positions of features")
    if not columns:
        raise ValueError(f"{caller}: target_columns is empty, expected at least one")
    return [as_index(column, width, caller, f"target_columns[{i}]") for i, column in enumerate(columns)]
