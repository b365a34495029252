"""One step of training: losses and gradients of one or several batches, checks, clipping, an update."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np

from seqmem.module import Array, Grads
from seqmem.training.clock import Clock
from seqmem.training.optimizers import Optimizer, clip_by_global_norm
from seqmem.validation import as_count, as_list, as_text, brief


class Trainable(Protocol):
    """The part of a model that `fit` uses.

    A model may have more methods that `fit` then uses: `count(batch)`, the number of targets in a batch;
    `loss(batch)`, the loss alone, for validation; and `loss_grads_and_state(batch, state, rng)`, a loss, its
    gradients and the state at the end of the batch, for batches that continue one another.
    """

    @property
    def params(self) -> dict[str, Array]:
        """The live parameter arrays by name."""

    def loss_and_grads(self, batch: Any, rng: np.random.Generator) -> tuple[Any, Grads]:
        """Return the mean loss per target, and the gradient of every parameter."""


class NonFiniteError(FloatingPointError):
    """The loss, a gradient or, after an epoch's last step, a parameter is nan or inf.

    If it is the loss or a gradient, the parameters are those before the step, which was not taken.

    Attributes:
        step: the step, counted from 1 over all epochs; with accumulation, the number of the batch.
        epoch: the epoch, counted from 1.
        parameter: the first parameter that is not finite or whose gradient is not finite; None if all are.
    """

    def __init__(self, message: str, step: int, epoch: int, parameter: str | None) -> None:
        super().__init__(message, step, epoch, parameter)  # all arguments, so that the error can be pickled
        self.step, self.epoch, self.parameter = step, epoch, parameter

    def __str__(self) -> str:
        return str(self.args[0])


def count_of(model: Any, batch: Any) -> tuple[int, str]:
    """Return the weight of a batch in the mean loss, and its unit: targets, or batches.

    The model's own `count(batch)` decides; otherwise the batch's `mask`; otherwise all batches count equally.
    """
    if callable(getattr(model, "count", None)):
        return as_count(model.count(batch), "fit", "what the model's count returned"), "targets"
    mask = getattr(batch, "mask", None)
    return (1, "batches") if mask is None else (int(np.sum(mask)), "tokens")


class Carried:
    """The state that passes from batch to batch if they continue one another."""

    def __init__(self, model: Any) -> None:
        self._model, self._state = model, None
        self.carries = callable(getattr(model, "loss_grads_and_state", None))

    def loss_and_grads(self, batch: Any, rng: np.random.Generator | None) -> tuple[Any, Grads]:
        """Return the loss of a batch and its gradients, from the carried state if the batch continues.

        Raises:
            TypeError: for a batch that continues another, and a model that cannot carry its state.
        """
        goes_on = getattr(batch, "continues", None)
        if goes_on is None or not self.carries:
            if goes_on:
                raise TypeError(
                    f"fit: batches continue one another, but {type(self._model).__name__} has no "
                    "loss_grads_and_state(batch, state, rng) to carry a state"
                )
            found: tuple[Any, Grads] = self._model.loss_and_grads(batch, rng=rng)
            return found
        loss, grads, self._state = self._model.loss_grads_and_state(
            batch, self._state if goes_on else None, rng=rng
        )
        return loss, grads


class Stepper:
    """Collects the gradients of `accumulate` batches and takes a step with their mean.

    Args:
        model, optimizer: the model and its optimizer.
        max_norm: bound on the global norm; None for no clipping.
        accumulate: batches per step.
        frozen: names of parameters, or of modules with all of their parameters, that stay unchanged.
    """

    def __init__(
        self,
        model: Trainable,
        optimizer: Optimizer,
        max_norm: float | None,
        accumulate: int,
        frozen: Iterable[str],
    ) -> None:
        self._model, self._optimizer = model, optimizer
        self._max_norm, self._accumulate = max_norm, accumulate
        self._free = free_names(model.params, frozen)
        self.begin_epoch()

    @property
    def trained(self) -> dict[str, Array]:
        """The live parameters that the optimizer updates."""
        params = self._model.params
        return params if self._free is None else {name: params[name] for name in self._free}

    def begin_epoch(self) -> None:
        """Start an epoch without gradients and without a carried state."""
        self._carried = Carried(self._model)
        self._sums: Grads = {}
        self._gathered = self._counted = 0

    def add(self, batch: Any, count: int, rng: np.random.Generator, clock: Clock) -> float:
        """Return the loss of a batch and keep its gradients for the step.

        Raises:
            NonFiniteError: for a loss or a gradient that is nan or inf.
        """
        # non-finite values are detected below
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            loss, grads = self._carried.loss_and_grads(batch, rng)
        loss = float(loss)
        if self._free is not None:
            grads = {name: grads[name] for name in self._free}
        if not (math.isfinite(loss) and are_finite(grads)):
            self._refuse(loss, grads, clock)
        self._gathered += 1
        if self._accumulate == 1:
            self._sums = grads
        else:
            self._counted += count
            weighted = {name: count * grad for name, grad in grads.items()}
            before = self._sums
            self._sums = {n: before[n] + g for n, g in weighted.items()} if before else weighted
        return loss

    def step(self, whole: bool = True) -> bool:
        """Take a step if all of its batches are collected, or any if not `whole`; return whether."""
        if not self._gathered or (whole and self._gathered < self._accumulate):
            return False
        grads = self._sums
        if self._accumulate > 1:
            grads = {name: grad / max(self._counted, 1) for name, grad in grads.items()}
        if self._max_norm is not None:
            grads, _ = clip_by_global_norm(grads, self._max_norm)
        self._optimizer.step(self.trained, grads)
        self._sums, self._gathered, self._counted = {}, 0, 0
        return True

    def _refuse(self, loss: float, grads: Grads, clock: Clock) -> None:
        bad = first_not_finite(grads)
        step, epoch = clock.steps + 1, clock.epoch + 1
        cause = first_not_finite(self._model.params)
        if cause is not None:
            detail = f"parameter {cause!r} already is not finite"
        elif bad is not None:
            detail = f"the first gradient that is not finite is that of {bad!r}"
        else:
            detail = "all gradients are finite"
        message = f"fit: step {step} (epoch {epoch}): the loss is {loss}, {detail}; the step was not taken"
        raise NonFiniteError(message, step, epoch, bad if cause is None else cause)


def free_names(params: dict[str, Array], frozen: Iterable[str]) -> list[str] | None:
    """Return the names of the parameters that are not frozen; None if none is frozen.

    Raises:
        ValueError: for a name of neither a parameter nor a module with parameters, or if all are frozen.
        TypeError: for names that are not strings.
    """
    names = [
        as_text(name, "fit", f"frozen[{k}]")
        for k, name in enumerate(as_list(frozen, "fit", "frozen", "names"))
    ]
    for name in names:
        if not any(one == name or one.startswith(f"{name}.") for one in params):
            known = ", ".join(params)
            raise ValueError(
                f"fit: frozen has {brief(repr(name))}, expected parameters or modules of: {known:.400}"
            )
    if not names:
        return None
    free = [one for one in params if not any(one == name or one.startswith(f"{name}.") for name in names)]
    if not free:
        raise ValueError("fit: frozen leaves no parameter to train")
    return free


def are_finite(grads: Grads) -> bool:
    """Return whether all numbers are finite; one sum of squares decides for nearly all arrays."""
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        for grad in grads.values():
            one = np.asarray(grad)
            if one.dtype.kind == "f" and math.isfinite(np.vdot(one, one)):
                continue
            if not np.isfinite(one).all():
                return False
    return True


def first_not_finite(arrays: dict[str, Array]) -> str | None:
    """Return the name of the first array with a number that is not finite."""
    return next((name for name, array in arrays.items() if not np.isfinite(array).all()), None)
