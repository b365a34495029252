"""Cross-entropy: the value, its derivative, the mask, and the limits of floating point."""

from typing import Any

import numpy as np
import pytest
from comparing import assert_close, rounding
from hypothesis import given
from hypothesis import strategies as st

from seqmem.layers.losses import cross_entropy

pytestmark = pytest.mark.quick

SIZES = st.integers(1, 5)


@st.composite
def problems(draw: st.DrawFn) -> tuple[Any, Any, Any]:
    """Logits (..., V) of some scale, targets, and a mask that leaves at least one position."""
    leading = tuple(draw(st.lists(SIZES, min_size=0, max_size=3)))
    V = draw(st.integers(1, 7))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    logits = rng.standard_normal((*leading, V)) * draw(st.sampled_from([0.1, 1.0, 30.0]))
    targets = rng.integers(0, V, leading)
    mask = np.array(rng.random(leading) < 0.6)
    mask.reshape(-1)[rng.integers(mask.size)] = True
    return logits, targets, mask


def by_the_definition(logits: Any, targets: Any, mask: Any) -> float:
    """-log softmax(logits)[target], position by position, in the widest floats there are."""
    losses = []
    for where in np.ndindex(targets.shape):
        if mask[where]:
            row = logits[where].astype(np.longdouble)
            losses.append(np.log(np.sum(np.exp(row - row[targets[where]]))))
    return float(np.mean(losses))


@given(problems())
def test_the_loss_is_the_mean_of_minus_log_softmax_over_the_unmasked(problem: Any) -> None:
    logits, targets, mask = problem
    loss, _ = cross_entropy(logits, targets, mask)
    assert type(loss) is float
    assert_close(loss, by_the_definition(logits, targets, mask))


@given(problems())
def test_the_derivative_is_that_of_a_complex_step(problem: Any) -> None:
    logits, targets, mask = problem
    _, d_logits = cross_entropy(logits, targets, mask)
    step = 1e-30
    for where in np.ndindex(logits.shape):
        moved = logits.astype(complex)
        moved[where] += 1j * step
        loss, _ = cross_entropy(moved, targets, mask)
        assert_close(loss.imag / step, d_logits[where])


@given(problems(), st.integers(0, 2**32))
def test_the_derivative_itself_runs_in_complex_arithmetic(problem: Any, seed: int) -> None:
    logits, targets, mask = problem
    direction = np.random.default_rng(seed).standard_normal(logits.shape)
    _, moved = cross_entropy(logits + 1e-30j * direction, targets, mask)
    step = 1e-6  # of central differences: what they leave out, of the size of step², is below rounding / step
    _, ahead = cross_entropy(logits + step * direction, targets, mask)
    _, back = cross_entropy(logits - step * direction, targets, mask)
    bound = rounding(np.float64, 20, size=2 * float(np.abs(logits).max(initial=1))) / step
    np.testing.assert_allclose(moved.imag / 1e-30, (ahead - back) / (2 * step), rtol=0, atol=bound)


@given(problems(), st.integers(-(10**6), 10**6))
def test_a_shift_of_all_logits_of_a_position_changes_nothing(problem: Any, shift: int) -> None:
    logits, targets, mask = problem
    logits = np.round(logits * 2**20) / 2**20  # so that the shift itself is exact
    loss, d_logits = cross_entropy(logits, targets, mask)
    shifted_loss, shifted_d_logits = cross_entropy(logits + shift, targets, mask)
    assert shifted_loss == loss
    np.testing.assert_array_equal(shifted_d_logits, d_logits)


@given(problems())
def test_a_masked_mean_is_the_mean_of_the_subset(problem: Any) -> None:
    logits, targets, mask = problem
    loss, d_logits = cross_entropy(logits, targets, mask)
    subset_loss, subset_d_logits = cross_entropy(logits[mask], targets[mask])
    assert_close(loss, subset_loss)
    assert_close(d_logits[mask], subset_d_logits)


@given(problems(), st.sampled_from([np.nan, np.inf, -np.inf, 1e308]))
def test_what_is_under_the_mask_has_no_effect(problem: Any, garbage: float) -> None:
    logits, targets, mask = problem
    loss, d_logits = cross_entropy(logits, targets, mask)
    logits, targets = logits.copy(), targets.copy()
    logits[~mask], targets[~mask] = garbage, -7
    with np.errstate(all="raise"):
        same_loss, same_d_logits = cross_entropy(logits, targets, mask)
    assert same_loss == loss
    np.testing.assert_array_equal(same_d_logits, d_logits)
    assert not d_logits[~mask].any()


@given(problems())
def test_the_derivative_of_a_position_sums_to_zero(problem: Any) -> None:
    _, d_logits = cross_entropy(*problem)
    np.testing.assert_allclose(d_logits.sum(axis=-1), 0, atol=rounding(np.float64, 20))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e4, 1e30, 3e38])
def test_huge_logits_have_their_exact_limits(dtype: Any, size: float) -> None:
    logits = np.array([[size, -size, 0], [-size, size, size]], dtype)
    with np.errstate(all="raise"):
        loss, d_logits = cross_entropy(logits, np.array([1, 1]))
    mean = float(logits[0, 0]) + np.log(2) / 2  # of 2 size and log 2
    assert loss == pytest.approx(mean, rel=rounding(dtype, 10))
    np.testing.assert_array_equal(d_logits, np.array([[0.5, -0.5, 0], [0, -0.25, 0.25]], dtype))


def test_a_loss_near_zero_is_not_negative() -> None:
    loss, d_logits = cross_entropy(np.array([[1000.0, 0.0]]), np.array([0]))
    assert loss == 0
    assert not d_logits.any()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_logits_that_are_not_finite_show_in_the_loss_and_not_in_a_warning(value: float) -> None:
    loss, _ = cross_entropy(np.array([[0.0, value]]), np.array([0]))
    assert np.isnan(loss)


@pytest.mark.parametrize(
    ("given_dtype", "dtype"),
    [
        (np.float32, np.float32),
        (np.float64, np.float64),
        (np.complex64, np.complex64),
        (np.complex128, np.complex128),
        (np.int8, np.float64),
        (np.bool_, np.float64),
        (">f8", np.float64),
    ],
)
def test_the_derivative_has_the_dtype_of_the_logits(given_dtype: Any, dtype: Any) -> None:
    for mask in (None, np.array([True, False])):
        loss, d_logits = cross_entropy(np.ones((2, 3), given_dtype), np.array([0, 1]), mask)
        assert d_logits.dtype == dtype
        assert loss == pytest.approx(np.log(3), rel=rounding(dtype, 10))


@given(problems())
def test_float32_is_within_its_rounding_of_float64(problem: Any) -> None:
    logits, targets, mask = problem
    logits = logits.astype(np.float32)
    loss, d_logits = cross_entropy(logits, targets, mask)
    exact_loss, exact_d_logits = cross_entropy(logits.astype(np.float64), targets, mask)
    # exp makes an absolute error of its argument, the difference of two logits, a relative one of its value
    bound = rounding(np.float32, 20, size=2 * float(np.abs(logits).max(initial=1)))
    assert abs(loss - exact_loss) <= bound
    np.testing.assert_allclose(d_logits, exact_d_logits, rtol=0, atol=bound)


@given(problems())
def test_any_memory_layout_gives_the_same_numbers_and_is_not_written_to(problem: Any) -> None:
    logits, targets, mask = problem
    loss, d_logits = cross_entropy(logits, targets, mask)
    strided = np.repeat(logits, 2, axis=-1)[..., ::2]
    fortran = np.asfortranarray(logits)
    backwards = np.ascontiguousarray(logits[..., ::-1])[..., ::-1]
    for layout in (strided, fortran, backwards, logits.astype(">f8")):
        layout.flags.writeable = targets.flags.writeable = mask.flags.writeable = False
        same_loss, same_d_logits = cross_entropy(layout, targets, mask)
        assert same_loss == loss
        np.testing.assert_array_equal(same_d_logits, d_logits)


@pytest.mark.parametrize("shape", [(0, 4, 3), (4, 0, 3), (0, 3)])
def test_the_mean_of_no_position_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="mean of nothing"):
        cross_entropy(np.zeros(shape), np.zeros(shape[:-1], int))


def test_the_mean_of_masked_positions_is_refused() -> None:
    with pytest.raises(ValueError, match="mean of nothing"):
        cross_entropy(np.zeros((2, 3)), np.array([0, 0]), np.array([False, False]))


@pytest.mark.parametrize(
    ("logits", "targets", "mask", "error", "message"),
    [
        (np.zeros((2, 3)), [0, 3], None, ValueError, r"targets holds 3 at \[1\], expected ids from 0 to 2"),
        (np.zeros((2, 3)), [0, -1], None, ValueError, r"targets holds -1 at \[1\]"),
        (np.zeros((2, 3)), [0, -1], [True, True], ValueError, r"targets holds -1 at \[1\]"),
        (np.zeros((2, 3)), [0.0, 1.0], None, TypeError, "targets has dtype float64, expected integers"),
        (np.zeros((2, 3)), [0.0, 1.0], [True, False], TypeError, "targets has dtype float64"),
        (np.zeros((2, 3)), [0, 1, 2], None, ValueError, r"targets has shape \(3,\), expected \(2,\)"),
        (np.zeros((2, 3)), [[0], [1]], [True, True], ValueError, r"targets has shape \(2, 1\)"),
        (np.zeros((2, 3)), [0, 1], [True], ValueError, r"mask has shape \(1,\), expected \(2,\)"),
        (np.zeros((2, 3)), [0, 1], [1, 0], TypeError, "mask has dtype int64, expected bool"),
        (np.zeros((2, 3), object), [0, 1], None, TypeError, "logits has dtype object"),
        (np.full((2, 3), "a"), [0, 1], None, TypeError, "logits has dtype <U1"),
        (np.zeros(()), 0, None, ValueError, r"logits has shape \(\), expected \(..., V\)"),
        (np.ma.zeros((2, 3)), [0, 1], None, TypeError, "masked array"),
    ],
)
def test_what_does_not_fit_is_refused(
    logits: Any, targets: Any, mask: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        cross_entropy(logits, np.array(targets), None if mask is None else np.array(mask))
