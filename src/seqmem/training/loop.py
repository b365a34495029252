"""Training: gradients, clipping and an update per batch; measurements and a record per epoch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeAlias, TypeVar

import numpy as np

from seqmem.initializers import Rng, as_generator
from seqmem.training.callbacks import Callback, FitState, StopTraining
from seqmem.training.clock import Clock
from seqmem.training.files.replacing import PathLike
from seqmem.training.history import History
from seqmem.training.measuring import Measures, Metric, check_batches, kind_of
from seqmem.training.optimizers import Optimizer
from seqmem.training.progress import Progress, make_progress
from seqmem.training.resuming import Run, Saver
from seqmem.training.schedules import Schedule
from seqmem.training.steps import (
    NonFiniteError,
    Stepper,
    Trainable,
    count_of,
    first_not_finite,
)
from seqmem.validation import (
    as_flag,
    as_list,
    as_path,
    as_positive,
    as_rate,
    as_returned,
    as_size,
    check_iterable,
    check_type,
)

Model = TypeVar("Model", bound=Trainable)
# In quotes, because NumPy loads its random numbers when somebody first asks for them.
Batches: TypeAlias = "Iterable[Any] | Callable[[np.random.Generator], Iterable[Any]]"


def fit(
    model: Model,
    batches: Batches,
    optimizer: Optimizer,
    *,
    epochs: int,
    max_seconds: float | None = None,
    max_norm: float | None = None,
    accumulate: int = 1,
    frozen: Iterable[str] = (),
    schedule: Schedule | None = None,
    validation: Batches | None = None,
    metrics: Mapping[str, Metric | Callable[[Model], float]] | None = None,
    validate: Callable[[Model], float] | None = None,
    callback: Callable[[History], object] | None = None,
    callbacks: Sequence[Callback] = (),
    history: History | None = None,
    rng: Rng = None,
    progress: bool | None = None,
    checkpoint: PathLike | None = None,
    resume: bool | PathLike = False,
    metadata: Mapping[str, Any] | None = None,
) -> History:
    """Train a model in place.

    Ctrl-C and any error leave the model usable, between two steps; only an interrupt during an update can
    leave some parameters one step ahead of others. The previous epochs are in the exception's `history`, and
    in a `history` that was passed. `KeepBest` gives the model its best parameters at the end.

    With `checkpoint`, the whole state of the training is in a file after every epoch, so that the same call
    with `resume=True` continues after Ctrl-C, a crash or a full disk. The result equals that of an
    uninterrupted training bit for bit, except for the times in the history, if the machine, the number of
    threads and the arguments are the same, and `batches` depends on the Generator alone. An interrupted epoch
    is repeated from its beginning.

    Without a file, a second call continues from the state that its arguments carry: the parameters, the
    optimizer's state (momentum, running averages, number of steps), the history and the state of a Generator.
    Everything else restarts: the schedule at 0, the counts of epochs and steps, the time, the callbacks. So
    two epochs and two more equal four at once, bit for bit, if there is no `schedule` and both calls get the
    same Generator; with a schedule, which runs twice from beginning to end, they differ.

    During a step, NumPy's warnings of overflow and invalid values are silent: the cause of such a warning
    raises a NonFiniteError if it reaches the loss, a gradient or a parameter.

    Args:
        model: anything with `params` and `loss_and_grads(batch, rng=generator) -> (loss, grads)`. The weight
            of a batch in mean losses is the model's `count(batch)` if it has this method; otherwise the
            number of True entries in the batch's `mask`, a bool array; without a mask, it is the same for
            every batch. Batches whose `continues` is set continue the previous one (`TruncatedBatches`) and
            need a model with `loss_grads_and_state(batch, state, rng) -> (loss, grads, state)`: the state is
            passed on, None if a batch does not continue.
        batches: a list of batches of any type, used in order, or a function of a Generator that returns an
            epoch's batches, called once per epoch, which may shuffle or create them.
        optimizer: the optimizer that takes the steps.
        epochs: the number of passes over the batches, at least 1.
        max_seconds: stop after the step in which this time has elapsed, including validation; the shortened
            epoch is validated and recorded like the others.
        max_norm: bound on the global norm of the gradients; None for no clipping.
        accumulate: the number of batches per step. A step uses the mean of their gradients, weighted like the
            batches in mean losses, so that it equals the step of one large batch. The last step of an epoch
            may have fewer.
        frozen: names of parameters, or of modules with all of their parameters, that stay unchanged:
            ("embedding", "output.b").
        schedule: factor of the learning rate as a function of the completed fraction of the training, 0 to 1:
            of the epochs or of `max_seconds`, whichever is larger. While the number of batches is unknown, in
            the first epoch of a generator function, an epoch counts only when it is complete. A second call
            restarts the schedule.
        validation: batches as above, whose mean loss without dropout is measured after every epoch. A
            function gets the same Generator every time. The model's `loss(batch)` computes the loss, or
            otherwise `loss_and_grads(batch, rng=None)`.
        metrics: numbers of the model by name, measured after every epoch: `Metric(function, "max")` or
            `"min"`, whichever is better; for a plain function, more is better.
        validate: one metric function, whose values are stored in `history.metric`.
        callback: called after every epoch with the history so far.
        callbacks: `EarlyStopping`, `KeepBest` and the like, called in this order; each may end the training
            by raising `StopTraining`, as may `callback`, `validate` and a metric.
        history: a history to continue; None for a new one.
        rng: None, a seed, a SeedSequence or a Generator, for `batches` and for dropout. A seed gives the same
            random numbers in every call; a Generator continues its sequence.
        progress: a line on stderr: epoch, step, tokens per second, loss, time left. None and True show a line
            that is updated in place on a terminal and in a notebook, and a new line every few seconds
            elsewhere; True also shows the last state of a training that is too short for such a line. False
            shows nothing.
        checkpoint: a file to write after every epoch: the model as `save` writes it, which `load` reads, and
            the state of the training.
        resume: True to continue from `checkpoint`, if that file exists; or the path of another such file,
            which must exist. The model, the optimizer, the callbacks and the arguments must be those of the
            first call; only `epochs` and `max_seconds` may differ. Parameters, optimizer, callbacks, history
            and Generator take the values in the file.
        metadata: the metadata of the file, as `save` takes them. When resuming, they must equal the file's.

    Returns:
        The history, one entry per epoch.

    Raises:
        NonFiniteError: for a loss or gradient that is nan or inf, before the step is taken; for such a
            parameter, after the last step of an epoch and before any measurement.
        ValueError, TypeError: for an argument that is out of range or of the wrong type, or an epoch without
            a batch; before the first step, for whatever a file cannot hold.
        OSError: before the first step or after an epoch, if `checkpoint` cannot be written.
        CheckpointError: for a file to resume from that is not of this training; nothing has changed then.

    >>> class Line:
    ...     params = {"slope": np.zeros(())}
    ...
    ...     def loss_and_grads(self, batch, rng):
    ...         x, y = batch
    ...         error = self.params["slope"] * x - y
    ...         return (error**2).mean() / 2, {"slope": (error * x).mean()}
    >>> from seqmem.training.optimizers import SGD
    >>> x = np.arange(4.0)
    >>> history = fit(Line(), [(x, 3 * x)], SGD(0.2), epochs=20)
    >>> Line.params["slope"].round(4), len(history.loss)
    (np.float64(3.0), 20)
    """
    epochs = as_size(epochs, "fit", "epochs")
    max_norm = None if max_norm is None else as_positive(max_norm, "fit", "max_norm")
    max_seconds = None if max_seconds is None else as_positive(max_seconds, "fit", "max_seconds")
    accumulate = as_size(accumulate, "fit", "accumulate")
    _check_kinds(model, batches, optimizer, validation)
    _check_functions({"schedule": schedule, "validate": validate, "callback": callback})
    if history is not None:
        check_type(history, History, "fit", "history")
    calls = as_list(callbacks, "fit", "callbacks", "a list of Callback")
    for position, call in enumerate(calls):
        check_type(call, Callback, "fit", f"callbacks[{position}]")
    if progress is not None:
        as_flag(progress, "fit", "progress")
    source = _check_files(checkpoint, resume)
    measures = Measures(model, validation, metrics, validate)
    state = FitState(model, optimizer, History() if history is None else history)
    state.directions = measures.directions
    run = Run(
        state,
        Stepper(model, optimizer, max_norm, accumulate, frozen),
        [*([_Function(callback)] if callback is not None else []), *calls],
        as_generator(rng),
        Clock(epochs, max_seconds),
    )
    settings = {
        "max_norm": max_norm,
        "accumulate": accumulate,
        "parameters": list(run.stepper.trained),
        "schedule": None if schedule is None else getattr(schedule, "__qualname__", type(schedule).__name__),
        "measured": list(measures.directions),
        "seed": int(rng) if isinstance(rng, (int, np.integer)) else None,
    }
    keeps = checkpoint is not None or source is not None
    saver = Saver(run, checkpoint, source, metadata, settings) if keeps else None
    loop = _Loop(run, measures, schedule, make_progress(progress), saver)
    try:
        loop.run(batches)
    except BaseException as error:
        with suppress(AttributeError):  # of an exception that takes no attributes
            error.history = state.history  # type: ignore[attr-defined]
        raise
    return state.history


class _Function(Callback):
    """A function of the history, called after every epoch."""

    def __init__(self, function: Callable[[History], object]) -> None:
        self._function = function

    def on_epoch(self, state: FitState) -> None:
        self._function(state.history)

    def state_dict(self) -> dict[str, Any]:
        return {}


class _Loop:
    """A training: everything that exists from its first step to its last."""

    def __init__(
        self,
        run: Run,
        measures: Measures,
        schedule: Schedule | None,
        shown: Progress,
        saver: Saver | None,
    ) -> None:
        self.training, self.saver = run, saver
        self.state, self.stepper, self.callbacks = run.state, run.stepper, run.callbacks
        self.generator, self.clock = run.generator, run.clock
        self.measures, self.schedule, self.shown = measures, schedule, shown
        self.base_rate = as_rate(run.state.optimizer.learning_rate, "fit", "optimizer.learning_rate")
        self.timed_out = ""

    def run(self, batches: Batches) -> None:
        """Train until the epochs, the time or a callback end it."""
        begun: list[Callback] = []
        try:
            for callback in self.callbacks:
                callback.on_begin(self.state)
                begun.append(callback)
            done = 0 if self.saver is None else self.saver.begin()
            if done and self.is_over():
                return
            for epoch in range(done, self.clock.epochs):
                self.state.epoch = epoch + 1
                self.train_epoch(epoch, batches)
                self.end_epoch()
                if self.is_over():
                    break
        finally:
            self.state.optimizer.learning_rate = self.base_rate
            self.state.history.stopped = self.training.stopped or self.timed_out
            self.shown.close()
            for callback in begun:
                callback.on_end(self.state)

    def is_over(self) -> bool:
        """Return whether a callback or the time ends the training now."""
        if not self.training.stopped and self.clock.is_over():
            self.timed_out = f"max_seconds ({self.clock.max_seconds:g}) have elapsed"
        return bool(self.training.stopped or self.timed_out)

    def train_epoch(self, epoch: int, batches: Batches) -> None:
        """Go through the batches once."""
        source = batches(self.generator) if callable(batches) else batches
        check_iterable(source, "fit", "what batches returned", "an iterable of batches")
        size = _size(source)
        self.clock.begin_epoch(epoch, _size(batches) if size is None else size)
        self.stepper.begin_epoch()
        for batch in source:
            self.set_rate()
            count, self.clock.unit = count_of(self.state.model, batch)
            loss = self.stepper.add(batch, count, self.generator, self.clock)
            took_a_step = self.stepper.step()
            self.clock.end_step(loss, count)
            if took_a_step:
                self.end_step(loss)
            self.shown.show(self.clock.fraction(), self.clock.line)
            if self.is_over():
                break
        if self.stepper.step(whole=False):
            self.end_step(loss)

    def set_rate(self) -> None:
        """Set the learning rate of the next step."""
        factor = self.state.rate_factor
        if self.schedule is not None:
            factor *= as_returned(self.schedule(self.clock.fraction()), "fit", "what schedule returned")
        if factor != 1 or self.schedule is not None:
            rate = as_rate(self.base_rate * factor, "fit", "the scheduled learning rate")
            self.state.optimizer.learning_rate = rate

    def end_step(self, loss: float) -> None:
        """Count a step of the optimizer and call back."""
        self.state.step += 1
        self.state.loss = loss
        if self.callbacks:
            self.call("on_step")

    def end_epoch(self) -> None:
        """Record, check, measure, show and call back."""
        clock, history = self.clock, self.state.history
        if clock.tokens == 0:
            what = "target" if clock.step_of_epoch else "batch"
            raise ValueError(f"fit: batches gave no {what} in epoch {clock.epoch + 1}")
        clock.steps_per_epoch = clock.step_of_epoch  # known now, if it was not before
        seconds = clock.epoch_seconds()
        history.loss.append(clock.loss())
        history.seconds.append(seconds)
        history.tokens_per_second.append(clock.tokens / seconds)
        history.learning_rate.append(float(self.state.optimizer.learning_rate))
        self.check_parameters()
        measured: dict[str, float] = {}
        try:
            measured = self.measures.take(history)
        except StopTraining as reason:
            self.stop(reason)
        self.shown.show(clock.fraction(), lambda: clock.line(measured), last=True)
        self.call("on_epoch")
        if self.saver is not None:
            self.saver.save()
        if self.is_over():
            self.shown.show(1.0, lambda: clock.line(measured), last=True)

    def check_parameters(self) -> None:
        """Raise for a non-finite parameter after an epoch's last step, which no later loss would reveal."""
        bad = first_not_finite(self.state.model.params)
        if bad is not None:
            step, epoch = self.clock.steps, self.clock.epoch + 1
            raise NonFiniteError(
                f"fit: after step {step}, the last of epoch {epoch}, parameter {bad!r} is not finite",
                *(step, epoch, bad),
            )

    def call(self, event: str) -> None:
        """Call all callbacks; a callback that stops the training does not prevent the others' calls."""
        for callback in self.callbacks:
            try:
                getattr(callback, event)(self.state)
            except StopTraining as reason:
                self.stop(reason)

    def stop(self, reason: StopTraining) -> None:
        """End the training after this step or epoch."""
        self.training.stopped = self.training.stopped or str(reason) or "StopTraining was raised"


def _check_files(checkpoint: object, resume: object) -> PathLike | None:
    """Return the file to continue from; None for a training from the beginning."""
    if checkpoint is not None:
        as_path(checkpoint, "fit", "checkpoint")
    if not isinstance(resume, bool):
        return as_path(resume, "fit", "resume")
    if not resume:
        return None
    if checkpoint is None:
        raise ValueError("fit: resume is True, expected a checkpoint to continue from, or its path")
    path = as_path(checkpoint, "fit", "checkpoint")
    return path if os.path.lexists(path) else None


def _check_kinds(model: object, batches: object, optimizer: object, validation: object) -> None:
    """Raise for an argument of an entirely different kind."""
    if isinstance(model, type) or not all(hasattr(model, name) for name in ("params", "loss_and_grads")):
        raise TypeError(f"fit: model is {kind_of(model)}, expected an object with params and loss_and_grads")
    if isinstance(optimizer, type) or not all(hasattr(optimizer, name) for name in ("learning_rate", "step")):
        raise TypeError(f"fit: optimizer is {kind_of(optimizer)}, expected an Optimizer such as Adam(1e-3)")
    check_batches(batches, "fit", "batches")
    if validation is not None:
        check_batches(validation, "fit", "validation")


def _size(value: Any) -> int | None:
    """Return a length; None for an object without a known length."""
    try:
        return len(value)
    except TypeError:
        return None


def _check_functions(functions: Mapping[str, object | None]) -> None:
    for name, function in functions.items():
        if function is not None and not callable(function):
            raise TypeError(f"fit: {name} is {kind_of(function)}, expected a function")
