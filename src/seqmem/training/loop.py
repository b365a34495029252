"""Training: gradients, clipping and an update per batch; a metric and a record per epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np

from seqmem.data.batch import Batch
from seqmem.initializers import Rng, as_generator
from seqmem.module import Array, Grads
from seqmem.training.optimizers import Optimizer, clip_by_global_norm
from seqmem.training.progress import duration, make_progress
from seqmem.validation import as_positive, as_rate, as_returned, as_size, check_iterable

Batches = Iterable[Batch] | Callable[[np.random.Generator], Iterable[Batch]]


class Trainable(Protocol):
    """The part of a model that `fit` uses."""

    @property
    def params(self) -> dict[str, Array]:
        """The live parameter arrays by name."""

    def loss_and_grads(self, batch: Any, rng: np.random.Generator) -> tuple[Any, Grads]:
        """Return the mean loss per target token, and the gradient of every parameter."""


Model = TypeVar("Model", bound=Trainable)


class NonFiniteError(FloatingPointError):
    """The loss, a gradient or, after an epoch's last step, a parameter is nan or inf.

    If it is the loss or a gradient, the parameters are those before the step, which was not taken.

    Attributes:
        step: the step, counted from 1 over all epochs.
        epoch: the epoch, counted from 1.
        parameter: the first parameter that is not finite or whose gradient is not finite; None if all are.
    """

    def __init__(self, message: str, step: int, epoch: int, parameter: str | None) -> None:
        super().__init__(message, step, epoch, parameter)  # all arguments, so that the error can be pickled
        self.step, self.epoch, self.parameter = step, epoch, parameter

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass
class History:
    """The course of training, one entry per epoch; `vars(history)` is ready for JSON.

    Attributes:
        loss: mean loss per target token during the epoch, in the loss's unit (nats).
        metric: the value of `validate` after the epoch; empty without it.
        tokens_per_second: target tokens divided by training time.
        seconds: training time, without validation and callback.
    """

    loss: list[float] = field(default_factory=list)
    metric: list[float] = field(default_factory=list)
    tokens_per_second: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def cosine_decay(fraction: float) -> float:
    """Return the factor of a schedule from 1 to 0 along half a cosine (Loshchilov & Hutter, 2017).

    Args:
        fraction: the completed fraction of the training, from 0 to 1.

    Returns:
        The factor of the learning rate.

    Raises:
        ValueError: for a fraction outside [0, 1].
        TypeError: for a fraction that is not a number.

    >>> [round(cosine_decay(fraction), 3) for fraction in (0, 0.25, 0.5, 1)]
    [1.0, 0.854, 0.5, 0.0]
    """
    fraction = as_returned(fraction, "cosine_decay", "fraction")
    if not 0 <= fraction <= 1:
        raise ValueError(f"cosine_decay: fraction is {fraction}, expected a number from 0 to 1")
    return 0.5 + 0.5 * math.cos(math.pi * fraction)


def fit(
    model: Model,
    batches: Batches,
    optimizer: Optimizer,
    *,
    epochs: int,
    max_seconds: float | None = None,
    max_norm: float | None = None,
    schedule: Callable[[float], float] | None = None,
    validate: Callable[[Model], float] | None = None,
    callback: Callable[[History], object] | None = None,
    rng: Rng = None,
    progress: bool | None = None,
) -> History:
    """Train a model in place.

    Ctrl-C and any error leave the model usable, between two steps; only an interrupt during an update can
    leave some parameters one step ahead of others. To keep the best model, or to be able to continue later,
    save the model in `callback`: `if history.metric[-1] == max(history.metric): save(path, model)`; call
    `check_save(path, model)` before training to see whether that will be possible.

    A second call continues from the state that its arguments carry: the parameters, the optimizer's state
    (momentum, running averages, number of steps) and the state of a Generator. Everything else restarts: the
    schedule at 0, the counts of epochs and steps, the time, the history. So two epochs and two more equal
    four at once, bit for bit, if there is no `schedule` and both calls get the same Generator; with a
    schedule, which runs twice from beginning to end, they differ.

    During a step, NumPy's warnings of overflow and invalid values are silent: the cause of such a warning
    raises a NonFiniteError if it reaches the loss, a gradient or a parameter.

    Args:
        model: anything with `params` and `loss_and_grads(batch, rng=generator) -> (loss, grads)`.
        batches: a list of batches, used in order, or a function of a Generator that returns an epoch's
            batches, called once per epoch, which may shuffle or create them.
        optimizer: the optimizer that takes the steps.
        epochs: the number of passes over the batches, at least 1.
        max_seconds: stop after the step in which this time has elapsed, including validation; the shortened
            epoch is validated and recorded like the others.
        max_norm: bound on the global norm of the gradients; None for no clipping.
        schedule: factor of the learning rate as a function of the completed fraction of the training, 0 to 1:
            of the epochs or of `max_seconds`, whichever is larger. While the number of batches is unknown, in
            the first epoch of a generator function, an epoch counts only when it is complete. A second call
            restarts the schedule.
        validate: a metric of the model, a number, measured after every epoch.
        callback: called after every epoch with the history so far.
        rng: None, a seed, a SeedSequence or a Generator, for `batches` and for dropout. A seed gives the same
            random numbers in every call, a Generator continues.
        progress: a line on stderr: epoch, step, tokens per second, loss, time left. True shows it, False does
            not, None shows it if stderr is a terminal.

    Returns:
        The history, one entry per epoch.

    Raises:
        NonFiniteError: for a loss or gradient that is nan or inf, before the step is taken; for such a
            parameter, after the last step of an epoch and before `validate` and `callback`.
        ValueError, TypeError: for an argument that is out of range or of the wrong type, or an epoch without
            a batch.

    >>> class Line:
    ...     params = {"slope": np.zeros(())}
    ...
    ...     def loss_and_grads(self, batch, rng):
    ...         error = self.params["slope"] * batch.inputs - batch.targets
    ...         return (error**2).mean() / 2, {"slope": (error * batch.inputs).mean()}
    >>> from seqmem.data.batch import Batch
    >>> from seqmem.training.optimizers import SGD
    >>> x = np.arange(4.0)[:, None]
    >>> batch = Batch(x, np.array([4]), inputs=x, targets=3 * x, mask=np.ones((4, 1), bool))
    >>> history = fit(Line(), [batch], SGD(0.2), epochs=20)
    >>> Line.params["slope"].round(4), len(history.loss)
    (np.float64(3.0), 20)
    """
    epochs = as_size(epochs, "fit", "epochs")
    max_norm = None if max_norm is None else as_positive(max_norm, "fit", "max_norm")
    max_seconds = None if max_seconds is None else as_positive(max_seconds, "fit", "max_seconds")
    _check_kinds(
        model, batches, optimizer, {"schedule": schedule, "validate": validate, "callback": callback}
    )
    generator = as_generator(rng)
    base_rate = as_rate(optimizer.learning_rate, "fit", "optimizer.learning_rate")
    history, clock, shown = History(), _Clock(epochs, max_seconds), make_progress(progress)
    try:
        for epoch in range(epochs):
            source = batches(generator) if callable(batches) else batches
            check_iterable(source, "fit", "what batches returned", "an iterable of Batch")
            sized = source if isinstance(source, Sized) else batches
            clock.begin_epoch(epoch, len(sized) if isinstance(sized, Sized) else None)
            for batch in source:
                if schedule is not None:
                    factor = as_returned(schedule(clock.fraction()), "fit", "what schedule returned")
                    optimizer.learning_rate = as_rate(
                        base_rate * factor, "fit", "the scheduled learning rate"
                    )
                loss = _step(model, batch, optimizer, max_norm, generator, clock)
                clock.end_step(loss, int(np.sum(batch.mask)))
                shown.show(clock.fraction(), clock.line())
                if clock.is_over():
                    break
            _record(history, clock)
            _check_parameters(model.params, clock)
            if validate is not None:
                history.metric.append(as_returned(validate(model), "fit", "what validate returned"))
            shown.show(clock.fraction(), clock.line(*history.metric[-1:]), last=True)
            if callback is not None:
                callback(history)
            if clock.is_over():
                break
    finally:
        optimizer.learning_rate = base_rate
        shown.close()
    return history


def _step(
    model: Trainable,
    batch: Batch,
    optimizer: Optimizer,
    max_norm: float | None,
    generator: np.random.Generator,
    clock: _Clock,
) -> float:
    """Update the parameters; return the loss before the update."""
    if not hasattr(batch, "mask"):
        raise TypeError(f"fit: batches gave a {type(batch).__name__}, expected a Batch")
    with np.errstate(
        over="ignore", invalid="ignore", divide="ignore"
    ):  # non-finite values are detected below
        loss, grads = model.loss_and_grads(batch, rng=generator)
    loss, params = float(loss), model.params
    bad = _first_not_finite(grads)
    if bad is not None or not math.isfinite(loss):
        step, epoch = clock.steps + 1, clock.epoch + 1
        cause = _first_not_finite(params)
        if cause is not None:
            detail = f"parameter {cause!r} already is not finite"
        elif bad is not None:
            detail = f"the first gradient that is not finite is that of {bad!r}"
        else:
            detail = "all gradients are finite"
        message = f"fit: step {step} (epoch {epoch}): the loss is {loss}, {detail}; the step was not taken"
        raise NonFiniteError(message, step, epoch, bad if cause is None else cause)
    if max_norm is not None:
        grads, _ = clip_by_global_norm(grads, max_norm)
    optimizer.step(params, grads)
    return loss


def _check_parameters(params: dict[str, Array], clock: _Clock) -> None:
    """Raise for a non-finite parameter after an epoch's last step, which no later loss would reveal."""
    bad = _first_not_finite(params)
    if bad is not None:
        step, epoch = clock.steps, clock.epoch + 1
        raise NonFiniteError(
            f"fit: after step {step}, the last of epoch {epoch}, parameter {bad!r} is not finite",
            *(step, epoch, bad),
        )


def _check_kinds(
    model: object, batches: object, optimizer: object, functions: Mapping[str, object | None]
) -> None:
    """Raise for an argument of an entirely different kind."""
    if isinstance(model, type) or not all(hasattr(model, name) for name in ("params", "loss_and_grads")):
        raise TypeError(f"fit: model is {_kind(model)}, expected an object with params and loss_and_grads")
    if isinstance(optimizer, type) or not all(hasattr(optimizer, name) for name in ("learning_rate", "step")):
        raise TypeError(f"fit: optimizer is {_kind(optimizer)}, expected an Optimizer such as Adam(1e-3)")
    once = isinstance(batches, (Batch, Iterator, str, bytes))  # both can be iterated over, but not as batches
    if once or not (callable(batches) or isinstance(batches, Iterable)):
        raise TypeError(f"fit: batches is {_kind(batches)}, expected a list or a function of a Generator")
    for name, function in functions.items():
        if function is not None and not callable(function):
            raise TypeError(f"fit: {name} is {_kind(function)}, expected a function")


def _kind(value: object) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else f"a {type(value).__name__}"


def _first_not_finite(arrays: dict[str, Array]) -> str | None:
    return next((name for name, array in arrays.items() if not np.isfinite(array).all()), None)


def _record(history: History, clock: _Clock) -> None:
    if clock.tokens == 0:
        what = "target token" if clock.step_of_epoch else "batch"
        raise ValueError(f"fit: batches gave no {what} in epoch {clock.epoch + 1}")
    clock.steps_per_epoch = clock.step_of_epoch  # known now, if it was not before
    seconds = clock.epoch_seconds()
    history.loss.append(clock.loss())
    history.seconds.append(seconds)
    history.tokens_per_second.append(clock.tokens / seconds)


class _Clock:
    """The progress of training: steps, tokens, loss, time."""

    def __init__(self, epochs: int, max_seconds: float | None) -> None:
        self.epochs, self.max_seconds = epochs, max_seconds
        self.start = time.perf_counter()
        self.steps = self.step_of_epoch = 0
        self.steps_per_epoch: int | None = None

    def begin_epoch(self, epoch: int, size: int | None) -> None:
        """Start counting; without a size, the previous epoch is the best guess."""
        self.steps_per_epoch = size if size is not None else self.step_of_epoch or None
        self.epoch, self.step_of_epoch, self.tokens, self.loss_sum = epoch, 0, 0, 0.0
        self.epoch_start = self.now = time.perf_counter()

    def end_step(self, loss: float, tokens: int) -> None:
        """Count a completed step."""
        self.steps += 1
        self.step_of_epoch += 1
        self.tokens += tokens
        self.loss_sum += loss * tokens
        self.now = time.perf_counter()

    def fraction(self) -> float:
        """Return the completed fraction of the training, by steps or by time."""
        part = min(self.step_of_epoch / self.steps_per_epoch, 1.0) if self.steps_per_epoch else 0.0
        done = (self.epoch + part) / self.epochs
        if self.max_seconds is not None:
            done = max(done, (self.now - self.start) / self.max_seconds)
        return min(done, 1.0)

    def is_over(self) -> bool:
        """Return whether max_seconds has elapsed."""
        return self.max_seconds is not None and time.perf_counter() - self.start >= self.max_seconds

    def epoch_seconds(self) -> float:
        """Return the time from the epoch's first batch to its last step; never 0, whatever the clock."""
        return max(self.now - self.epoch_start, 1e-9)

    def loss(self) -> float:
        """Return the mean loss per token over the epoch so far."""
        return self.loss_sum / max(self.tokens, 1)

    def line(self, metric: float | None = None) -> str:
        """Return the progress line."""
        of = f"/{self.steps_per_epoch}" if self.steps_per_epoch else ""
        done = self.fraction()
        left = (self.now - self.start) * (1 - done) / done if done else math.inf
        parts = [
            f"epoch {self.epoch + 1}/{self.epochs}",
            f"step {self.step_of_epoch}{of}",
            f"{self.tokens / self.epoch_seconds():,.0f} tokens/s",
            f"loss {self.loss():.4f}",
            *([] if metric is None else [f"metric {metric:.4f}"]),
            *([] if math.isinf(left) else [f"{duration(left)} left"]),
        ]
        return "  ".join(parts)
