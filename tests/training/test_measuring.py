"""The validation loss and named metrics: what they are called with, and what is recorded."""

from typing import Any

import numpy as np
import pytest

from seqmem import SGD
from seqmem.training import History, Metric, fit, validation_loss


class Constant:
    """A model whose loss is the batch itself, and which notes the generators that it gets."""

    def __init__(self) -> None:
        self.params = {"w": np.zeros(1)}
        self.rngs: list[Any] = []

    def loss_and_grads(self, batch: Any, rng: Any) -> tuple[float, dict[str, Any]]:
        self.rngs.append(rng)
        return float(batch), {"w": np.zeros(1)}

    def count(self, batch: Any) -> int:
        return int(batch)


def test_the_validation_loss_is_the_mean_by_count_without_dropout() -> None:
    model = Constant()
    history = fit(model, [1.0], SGD(0.1), epochs=2, validation=[1.0, 3.0])
    assert history.validation_loss == [2.5, 2.5]
    assert [rng is None for rng in model.rngs] == [False, True, True] * 2


def test_a_model_with_a_loss_of_its_own_computes_no_gradient_for_it() -> None:
    class Cheap(Constant):
        def loss(self, batch: Any) -> float:
            return 7.0

    model = Cheap()
    assert validation_loss(model, [1.0, 2.0]) == 7
    assert model.rngs == []


def test_a_function_of_a_generator_gives_the_same_batches_every_time_and_leaves_the_training_alone() -> None:
    drawn: list[float] = []
    rates: list[Any] = []

    def draw(rng: np.random.Generator) -> list[float]:
        drawn.append(rng.random())
        return [1.0]

    for validation in (None, draw):
        rng = np.random.default_rng(0)
        fit(Constant(), [1.0], SGD(0.1), epochs=3, validation=validation, rng=rng)
        rates.append(rng.random())
    assert len(drawn) == 3
    assert len(set(drawn)) == 1
    assert rates[0] == rates[1]


def test_metrics_are_recorded_by_name() -> None:
    metrics = {"a": Metric(lambda model: 0.5, "min"), "b": lambda model: np.float32(2)}
    history = fit(Constant(), [1.0], SGD(0.1), epochs=2, metrics=metrics)
    assert history.metrics == {"a": [0.5, 0.5], "b": [2.0, 2.0]}
    assert type(history.metrics["b"][0]) is float


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"metrics": [1]}, TypeError, "metrics is of type list, expected a dict of functions by name"),
        ({"metrics": {"a": 1}}, TypeError, r"metrics\['a'\] is of type int, expected a function"),
        ({"metrics": {"a": None}}, TypeError, r"metrics\['a'\] is None"),
        (
            {"metrics": {"a": (len, "up")}},
            ValueError,
            r"the direction of metrics\['a'\] is 'up', expected 'min'",
        ),
        ({"metrics": {1: len}}, TypeError, "a name in metrics is of type int"),
        ({"metrics": {"loss": len}}, ValueError, "metrics has the name 'loss', which is taken"),
        (
            {"metrics": {"a": lambda m: "zz"}},
            TypeError,
            "what metric 'a' returned is 'zz', expected a number",
        ),
        ({"validation": []}, ValueError, "gave nothing that counts"),
        ({"validation": iter([1.0])}, TypeError, "validation is a list_iterator, expected a list or a func"),
        ({"validation": 3}, TypeError, "validation is a int"),
        ({"history": {}}, TypeError, "history is of type dict, expected a History"),
        ({"accumulate": 0}, ValueError, "accumulate is 0"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, Any], error: Any, message: str) -> None:
    with pytest.raises(error, match=f"(fit|validation_loss): .*{message}"):
        fit(Constant(), [1.0], SGD(0.1), epochs=1, **options)


def test_a_validation_loss_that_is_not_finite_is_nan_and_no_error() -> None:
    class Exploding(Constant):
        def loss(self, batch: Any) -> float:
            return float("inf")

    history = fit(Exploding(), [1.0], SGD(0.1), epochs=1, validation=[1.0])
    assert np.isnan(history.validation_loss).all()
    assert isinstance(history, History)
