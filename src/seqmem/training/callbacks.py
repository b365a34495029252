"""Callbacks after every step and epoch: stop, keep the best, lower the learning rate."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from seqmem.module import Array
from seqmem.training.history import History
from seqmem.validation import as_choice, as_fraction, as_rate, as_size, as_text

Direction = Literal["min", "max"]


class StopTraining(Exception):  # noqa: N818 - it is not an error
    """Raised in a callback or a metric to end the training after this step or epoch, which is recorded.

    >>> raise StopTraining("good enough")
    Traceback (most recent call last):
    seqmem.training.callbacks.StopTraining: good enough
    """


@dataclass
class FitState:
    """The state of a training, as callbacks see it.

    Attributes:
        model: the trained model.
        optimizer: the optimizer that takes the steps.
        history: the epochs so far.
        epoch: the current epoch, counted from 1.
        step: steps of the optimizer so far, over all epochs.
        loss: the loss of the last step.
        rate_factor: a factor of the learning rate in addition to the schedule; a callback may change it.
        directions: for everything that is recorded, whether less or more is better.
    """

    model: Any
    optimizer: Any
    history: History
    epoch: int = 1
    step: int = 0
    loss: float = math.nan
    rate_factor: float = 1.0
    directions: dict[str, Direction] = field(default_factory=dict)


class Callback:
    """Base class of the callbacks: override the methods you need; raise `StopTraining` to end the training.

    >>> class StopAt(Callback):
    ...     def on_epoch(self, state):
    ...         if state.history.loss[-1] < 0.1:
    ...             raise StopTraining("the loss is below 0.1")
    """

    def on_begin(self, state: FitState) -> None:
        """Do something before the first step."""

    def on_step(self, state: FitState) -> None:
        """Do something after every step of the optimizer."""

    def on_epoch(self, state: FitState) -> None:
        """Do something after every epoch, once it is recorded and validated."""

    def on_end(self, state: FitState) -> None:
        """Do something once at the end, however the training ended."""

    def state_dict(self) -> dict[str, Any]:
        """Return what changes during a training, for the file of `fit(checkpoint=...)`.

        By default these are all attributes: numbers, strings, arrays, and lists, tuples and dicts of them.
        Override both methods if other attributes exist.
        """
        return dict(vars(self))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned, after `on_begin`."""
        vars(self).update(state)


class Monitor(Callback):
    """Base class of the callbacks that watch a number of the history.

    Args:
        monitor: "validation_loss", "loss", the name of a metric, or "metric", the value of `validate`.
        direction: "min" if less is better, "max" if more; None means the known direction: "min" for losses,
            and the metric's own for a metric.
        min_delta: the minimum improvement that counts, at least 0.
    """

    def __init__(self, monitor: str, direction: Direction | None, min_delta: float) -> None:
        name = type(self).__name__
        self.monitor = as_text(monitor, name, "monitor")
        self.direction = (
            direction if direction is None else as_choice(direction, ("min", "max"), name, "direction")
        )
        self.min_delta = as_rate(min_delta, name, "min_delta")
        self.best, self.best_epoch, self.waited = math.nan, 0, 0

    def on_begin(self, state: FitState) -> None:
        """Forget the state of an earlier training."""
        name, known = type(self).__name__, state.directions
        if self.monitor not in known:
            raise ValueError(
                f"{name}: monitor is {self.monitor!r}, expected one of {', '.join(known)}: fit measures "
                "validation_loss with validation=..., metrics with metrics=..."
            )
        if self.direction is None and self.monitor == "metric":
            raise ValueError(f"{name}: direction is None, expected 'min' or 'max' for the result of validate")
        self.best, self.best_epoch, self.waited = math.nan, 0, 0

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "best_epoch": self.best_epoch, "waited": self.waited}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best, self.best_epoch = float(state["best"]), int(state["best_epoch"])
        self.waited = int(state["waited"])

    def improved(self, state: FitState) -> bool:
        """Return whether the last epoch is the best so far, and count the epochs since then."""
        value = state.history.values(self.monitor)[-1]
        sign = 1 if (self.direction or state.directions[self.monitor]) == "max" else -1
        better = not math.isnan(value) and (
            math.isnan(self.best) or sign * (value - self.best) > self.min_delta
        )
        if better:
            self.best, self.best_epoch, self.waited = value, state.epoch, 0
        else:
            self.waited += 1
        return better


class EarlyStopping(Monitor):
    """Ends the training if a number has not improved for some epochs (Prechelt, 1998).

    The model keeps its last parameters; `KeepBest` restores the best ones.

    Args:
        patience: the number of epochs without an improvement that ends the training, at least 1.
        monitor, direction, min_delta: as in `Monitor`.

    Raises:
        ValueError, TypeError: for an argument out of range or of the wrong type.

    >>> EarlyStopping(patience=3).monitor
    'validation_loss'
    """

    def __init__(
        self,
        patience: int = 5,
        monitor: str = "validation_loss",
        *,
        direction: Direction | None = None,
        min_delta: float = 0.0,
    ) -> None:
        super().__init__(monitor, direction, min_delta)
        self.patience = as_size(patience, "EarlyStopping", "patience")

    def on_epoch(self, state: FitState) -> None:
        if not self.improved(state) and self.waited >= self.patience:
            raise StopTraining(
                f"{self.monitor} has not improved for {self.waited} epochs: the best is {self.best:.6g}, of "
                f"epoch {self.best_epoch}"
            )


class KeepBest(Monitor):
    """Gives the model the parameters of its best epoch when the training ends.

    It also does so after Ctrl-C and any other error, and keeps a copy of all parameters for this.

    Args:
        monitor, direction, min_delta: as in `Monitor`.

    Attributes:
        best, best_epoch: the best value and its epoch, counted from 1.

    Raises:
        ValueError, TypeError: for an argument out of range or of the wrong type.

    >>> KeepBest("accuracy", direction="max").best_epoch
    0
    """

    def __init__(
        self, monitor: str = "validation_loss", *, direction: Direction | None = None, min_delta: float = 0.0
    ) -> None:
        super().__init__(monitor, direction, min_delta)
        self._kept: dict[str, Array] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}

    def on_begin(self, state: FitState) -> None:
        super().on_begin(state)
        self._kept, self._shapes = {}, _shapes(state.model)

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"kept": self._kept}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self._kept = _as_kept(state["kept"], self._shapes)

    def on_epoch(self, state: FitState) -> None:
        if self.improved(state):
            self._kept = {name: param.copy() for name, param in state.model.params.items()}

    def on_end(self, state: FitState) -> None:
        write_params(state.model, self._kept)
        self._kept = {}


class AverageEpochs(Callback):
    """Gives the model the mean of its parameters after the last epochs when the training ends.

    Averaging over the end of a training often finds a better model than its last step (Polyak & Juditsky,
    1992; Izmailov et al., 2018).

    Args:
        last: the number of epochs to average, at least 1; all epochs if there were fewer.

    Raises:
        ValueError, TypeError: for a `last` that is not a positive integer.

    >>> AverageEpochs(last=3).last
    3
    """

    def __init__(self, last: int) -> None:
        self.last = as_size(last, "AverageEpochs", "last")
        self._kept: list[dict[str, Array]] = []
        self._shapes: dict[str, tuple[int, ...]] = {}

    def on_begin(self, state: FitState) -> None:
        self._kept, self._shapes = [], _shapes(state.model)

    def state_dict(self) -> dict[str, Any]:
        return {"kept": self._kept}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._kept = [_as_kept(kept, self._shapes) for kept in state["kept"]]

    def on_epoch(self, state: FitState) -> None:
        params = {name: param.copy() for name, param in state.model.params.items()}
        self._kept = [*self._kept[-self.last + 1 :], params] if self.last > 1 else [params]

    def on_end(self, state: FitState) -> None:
        if self._kept:
            means = {name: np.mean([kept[name] for kept in self._kept], axis=0) for name in self._kept[0]}
            write_params(state.model, means)
        self._kept = []


class ReduceOnPlateau(Monitor):
    """Multiplies the learning rate by a factor if a number has not improved for some epochs.

    Args:
        factor: in [0, 1).
        patience: the number of epochs without an improvement before each reduction, at least 1.
        min_factor: the lower bound of the product of all factors, in [0, 1).
        monitor, direction, min_delta: as in `Monitor`.

    Raises:
        ValueError, TypeError: for an argument out of range or of the wrong type.

    >>> ReduceOnPlateau(factor=0.5, patience=2).factor
    0.5
    """

    def __init__(
        self,
        factor: float = 0.5,
        patience: int = 3,
        monitor: str = "validation_loss",
        *,
        direction: Direction | None = None,
        min_delta: float = 0.0,
        min_factor: float = 0.0,
    ) -> None:
        super().__init__(monitor, direction, min_delta)
        self.factor = as_fraction(factor, "ReduceOnPlateau", "factor")
        self.patience = as_size(patience, "ReduceOnPlateau", "patience")
        self.min_factor = as_fraction(min_factor, "ReduceOnPlateau", "min_factor")

    def on_epoch(self, state: FitState) -> None:
        if not self.improved(state) and self.waited >= self.patience:
            state.rate_factor = max(state.rate_factor * self.factor, self.min_factor)
            self.waited = 0


def _shapes(model: Any) -> dict[str, tuple[int, ...]]:
    return {name: np.shape(param) for name, param in model.params.items()}


def _as_kept(kept: dict[str, Array], shapes: dict[str, tuple[int, ...]]) -> dict[str, Array]:
    """Return copies of parameters from a file; none at all were kept before the first epoch with a number."""
    if kept and {name: np.shape(one) for name, one in kept.items()} != shapes:
        raise ValueError("the kept parameters are not those of the model")
    return dict(kept)


def write_params(model: Any, values: dict[str, Array]) -> None:
    """Write values into the live parameters of a model; raise if one is missing or unknown."""
    params = model.params
    for name, value in values.items():
        params[name][...] = value
