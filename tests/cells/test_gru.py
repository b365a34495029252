"""The GRU, in both its forms, is what its equations say."""

import numpy as np
import pytest
import strategies as draw
from comparing import ROUNDING, assert_close, assert_same
from hypothesis import assume, given
from hypothesis import strategies as st

from seqmem import GRUCell

pytestmark = pytest.mark.quick

before = draw.cells(kinds=st.just("gru"))
after = draw.cells(kinds=st.just("gru, reset after"))


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


@given(before, draw.B, draw.rngs)
def test_by_default_the_reset_comes_before_the_product_and_z_writes(cell, B, rng):
    x, h_prev = rng.uniform(-1, 1, (B, cell.input_size)), rng.uniform(-1, 1, (B, cell.hidden_size))
    r, z = (sigmoid(x @ cell.W_x[k] + h_prev @ cell.W_h[k] + cell.b[k]) for k in range(2))
    n = np.tanh(x @ cell.W_x[2] + (r * h_prev) @ cell.W_h[2] + cell.b[2])
    h, _ = cell.forward(x, h_prev)
    assert cell.reset == "before"
    assert_close(h, (1 - z) * h_prev + z * n)


@given(after, draw.B, draw.rngs)
def test_the_other_form_resets_the_product_and_its_bias(cell, B, rng):
    x, h_prev = rng.uniform(-1, 1, (B, cell.input_size)), rng.uniform(-1, 1, (B, cell.hidden_size))
    r, z = (sigmoid(x @ cell.W_x[k] + h_prev @ cell.W_h[k] + cell.b[k]) for k in range(2))
    n = np.tanh(x @ cell.W_x[2] + r * (h_prev @ cell.W_h[2] + cell.b_hn) + cell.b[2])
    h, _ = cell.forward(x, h_prev)
    assert_close(h, (1 - z) * h_prev + z * n)


@given(before, draw.B, draw.rngs)
def test_the_two_forms_agree_where_h_and_the_second_bias_are_zero_and_only_there(cell, B, rng):
    other = GRUCell(cell.input_size, cell.hidden_size, reset="after")
    for name, param in cell.params.items():
        other.params[name][...] = param
    x, h_prev = rng.uniform(-1, 1, (B, cell.input_size)), rng.uniform(-1, 1, (B, cell.hidden_size))
    assert_same(cell.forward(x)[0], other.forward(x)[0])
    assume(cell.hidden_size > 1)
    assert abs(cell.forward(x, h_prev)[0] - other.forward(x, h_prev)[0]).max() > ROUNDING


@given(before | after, draw.B, draw.rngs, st.sampled_from([-1.0, 1.0]))
def test_a_saturated_z_keeps_the_old_state_or_writes_the_new_one(cell, B, rng, sign):
    cell.gate("z").b[...] = 1e4 * sign
    cell.gate("n").b[...] = 1e4
    h_prev = rng.uniform(-1, 1, (B, cell.hidden_size))
    with np.errstate(all="raise"):
        h, cache = cell.forward(rng.uniform(-1, 1, (B, cell.input_size)), h_prev)
        d_h = rng.uniform(-1, 1, h.shape)
        (d_x, d_prev), _ = cell.backward(d_h, cache)
    assert_same(h, h_prev if sign < 0 else np.ones_like(h))
    assert_same(d_prev, d_h if sign < 0 else np.zeros_like(d_h))
    assert not d_x.any()


@pytest.mark.parametrize("reset", ["before", "after"])
def test_the_update_bias_is_the_share_of_the_state_that_is_kept_at_first(reset):
    for options, share in (
        ({}, sigmoid(2.0)),
        ({"update_bias": 0.0}, 0.5),
        ({"update_bias": 1}, sigmoid(-1)),
    ):
        cell = GRUCell(3, 2, reset=reset, rng=0, **options)
        cell.W_x[...] = cell.W_h[...] = 0.0  # the gates are those of the biases, and nothing is written
        h, _ = cell.forward(np.ones((1, 3)), np.ones((1, 2)))
        assert_close(h, np.full((1, 2), share))


def test_the_gates_are_named_in_their_order():
    assert GRUCell.gates == ("r", "z", "n")


@pytest.mark.parametrize("reset", ["between", "", None, True])
def test_the_reset_stands_before_or_after(reset):
    with pytest.raises(ValueError, match=r"GRUCell: reset is .*, expected 'before' or 'after'"):
        GRUCell(3, 2, reset=reset)
