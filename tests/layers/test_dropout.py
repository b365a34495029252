"""Dropout is on when an rng is passed, and keeps the mean."""

import numpy as np
import pytest
import strategies as draw
from comparing import ROUNDING, assert_right_where_tested, assert_same, rounding
from hypothesis import given, settings
from hypothesis import strategies as st

from seqmem import Dropout, gradcheck

rates = st.floats(0, 0.95)
inputs = st.builds(
    lambda rng, shape: rng.uniform(-1, 1, shape), draw.rngs, st.lists(st.integers(0, 4), max_size=3)
)


@settings(max_examples=50)
@given(rates, inputs, draw.seeds, draw.seeds)
def test_the_gradients_are_right(rate, x, mask, seed):
    report = gradcheck(Dropout(rate), x, seed=seed, tolerance=ROUNDING, rng=mask)
    assert_right_where_tested(report)


@given(rates, inputs)
def test_without_an_rng_nothing_is_dropped(rate, x):
    layer = Dropout(rate)
    y, cache = layer.forward(x)
    assert_same(y, x)
    assert_same(layer.backward(y, cache), ((x,), {}))


@given(rates, inputs, draw.seeds)
def test_an_entry_is_dropped_or_scaled_and_its_gradient_likewise(rate, x, seed):
    y, cache = Dropout(rate).forward(x, rng=seed)
    (d_x,), grads = Dropout(rate).backward(np.ones_like(x), cache)
    kept = d_x != 0
    assert grads == {}
    np.testing.assert_allclose(d_x[kept], 1 / (1 - rate), rtol=rounding(np.float64, 2))
    assert_same(y, x * d_x)


@given(rates, inputs, draw.seeds)
def test_one_seed_draws_one_mask(rate, x, seed):
    layer = Dropout(rate)
    assert_same(layer.forward(x, rng=seed)[0], layer.forward(x, rng=np.random.default_rng(seed))[0])


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_the_rate_is_the_share_of_zeros_and_the_mean_stays(rate):
    y, _ = Dropout(rate).forward(np.ones(100_000), rng=0)
    assert abs((y == 0).mean() - rate) < 0.01
    assert abs(y.mean() - 1) < 0.03


@pytest.mark.parametrize("rate", [-0.1, 1.0, 1.5, np.nan, np.inf])
def test_a_rate_outside_0_to_1_is_refused(rate):
    with pytest.raises(ValueError, match=r"Dropout: rate is .*, expected a number from 0 up to"):
        Dropout(rate)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_stays(dtype):
    layer = Dropout(0.5)
    y, cache = layer.forward(np.ones((3, 4), dtype), rng=0)
    (d_x,), _ = layer.backward(np.ones((3, 4)), cache)
    assert y.dtype == d_x.dtype == dtype
