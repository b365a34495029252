"""An affine map of the last axis."""

import numpy as np
import pytest
import strategies as draw
from comparing import ROUNDING, all_zero, assert_close, assert_right_where_tested
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import exposed

from seqmem import Linear, gradcheck


@st.composite
def linears(draw_from):
    """A layer and an input with up to three leading axes."""
    layer = exposed(Linear(draw_from(draw.D), draw_from(draw.V)), draw_from(draw.rngs))
    leading = draw_from(st.lists(st.integers(1, 3), max_size=3))
    return layer, draw_from(draw.rngs).uniform(-1, 1, (*leading, layer.input_size))


@settings(max_examples=50)
@given(linears(), draw.seeds)
def test_the_gradients_are_right_for_any_leading_axes(case, seed):
    layer, x = case
    report = gradcheck(layer, x, seed=seed, tolerance=ROUNDING)
    assert_right_where_tested(report)


@given(linears())
def test_each_output_is_the_weighted_sum_of_its_inputs_and_a_bias(case):
    layer, x = case
    y, _ = layer.forward(x)
    assert_close(y, np.einsum("...d,df->...f", x, layer.W) + layer.b)


def test_no_rows_are_fine():
    layer = Linear(3, 2, rng=0)
    y, cache = layer.forward(np.zeros((4, 0, 3)))
    (d_x,), grads = layer.backward(y, cache)
    assert (y.shape, d_x.shape) == ((4, 0, 2), (4, 0, 3))
    assert all_zero(grads)


@pytest.mark.parametrize("x", [np.zeros((4, 2)), np.zeros(()), 1.0, np.zeros((3, 4))])
def test_an_input_of_another_size_is_refused(x):
    with pytest.raises(ValueError, match=r"Linear.forward: x has shape .* 3 is input_size"):
        Linear(3, 2).forward(x)


def test_an_upstream_gradient_of_another_shape_is_refused():
    layer = Linear(3, 2)
    _, cache = layer.forward(np.zeros((5, 4, 3)))
    with pytest.raises(ValueError, match=r"Linear.backward: d_y has shape \(4, 5, 2\), expected \(5, 4, 2\)"):
        layer.backward(np.zeros((4, 5, 2)), cache)


@pytest.mark.parametrize("size", [0, -3, 1.5, False])
def test_a_size_is_a_positive_integer(size):
    with pytest.raises(ValueError, match="Linear: input_size is"):
        Linear(size, 2)
    with pytest.raises(ValueError, match="Linear: output_size is"):
        Linear(2, size)
