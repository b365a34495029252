"""The LSTM is what its equations say."""

import numpy as np
import pytest
import strategies as draw
from comparing import assert_close, assert_same
from hypothesis import given
from hypothesis import strategies as st
from strategies import random_state

from seqmem import LSTMCell, LSTMState

pytestmark = pytest.mark.quick

cells = draw.cells(kinds=st.just("lstm"))


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


@given(cells, draw.B, draw.rngs)
def test_a_step_is_the_equations_in_the_order_i_f_o_g(cell, B, rng):
    x, (h_prev, c_prev) = rng.uniform(-1, 1, (B, cell.input_size)), random_state(cell, B, rng)
    a_i, a_f, a_o, a_g = (x @ cell.W_x[k] + h_prev @ cell.W_h[k] + cell.b[k] for k in range(4))
    c = sigmoid(a_f) * c_prev + sigmoid(a_i) * np.tanh(a_g)
    state, _ = cell.forward(x, LSTMState(h_prev, c_prev))
    assert_close(state, LSTMState(h=sigmoid(a_o) * np.tanh(c), c=c))


def test_the_gates_are_named_in_their_order():
    assert LSTMCell.gates == ("i", "f", "o", "g")


@pytest.mark.parametrize("forget_bias", [1.0, 0.0, -2.5])
def test_the_forget_gate_alone_starts_with_a_bias(forget_bias):
    cell = LSTMCell(3, 2, forget_bias=forget_bias, rng=0)
    assert_same(cell.b, np.array([[0.0, 0.0], [forget_bias] * 2, [0.0, 0.0], [0.0, 0.0]]))
    assert LSTMCell(3, 2).b[1].tolist() == [1.0, 1.0]


@given(cells, draw.B, draw.rngs)
def test_saturated_gates_are_exactly_0_and_1(cell, B, rng):
    signs = rng.choice([-1.0, 1.0], (4, cell.hidden_size))
    cell.b[...] = 1e4 * signs
    x, prev = rng.uniform(-1, 1, (B, cell.input_size)), random_state(cell, B, rng)
    with np.errstate(all="raise"):
        state, _ = cell.forward(x, prev)
    i, f, o = (signs[:3] > 0).astype(float)
    c = f * prev.c + i * signs[3]
    assert_same(state, LSTMState(o * np.tanh(c), c))


@given(cells, draw.B, draw.rngs)
def test_an_open_forget_gate_and_a_closed_input_gate_pass_the_cell_gradient_on_unchanged(cell, B, rng):
    cell.b[...] = 1e4 * np.array([[-1.0], [1.0], [-1.0], [1.0]])
    state, cache = cell.forward(rng.uniform(-1, 1, (B, cell.input_size)), prev := random_state(cell, B, rng))
    assert_same(state.c, prev.c)
    d_c = rng.uniform(-1, 1, state.c.shape)
    (d_x, d_prev), _ = cell.backward(LSTMState(None, d_c), cache)
    assert_same(d_prev.c, d_c)
    assert not d_x.any()
    assert not d_prev.h.any()


@given(cells, draw.B, draw.rngs)
def test_either_part_of_an_upstream_state_may_be_none(cell, B, rng):
    state, cache = cell.forward(rng.uniform(-1, 1, (B, cell.input_size)), random_state(cell, B, rng))
    d_h, d_c = (rng.uniform(-1, 1, part.shape) for part in state)
    zeros = np.zeros_like(d_h)
    assert_same(cell.backward((d_h, None), cache), cell.backward((d_h, zeros), cache))
    assert_same(cell.backward((None, d_c), cache), cell.backward((zeros, d_c), cache))


@pytest.mark.parametrize("forget_bias", [np.nan, np.inf])
def test_a_forget_bias_is_finite(forget_bias):
    with pytest.raises(ValueError, match="LSTMCell: forget_bias is"):
        LSTMCell(3, 2, forget_bias=forget_bias)


@pytest.mark.parametrize("state", [np.zeros((1, 2)), (np.zeros((1, 2)),), [np.zeros((1, 2))] * 3, "hc"])
def test_a_state_that_is_no_pair_is_refused(state):
    cell = LSTMCell(3, 2)
    with pytest.raises(TypeError, match=r"LSTMCell.forward: state is of type .*, expected LSTMState\(h, c\)"):
        cell.forward(np.zeros((1, 3)), state)
    _, cache = cell.forward(np.zeros((1, 3)))
    with pytest.raises(TypeError, match=r"LSTMCell.backward: d_state is of type"):
        cell.backward(state, cache)
