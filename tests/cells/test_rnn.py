"""The plain cell is what its equations say."""

import numpy as np
import pytest
import strategies as draw
from comparing import assert_close, assert_same
from hypothesis import given
from hypothesis import strategies as st

pytestmark = pytest.mark.quick

cells = draw.cells(kinds=st.just("rnn"))


@given(cells, draw.B, draw.rngs)
def test_a_step_is_the_equation(cell, B, rng):
    x, h_prev = rng.uniform(-1, 1, (B, cell.input_size)), rng.uniform(-1, 1, (B, cell.hidden_size))
    h, _ = cell.forward(x, h_prev)
    assert_close(h, np.tanh(x @ cell.W_x + h_prev @ cell.W_h + cell.b))


@given(cells, draw.B, draw.rngs)
def test_where_tanh_is_saturated_h_is_exactly_1_and_no_gradient_comes_back(cell, B, rng):
    signs = rng.choice([-1.0, 1.0], cell.hidden_size)
    cell.b[...] = 1e4 * signs
    with np.errstate(all="raise"):
        h, cache = cell.forward(rng.uniform(-1, 1, (B, cell.input_size)))
        (d_x, d_prev), grads = cell.backward(rng.uniform(-1, 1, h.shape), cache)
    assert_same(h, np.tile(signs, (B, 1)))
    assert not any(d.any() for d in (d_x, d_prev, *grads.values()))
