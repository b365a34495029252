"""Features of mean 0 and standard deviation 1, and the inverse, as a value to store with a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from seqmem.data.sequences.batches import as_features
from seqmem.data.sequences.windows import is_many
from seqmem.module import Array
from seqmem.validation import (
    WrongTypeError,
    as_array,
    as_flag,
    as_index,
    as_list,
    brief,
    check_shape,
    working_dtype,
)


@dataclass(frozen=True, eq=False)
class Standardizer:
    """The means and standard deviations of D features, measured on the training data.

    `to_dict` is ready for a file's metadata, `save(path, model, standardizer.to_dict())`, and `from_dict`
    restores exactly the same numbers, so that inputs are prepared like the training data.

    Attributes:
        mean: (D,) float64.
        std: (D,) float64, above 0.

    >>> scale = Standardizer.fit(np.array([[1.0, 10.0], [3.0, 30.0]]))
    >>> scale.transform([[2.0, 30.0]])
    array([[0., 1.]])
    >>> scale.inverse([[0.0, 1.0]])
    array([[ 2., 30.]])
    >>> Standardizer.from_dict(scale.to_dict()) == scale
    True
    """

    mean: Array
    std: Array

    def __post_init__(self) -> None:
        for name in ("mean", "std"):
            value = as_array(getattr(self, name), "Standardizer", name)
            if value.dtype.kind not in "fiu":
                raise TypeError(f"Standardizer: {name} has dtype {value.dtype}, expected real numbers")
            value = np.array(value, np.float64)  # a private copy
            value.flags.writeable = False
            object.__setattr__(self, name, value)
        check_shape(self.mean, ("D",), "Standardizer", "mean")
        check_shape(self.std, ((len(self.mean), "the number of means"),), "Standardizer", "std")
        if not np.isfinite(self.mean).all():
            raise ValueError("Standardizer: mean is not finite, expected finite numbers")
        if not (np.isfinite(self.std) & (self.std > 0)).all():
            raise ValueError("Standardizer: std has entries that are not above 0 and finite")

    @classmethod
    def fit(cls, series: Any, *, allow_constant: bool = False) -> Standardizer:
        """Return the means and standard deviations over all steps of one or many series.

        Args:
            series: one series, an array (N,) or (N, D) of finite numbers, or a list of such series.
            allow_constant: whether a constant feature is accepted, with the standard deviation 1; otherwise
                it is an error, because it carries no information.

        Raises:
            TypeError: for series that are not real numbers.
            ValueError: for series without steps, a number that is not finite, or a constant feature, with its
                position.
        """
        caller = "Standardizer.fit"
        as_flag(allow_constant, caller, "allow_constant")
        rows = as_features(series if is_many(series) else [series], caller, name="series")
        if not rows or not sum(map(len, rows)):
            raise ValueError(f"{caller}: series is empty, expected at least one step")
        values = np.concatenate(rows)
        constant = (values == values[0]).all(axis=0)
        if constant.any() and not allow_constant:
            column = int(np.argmax(constant))
            raise ValueError(
                f"{caller}: feature {column} is {values[0, column]} at every step, which carries no "
                "information; drop it, or pass allow_constant=True"
            )
        return cls(values.mean(axis=0), np.where(constant, 1.0, values.std(axis=0)))

    def transform(self, xs: Any) -> Array:
        """Return (x - mean) / std.

        Args:
            xs: (..., D) numbers; (N,) is a series of one feature if D is 1. A padded batch becomes nonzero in
                its padding, so standardize first and pad afterwards.

        Returns:
            A new array in the shape of xs, float32 for float32 and float64 otherwise.

        Raises:
            TypeError: for numbers that are not real.
            ValueError: for another number of features.
        """
        return self._scaled(xs, "Standardizer.transform", None, inverse=False)

    def inverse(self, ys: Any, columns: int | list[int] | None = None) -> Array:
        """Return y std + mean: predictions in the unit of the data.

        Args:
            ys: (..., K) numbers, or (N,) of one feature.
            columns: the positions of these features, as `target_columns` of `series_windows`; None for all D.

        Raises:
            TypeError: for numbers that are not real.
            ValueError: for another number of features, or a column that does not exist.
        """
        return self._scaled(ys, "Standardizer.inverse", columns, inverse=True)

    def to_dict(self) -> dict[str, list[float]]:
        """Return the numbers as lists, which JSON preserves exactly."""
        return {"mean": self.mean.tolist(), "std": self.std.tolist()}

    @classmethod
    def from_dict(cls, values: dict[str, list[float]]) -> Standardizer:
        """Return the standardizer from the result of `to_dict`.

        Raises:
            TypeError, ValueError: for anything else.
        """
        if not isinstance(values, dict) or set(values) != {"mean", "std"}:
            raise WrongTypeError(
                f"Standardizer.from_dict: values is {brief(repr(values))}, expected a dict with mean and std"
            )
        return cls(np.asarray(values["mean"]), np.asarray(values["std"]))

    def _scaled(self, xs: Any, caller: str, columns: Any, inverse: bool) -> Array:
        mean, std = self.mean, self.std
        if columns is not None:
            wanted = [columns] if isinstance(columns, (int, np.integer)) else columns
            wanted = as_list(wanted, caller, "columns", "the positions of features")
            chosen = [as_index(one, len(mean), caller, f"columns[{i}]") for i, one in enumerate(wanted)]
            mean, std = mean[chosen], std[chosen]
        array = as_array(xs, caller, "the values")
        if array.dtype.kind not in "fiub":
            raise TypeError(f"{caller}: the values have dtype {array.dtype}, expected real numbers")
        if array.ndim != 1 or len(mean) != 1:
            check_shape(array, ("...", (len(mean), "the number of features")), caller, "the values")
        array = array.astype(working_dtype(None, array), copy=False)
        mean, std = mean.astype(array.dtype), std.astype(array.dtype)
        return np.asarray(array * std + mean if inverse else (array - mean) / std)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Standardizer):
            return NotImplemented
        return np.array_equal(self.mean, other.mean) and np.array_equal(self.std, other.std)

    def __hash__(self) -> int:
        return hash((self.mean.tobytes(), self.std.tobytes()))
