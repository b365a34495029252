"""The other forms of the plain cell and of the LSTM are what their equations say."""

import numpy as np
import pytest
import strategies as draw
from comparing import ROUNDING, assert_close, assert_same
from hypothesis import given
from hypothesis import strategies as st
from strategies import exposed, random_state, rngs

from seqmem import (
    GRUCell,
    LayerNormLSTMCell,
    LSTMCell,
    LSTMState,
    PeepholeLSTMCell,
    Recurrent,
    RNNCell,
    gradcheck,
)

relu_cells = st.builds(lambda D, H, rng: exposed(RNNCell(D, H, activation="relu"), rng), draw.D, draw.H, rngs)
peepholes = draw.cells(kinds=st.just("peephole"))
layer_norms = draw.cells(kinds=st.just("layer-norm"))


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def normalised(z, axes):
    centred = z - z.mean(axis=axes, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=axes, keepdims=True) + 1e-5)


@pytest.mark.quick
@given(relu_cells, draw.B, rngs)
def test_a_rectified_step_is_the_equation(cell, B, rng):
    x, h_prev = rng.uniform(-1, 1, (B, cell.input_size)), rng.uniform(0, 1, (B, cell.hidden_size))
    h, _ = cell.forward(x, h_prev)
    assert_close(h, np.maximum(x @ cell.W_x + h_prev @ cell.W_h + cell.b, 0))


@given(relu_cells, st.integers(1, 4), draw.B, rngs)
def test_the_gradients_of_rectified_steps_are_right(cell, T, B, rng):
    layer, xs = Recurrent(cell), rng.uniform(-1, 1, (T, B, cell.input_size))
    report = gradcheck(layer, xs, random_state(cell, B, rng), tolerance=ROUNDING)
    assert report.verdict != "wrong", report


@pytest.mark.quick
def test_with_the_identity_a_rectified_state_stays_until_the_input_changes_it():
    layer = Recurrent(RNNCell(3, 4, activation="relu", recurrent_init="identity", rng=0))
    start = np.array([[0.5, 0.0, 2.0, 7.0]])
    (_, final), cache = layer.forward(np.zeros((300, 1, 3)), start)
    assert_same(final, start)
    (_, d_state), _ = layer.backward((None, np.ones((1, 4))), cache)
    assert_same(d_state, np.array([[1.0, 0.0, 1.0, 1.0]]))  # at 0 the derivative is that of the left side


@pytest.mark.quick
def test_an_unknown_activation_is_refused():
    with pytest.raises(ValueError, match="RNNCell: activation is 'gelu', expected 'tanh' or 'relu'"):
        RNNCell(3, 4, activation="gelu")


@pytest.mark.quick
@given(peepholes, draw.B, rngs)
def test_a_step_with_peepholes_is_the_equations(cell, B, rng):
    x, (h_prev, c_prev) = rng.uniform(-1, 1, (B, cell.input_size)), random_state(cell, B, rng)
    a_i, a_f, a_o, a_g = (x @ cell.W_x[k] + h_prev @ cell.W_h[k] + cell.b[k] for k in range(4))
    c = sigmoid(a_f + cell.p_f * c_prev) * c_prev + sigmoid(a_i + cell.p_i * c_prev) * np.tanh(a_g)
    state, _ = cell.forward(x, LSTMState(h_prev, c_prev))
    assert_close(state, LSTMState(sigmoid(a_o + cell.p_o * c) * np.tanh(c), c))


@pytest.mark.quick
@given(draw.cells(kinds=st.just("lstm")), draw.B, rngs)
def test_closed_peepholes_are_an_lstm(lstm, B, rng):
    cell = PeepholeLSTMCell(lstm.input_size, lstm.hidden_size)
    for name, param in lstm.params.items():
        cell.params[name][...] = param
    x, state = rng.uniform(-1, 1, (B, cell.input_size)), random_state(cell, B, rng)
    assert_close(cell.forward(x, state)[0], lstm.forward(x, state)[0])


@pytest.mark.quick
@given(layer_norms, draw.B, rngs)
def test_a_layer_normalised_step_is_the_equations(cell, B, rng):
    x, (h_prev, c_prev) = rng.uniform(-1, 1, (B, cell.input_size)), random_state(cell, B, rng)
    products = [normalised(v @ W, (0, 2)) for v, W in ((x, cell.W_x), (h_prev, cell.W_h))]
    gains = ((cell.s_x, cell.t_x), (cell.s_h, cell.t_h))
    a = sum(s[:, None] * z + t[:, None] for z, (s, t) in zip(products, gains, strict=True)) + cell.b[:, None]
    c = sigmoid(a[1]) * c_prev + sigmoid(a[0]) * np.tanh(a[3])
    h = sigmoid(a[2]) * np.tanh(cell.s_c * normalised(c, 1) + cell.t_c)
    assert_close(cell.forward(x, LSTMState(h_prev, c_prev))[0], LSTMState(h, c))


@pytest.mark.quick
def test_a_layer_normalised_step_does_not_see_the_size_of_its_weights():
    rng = np.random.default_rng(0)
    cell, larger = (LayerNormLSTMCell(3, 4, eps=1e-300, rng=0) for _ in range(2))
    larger.W_x *= 1000
    larger.W_h *= 0.001
    x, state = rng.normal(size=(2, 3)), random_state(cell, 2, rng)
    assert_close(larger.forward(x, state)[0], cell.forward(x, state)[0])


@pytest.mark.quick
@pytest.mark.parametrize("kind", [LSTMCell, PeepholeLSTMCell, LayerNormLSTMCell])
def test_the_forget_gate_of_every_lstm_starts_with_its_bias(kind):
    assert kind(3, 2).gate("f").b.tolist() == [1.0, 1.0]
    cell = kind(3, 2, forget_bias=-2.5)
    assert_same(cell.b, np.array([[0.0, 0.0], [-2.5, -2.5], [0.0, 0.0], [0.0, 0.0]]))
    with pytest.raises(ValueError, match=f"{kind.__name__}: forget_bias is nan"):
        kind(3, 2, forget_bias=np.nan)


@pytest.mark.quick
@pytest.mark.parametrize("reset", ["before", "after"])
@pytest.mark.parametrize("update_bias", [0.0, -1.0, 2])
def test_the_update_gate_of_a_gru_starts_with_its_bias(reset, update_bias):
    cell = GRUCell(3, 2, reset=reset, update_bias=update_bias, rng=0)
    assert_same(cell.b, np.array([[0.0, 0.0], [update_bias] * 2, [0.0, 0.0]]))
    kept = GRUCell(3, 1, reset=reset, update_bias=update_bias, rng=0)
    kept.W_x[...], kept.W_h[...] = 0, 0
    h, _ = kept.forward(np.zeros((1, 3)), np.ones((1, 1)))
    assert_close(h, np.array([[sigmoid(-update_bias)]]))  # the share that stays


@pytest.mark.quick
def test_the_starts_of_both_gated_cells_keep_the_same_share():
    lstm, gru = LSTMCell(3, 1, forget_bias=1.5, rng=0), GRUCell(3, 1, update_bias=-1.5, rng=0)
    for cell in (lstm, gru):
        cell.W_x[...], cell.W_h[...] = 0, 0
    c = lstm.forward(np.zeros((1, 3)), LSTMState(np.zeros((1, 1)), np.ones((1, 1))))[0].c
    assert_close(gru.forward(np.zeros((1, 3)), np.ones((1, 1)))[0], c)


@pytest.mark.quick
@pytest.mark.parametrize("update_bias", [np.nan, np.inf, "1", True])
def test_an_update_bias_is_a_finite_number(update_bias):
    with pytest.raises((ValueError, TypeError), match="GRUCell: update_bias is"):
        GRUCell(3, 2, update_bias=update_bias)
