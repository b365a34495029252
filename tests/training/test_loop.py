"""The training loop: what it calls, in which order, what it records, and how it ends."""

import json
import math
import pickle
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from comparing import rounding
from hypothesis import given
from hypothesis import strategies as st

from seqmem.contexts import AdditiveAttention
from seqmem.data import Batch
from seqmem.models import Decoder, Encoder, Seq2Seq
from seqmem.training import SGD, Adam, NonFiniteError, cosine_decay, fit, load, save


class Plane:
    """A least-squares model that notes what it is called with."""

    def __init__(self) -> None:
        self.params = {"w": np.zeros(3), "b": np.zeros(())}
        self.seen: list[Any] = []
        self.rates: list[float] = []
        self.optimizer: Any = None

    def loss_and_grads(self, batch: Batch, rng: Any) -> tuple[Any, dict[str, Any]]:
        """Half the mean squared error."""
        if rng is not None:  # as in validation
            assert isinstance(rng, np.random.Generator)
            self.seen.append(batch)
        if self.optimizer is not None:
            self.rates.append(self.optimizer.learning_rate)
        error = (batch.inputs @ self.params["w"] + self.params["b"] - batch.targets) * batch.mask
        n = batch.mask.sum()
        grads = {"w": batch.inputs.reshape(-1, 3).T @ error.reshape(-1) / n, "b": error.sum() / n}
        return np.float64((error**2).sum() / n / 2), grads


def make_batch(rng: np.random.Generator, T: int = 4, B: int = 2, counted: int | None = None) -> Batch:
    """Targets that are a plane over the inputs; the first `counted` positions count."""
    inputs = rng.standard_normal((T, B, 3))
    mask = np.arange(T * B).reshape(T, B) < (T * B if counted is None else counted)
    return Batch(inputs, np.full(B, T), inputs, inputs @ [1.0, -2.0, 3.0] + 4.0, mask)


def make_batches(*counted: int) -> list[Batch]:
    """A batch for each number of target tokens."""
    rng = np.random.default_rng(5)
    return [make_batch(rng, counted=count) for count in counted]


def shuffled(batches: list[Batch]) -> Callable[[np.random.Generator], list[Batch]]:
    return lambda rng: [batches[i] for i in rng.permutation(len(batches))]


class SetClock:
    """A clock that stands still but for what the test adds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)


def test_training_finds_the_plane() -> None:
    model = Plane()
    history = fit(model, make_batches(8, 8, 8), SGD(0.3), epochs=200)
    np.testing.assert_allclose(model.params["w"], [1, -2, 3], atol=1e-6)  # how far 200 epochs come
    assert model.params["b"] == pytest.approx(4)
    assert history.loss[-1] < 1e-10 < history.loss[0]


def test_a_list_is_gone_through_in_order_once_per_epoch() -> None:
    model, batches = Plane(), make_batches(8, 8, 8)
    fit(model, batches, SGD(0.01), epochs=2)
    assert [id(batch) for batch in model.seen] == [id(batch) for batch in batches * 2]


def test_a_function_is_called_once_per_epoch_with_the_generator() -> None:
    model, rng, seen = Plane(), np.random.default_rng(0), []

    def batches(generator: np.random.Generator) -> Iterator[Batch]:
        seen.append(generator)
        yield make_batch(generator)

    fit(model, batches, SGD(0.01), epochs=3, rng=rng)
    assert [generator is rng for generator in seen] == [True] * 3
    assert len({batch.inputs.tobytes() for batch in model.seen}) == 3


@given(st.lists(st.integers(1, 8), min_size=1, max_size=5), st.integers(1, 3))
def test_the_history_is_json_and_its_loss_the_mean_per_token(counted: list[int], epochs: int) -> None:
    model, batches = Plane(), make_batches(*counted)
    history = fit(model, batches, SGD(0.0), epochs=epochs, validate=lambda model: len(model.seen))
    losses = [Plane().loss_and_grads(batch, np.random.default_rng())[0] for batch in batches]
    mean = np.average(losses, weights=counted)
    record = json.loads(json.dumps(vars(history)))
    assert record["loss"] == pytest.approx([mean] * epochs)
    assert record["metric"] == [len(counted) * (epoch + 1) for epoch in range(epochs)]
    rates = [sum(counted) / seconds for seconds in record["seconds"]]
    assert record["tokens_per_second"] == pytest.approx(rates)
    assert min(record["seconds"]) > 0


def test_without_a_metric_the_history_has_none() -> None:
    assert fit(Plane(), make_batches(8), SGD(0.1), epochs=2).metric == []


def test_the_metric_is_measured_and_the_callback_called_after_every_epoch() -> None:
    model, events = Plane(), []

    def validate(same: Plane) -> float:
        assert same is model
        events.append(("validate", len(model.seen)))
        return -1.5

    history = fit(
        *(model, make_batches(8, 8), SGD(0.1)),
        epochs=2,
        validate=validate,
        callback=lambda history: events.append(("callback", len(history.metric))),
    )
    assert events == [("validate", 2), ("callback", 1), ("validate", 4), ("callback", 2)]
    assert history.metric == [-1.5, -1.5]


def test_the_time_of_validation_and_callback_is_not_training_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, model = SetClock(monkeypatch), Plane()

    def batches(rng: np.random.Generator) -> Iterator[Batch]:
        for batch in make_batches(6, 8):
            clock.now += 1.0
            yield batch

    def wait(_: object) -> float:
        clock.now += 50.0
        return 0.0

    history = fit(model, batches, SGD(0.1), epochs=2, validate=wait, callback=wait)
    assert history.seconds == [2.0, 2.0]
    assert history.tokens_per_second == [7.0, 7.0]


@pytest.mark.parametrize("known", [True, False])
def test_a_schedule_scales_the_learning_rate_by_the_part_that_is_done(known: bool) -> None:
    model, optimizer, batches = Plane(), SGD(0.5), make_batches(8, 8, 8, 8)
    model.optimizer = optimizer
    source: Any = batches if known else lambda rng: iter(batches)
    fit(model, source, optimizer, epochs=2, schedule=lambda fraction: 1 - fraction)
    first = [1, 7 / 8, 6 / 8, 5 / 8] if known else [1, 1, 1, 1]
    assert model.rates == [0.5 * factor for factor in (*first, 4 / 8, 3 / 8, 2 / 8, 1 / 8)]
    assert optimizer.learning_rate == 0.5


def test_the_learning_rate_is_put_back_when_training_breaks_off() -> None:
    optimizer = SGD(0.5)

    def stop(_: object) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fit(Plane(), make_batches(8, 8), optimizer, epochs=2, schedule=cosine_decay, callback=stop)
    assert optimizer.learning_rate == 0.5


@given(st.floats(0, 1))
def test_cosine_decay_falls_from_1_to_0(fraction: float) -> None:
    assert cosine_decay(0) == 1
    assert cosine_decay(1) == pytest.approx(0, abs=rounding(np.float64, 4))
    assert cosine_decay(fraction) == pytest.approx(math.cos(fraction * math.pi / 2) ** 2)


def test_a_time_budget_ends_training_after_the_step_in_which_it_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, model, optimizer = SetClock(monkeypatch), Plane(), SGD(1.0)
    model.optimizer = optimizer

    def batches(rng: np.random.Generator) -> Iterator[Batch]:
        for batch in make_batches(8, 8, 8, 8):
            clock.now += 1.0
            yield batch

    history = fit(
        *(model, batches, optimizer),
        epochs=1000,
        max_seconds=5.5,
        schedule=lambda fraction: 1 - fraction,
        validate=lambda model: len(model.seen),
    )
    assert history.metric == [4, 6]
    assert model.rates == pytest.approx([1 - second / 5.5 for second in range(6)])


@pytest.mark.parametrize("max_norm", [None, 1e-3])
def test_the_gradients_are_clipped_by_their_global_norm(max_norm: float | None) -> None:
    model = Plane()
    fit(model, make_batches(8), SGD(1.0), epochs=1, max_norm=max_norm)
    moved = math.hypot(*model.params["w"], float(model.params["b"]))
    if max_norm is None:
        assert moved > 1
    else:
        assert moved == pytest.approx(max_norm)


def small_model() -> Seq2Seq:
    encoder = Encoder(7, 3, 4, cell="gru", dropout=0.3, rng=0)
    decoder = Decoder(6, 2, 5, context=AdditiveAttention(5, 4, 3, rng=1), dropout=0.3, rng=2)
    return Seq2Seq(encoder, decoder, rng=3)


def small_batches(rng: np.random.Generator) -> Iterator[Batch]:
    for _ in range(3):
        S, T, B = rng.integers(1, 5, 3)
        mask = np.arange(T)[:, None] <= rng.integers(0, T, B)
        tokens = [rng.integers(0, size, shape) for size, shape in ((7, (S, B)), (6, (T, B)), (6, (T, B)))]
        yield Batch(tokens[0], rng.integers(0, S + 1, B), tokens[1], tokens[2], mask)


def test_the_same_seed_gives_the_same_model_bit_for_bit_and_another_does_not() -> None:
    trained = []
    for seed in (4, 4, 5):
        model = small_model()
        fit(model, small_batches, Adam(0.01), epochs=2, max_norm=1.0, rng=seed)
        trained.append(b"".join(param.tobytes() for param in model.params.values()))
    assert trained[0] == trained[1] != trained[2]


def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(tmp_path: Any) -> None:
    straight = small_model()
    fit(straight, small_batches, Adam(0.01), epochs=4, rng=6)

    model, optimizer, rng = small_model(), Adam(0.01), np.random.default_rng(6)
    fit(model, small_batches, optimizer, epochs=2, rng=rng)
    save(tmp_path / "model", model)
    kept = pickle.dumps((optimizer, rng))
    model, (optimizer, rng) = load(tmp_path / "model"), pickle.loads(kept)
    fit(model, small_batches, optimizer, epochs=2, rng=rng)
    for name, param in straight.params.items():
        np.testing.assert_array_equal(model.params[name], param)


def test_a_second_call_starts_the_schedule_again_and_goes_on_with_all_else() -> None:
    model, optimizer, rng = Plane(), Adam(0.5), np.random.default_rng(0)
    model.optimizer = optimizer
    for _ in range(2):
        history = fit(model, make_batches(8, 8), optimizer, epochs=2, schedule=cosine_decay, rng=rng)
        assert len(history.loss) == 2
    once = [0.5 * cosine_decay(fraction) for fraction in (0, 0.25, 0.5, 0.75)]
    assert model.rates == once * 2
    assert optimizer.state["t"] == 8


class Failing(Plane):
    """Spoils the loss or a gradient in its fifth step."""

    def __init__(self, loss: Any, spoiled: str | None, value: float) -> None:
        super().__init__()
        self.loss, self.spoiled, self.value = loss, spoiled, value

    def loss_and_grads(self, batch: Batch, rng: Any) -> tuple[Any, dict[str, Any]]:
        loss, grads = super().loss_and_grads(batch, rng)
        if len(self.seen) < 5:
            return loss, grads
        self.before = {name: param.copy() for name, param in self.params.items()}
        if self.spoiled:
            np.asarray(grads[self.spoiled]).reshape(-1)[-1:] = self.value
            grads[self.spoiled] = np.full_like(grads[self.spoiled], self.value)
        return self.loss if self.loss is not None else loss, grads


@pytest.mark.parametrize("max_norm", [None, 1.0])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    ("bad_loss", "spoiled", "told"),
    [
        (True, None, "all gradients are finite"),
        (False, "b", "the first gradient that is not finite is that of 'b'"),
        (True, "w", "the first gradient that is not finite is that of 'w'"),
    ],
)
def test_a_loss_or_gradient_that_is_not_finite_stops_before_the_step(
    max_norm: float | None, value: float, bad_loss: bool, spoiled: str | None, told: str
) -> None:
    model, optimizer = Failing(value if bad_loss else None, spoiled, value), Adam(0.1)
    with pytest.raises(NonFiniteError) as raised:
        fit(model, make_batches(8, 8, 8), optimizer, epochs=3, max_norm=max_norm)
    error = raised.value
    assert (error.step, error.epoch, error.parameter) == (5, 2, spoiled)
    assert str(error).startswith("fit: step 5 (epoch 2): the loss is ")
    assert told in str(error)
    assert optimizer.state["t"] == 4
    for name, param in model.params.items():
        np.testing.assert_array_equal(param, model.before[name])
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


class Constant(Plane):
    """A loss and gradients that are finite whatever the parameters are."""

    def loss_and_grads(self, batch: Batch, rng: Any) -> tuple[Any, dict[str, Any]]:
        self.seen.append(batch)
        return 1.0, {"w": np.ones(3), "b": np.ones(())}


@pytest.mark.parametrize("numpy_says", ["warn", "raise"])
@pytest.mark.parametrize("optimizer", [SGD(1e308), SGD(1e308, 0.5), Adam(1e308)])
def test_a_parameter_that_is_not_finite_after_an_epoch_stops_before_validation_and_callback(
    optimizer: Any, numpy_says: Any
) -> None:
    model, called = Constant(), []
    with np.errstate(all=numpy_says), pytest.raises(NonFiniteError) as raised:
        fit(model, make_batches(8, 8, 8), optimizer, epochs=2, validate=called.append, callback=called.append)
    assert called == []
    error = raised.value
    assert (error.step, error.epoch, error.parameter) == (3, 1, "w")
    assert str(error) == "fit: after step 3, the last of epoch 1, parameter 'w' is not finite"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("numpy_says", ["warn", "raise"])
def test_a_real_model_that_explodes_gives_the_one_error_and_no_warning(
    steps: int, dtype: str, numpy_says: Any
) -> None:
    """Warnings are errors in these tests; where the caller lets NumPy raise, it is the same."""
    encoder = Encoder(7, 3, 4, rng=0, dtype=dtype)
    attention = AdditiveAttention(5, 4, 3, rng=1, dtype=dtype)
    model = Seq2Seq(encoder, Decoder(6, 2, 5, context=attention, rng=2, dtype=dtype), rng=3)
    batches = list(small_batches(np.random.default_rng(0)))[:1] * steps
    with np.errstate(all=numpy_says), pytest.raises(NonFiniteError):
        fit(model, batches, Adam(1e39 if dtype == "float32" else 1e308), epochs=9, max_norm=1.0)


def test_a_parameter_that_was_spoiled_before_is_named() -> None:
    model = Plane()
    model.params["b"][()] = math.nan
    with pytest.raises(NonFiniteError, match="parameter 'b' already is not finite") as raised:
        fit(model, make_batches(8), SGD(0.1), epochs=1)
    assert raised.value.parameter == "b"


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"epochs": 0}, ValueError, "fit: epochs is 0"),
        ({"epochs": True}, ValueError, "fit: epochs is True"),
        ({"epochs": 1.5}, ValueError, "fit: epochs is 1.5"),
        ({"max_norm": -1.0}, ValueError, "fit: max_norm is -1.0"),
        ({"max_norm": math.nan}, ValueError, "fit: max_norm is nan"),
        ({"max_seconds": 0}, ValueError, "fit: max_seconds is 0"),
        ({"max_norm": True}, TypeError, "fit: max_norm is True, expected a number"),
        ({"max_seconds": True}, TypeError, "fit: max_seconds is True, expected a number"),
        ({"max_seconds": "60"}, TypeError, "fit: max_seconds is '60', expected a number"),
        ({"epochs": "a" * 60_000}, ValueError, "fit: epochs is 'aaa"),
        ({"rng": True}, TypeError, "rng is True"),
        ({"optimizer": "adam"}, TypeError, "fit: optimizer is a str, expected an Optimizer such as Adam"),
        ({"optimizer": Adam}, TypeError, "fit: optimizer is the class Adam, expected an Optimizer"),
        ({"optimizer": None}, TypeError, "fit: optimizer is a NoneType, expected an Optimizer"),
        ({"model": None}, TypeError, "fit: model is a NoneType, expected an object with params and loss_and"),
        ({"model": Plane}, TypeError, "fit: model is the class Plane, expected an object with params"),
        ({"model": {"w": np.zeros(3)}}, TypeError, "fit: model is a dict, expected an object with params"),
        ({"batches": None}, TypeError, "fit: batches is a NoneType, expected a list or a function"),
        ({"batches": 3}, TypeError, "fit: batches is a int, expected a list or a function"),
        ({"schedule": 0.5}, TypeError, "fit: schedule is a float, expected a function"),
        ({"validate": "bleu"}, TypeError, "fit: validate is a str, expected a function"),
        ({"callback": []}, TypeError, "fit: callback is a list, expected a function"),
        ({"schedule": lambda _: True}, TypeError, "fit: what schedule returned is True, expected a number"),
        ({"schedule": lambda _: None}, TypeError, "fit: what schedule returned is None, expected a number"),
        (
            {"schedule": lambda _: -1},
            ValueError,
            "fit: the scheduled learning rate is -0.1, expected a finite",
        ),
        ({"schedule": lambda _: math.nan}, ValueError, "fit: the scheduled learning rate is nan"),
        ({"validate": lambda _: "0.5"}, TypeError, "fit: what validate returned is '0.5', expected a number"),
        ({"validate": lambda _: None}, TypeError, "fit: what validate returned is None, expected a number"),
        ({"batches": []}, ValueError, "fit: batches gave no batch in epoch 1"),
        ({"batches": lambda rng: iter(())}, ValueError, "fit: batches gave no batch in epoch 1"),
        ({"batches": make_batches(8)[0]}, TypeError, "fit: batches is a Batch, expected a list"),
        ({"batches": iter(make_batches(8))}, TypeError, "fit: batches is a list_iterator, expected a list"),
    ],
)
def test_an_argument_out_of_range_is_refused(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    arguments: dict[str, Any] = {"model": Plane(), "batches": make_batches(8), "optimizer": SGD(0.1)}
    with pytest.raises(error, match=message) as raised:
        fit(**(arguments | {"epochs": 1} | options))
    assert len(str(raised.value)) < 200


def test_numbers_of_numpy_may_come_from_schedule_and_validate() -> None:
    model, optimizer = Plane(), SGD(0.5)
    model.optimizer = optimizer
    history = fit(
        *(model, make_batches(8, 8), optimizer),
        epochs=1,
        schedule=lambda fraction: np.where(fraction < 0.5, 0, np.float32(1)),
        validate=lambda _: np.float32(0.25),
    )
    assert (model.rates, history.metric) == ([0.0, 0.5], [0.25])
    assert type(history.metric[0]) is float


def test_a_function_that_gives_one_iterator_twice_is_told_so() -> None:
    batches = iter(make_batches(8, 8))
    with pytest.raises(ValueError, match="fit: batches gave no batch in epoch 2"):
        fit(Plane(), lambda rng: batches, SGD(0.1), epochs=2)


def test_nothing_is_printed_unless_it_is_asked_for(capfd: pytest.CaptureFixture[str]) -> None:
    fit(Plane(), make_batches(8), SGD(0.1), epochs=2)
    fit(Plane(), make_batches(8), SGD(0.1), epochs=2, progress=False)
    assert capfd.readouterr() == ("", "")


def test_the_last_line_says_how_it_went(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    options: dict[str, Any] = {"validate": lambda model: 0.5, "validation": make_batches(8)}
    fit(Plane(), shuffled(make_batches(8, 8)), SGD(0.0), epochs=60, **options, progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    for part in ("100% epoch 60/60", "step 2/2", " tokens/s", "loss ", "metric 0.5000", "0:00 left"):
        assert part in line
    assert "validation loss" in line


def test_an_interrupt_passes_through_and_leaves_a_usable_model() -> None:
    model = Plane()

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(model, make_batches(8), SGD(0.1), epochs=5, callback=interrupt)
    fit(model, make_batches(8), SGD(0.1), epochs=1)
    assert len(model.seen) == 2


def test_the_first_epoch_knows_its_length_when_the_function_of_the_generator_has_one() -> None:
    class Batches:
        def __len__(self) -> int:
            return 4

        def __call__(self, rng: np.random.Generator) -> Iterator[Batch]:
            return (make_batch(rng) for _ in range(4))

    seen: list[float] = []
    fit(Plane(), Batches(), SGD(0.1), epochs=1, schedule=lambda fraction: seen.append(fraction) or 1.0)
    assert seen == [0.0, 0.25, 0.5, 0.75]
