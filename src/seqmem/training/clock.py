"""The progress of training: epochs, batches, counts, loss, time."""

from __future__ import annotations

import math
import time
from typing import Any

from seqmem.training.progress import duration


class Clock:
    """The progress of training: steps, tokens, loss, time.

    Args:
        epochs: the number of epochs.
        max_seconds: the time limit; None for no limit.
    """

    def __init__(self, epochs: int, max_seconds: float | None) -> None:
        self.epochs, self.max_seconds = epochs, max_seconds
        self.start = time.perf_counter()
        self.steps = self.step_of_epoch = 0
        self.steps_per_epoch: int | None = None
        self.unit = "tokens"

    def state_dict(self) -> dict[str, float | str]:
        """Return what later epochs depend on, at the end of one."""
        elapsed = time.perf_counter() - self.start
        return {
            "steps": self.steps,
            "step_of_epoch": self.step_of_epoch,
            "unit": self.unit,
            "elapsed": elapsed,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned; the time between does not count."""
        self.steps, self.step_of_epoch = int(state["steps"]), int(state["step_of_epoch"])
        self.unit = str(state["unit"])
        self.now = time.perf_counter()
        self.start = self.now - float(state["elapsed"])

    def begin_epoch(self, epoch: int, size: int | None) -> None:
        """Start counting; without a size, the previous epoch is the best guess."""
        self.steps_per_epoch = size if size is not None else self.step_of_epoch or None
        self.epoch, self.step_of_epoch, self.tokens, self.loss_sum = epoch, 0, 0, 0.0
        self.epoch_start = self.now = time.perf_counter()

    def end_step(self, loss: float, tokens: int) -> None:
        """Count a batch whose gradients were used."""
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
        """Return the time from the epoch's first batch to its last; never 0, whatever the clock."""
        return max(self.now - self.epoch_start, 1e-9)

    def loss(self) -> float:
        """Return the mean over everything counted in the epoch so far."""
        return self.loss_sum / max(self.tokens, 1)

    def line(self, measured: dict[str, float] | None = None) -> str:
        """Return the progress line, with the measurements after an epoch if given."""
        of = f"/{self.steps_per_epoch}" if self.steps_per_epoch else ""
        done = self.fraction()
        left = (self.now - self.start) * (1 - done) / done if done else math.inf
        parts = [
            f"epoch {self.epoch + 1}/{self.epochs}",
            f"step {self.step_of_epoch}{of}",
            f"{self.tokens / self.epoch_seconds():,.0f} {self.unit}/s",
            f"loss {self.loss():.4f}",
            *(f"{name.replace('_', ' ')} {value:.4f}" for name, value in (measured or {}).items()),
            *([] if math.isinf(left) else [f"{duration(left)} left"]),
        ]
        return "  ".join(parts)
