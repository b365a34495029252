"""What is measured after an epoch: the loss of the validation batches, and metrics with a direction."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from seqmem.training.callbacks import Direction
from seqmem.training.history import History
from seqmem.training.steps import Carried, count_of
from seqmem.validation import as_choice, as_returned, as_text, brief, check_callable


class Metric(NamedTuple):
    """A number that says how good a model is.

    >>> Metric(lambda model: 0.9, "max").direction
    'max'
    """

    function: Callable[[Any], float]  # of the model
    direction: Direction  # "max" if more is better, "min" if less is


class Measures:
    """Everything that is measured after an epoch.

    Args:
        model: what is trained.
        validation: batches, or a function of a Generator that gives them; None for no validation loss.
        metrics: by name; a function alone is one of which more is better.
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
        """What is recorded after an epoch, and whether less or more of it is better."""
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
            found["validation_loss"] = validation_loss(self._model, self._validation)
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

    A function of a Generator gets the same one every time, and so gives the same batches.

    Raises:
        ValueError: when the batches hold nothing that counts.
    """
    total, counted = 0.0, 0
    carried, alone = Carried(model), callable(getattr(model, "loss", None))
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for batch in batches(np.random.default_rng(0)) if callable(batches) else batches:
            count, _ = count_of(model, batch)
            if alone and not (carried.carries and hasattr(batch, "continues")):
                loss = model.loss(batch)
            else:
                loss, _ = carried.loss_and_grads(batch, None)
            total += float(loss) * count
            counted += count
    if not counted:
        raise ValueError("fit: validation gave no batch that counts")
    return total / counted if math.isfinite(total) else math.nan


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
