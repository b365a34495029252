"""The next values of a series."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from seqmem.data import Minibatches, Standardizer, series_windows
from seqmem.data.sequences.batches import as_features
from seqmem.data.sequences.files import FORM, read_series, series_of
from seqmem.data.sequences.windows import is_many
from seqmem.initializers import Rng, as_generator
from seqmem.models.regressor import SequenceRegressor
from seqmem.module import Array, Module
from seqmem.tasks.encoders import feature_layer
from seqmem.tasks.task import Batches, Option, Task
from seqmem.validation import as_array, as_index, as_list, as_size, brief, check_type

BATCH = 1024  # windows to predict together


class Forecaster(Task):
    """A `SequenceRegressor` that predicts the next steps of a series, with the scale of its features.

    Examples are series: one array (N,) or (N, D) of finite numbers, or a list of such arrays. With a season
    of s steps, the model reads and predicts the changes over s steps: it starts from the seasonal naive
    forecast, which repeats the last season, and learns the error of that forecast. A season of 1 removes a
    trend.

    Args:
        model: the model that predicts the standardized values.
        scale: the standardization of the features, or of their changes.
        length: the number of steps that a prediction reads.
        season: s; None to predict the values themselves.
        columns: the features to predict, counted from 0; None for all.

    >>> series = np.sin(np.arange(120.0) / 5)
    >>> task = Forecaster.build(series, length=20, horizon=3, hidden_size=8, rng=0)
    >>> history = task.fit(series, epochs=5, learning_rate=0.01, rng=0, progress=False)
    >>> (found,) = task.predict(series)
    >>> found.shape, sorted(task.evaluate(series))
    ((3, 1), ['mae', 'naive rmse', 'rmse'])
    """

    file_form = FORM
    options = (
        Option("features", str, "the columns of numbers to use, counted from 0, such as 1 or 1,2"),
        Option("length", int, "steps that a prediction reads", None, 24),
        Option("horizon", int, "steps to predict"),
        Option("season", int, "predict the change over this many steps"),
    )
    metric = "rmse"

    def __init__(
        self,
        model: SequenceRegressor,
        scale: Standardizer,
        *,
        length: int,
        season: int | None = None,
        columns: Sequence[int] | None = None,
    ) -> None:
        caller = "Forecaster"
        check_type(model, SequenceRegressor, caller, "model")
        check_type(scale, Standardizer, caller, "scale")
        self.model, self.scale = model, scale
        self.length = as_size(length, caller, "length")
        self.season = None if season is None else as_size(season, caller, "season")
        D = len(scale.mean)
        chosen = range(D) if columns is None else as_list(columns, caller, "columns", "positions of features")
        self.columns = [as_index(one, D, caller, f"columns[{k}]") for k, one in enumerate(chosen)]
        if getattr(model.encoder, "input_size", None) != D:
            raise ValueError(f"{caller}: scale is of {D} features, expected those that the model reads")
        if len(self.columns) != model.output_size:
            raise ValueError(
                f"{caller}: columns has {len(self.columns)} features, expected {model.output_size}: "
                "output_size"
            )

    @classmethod
    def build(
        cls,
        series: Any,
        *,
        length: int,
        horizon: int = 1,
        season: int | None = None,
        columns: Sequence[int] | None = None,
        hidden_size: int = 32,
        cell: str = "lstm",
        num_layers: int = 1,
        dropout: float = 0.0,
        error: Literal["squared", "absolute", "huber"] = "squared",
        rng: Rng = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> Forecaster:
        """Return an untrained forecaster for series, with their scale.

        Args:
            series: series for training: an array (N,) or (N, D) of finite numbers, or a list of such arrays.
            length: the number of steps that a prediction reads.
            horizon: the number of steps to predict at once.
            season: steps of a season, such as 12 for monthly data; None to predict the values themselves.
            columns: the features to predict, counted from 0; None for all.
            hidden_size: H.
            cell: the name of the cell, such as "lstm", "gru" or "rnn".
            num_layers: the number of recurrent layers, on top of each other.
            dropout: the probability of zeroing outputs between layers and the last output.
            error: the errors in the loss: "squared", "absolute" or "huber".
            rng: seed or generator for the initial weights.
            dtype: float64 or float32.

        Raises:
            TypeError, ValueError: for a wrong argument, or series that are too short for one window,
                constant, not finite or not numbers; the message names the series.
        """
        caller = "Forecaster.build"
        as_size(length, caller, "length")
        if season is not None:
            as_size(season, caller, "season")
        rows, rng = _as_series(series, caller), as_generator(rng)
        _check_long_enough(rows, length + (season or 0) + as_size(horizon, caller, "horizon"), caller)
        changes = [_changes(row, season) for row in rows]
        _check_that_something_changes(changes, season, caller)
        scale = Standardizer.fit(changes)
        D = rows[0].shape[1]
        layer = feature_layer(
            D,
            hidden_size,
            cell=cell,
            num_layers=num_layers,
            dropout=dropout,
            rng=rng,
            dtype=dtype,
            caller=caller,
        )
        K = D if columns is None else len(as_list(columns, caller, "columns", "positions of features"))
        if K == 0:
            raise ValueError(f"{caller}: columns is empty, expected at least one feature")
        model = SequenceRegressor(layer, K, horizon=horizon, error=error, dropout=dropout, rng=rng)
        return cls(model, scale, length=length, season=season, columns=columns)

    @property
    def horizon(self) -> int:
        """The number of steps to predict."""
        return self.model.horizon

    def batches(self, examples: Any, batch_size: int) -> Batches:
        """Return batches for `fit`: batches of windows, reordered in every epoch.

        Raises:
            TypeError, ValueError: for series that are too short for one window, not finite or not numbers;
                the message names the series.
        """
        rows = self._as_series(examples, "Forecaster.batches", self.horizon)
        seen = [self.scale.transform(_changes(row, self.season)) for row in rows]
        windows = series_windows(seen, self.length, self.horizon, target_columns=self.columns)
        return Minibatches(windows, batch_size)

    def predict(self, inputs: Any) -> list[Array]:  # type: ignore[override]
        """Return the next steps of each series, (horizon, K) each, in the unit of the data.

        Args:
            inputs: one series or a list of series, each of at least `length` steps, plus a season if there is
                one; earlier steps are ignored.

        Raises:
            TypeError, ValueError: for series of another number of features, too short, not finite or not
                numbers; the message names the series.
        """
        rows = self._as_series(inputs, "Forecaster.predict", 0)
        pasts = [row[-(self.length + (self.season or 0)) :] for row in rows]
        return list(self._forecasts(np.stack(pasts, axis=1)).swapaxes(0, 1)) if pasts else []

    def evaluate(self, examples: Any) -> dict[str, float]:  # type: ignore[override]
        """Return the errors of the forecasts from every step of the series, in the unit of the data.

        A forecast reads `length` steps, plus a season if there is one: the series must begin that long before
        the first step to predict.

        Args:
            examples: one series or a list of series.

        Returns:
            "rmse", "mae", and "naive rmse", the error of repeating the last season, or else the last value.

        Raises:
            TypeError, ValueError: as from `batches`.
        """
        rows = self._as_series(examples, "Forecaster.evaluate", self.horizon)
        seen = self.length + (self.season or 0)
        windows = series_windows(rows, seen, self.horizon, target_columns=self.columns)
        starts = range(0, windows.inputs.shape[1], BATCH)
        found = np.concatenate(
            [self._forecasts(windows.inputs[:, start : start + BATCH]) for start in starts], axis=1
        )
        naive = seasonal_naive(windows.inputs, self.horizon, self.season or 1)[:, :, self.columns]
        errors, others = found - windows.targets, naive - windows.targets
        return {
            "rmse": float(np.sqrt((errors**2).mean())),
            "mae": float(np.abs(errors).mean()),
            "naive rmse": float(np.sqrt((others**2).mean())),
        }

    def metadata(self) -> dict[str, Any]:
        """Return scale, length, season and columns."""
        found = {"length": self.length, "season": self.season, "columns": self.columns}
        return {"scale": self.scale.to_dict(), **found}

    @classmethod
    def of_metadata(cls, model: Module, metadata: Mapping[str, Any]) -> Forecaster:
        """Return the forecaster of a model and its metadata."""
        check_type(model, SequenceRegressor, "Forecaster", "model")
        assert isinstance(model, SequenceRegressor)
        scale = Standardizer.from_dict(metadata["scale"])
        options = {name: metadata[name] for name in ("length", "season", "columns")}
        return cls(model, scale, **options)

    @classmethod
    def read(cls, paths: Sequence[str], features: str | None = None, **options: Any) -> list[Array]:
        """Return the series of files, (N, D) each, one per file.

        Args:
            paths: the files.
            features: the columns of numbers to use, counted from 0: "1,2"; None for all.
            options: not used.

        Raises:
            ValueError: for a cell that is not a finite number, or a line with another number of cells (the
                message names the file and the line); for a file without a number.
            OSError: if a file cannot be read.
        """
        chosen = None if features is None else _as_columns(features)
        return [read_series(path, chosen) for path in paths]

    @classmethod
    def split(  # the last steps, not random ones
        cls,
        examples: Any,
        held_out: int | None,
        rng: Rng,
        length: int = 1,
        horizon: int = 1,
        season: int | None = None,
    ) -> tuple[list[Array], list[Array]]:
        """Return the series without their last steps, and those steps with the preceding input."""
        training, held = [], []
        for position, row in enumerate(_as_series(examples, "Forecaster.split")):
            count = held_out or max(horizon, len(row) // 10)
            before = len(row) - count - length - (season or 0)
            if before < horizon:
                raise ValueError(
                    f"series[{position}] has {len(row)} steps, too few to hold out {count} after windows of "
                    f"{length}: --held-out, --length and --season make them smaller"
                )
            training.append(row[: len(row) - count])
            held.append(row[before:])
        return training, held

    def describe(self, examples: Any) -> str:
        """Return the number of steps, in words."""
        return f"{sum(map(len, examples)):,} steps"

    def answer_lines(self, lines: Iterable[str]) -> Iterator[str]:
        """Yield the next steps of the series in the lines, a line per step."""
        (found,) = self.predict([series_of(lines, "the input")])
        for step in found:
            yield ",".join(f"{value:.6g}" for value in step)

    def _as_series(self, series: Any, caller: str, ahead: int) -> list[Array]:
        rows = _as_series(series, caller, len(self.scale.mean))
        _check_long_enough(rows, self.length + (self.season or 0) + ahead, caller)
        return rows

    def _forecasts(self, pasts: Array) -> Array:
        """Return (horizon, B, K) from (season + length, B, D), in the unit of the data."""
        s = self.season
        seen = self.scale.transform(pasts if s is None else pasts[s:] - pasts[:-s])
        (predicted, _), _ = self.model.forward(seen)
        if not np.isfinite(predicted).all():
            raise ValueError("Forecaster.predict: the model's parameters hold nan, inf or numbers too large")
        found = self.scale.inverse(predicted.astype(np.float64), self.columns)
        if s is not None:
            known = pasts[-s:, :, self.columns]
            for h in range(self.horizon):  # beyond a season, the change is relative to a forecast
                found[h] += known[h] if h < s else found[h - s]
        return found


def seasonal_naive(past: Array, horizon: int, season: int) -> Array:
    """Return the last season, repeated as often as needed: the forecast to beat.

    Args:
        past: (N, ...) at least `season` steps.
        horizon: steps to predict.
        season: steps of a season; 1 repeats the last value.

    Raises:
        ValueError: for fewer steps than a season.

    >>> seasonal_naive(np.array([1, 2, 3, 4]), 5, 3)
    array([2, 3, 4, 2, 3])
    """
    past = as_array(past, "seasonal_naive", "past")
    if past.dtype.kind not in "fiub":
        raise TypeError(f"seasonal_naive: past has dtype {past.dtype}, expected real numbers")
    horizon, season = (
        as_size(horizon, "seasonal_naive", "horizon"),
        as_size(season, "seasonal_naive", "season"),
    )
    if past.ndim == 0 or len(past) < season:
        raise ValueError(
            f"seasonal_naive: past has {past.shape[:1]} steps, expected at least {season}: season"
        )
    last: Array = past[len(past) - season :]
    return last[np.arange(horizon) % season]


def _as_series(series: Any, caller: str, input_size: int | None = None) -> list[Array]:
    rows = as_features(series if is_many(series) else [series], caller, input_size, name="series")
    if not rows:
        raise ValueError(f"{caller}: series is empty, expected at least one series")
    return rows


def _check_long_enough(rows: Sequence[Array], least: int, caller: str) -> None:
    for position, row in enumerate(rows):
        if len(row) < least:
            raise ValueError(
                f"{caller}: series[{position}] has {len(row)} steps, expected at least {least}: length, a "
                "season where there is one, and what is to be predicted"
            )


def _check_that_something_changes(changes: Sequence[Array], season: int | None, caller: str) -> None:
    """Raise for a feature that is the same, or changes by the same, at every step of all series."""
    values = np.concatenate(changes)
    for column in np.flatnonzero((values == values[0]).all(axis=0)):
        what = f"is {values[0, column]} at every step"
        if season is not None:
            what = f"changes by {values[0, column]} over every {season} steps: `seasonal_naive` predicts that"
        raise ValueError(
            f"{caller}: feature {column} of series {what}; leave it out, there is nothing to learn"
        )


def _changes(row: Array, season: int | None) -> Array:
    return row if season is None else row[season:] - row[:-season]


def _as_columns(columns: str) -> list[int]:
    numbers = columns.split(",")
    if not all(one.strip().isdecimal() for one in numbers):
        raise ValueError(f"features is {brief(repr(columns))}, expected numbers such as 1,2")
    return [int(one) for one in numbers]
