"""Squared, absolute and Huber error: values, derivatives, masks, weights, and the limits of floats."""

from typing import Any

import numpy as np
import pytest
from comparing import assert_close
from hypothesis import given, settings
from hypothesis import strategies as st

from seqmem.layers.regression_losses import huber_loss, mae_loss, mse_loss

pytestmark = pytest.mark.quick

LOSSES = {"mse": mse_loss, "mae": mae_loss, "huber": huber_loss}
every_loss = st.sampled_from(sorted(LOSSES))


@st.composite
def problems(draw: st.DrawFn) -> tuple[Any, Any, Any, dict[str, Any]]:
    """Predictions of up to three axes, targets, a mask and weights of as many first axes as drawn."""
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    predictions, targets = rng.standard_normal(shape) * 2, rng.standard_normal(shape)
    mask, options = None, {}
    if draw(st.booleans()):
        mask = np.array(rng.random(shape[: draw(st.integers(1, len(shape)))]) < 0.6)
        mask.reshape(-1)[0] = True
    if draw(st.booleans()):
        weights = rng.uniform(0.1, 2, shape[: draw(st.integers(1, len(shape)))])
        options["sample_weights"] = weights
    return predictions, targets, mask, options


def spread(array: Any, shape: tuple[int, ...]) -> Any:
    """An array of the first axes in the whole shape."""
    return np.broadcast_to(array.reshape(array.shape + (1,) * (len(shape) - array.ndim)), shape)


def by_the_definition(name: str, predictions: Any, targets: Any, mask: Any, weights: Any) -> float:
    e = np.abs(predictions - targets)
    errors = {"mse": e**2, "mae": e, "huber": np.where(e <= 1, e**2 / 2, e - 0.5)}[name]
    shares = np.ones(e.shape) if weights is None else spread(weights, e.shape).copy()
    if mask is not None:
        shares[~spread(mask, e.shape)] = 0
    return float((errors * shares).sum() / shares.sum())


@given(every_loss, problems())
def test_the_loss_is_the_weighted_mean_of_the_errors_that_count(name: str, problem: Any) -> None:
    predictions, targets, mask, options = problem
    loss, _ = LOSSES[name](predictions, targets, mask, **options)
    assert type(loss) is float
    assert_close(loss, by_the_definition(name, predictions, targets, mask, options.get("sample_weights")))


@settings(max_examples=40)
@given(every_loss, problems())
def test_the_derivative_is_that_of_a_complex_step(name: str, problem: Any) -> None:
    predictions, targets, mask, options = problem
    _, d_predictions = LOSSES[name](predictions, targets, mask, **options)
    for where in np.ndindex(predictions.shape):
        moved = predictions.astype(complex)
        moved[where] += 1e-30j
        found = LOSSES[name](moved, targets, mask, **options)[0].imag / 1e-30
        assert_close(found, d_predictions[where])


@given(every_loss, problems(), st.sampled_from([np.nan, np.inf, 1e308]))
def test_what_does_not_count_has_no_effect(name: str, problem: Any, garbage: float) -> None:
    predictions, targets, mask, options = problem
    if mask is None:
        mask = np.ones(predictions.shape, bool)
        mask.reshape(-1)[1:] = False
    loss, d_predictions = LOSSES[name](predictions, targets, mask, **options)
    out = ~spread(mask, predictions.shape)
    predictions, targets = predictions.copy(), targets.copy()
    predictions[out] = targets[out] = garbage
    with np.errstate(all="raise"):
        same_loss, same_d_predictions = LOSSES[name](predictions, targets, mask, **options)
    assert same_loss == loss
    np.testing.assert_array_equal(same_d_predictions, d_predictions)
    assert not d_predictions[out].any()


@pytest.mark.parametrize("name", LOSSES)
def test_an_exact_prediction_costs_nothing_and_moves_nothing(name: str) -> None:
    loss, d_predictions = LOSSES[name](np.ones((2, 3)), np.ones((2, 3)))
    assert loss == 0
    assert not d_predictions.any()


@pytest.mark.parametrize("delta", [0.1, 1.0, 7.0])
def test_the_huber_error_and_its_slope_are_continuous_at_delta(delta: float) -> None:
    at, beyond = delta, np.nextafter(delta, np.inf)
    losses = [huber_loss(np.array([e]), np.zeros(1), delta=delta) for e in (at, beyond, -at, -beyond)]
    assert_close([losses[0][0]] * 4, [loss for loss, _ in losses])
    assert_close([delta, delta, -delta, -delta], [float(slope[0]) for _, slope in losses])


@given(problems())
def test_a_huge_delta_makes_the_huber_error_half_the_squared(problem: Any) -> None:
    predictions, targets, mask, options = problem
    loss, slopes = huber_loss(predictions, targets, mask, delta=1e9, **options)
    squared, twice = mse_loss(predictions, targets, mask, **options)
    assert_close((loss, slopes), (squared / 2, twice / 2))


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128, np.int8, ">f8"])
def test_the_derivative_has_the_dtype_of_the_predictions(name: str, dtype: Any) -> None:
    predictions = np.array([1, 2], dtype)
    _, d_predictions = LOSSES[name](predictions, np.array([0, 5]))
    expected = np.dtype(dtype).newbyteorder("=")
    assert d_predictions.dtype == (np.float64 if expected.kind == "i" else expected)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e308])
def test_predictions_that_are_not_finite_show_in_the_loss_and_not_in_a_warning(
    name: str, value: float
) -> None:
    with np.errstate(all="raise"):
        loss, _ = LOSSES[name](np.array([value, 0.0]), np.zeros(2))
    assert not np.isfinite(loss) or value == 1e308


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"targets": np.zeros((3, 2))}, ValueError, r"targets has shape \(3, 2\), expected \(2, 3\)"),
        ({"targets": [[0, 0, 0], [0, np.nan, 0]]}, ValueError, r"targets holds nan at \[1, 1\]"),
        ({"targets": np.zeros((2, 3), complex)}, TypeError, "targets is complex, expected real numbers"),
        ({"targets": np.full((2, 3), "a")}, TypeError, "targets has dtype <U1"),
        ({"predictions": np.zeros((2, 3), object)}, TypeError, "predictions has dtype object"),
        ({"mask": [True, False, True]}, ValueError, r"mask has shape \(3,\), expected \(2,\)"),
        ({"mask": [1, 0]}, TypeError, "mask has dtype int64, expected bool"),
        ({"mask": [False, False]}, ValueError, "mean of nothing"),
        ({"sample_weights": [1, 2, 3]}, ValueError, r"sample_weights has shape \(3,\), expected \(2,\)"),
        ({"sample_weights": [1, -2]}, ValueError, r"sample_weights holds -2.0 at \[1\]"),
        ({"sample_weights": [0, 0]}, ValueError, "mean of nothing"),
        ({"mask": np.ones((2, 3, 1), bool)}, ValueError, r"mask has shape \(2, 3, 1\), expected \(2, 3\)"),
    ],
)
def test_what_does_not_fit_is_refused(
    name: str, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    arguments = {"predictions": np.zeros((2, 3)), "targets": np.zeros((2, 3))} | changes
    with pytest.raises(error, match=f"{name}_loss: {message}"):
        LOSSES[name](**arguments)


@pytest.mark.parametrize("delta", [0, -1, np.nan, np.inf])
def test_a_delta_is_a_finite_number_above_0(delta: float) -> None:
    with pytest.raises(ValueError, match="huber_loss: delta is"):
        huber_loss(np.zeros(2), np.zeros(2), delta=delta)


@pytest.mark.parametrize("name", LOSSES)
def test_the_mean_of_no_number_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="mean of nothing"):
        LOSSES[name](np.zeros((0, 3)), np.zeros((0, 3)))
