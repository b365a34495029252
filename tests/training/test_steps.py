"""Steps: batches of any type, accumulated gradients, frozen parameters, states that are carried."""

from typing import Any, NamedTuple

import numpy as np
import pytest
from comparing import assert_close
from hypothesis import given, settings
from hypothesis import strategies as st

from seqmem import SGD, Adam, Linear, Recurrent, RNNCell, mse_loss
from seqmem.data import SequenceBatch, TruncatedBatches, make_sequence_batch
from seqmem.module import Module, prefixed
from seqmem.training import NonFiniteError, fit
from seqmem.training.steps import are_finite


class Plane(Module):
    """Least squares on tuples (x, y)."""

    def __init__(self) -> None:
        self.linear = Linear(3, 1, rng=0)
        self.bias = np.zeros(1)

    def loss_and_grads(self, batch: Any, rng: Any = None) -> tuple[Any, dict[str, Any]]:
        x, y = batch
        y_hat, cache = self.linear.forward(x)
        loss, d_y = mse_loss(y_hat + self.bias, y)
        _, grads = self.linear.backward(d_y, cache)
        return loss, prefixed("linear", grads) | {"bias": d_y.sum(axis=0)}


class Counting(Plane):
    """The same, weighed by its examples."""

    def count(self, batch: Any) -> int:
        return len(batch[0])


class Named(NamedTuple):
    """A batch with a mask of its own."""

    x: Any
    y: Any
    mask: Any


def examples(*sizes: int) -> list[tuple[Any, Any]]:
    rng = np.random.default_rng(3)
    found = []
    for size in sizes:
        x = rng.standard_normal((size, 3))
        found.append((x, x @ [[1.0], [-2.0], [0.5]] + 0.3))
    return found


def test_batches_are_of_any_type_and_count_alike_when_nobody_says_otherwise() -> None:
    batches = examples(2, 6)
    history = fit(Plane(), batches, SGD(0.0), epochs=1)
    losses = [Plane().loss_and_grads(batch)[0] for batch in batches]
    assert history.loss == [pytest.approx(np.mean(losses))]


def test_the_models_count_decides_before_the_mask_of_the_batch() -> None:
    batches = examples(2, 6)
    history = fit(Counting(), batches, SGD(0.0), epochs=1)
    losses = [Plane().loss_and_grads(batch)[0] for batch in batches]
    assert history.loss == [pytest.approx(np.average(losses, weights=[2, 6]))]


@pytest.mark.parametrize("count", [0.5, -1, None])
def test_a_count_is_an_integer_and_it_is_asked_for_before_the_step(count: Any) -> None:
    model = Counting()
    model.__class__ = type("Wrong", (Counting,), {"count": lambda self, batch: count})
    before = {name: param.copy() for name, param in model.params.items()}
    with pytest.raises((TypeError, ValueError), match="what the model's count returned is"):
        fit(model, examples(2), SGD(0.1), epochs=1)
    assert all((model.params[name] == before[name]).all() for name in before)


@settings(max_examples=20)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_accumulated_batches_make_the_step_of_one_large_batch(sizes: list[int]) -> None:
    parts = examples(*sizes)
    whole = [tuple(np.concatenate(side) for side in zip(*parts, strict=True))]
    one, several = Counting(), Counting()
    fit(one, whole, Adam(0.1), epochs=2, max_norm=0.5)
    fit(several, parts, Adam(0.1), epochs=2, max_norm=0.5, accumulate=len(sizes))
    assert_close(several.params, one.params)


def test_the_last_step_of_an_epoch_takes_what_is_left() -> None:
    optimizer = Adam(0.1)
    fit(Plane(), examples(2, 2, 2, 2, 2), optimizer, epochs=3, accumulate=2)
    assert optimizer.state["t"] == 9


def test_frozen_parameters_stay_bit_for_bit_and_the_optimizer_knows_nothing_of_them() -> None:
    model, optimizer = Plane(), Adam(0.1)
    before = {name: param.copy() for name, param in model.params.items()}
    fit(model, examples(4, 4), optimizer, epochs=2, frozen=["linear"], max_norm=1.0)
    assert (before["linear.W"] == model.linear.W).all()
    assert (model.linear.b == before["linear.b"]).all()
    assert (model.bias != before["bias"]).all()
    assert sorted(optimizer.state) == ["m.bias", "t", "v.bias"]


def test_a_single_parameter_may_be_frozen() -> None:
    model = Plane()
    fit(model, examples(4), SGD(0.1), epochs=1, frozen=("linear.b", "bias"))
    assert not model.linear.b.any()
    assert not model.bias.any()


@pytest.mark.parametrize(
    ("frozen", "error", "message"),
    [
        (
            ["lin"],
            ValueError,
            "frozen has 'lin', expected parameters or modules of: linear.W, linear.b, bias",
        ),
        (["linear", "bias"], ValueError, "frozen leaves no parameter to train"),
        ("linear", TypeError, "frozen is of type str"),
        ([3], TypeError, r"frozen\[0\] is of type int"),
    ],
)
def test_frozen_names_that_do_not_fit_are_refused(frozen: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=f"fit: {message}"):
        fit(Plane(), examples(2), SGD(0.1), epochs=1, frozen=frozen)


def test_a_gradient_that_is_not_finite_is_found_while_gradients_gather() -> None:
    batches = examples(2, 2, 2)
    batches[1][1][0] = 1e308
    batches[1][0][0] = 1e308
    with pytest.raises(NonFiniteError, match="fit: step 2") as raised:
        fit(Plane(), batches, SGD(0.1), epochs=1, accumulate=3)
    assert raised.value.history.loss == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("value", [0.0, 1e200, -1e-200, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_numbers_are_finite_or_not_whatever_their_squares_are(value: float, dtype: str) -> None:
    if dtype == "int64" and not abs(value) < 1:
        return
    with np.errstate(all="ignore"):
        array = np.array([1.0, value, 2.0]).astype(dtype)
    assert are_finite({"W": np.ones(3), "b": array}) == bool(np.isfinite(array).all())


class Follower(Module):
    """An RNN that says the next number, and hands on its state."""

    def __init__(self) -> None:
        self.layer, self.output = Recurrent(RNNCell(1, 4, rng=0)), Linear(4, 1, rng=1)
        self.note: Any = lambda state: None

    def loss_and_grads(self, batch: SequenceBatch, rng: Any = None) -> tuple[Any, Any]:
        return self.loss_grads_and_state(batch, None, rng)[:2]

    def loss_grads_and_state(self, batch: SequenceBatch, state: Any, rng: Any = None) -> tuple[Any, Any, Any]:
        self.note(state)
        (hs, final), cache = self.layer.forward(batch.inputs, state, lengths=batch.lengths)
        ys, output_cache = self.output.forward(hs)
        loss, d_ys = mse_loss(ys, batch.targets, batch.mask)
        (d_hs,), output_grads = self.output.backward(d_ys, output_cache)
        _, grads = self.layer.backward((d_hs, None), cache)
        return loss, prefixed("layer", grads) | prefixed("output", output_grads), final


def waves() -> SequenceBatch:
    rows = [np.sin(np.arange(length) / 3 + b) for b, length in enumerate((12, 9, 5))]
    return make_sequence_batch([row[:-1] for row in rows], [row[1:, None] for row in rows], per_step=True)


def test_windows_start_from_the_state_in_which_the_window_before_ended() -> None:
    model, batch, starts = Follower(), waves(), list[Any]()
    model.note = starts.append
    fit(model, TruncatedBatches([batch, batch], 4), SGD(0.0), epochs=2)
    assert [start is None for start in starts] == [True, False, False] * 4
    whole, _ = model.layer.forward(batch.inputs[:8], lengths=np.minimum(batch.lengths, 8))
    assert_close(starts[2], whole[1])


@pytest.mark.parametrize("known", [True, False])
def test_a_schedule_sees_how_many_windows_there_are(known: bool) -> None:
    batches = TruncatedBatches([waves()] if known else lambda rng: [waves()], 4)
    seen: list[float] = []
    fit(Follower(), batches, SGD(0.1), epochs=2, schedule=lambda fraction: seen.append(fraction) or 1.0)
    first = [0, 1 / 6, 2 / 6] if known else [0, 0, 0]
    assert seen == pytest.approx([*first, 3 / 6, 4 / 6, 5 / 6])


def test_validation_carries_the_state_too() -> None:
    model, batch = Follower(), waves()
    windows = list(TruncatedBatches([batch], 4)(0))
    history = fit(model, [batch], SGD(0.0), epochs=1, validation=windows)
    assert history.validation_loss == [pytest.approx(model.loss_and_grads(batch)[0])]


def test_windows_of_the_whole_length_train_as_whole_sequences_do() -> None:
    one, other = Follower(), Follower()
    fit(one, [waves()], Adam(0.01), epochs=3)
    fit(other, TruncatedBatches([waves()], 11), Adam(0.01), epochs=3)
    assert_close(one.params, other.params)


def test_a_model_that_carries_no_state_says_so_before_a_step() -> None:
    class Forgetful(Plane):
        def loss_and_grads(self, batch: Any, rng: Any = None) -> tuple[Any, Any]:
            return super().loss_and_grads((np.ones((1, 3)), np.ones((1, 1))))

    with pytest.raises(TypeError, match="batches continue one another, but Forgetful has no loss_grads_and"):
        fit(Forgetful(), TruncatedBatches([waves()], 4), SGD(0.1), epochs=1)
