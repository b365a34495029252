"""Activations are exact at their limits and analytic."""

import numpy as np
import pytest
from comparing import assert_close, assert_same, rounding
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from seqmem.activations import log_softmax, sigmoid, softmax

moderate = npst.arrays(np.float64, npst.array_shapes(max_dims=3), elements=st.floats(-30, 30))
enormous = npst.arrays(np.float64, npst.array_shapes(max_dims=2), elements=st.floats(-1e30, 1e30))


@given(moderate)
def test_sigmoid_is_the_logistic_function(a):
    np.testing.assert_allclose(sigmoid(a), 1 / (1 + np.exp(-a)), rtol=0, atol=rounding(np.float64, 10))


@given(moderate)
def test_sigmoid_of_minus_a_is_1_minus_sigmoid_of_a(a):
    np.testing.assert_allclose(sigmoid(-a), 1 - sigmoid(a), rtol=0, atol=rounding(np.float64, 10))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e4, 1e30])
def test_sigmoid_reaches_0_and_1_exactly(dtype, size):
    a = np.array([-size, 0, size], dtype)
    with np.errstate(all="raise"):
        assert_same(sigmoid(a), np.array([0, 0.5, 1], dtype))


@given(moderate)
def test_sigmoid_can_write_into_its_own_argument(a):
    right = sigmoid(a)
    assert sigmoid(a, out=a) is a
    assert_same(a, right)


@given(moderate)
def test_the_derivative_of_sigmoid_in_terms_of_its_value_is_right(a):
    s = sigmoid(a)
    assert_close(sigmoid(a + 1e-20j).imag / 1e-20, s * (1 - s))


@given(moderate)
def test_softmax_is_positive_and_sums_to_1_over_the_last_axis(scores):
    p = softmax(scores)
    assert (p > 0).all()
    np.testing.assert_allclose(p.sum(axis=-1), 1, rtol=rounding(np.float64, 2 * scores.shape[-1] + 2))
    each = np.exp(scores)
    np.testing.assert_allclose(
        p, each / each.sum(axis=-1, keepdims=True), rtol=rounding(np.float64, 20, size=60)
    )


@given(moderate, st.data())
def test_a_softmax_over_the_valid_is_the_softmax_of_what_is_valid(scores, data):
    valid = data.draw(npst.arrays(bool, scores.shape))
    p = softmax(scores, valid)
    for row in np.ndindex(scores.shape[:-1]):
        assert not p[row][~valid[row]].any()
        if valid[row].any():
            np.testing.assert_allclose(
                p[row][valid[row]], softmax(scores[row][valid[row]]), rtol=rounding(np.float64, 20)
            )


@given(enormous, st.data())
def test_enormous_scores_give_a_softmax_without_a_warning(scores, data):
    valid = data.draw(npst.arrays(bool, scores.shape))
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        p, q = softmax(scores), softmax(scores, valid)
    np.testing.assert_allclose(p.sum(axis=-1), 1, rtol=rounding(np.float64, 2 * scores.shape[-1] + 2))
    np.testing.assert_allclose(
        q.sum(axis=-1), valid.any(axis=-1), rtol=rounding(np.float64, 2 * scores.shape[-1] + 2)
    )


@given(moderate, st.integers(0, 99))
def test_the_derivative_of_softmax_in_terms_of_its_value_is_right(scores, seed):
    d_p, direction = np.random.default_rng(seed).uniform(-1, 1, (2, *scores.shape))
    for valid in (None, np.random.default_rng(seed).random(scores.shape) < 0.7):
        p = softmax(scores, valid)
        d_scores = p * (d_p - (p * d_p).sum(axis=-1, keepdims=True))
        step = softmax(scores + 1e-20j * direction, valid)
        assert_close(np.sum(step.imag * d_p) / 1e-20, np.sum(d_scores * direction))


@given(moderate)
def test_log_softmax_is_the_logarithm_of_softmax(scores):
    assert_close(log_softmax(scores), np.log(softmax(scores)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_log_softmax_is_exact_where_softmax_is_0(dtype):
    scores = np.array([[0, -1e4, -1e30], [1e30, 0, -1e30]], dtype)
    with np.errstate(all="raise"):
        assert_same(log_softmax(scores), scores - scores.max(axis=1, keepdims=True))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_the_dtype_stays_even_for_no_positions(dtype):
    for shape in [(2, 3), (2, 0)]:
        scores, valid = np.zeros(shape, dtype), np.ones(shape, bool)
        assert sigmoid(scores).dtype == softmax(scores).dtype == softmax(scores, valid).dtype == dtype
    assert log_softmax(np.zeros((2, 3), dtype)).dtype == dtype
