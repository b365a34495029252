"""The common part of the experiments: checks of settings, sizes for a budget, training and records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from seqmem.data import Batch
from seqmem.experiments.run_all import Run
from seqmem.module import Module
from seqmem.training import Adam, cosine_decay, fit
from seqmem.validation import WrongTypeError, brief

GROWTH = 0.6  # the fraction of a growing course after which the longest distance is reached
ATTENTION_SIZE = 16
EMBEDDING_STD = 0.1  # of all initial tables: the settings' learning rates were chosen for it


def check_subset(names: Sequence[str], known: Sequence[str], what: str) -> None:
    """Raise unless there is at least one name, and all names are known."""
    if isinstance(names, str) or not isinstance(names, Sequence):
        raise TypeError(f"{what} is of type {type(names).__name__}, expected a sequence of names")
    if not names:
        raise ValueError(f"{what} is empty, expected some of {', '.join(known)}")
    for name in names:
        if not isinstance(name, str) or name not in known:
            kind = ValueError if isinstance(name, str) else WrongTypeError
            raise kind(f"{what} is {brief(repr(name))}, expected some of {', '.join(known)}")


def check_integers(values: Sequence[int], least: int, what: str) -> None:
    """Raise unless there is at least one value, and all values are integers of at least `least`."""
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise TypeError(f"{what} is of type {type(values).__name__}, expected a sequence of integers")
    if not values:
        raise ValueError(f"{what} is empty, expected at least one integer")
    for value in values:
        right_type = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if not right_type or value < least:
            kind = ValueError if right_type else WrongTypeError
            raise kind(f"{what} holds {brief(repr(value))}, expected integers of at least {least}")


def nearest_size(parameters: Callable[[int], int], budget: int, what: str) -> int:
    """Return the hidden size whose parameter count is nearest to the budget; raise if it is 3 % off."""
    H = 1
    while parameters(H + 1) <= budget:
        H += 1
    H = min((H, H + 1), key=lambda size: abs(parameters(size) - budget))
    if abs(parameters(H) - budget) > 0.03 * budget:
        found = parameters(H)
        raise ValueError(f"{what} of nearest size has {found} parameters, expected {budget} within 3 %")
    return H


def train(model: Any, batches: Callable[..., Iterator[Batch]], run: Run, seed: Any) -> dict[str, float]:
    """Train with the protocol of all runs: Adam, gradients clipped at norm 1, a cosine schedule to 0."""

    class Epoch:
        """One epoch, whose length the schedule uses."""

        def __len__(self) -> int:
            return int(run["steps"])

        def __call__(self, rng: np.random.Generator) -> Iterator[Batch]:
            return batches(rng)

    optimizer = Adam(run["learning_rate"])
    history = fit(
        model, Epoch(), optimizer, epochs=1, max_norm=1.0, schedule=cosine_decay, rng=seed, progress=False
    )
    return {"loss": history.loss[-1], "seconds": history.seconds[-1]}


def record_of(model: Module, run: Run, accuracy: list[float], losses: Mapping[str, float]) -> dict[str, Any]:
    """Return the record of a run, ready for JSON: the run's settings and results."""
    return {
        **{name: run[name] for name in ("kind", "course", "seed", "hidden_size", "longest")},
        "parameters": sum(param.size for param in model.params.values()),
        "at": list(run["tested"]),
        "accuracy": [round(value, 4) for value in accuracy],
        "loss": round(losses["loss"], 4),
        "seconds": round(losses["seconds"], 1),
    }
