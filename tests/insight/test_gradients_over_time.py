"""The Jacobians are those of the forward pass, and their parts add up."""

import json

import numpy as np
import pytest
from comparing import TERMS, assert_close, rounding

from seqmem import (
    AdditiveAttention,
    Decoder,
    Encoder,
    GRUCell,
    LSTMCell,
    LSTMState,
    Recurrent,
    RNNCell,
    Seq2Seq,
)
from seqmem.insight.gradients_over_time import _norms, gradient_flow, gradient_flow_of_cases, source_gradients

T, B, D, H = 5, 3, 2, 4
STEP = 1e-30
CELLS = {
    "rnn": lambda: RNNCell(D, H, rng=1),
    "lstm": lambda: LSTMCell(D, H, rng=1),
    "gru": lambda: GRUCell(D, H, rng=1),
    "gru, reset after": lambda: GRUCell(D, H, reset="after", rng=1),
}
every_cell = pytest.mark.parametrize("kind", CELLS)


def layer_and_inputs(kind):
    rng = np.random.default_rng(0)
    cell = CELLS[kind]()
    for param in cell.params.values():
        param[...] = rng.uniform(-0.8, 0.8, param.shape)
    h, c = rng.uniform(-0.8, 0.8, (2, B, H))
    xs = rng.standard_normal((T, B, D))
    return Recurrent(cell), xs, LSTMState(h, c) if kind == "lstm" else h


def states_after(layer, xs, state):
    """The state after every step, by single steps."""
    states = []
    for x in xs:
        state, _ = layer.cell.forward(x, state)
        states.append(state)
    return states


def numeric_jacobian(layer, xs, states, t, part, unit):
    """d(last state)/d(one unit of a state's part after step t), by the complex step; of every sequence."""
    nudge = np.zeros((B, H), complex)
    nudge[:, unit] = 1j * STEP
    state = states[t]
    if part == "h":
        state = LSTMState(state.h + nudge, state.c + 0j) if isinstance(state, LSTMState) else state + nudge
    else:
        c = state.c + nudge  # h follows c: h = o * tanh(c)
        _, cache = layer.cell.forward(xs[t], states[t - 1])
        o = cache.tape.array("o")
        state = LSTMState(o * np.tanh(c), c)
    for x in xs[t + 1 :]:
        state, _ = layer.cell.forward(x, state)
    last = state if part == "h" and not isinstance(state, LSTMState) else getattr(state, part)
    return last.imag / STEP  # (B, H)


@every_cell
def test_the_jacobians_of_h_are_the_numeric_ones(kind):
    layer, xs, state = layer_and_inputs(kind)
    found = gradient_flow(layer, xs, state).h_jacobians
    states = states_after(layer, xs, state)
    assert found.shape == (T, B, H, H)
    for t in range(T):
        for unit in range(H):
            right = numeric_jacobian(layer, xs, states, t, "h", unit)
            assert_close(found[t, :, :, unit], right)


def test_the_jacobians_of_c_are_the_numeric_ones():
    layer, xs, state = layer_and_inputs("lstm")
    found = gradient_flow(layer, xs, state).c_jacobians
    states = states_after(layer, xs, state)
    for t in range(1, T):
        for unit in range(H):
            right = numeric_jacobian(layer, xs, states, t, "c", unit)
            assert_close(found[t, :, :, unit], right)


@every_cell
def test_the_last_steps_jacobian_is_the_identity_and_the_one_before_is_not(kind):
    layer, xs, state = layer_and_inputs(kind)
    found = gradient_flow(layer, xs, state).h_jacobians
    np.testing.assert_array_equal(found[-1], np.broadcast_to(np.eye(H), (B, H, H)))
    assert np.abs(found[-2] - np.eye(H)).max() > 0.1


def test_the_cell_path_is_the_product_of_the_forget_gates_and_the_rest_is_what_is_left():
    layer, xs, state = layer_and_inputs("lstm")
    flow = gradient_flow(layer, xs, state)
    _, cache = layer.forward(xs, state)
    f = layer.trace(cache)["f"]
    for t in range(T):
        np.testing.assert_allclose(
            flow.cell_path[t], f[t + 1 :].prod(axis=0), rtol=rounding(np.float64, 2 * T)
        )
        for b in range(B):
            whole = np.diag(flow.cell_path[t, b]) + flow.rest[t, b]
            assert_close(whole, flow.c_jacobians[t, b])
    assert np.abs(flow.rest[-1]).max() == 0
    assert np.abs(flow.rest[0]).max() > 1e-3


def test_without_recurrent_weights_the_cell_path_is_all_there_is():
    layer, xs, state = layer_and_inputs("lstm")
    layer.cell.W_h[...] = 0
    flow = gradient_flow(layer, xs, state)
    assert_close(flow.rest, np.zeros_like(flow.rest))
    assert_close(flow.c_spectral, flow.cell_path_spectral)


@every_cell
def test_the_gradients_are_the_projection_times_the_jacobians(kind):
    layer, xs, state = layer_and_inputs(kind)
    flow = gradient_flow(layer, xs, state, rng=7)
    products = np.einsum("bk,tbkj->tbj", flow.projection, flow.h_jacobians)
    assert_close(flow.h_norms, np.linalg.norm(products, axis=2))
    assert_close(np.linalg.norm(flow.projection, axis=1), np.ones(B))
    assert (flow.h_norms <= flow.h_spectral * (1 + rounding(np.float64, TERMS))).all()
    singular = np.linalg.svd(flow.h_jacobians[0, 0], compute_uv=False)[0]
    assert flow.h_spectral[0, 0] == pytest.approx(singular)


def test_only_an_lstm_has_a_cell_path():
    layer, xs, state = layer_and_inputs("gru")
    flow = gradient_flow(layer, xs, state)
    found = (
        flow.c_norms,
        flow.c_spectral,
        flow.cell_path,
        flow.cell_path_spectral,
        flow.rest,
        flow.rest_spectral,
    )
    assert found == (None,) * 6


def test_norms_of_numbers_whose_squares_underflow_are_right():
    np.testing.assert_allclose(
        _norms(np.array([[3e-200, 4e-200], [0.0, 0.0]])), [5e-200, 0], rtol=rounding(np.float64, 5)
    )


def test_the_cases_vanish_explode_and_survive():
    curves = {curve.name: curve for curve in gradient_flow_of_cases(steps=40, hidden_size=16).curves}
    last = 39
    small, saturated = curves["RNN, weights x 0.5"], curves["RNN, weights x 1.2"]
    assert small.h[last] < 0.5**last
    faint = curves["RNN, weights x 1.2, faint inputs"].h
    np.testing.assert_allclose(faint, 1.2 ** np.arange(40), rtol=1e-3)  # tanh is not quite linear there
    assert saturated.h[last] < 1
    lstms = [curves[f"LSTM, forget bias {bias}"] for bias in (0, 1, 2)]
    assert lstms[0].h[last] < 0.1 * lstms[1].h[last] < 0.01 * lstms[2].h[last]
    assert lstms[0].cell_path[last] < 1e-3 * lstms[1].cell_path[last] < 1e-3 * lstms[2].cell_path[last]
    for curve in lstms:
        assert curve.rest[0] == 0
        assert_close(curve.cell_path[0], 1.0)
    assert 10 * curves["GRU, update bias 0"].h[last] < curves["GRU, update bias -2"].h[last]
    assert curves["encoder, fixed context"].h[last] < 1e-3 * curves["encoder, attention"].h[last]


def test_the_gradient_at_a_source_position_is_the_numeric_one():
    V, S = 6, 4
    encoder = Encoder(V, D, H, rng=0)
    decoder = Decoder(V, D, H, context=AdditiveAttention(H, H, 3, rng=1), rng=2)
    model = Seq2Seq(encoder, decoder)
    rng = np.random.default_rng(0)
    source, inputs = rng.integers(V, size=(S, B)), rng.integers(V, size=(2, B))
    found = source_gradients(model, source, inputs, rng=5)
    flat = np.random.default_rng(5).standard_normal((B, 2 * V))
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    d_logits = flat.reshape(B, 2, V).swapaxes(0, 1)
    embedded, _ = encoder.embedding.forward(source)
    states = states_after(encoder.layer, embedded, encoder.cell.zero_state(B))
    for s in range(S):
        squares = np.zeros(B)
        for unit in range(H):
            nudge = np.zeros((B, H), complex)
            nudge[:, unit] = 1j * STEP
            state = LSTMState(states[s].h + nudge, states[s].c + 0j)
            keys = [one.h + 0j for one in states[:s]] + [state.h]
            for x in embedded[s + 1 :]:
                state, _ = encoder.cell.forward(x, state)
                keys.append(state.h)
            (logits, _), _ = decoder.forward(inputs, state, np.stack(keys))
            squares += ((logits.imag / STEP * d_logits).sum(axis=(0, 2))) ** 2
        assert_close(found[s], np.sqrt(squares))


def test_attention_reaches_the_first_position_where_the_forget_gates_let_nothing_through():
    norms = {}
    for name, context in (("fixed", None), ("attention", AdditiveAttention(H, H, 3, rng=1))):
        encoder = Encoder(6, D, H, cell=LSTMCell(D, H, forget_bias=-3, rng=0), rng=0)
        model = Seq2Seq(encoder, Decoder(6, D, H, context=context, rng=2))
        rng = np.random.default_rng(0)
        source, inputs = rng.integers(6, size=(40, B)), rng.integers(6, size=(2, B))
        norms[name] = source_gradients(model, source, inputs)
    assert norms["fixed"][0].max() < 1e-10
    assert norms["attention"][0].min() > 1e-5


def test_the_text_names_every_case_and_the_dict_is_ready_for_json():
    cases = gradient_flow_of_cases(steps=8, hidden_size=3, batch_size=1)
    text = str(cases)
    assert all(curve.name in text for curve in cases.curves)
    assert "cell path" in text
    zero, low = cases.norms["GRU, update bias 0"], cases.norms["GRU, update bias -2"]
    assert [zero[-1], low[-1]] == pytest.approx([1, 1])
    assert zero[0] < 0.1 < low[0]  # the share that is kept at first is 0.5 and 0.88
    assert len(json.loads(json.dumps(cases.as_dict()))["GRU, update bias 0"]["h"]) == 8
    assert str(gradient_flow_of_cases(steps=1, hidden_size=3, batch_size=1))


def test_what_does_not_fit_is_said():
    layer, xs, state = layer_and_inputs("rnn")
    with pytest.raises(ValueError, match="gradient_flow: xs has no step"):
        gradient_flow(layer, xs[:0], state)
    with pytest.raises(ValueError, match="runs backwards"):
        gradient_flow(Recurrent(layer.cell, reverse=True), xs, state)
    with pytest.raises(TypeError, match="expected a Recurrent"):
        gradient_flow(layer.cell, xs, state)
    with pytest.raises(ValueError, match="xs has shape"):
        gradient_flow(layer, xs[0], state)
    with pytest.raises(ValueError, match="steps is 0"):
        gradient_flow_of_cases(steps=0)
