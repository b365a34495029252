"""Measurements after an epoch: the loss of the validation batches, and metrics with a direction."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from seqmem.data.batch import Batch, SequenceBatch
from seqmem.training.callbacks import Direction
from seqmem.training.history import History
from seqmem.training.steps import Carried, count_of
from seqmem.validation import as_choice, as_returned, as_text, brief, check_callable, check_iterable


class Metric(NamedTuple):
    """A number that measures how good a model is.

    >>> Metric(lambda model: 0.9, "max").direction
    'max'
    """

    function: Callable[[Any], float]  # the number as a function of the model
    direction: Direction  # "max" if more is better, "min" if less is


class Measures:
    """All measurements after an epoch.

    Args:
        model: the trained model.
        validation: batches, or a function of a Generator that returns them; None for no validation loss.
        metrics: by name; for a plain function, more is better.
        validate: a function of the model whose number goes to `history.metric`; None for none.
    """

    def __init__(
        self,
        model: Any,
        validation: Iterable[Any] | Callable[..., Iterable[Any]] | None,
        metrics: Mapping[str, Metric | Callable[[Any], float]] | None,
        validate: Callable[[Any], float] | None,
    ) -> None:
        self._model, self._validation, self._validate = model, validation, validate
        self.metrics = _as_metrics(metrics)

    @property
    def directions(self) -> dict[str, Direction]:
        """The names of all records after an epoch, each with "min" or "max" for the better direction."""
        found: dict[str, Direction] = {"loss": "min"}
        if self._validation is not None:
            found["validation_loss"] = "min"
        if self._validate is not None:
            found["metric"] = "max"
        return found | {name: metric.direction for name, metric in self.metrics.items()}

    def take(self, history: History) -> dict[str, float]:
        """Measure, record, and return the numbers by name for the progress line."""
        found: dict[str, float] = {}
        if self._validation is not None:
            found["validation_loss"] = _mean_loss(self._model, self._validation, "fit", "validation")
            history.validation_loss.append(found["validation_loss"])
        if self._validate is not None:
            found["metric"] = as_returned(self._validate(self._model), "fit", "what validate returned")
            history.metric.append(found["metric"])
        for name, metric in self.metrics.items():
            found[name] = as_returned(metric.function(self._model), "fit", f"what metric {name!r} returned")
            history.metrics.setdefault(name, []).append(found[name])
        return found


def validation_loss(model: Any, batches: Iterable[Any] | Callable[..., Iterable[Any]]) -> float:
    """Return the mean loss over batches, without dropout and without a step.

    A function of a Generator gets the same Generator every time, and therefore returns the same batches.

    Args:
        model: anything with `loss_and_grads`; its `loss(batch)` is called instead if it has one.
        batches: as `fit` takes them.

    Raises:
        ValueError: if no target in the batches counts.
        TypeError: for a model or batches of another kind.
    """
    caller = "validation_loss"
    if not callable(getattr(model, "loss_and_grads", None)):
        came = type(model).__name__
        raise TypeError(f"{caller}: model is of type {came}, expected an object with loss_and_grads")
    check_batches(batches, caller, "batches")
    return _mean_loss(model, batches, caller, "batches")


def _mean_loss(model: Any, batches: Any, caller: str, name: str) -> float:
    total, counted = 0.0, 0
    carried, alone = Carried(model), callable(getattr(model, "loss", None))
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        source = batches(np.random.default_rng(0)) if callable(batches) else batches
        check_iterable(source, caller, f"what {name} returned", "an iterable of batches")
        for batch in source:
            count, _ = count_of(model, batch)
            if alone and not (carried.carries and hasattr(batch, "continues")):
                loss = model.loss(batch)
            else:
                loss, _ = carried.loss_and_grads(batch, None)
            total += float(loss) * count
            counted += count
    if not counted:
        raise ValueError(f"{caller}: {name} gave nothing that counts")
    return total / counted if math.isfinite(total) else math.nan


def check_batches(value: object, caller: str, name: str) -> None:
    """Raise unless a value is a list of batches or a function; one batch or an iterator is not.

    Raises:
        TypeError: for anything else, with a description of the value.
    """
    once = isinstance(value, (Batch, SequenceBatch, Iterator, str, bytes, Mapping))
    if isinstance(value, type) or once or not (callable(value) or isinstance(value, Iterable)):
        came = kind_of(value)
        raise TypeError(f"{caller}: {name} is {came}, expected a list or a function of a Generator")


def kind_of(value: object) -> str:
    """Return a description of a value, for a message."""
    return f"the class {value.__name__}" if isinstance(value, type) else f"a {type(value).__name__}"


def _as_metrics(metrics: Any) -> dict[str, Metric]:
    if metrics is None:
        return {}
    if not isinstance(metrics, Mapping):
        raise TypeError(
            f"fit: metrics is of type {type(metrics).__name__}, expected a dict of functions by name"
        )
    taken = {*vars(History()), "epoch"}
    found = {}
    for name, value in metrics.items():
        as_text(name, "fit", "a name in metrics")
        if name in taken or not name:
            raise ValueError(f"fit: metrics has the name {brief(repr(name))}, which is taken")
        metric = Metric(*value) if isinstance(value, tuple) and len(value) == 2 else Metric(value, "max")
        if metric.function is None:
            raise TypeError(f"fit: metrics[{name!r}] is None, expected a function of the model")
        check_callable(metric.function, "fit", f"metrics[{name!r}]")
        as_choice(metric.direction, ("min", "max"), "fit", f"the direction of metrics[{name!r}]")
        found[name] = metric
    return found
