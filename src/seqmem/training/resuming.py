"""A training that can be resumed: its state, written after every epoch and read by a later call of `fit`.

The next epoch depends on the parameters, the optimizer, the random numbers, the position of the schedule, the
callbacks and the history: all of them are in the file, so that the resumed training equals an uninterrupted
one bit for bit, except for the times.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqmem.module import Array
from seqmem.training.callbacks import Callback, FitState
from seqmem.training.clock import Clock
from seqmem.training.files.npz import CheckpointError
from seqmem.training.files.replacing import PathLike
from seqmem.training.files.training_state import check_training, read_training, write_training
from seqmem.training.history import History
from seqmem.training.steps import Stepper
from seqmem.validation import brief


@dataclass
class Run:
    """Everything that changes during a training."""

    state: FitState
    stepper: Stepper
    callbacks: list[Callback]
    generator: np.random.Generator
    clock: Clock
    stopped: str = ""


class Saver:
    """Writes a training to its file and continues it.

    Args:
        run: the training.
        path: the file to write after every epoch; None for none.
        source: the file to continue from; None for none.
        metadata: as for `save`.
        settings: values that must be the same in the training that is continued.
    """

    def __init__(
        self,
        run: Run,
        path: PathLike | None,
        source: PathLike | None,
        metadata: Mapping[str, Any] | None,
        settings: dict[str, Any],
    ) -> None:
        self._run, self._path, self._source, self._metadata = run, path, source, metadata
        optimizer = run.state.optimizer
        self._settings = settings | {
            "optimizer": {"type": type(optimizer).__name__, **_plain_attributes(optimizer)},
            "callbacks": [type(callback).__name__ for callback in run.callbacks],
        }

    def begin(self) -> int:
        """Return the number of complete epochs, after continuing from the file if there is one.

        Raises:
            TypeError, ValueError, OSError: for anything that would make a later save fail.
            CheckpointError: for a file that is not of this training.
        """
        model, optimizer = self._run.state.model, self._run.state.optimizer
        expected = _state_after_a_step(optimizer, self._run.stepper.trained)
        if self._path is not None:
            state = self._collect() | {"optimizer": expected}
            try:
                check_training(self._path, model, self._metadata, state)
            except TypeError as error:
                raise TypeError(f"fit: checkpoint: {error}") from None
        if self._source is None:
            return 0
        params, state = read_training(self._source, model, self._metadata)
        self._check_settings(state)
        try:
            return self._restore(params, state, expected)
        except CheckpointError:
            raise
        except (AttributeError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise self._fail(f"not the state of this training: {brief(str(error))}") from error

    def save(self) -> None:
        """Write the training to its file; on any failure, the file remains that of the previous epoch."""
        if self._path is not None:
            write_training(self._path, self._run.state.model, self._metadata, self._collect())

    def _collect(self) -> dict[str, Any]:
        run = self._run
        return {
            "settings": self._settings,
            "epoch": run.state.epoch,
            "stopped": run.stopped,
            "clock": run.clock.state_dict(),
            "fit": {name: getattr(run.state, name) for name in ("step", "loss", "rate_factor")},
            "attributes": _plain_attributes(run.state.optimizer),
            "optimizer": _state_of(run.state.optimizer),
            "random": _random_state(run.generator),
            "callbacks": [callback.state_dict() for callback in run.callbacks],
            "history": dict(vars(run.state.history)),
        }

    def _check_settings(self, state: Any) -> None:
        found = state.get("settings") if isinstance(state, dict) else None
        if not isinstance(found, dict):
            raise self._fail("expected the settings of a training, found none")
        for name, value in self._settings.items():
            if found.get(name) != value:
                raise ValueError(
                    f"fit: resume: {os.fspath(self._source or '')} is a training with {name} "
                    f"{found.get(name)!r:.200}, this one has {value!r:.200}; only epochs and max_seconds "
                    "may change"
                )

    def _restore(self, params: dict[str, Array], state: dict[str, Any], expected: dict[str, Array]) -> int:
        """Take over a state: everything is checked before the parameters and the optimizer change."""
        run = self._run
        epoch, stopped = int(state["epoch"]), str(state["stopped"])
        if epoch > run.clock.epochs and not stopped:
            raise ValueError(f"{epoch} epochs are complete, expected epochs of at least as many")
        attributes = _as_attributes(state["attributes"], run.state.optimizer)
        slots = _as_slots(state["optimizer"], expected)
        history = _as_history(state["history"])
        step, loss, rate_factor = (state["fit"][name] for name in ("step", "loss", "rate_factor"))
        loss, rate_factor = float(loss), float(rate_factor)
        random = _as_random_state(run.generator, state["random"])
        Clock(1, None).load_state_dict(state["clock"])
        self._restore_callbacks(state["callbacks"])
        run.clock.load_state_dict(state["clock"])
        random()
        for name, value in attributes.items():
            setattr(run.state.optimizer, name, value)
        run.state.optimizer.state = slots
        vars(run.state.history).update(history)
        run.state.epoch, run.state.step = epoch, int(step)
        run.state.loss, run.state.rate_factor = loss, rate_factor
        run.stopped = stopped
        live = run.state.model.params
        for name, param in params.items():
            live[name][...] = param
        return epoch

    def _restore_callbacks(self, states: Any) -> None:
        callbacks = self._run.callbacks
        try:
            for callback, own in zip(callbacks, states, strict=True):
                callback.load_state_dict(own)
        except BaseException:
            # As if nothing had been loaded, because some callbacks act at the end of a failed training.
            for callback in callbacks:
                callback.on_begin(self._run.state)
            raise

    def _fail(self, message: str) -> CheckpointError:
        return CheckpointError(f"{os.fspath(self._source or '')}: training.json: {message}")


def _plain_attributes(thing: Any) -> dict[str, Any]:
    """Return the public attributes of an object that are numbers, strings or None."""
    plain = (bool, int, float, str, type(None), np.generic)
    found = {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in vars(thing).items()
        if not name.startswith("_") and isinstance(value, plain)
    }
    return {"learning_rate": float(thing.learning_rate), **found}


def _as_attributes(found: Any, optimizer: Any) -> dict[str, Any]:
    """Return the settings of an optimizer from a file, which a callback may have changed."""
    known = _plain_attributes(optimizer)
    if not isinstance(found, dict) or set(found) != set(known):
        raise ValueError(f"the optimizer's attributes are {found!r:.200}, expected {', '.join(known)}")
    for name, value in found.items():
        if type(value) is not type(known[name]):
            raise ValueError(f"the optimizer's {name} is {value!r:.80}")
    return found


def _state_of(optimizer: Any) -> dict[str, Array]:
    state = getattr(optimizer, "state", None)
    if not isinstance(state, dict) or not all(isinstance(array, np.ndarray) for array in state.values()):
        raise TypeError(
            f"fit: checkpoint: {type(optimizer).__name__} has no dict of arrays as its attribute state, "
            "which a training that goes on needs"
        )
    return state


def _state_after_a_step(optimizer: Any, params: Mapping[str, Array]) -> dict[str, Array]:
    """Return the optimizer's state as it will be after a step; it is created by the first one."""
    probe = copy.deepcopy(optimizer)
    copies = {name: np.array(param) for name, param in params.items()}
    probe.step(copies, {name: np.zeros_like(param) for name, param in copies.items()})
    return _state_of(probe)


def _as_slots(found: Any, expected: dict[str, Array]) -> dict[str, Array]:
    """Return an optimizer's state from a file, if it is what the optimizer itself would have."""
    if not isinstance(found, dict) or not all(isinstance(array, np.ndarray) for array in found.values()):
        raise ValueError("the optimizer's state is no dict of arrays")
    for name, array in expected.items():
        if name not in found:
            raise ValueError(f"the optimizer's state has no {name!r}")
        if (found[name].shape, found[name].dtype) != (array.shape, array.dtype):
            raise ValueError(
                f"the optimizer's {name!r} is {found[name].dtype} {found[name].shape}, expected "
                f"{array.dtype} {array.shape}"
            )
    return dict(found)


def _as_history(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict) or set(found) != set(vars(History())):
        raise ValueError("the history has other entries than a history")
    for name, value in vars(History()).items():
        if type(found[name]) is not type(value):
            raise ValueError(f"history.{name} is a {type(found[name]).__name__}")
    lists = [value for value in found.values() if isinstance(value, list)] + list(found["metrics"].values())
    if not all(isinstance(one, list) and all(isinstance(x, (int, float)) for x in one) for one in lists):
        raise ValueError("the history holds other values than numbers")
    return found


def _random_state(generator: np.random.Generator) -> dict[str, Any]:
    """Return the state of a Generator, and how many others it has spawned."""
    seed: Any = generator.bit_generator.seed_seq
    spawned = getattr(seed, "n_children_spawned", 0)
    entropy = {"entropy": seed.entropy, "key": list(seed.spawn_key)} if spawned else {}
    if isinstance(entropy.get("entropy"), (np.ndarray, tuple)):
        entropy["entropy"] = [int(word) for word in entropy["entropy"]]
    return {"state": generator.bit_generator.state, "spawned": spawned, **entropy}


def _as_random_state(generator: np.random.Generator, found: Any) -> Callable[[], None]:
    """Return a function that sets a Generator to the state in a file, which has been tried on another."""
    state, spawned = found["state"], int(found["spawned"])
    kind = type(generator.bit_generator)
    if state["bit_generator"] != kind.__name__:
        raise ValueError(f"random numbers of {state['bit_generator']}, expected those of {kind.__name__}")
    kind().state = state
    seed: Any = generator.bit_generator.seed_seq
    now = getattr(seed, "n_children_spawned", 0)
    if spawned and (found["entropy"], found["key"]) != (seed.entropy, list(seed.spawn_key)):
        raise ValueError("the Generator has spawned others, which only the same seed can repeat")

    def set_state() -> None:
        if spawned > now:
            seed.spawn(spawned - now)
        generator.bit_generator.state = state

    return set_state
