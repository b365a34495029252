"""Callbacks: when they are called, how they stop, and what those of the library do."""

from typing import Any

import numpy as np
import pytest

from seqmem import SGD
from seqmem.training import (
    AverageEpochs,
    Callback,
    EarlyStopping,
    FitState,
    History,
    KeepBest,
    Metric,
    ReduceOnPlateau,
    StopTraining,
    fit,
)


class Walk:
    """A model that goes one to the right in every step of gradient descent with rate 1."""

    def __init__(self) -> None:
        self.params = {"w": np.zeros(1)}

    def loss_and_grads(self, batch: Any, rng: Any) -> tuple[float, dict[str, Any]]:
        if batch == "stop":
            raise KeyboardInterrupt
        return float(batch), {"w": np.full(1, -1.0)}


def follow(values: list[float]) -> Any:
    """A metric that goes through values, one an epoch."""
    rest = iter(values)
    return lambda model: next(rest)


def train(epochs: int, *callbacks: Any, batches: Any = (1.0,), **options: Any) -> tuple[Walk, History]:
    model = Walk()
    return model, fit(model, batches, SGD(1.0), epochs=epochs, callbacks=callbacks, **options)


class Noting(Callback):
    """Notes what is called, and stops where it should."""

    def __init__(self, stop: tuple[str, int] = ("", 0)) -> None:
        self.events: list[tuple[str, int, int]] = []
        self.stop = stop

    def _note(self, event: str, state: FitState) -> None:
        self.events.append((event, state.epoch, state.step))
        if (event, state.step) == self.stop:
            raise StopTraining(f"enough at {state.step}")

    def on_begin(self, state: FitState) -> None:
        self._note("begin", state)

    def on_step(self, state: FitState) -> None:
        assert state.loss == 2.0
        self._note("step", state)

    def on_epoch(self, state: FitState) -> None:
        assert len(state.history.loss) == state.epoch
        self._note("epoch", state)

    def on_end(self, state: FitState) -> None:
        self._note("end", state)


def test_they_are_called_at_the_beginning_after_steps_and_epochs_and_at_the_end() -> None:
    noting = Noting()
    train(2, noting, batches=(2.0, 2.0))
    assert noting.events == [
        *(("begin", 1, 0), ("step", 1, 1), ("step", 1, 2), ("epoch", 1, 2)),
        *(("step", 2, 3), ("step", 2, 4), ("epoch", 2, 4), ("end", 2, 4)),
    ]


@pytest.mark.parametrize("stop", [("step", 3), ("epoch", 4)])
def test_one_that_stops_ends_training_after_its_step_or_epoch_and_the_history_is_whole(stop: Any) -> None:
    stopping, other = Noting(stop), Noting()
    model, history = train(
        9, stopping, other, batches=(2.0, 2.0, 2.0)[:2], metrics={"w": lambda m: m.params["w"][0]}
    )
    assert model.params["w"] == stop[1]
    assert history.stopped == f"enough at {stop[1]}"
    assert len(history.loss) == len(history.metrics["w"]) == 2
    assert history.metrics["w"][-1] == stop[1]
    assert [event for event, _, _ in other.events] == [event for event, _, _ in stopping.events]


def test_a_function_and_a_metric_stop_by_the_same_exception() -> None:
    def stop(_: Any) -> float:
        raise StopTraining("enough")

    for options in ({"callback": stop}, {"validate": stop}, {"metrics": {"a": stop}}):
        _, history = train(5, **options)
        assert (len(history.loss), history.stopped) == (1, "enough")


def test_a_training_that_runs_to_its_end_was_not_stopped() -> None:
    assert train(2)[1].stopped == ""


@pytest.mark.parametrize("interrupted", ["batch", "callback"])
def test_the_history_survives_an_interrupt_in_what_was_passed_and_in_the_exception(interrupted: str) -> None:
    history, noting = History(), Noting()
    batches: Any = (
        (2.0,) if interrupted == "callback" else lambda rng: [2.0, *(["stop"] * (len(history.loss) > 1))]
    )

    def interrupt(history: History) -> None:
        if interrupted == "callback" and len(history.loss) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as raised:
        train(5, noting, batches=batches, history=history, callback=interrupt)
    assert history.loss == [2.0, 2.0]
    assert raised.value.history is history  # type: ignore[attr-defined]
    assert noting.events[-1][0] == "end"


def test_a_history_goes_on() -> None:
    history = History()
    for _ in range(2):
        assert train(2, history=history, metrics={"a": lambda m: 1.0})[1] is history
    assert len(history.loss) == len(history.metrics["a"]) == len(history.learning_rate) == 4


BUMPY = [3.0, 2.0, 2.5, 2.2, 2.1, 1.0]


@pytest.mark.parametrize(("direction", "sign"), [("min", 1), ("max", -1)])
def test_training_ends_when_the_number_has_not_improved_for_some_epochs(direction: Any, sign: int) -> None:
    metrics = {"a": Metric(follow([sign * value for value in BUMPY]), direction)}
    early = EarlyStopping(3, "a")
    _, history = train(6, early, metrics=metrics)
    assert len(history.loss) == 5
    assert (early.best, early.best_epoch) == (sign * 2.0, 2)
    assert history.stopped.startswith("a has not improved for 3 epochs")


def test_a_small_improvement_does_not_count_and_a_longer_patience_waits() -> None:
    values = [3.0, 2.0, 1.9, 1.8, 1.0]
    metrics = {"a": Metric(follow(values), "min")}
    assert len(train(5, EarlyStopping(2, "a", min_delta=0.5), metrics=metrics)[1].loss) == 4
    metrics = {"a": Metric(follow(values), "min")}
    assert len(train(5, EarlyStopping(3, "a", min_delta=0.5), metrics=metrics)[1].loss) == 5


def test_the_same_number_again_is_no_improvement() -> None:
    metrics = {"a": Metric(follow([2.0] * 5), "min")}
    assert len(train(5, EarlyStopping(2, "a"), metrics=metrics)[1].loss) == 3


def test_a_metric_that_is_nan_is_no_improvement() -> None:
    metrics = {"a": Metric(follow([np.nan, 2.0, np.nan, np.nan]), "min")}
    keep = KeepBest("a")
    model, _ = train(4, keep, metrics=metrics)
    assert (model.params["w"], keep.best_epoch) == (2, 2)


@pytest.mark.parametrize("direction", ["min", "max"])
def test_the_best_parameters_are_the_models_at_the_end(direction: Any) -> None:
    best = {"min": 2, "max": 3}[direction]
    keep = KeepBest("metric", direction=direction)
    model, _ = train(4, keep, validate=follow([1.0, 0.5, 1.5, 0.7]))
    assert (model.params["w"], keep.best_epoch) == (best, best)


def test_the_best_is_kept_after_an_interrupt_and_the_arrays_stay_live() -> None:
    model = Walk()
    live = model.params["w"]
    with pytest.raises(KeyboardInterrupt):
        fit(
            *(model, lambda rng: [1.0] if live[0] < 3 else ["stop"], SGD(1.0)),
            epochs=9,
            callbacks=[KeepBest("a")],
            metrics={"a": follow([1.0, 5.0, 2.0, 3.0])},
        )
    assert model.params["w"] is live
    assert live == 2


def test_stopping_and_keeping_work_together_on_the_validation_loss() -> None:
    class Bowl(Walk):
        """Whose loss is least at w = 3."""

        def loss_and_grads(self, batch: Any, rng: Any) -> tuple[float, dict[str, Any]]:
            return float((self.params["w"][0] - 3) ** 2), {"w": np.full(1, -1.0)}

    model = Bowl()
    history = fit(
        *(model, [0], SGD(1.0)), epochs=50, validation=[0], callbacks=[EarlyStopping(2), KeepBest()]
    )
    assert history.validation_loss == [4, 1, 0, 1, 4]
    assert model.params["w"] == 3


def test_the_mean_of_the_last_epochs_is_the_models_at_the_end() -> None:
    assert train(5, AverageEpochs(3))[0].params["w"] == 4
    assert train(2, AverageEpochs(3))[0].params["w"] == 1.5
    assert train(5, AverageEpochs(1))[0].params["w"] == 5


def test_a_plateau_lowers_the_rate_and_not_below_its_least_factor() -> None:
    metrics = {"a": Metric(follow([2.0, 3.0, 3.0, 3.0, 3.0, 3.0, 1.0, 1.0]), "min")}
    plateau = ReduceOnPlateau(0.1, 2, "a", min_factor=0.05)
    _, history = train(8, plateau, metrics=metrics, schedule=lambda fraction: 2.0)
    assert history.learning_rate == pytest.approx([2, 2, 2, 0.2, 0.2, 0.1, 0.1, 0.1])


def test_callbacks_forget_what_another_training_left() -> None:
    early = EarlyStopping(1, "a")
    for _ in range(2):
        metrics = {"a": Metric(follow([2.0, 3.0, 1.0]), "min")}
        assert len(train(3, early, metrics=metrics)[1].loss) == 2


@pytest.mark.parametrize(
    ("callback", "options", "error", "message"),
    [
        (
            EarlyStopping(),
            {},
            ValueError,
            "EarlyStopping: monitor is 'validation_loss', expected one of loss:",
        ),
        (KeepBest("metric"), {"validate": lambda m: 1.0}, ValueError, "direction is None, expected 'min' or"),
        ("zz", {}, TypeError, r"fit: callbacks\[0\] is of type str, expected a Callback"),
        (Callback, {}, TypeError, r"fit: callbacks\[0\] is of type type"),
    ],
)
def test_what_does_not_fit_is_refused_before_the_first_step(
    callback: Any, options: Any, error: Any, message: str
) -> None:
    noting = Noting()
    with pytest.raises(error, match=message):
        train(2, callback, noting, **options)
    assert noting.events == []
