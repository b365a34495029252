"""A trace shows the very values of the passes, and the gradients that really are at each step."""

import numpy as np
import pytest
from comparing import assert_close

from seqmem import AdditiveAttention, Decoder, FixedContext, GRUCell, LSTMCell, LSTMState, Recurrent, RNNCell
from seqmem.checking import with_exposing_params

T, B, D, H = 5, 3, 2, 4
CELLS = {
    "rnn": RNNCell(D, H, rng=0),
    "lstm": LSTMCell(D, H, rng=0),
    "gru": GRUCell(D, H, rng=0),
    "gru after": GRUCell(D, H, reset="after", rng=0),
}
NAMES = {
    "rnn": ["h"],
    "lstm": ["i", "f", "o", "g", "c", "tanh_c", "h"],
    "gru": ["r", "z", "n", "reset_h", "h"],
    "gru after": ["r", "z", "n", "a_hn", "h"],
}
OPTIONS = {"full": {}, "unequal lengths": {"lengths": [3, 5, 0]}}
every_cell = pytest.mark.parametrize("kind", CELLS)
every_length = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS.keys())
both_ways = pytest.mark.parametrize("reverse", [False, True], ids=["forwards", "reversed"])


def problem(kind, reverse=False):
    rng = np.random.default_rng(1)
    cell = with_exposing_params(CELLS[kind], rng)
    state = rng.standard_normal((B, H))
    state = LSTMState(state, rng.standard_normal((B, H))) if kind == "lstm" else state
    return (
        Recurrent(cell, reverse=reverse),
        rng.standard_normal((T, B, D)),
        state,
        rng.standard_normal((T, B, H)),
    )


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


@every_cell
@every_length
@both_ways
def test_a_trace_has_the_outputs_and_the_gates_by_name_and_zeros_in_the_padding(kind, options, reverse):
    layer, xs, state, _ = problem(kind, reverse)
    (hs, _), cache = layer.forward(xs, state, **options)
    trace = layer.trace(cache)
    assert list(trace) == NAMES[kind]
    assert all(values.shape == (T, B, H) for values in trace.values())
    assert np.array_equal(trace["h"], hs)
    for row, length in enumerate(options.get("lengths", [])):
        assert not any(values[length:, row].any() for values in trace.values())


@every_cell
@every_length
def test_a_traced_pass_keeps_the_pre_activations_and_changes_no_result(kind, options):
    layer, xs, state, upstream = problem(kind)
    (hs, _), plain = layer.forward(xs, state, **options)
    (same, _), traced = layer.forward(xs, state, traced=True, **options)
    assert np.array_equal(hs, same)
    (d_xs, _), grads = layer.backward((upstream, None), plain)
    (d_same, _), same_grads = layer.backward((upstream, None), traced)
    assert np.array_equal(d_xs, d_same)
    assert all(np.array_equal(grads[name], same_grads[name]) for name in grads)

    trace, first = layer.trace(traced), np.s_[:3, 0]
    for gate in layer.cell.gates or ("h",):
        a = trace[f"a_{gate}" if layer.cell.gates else "a"][first]
        activated = np.tanh(a) if gate in ("g", "n", "h") else sigmoid(a)
        assert_close(trace[gate][first], activated)


@every_cell
@every_length
@both_ways
def test_the_gradients_of_the_pre_activations_add_up_to_the_bias_s(kind, options, reverse):
    layer, xs, state, upstream = problem(kind, reverse)
    _, cache = layer.forward(xs, state, **options)
    gradients = layer.trace_gradients((upstream, None), cache)
    _, grads = layer.backward((upstream, None), cache)
    names = [f"a_{gate}" for gate in layer.cell.gates] or ["a"]
    found = np.array([gradients[name].sum(axis=(0, 1)) for name in names])
    assert_close(found, grads["cell.b"].reshape(found.shape))


@every_cell
@pytest.mark.parametrize("t", range(T))
def test_the_gradient_of_a_state_is_what_the_complex_step_finds(kind, t):
    """The state after step t, changed: what it shows there, and all that follows."""
    layer, xs, state, upstream = problem(kind)
    _, cache = layer.forward(xs, state)
    trace, gradients = layer.trace(cache), layer.trace_gradients((upstream, None), cache)
    parts = {name: trace[name][t].astype(complex) for name in (("h", "c") if kind == "lstm" else ("h",))}
    for name, part in parts.items():
        for index in np.ndindex(B, H):
            part[index] += 1e-20j
            h = parts["h"]
            if name == "c":  # what c changes, it changes through h as well
                h = trace["o"][t] * np.tanh(part)
            after = LSTMState(h, parts["c"]) if kind == "lstm" else h
            (later, _), _ = layer.forward(xs[t + 1 :], after)
            loss = (upstream[t] * h).sum() + (upstream[t + 1 :] * later).sum()
            assert_close(gradients[name][t][index], loss.imag / 1e-20)
            part[index] = part[index].real


@pytest.mark.parametrize("context", ["attention", "fixed"])
def test_a_decoder_shows_its_gates_what_it_looked_at_and_the_gradients_of_both(context):
    rng = np.random.default_rng(2)
    look = AdditiveAttention(H, 6, 5, rng=0) if context == "attention" else FixedContext()
    decoder = Decoder(9, 3, H, context=look, key_size=6, rng=0)
    tokens, keys = rng.integers(9, size=(T, B)), rng.standard_normal((7, B, 6))
    state = decoder.cell.zero_state(B)
    (logits, weights), cache = decoder.forward(tokens, state, keys, traced=True)
    trace = decoder.trace(cache)
    assert list(trace) == [*NAMES["lstm"], "a_i", "a_f", "a_o", "a_g", "weights", "context"]
    assert np.array_equal(trace["weights"], weights)
    assert_close(trace["context"], np.einsum("tbs,sbk->tbk", weights, keys))
    assert_close(trace["h"] @ decoder.output.W + decoder.output.b, logits)

    upstream = rng.standard_normal(logits.shape)
    gradients = decoder.trace_gradients((upstream, None), cache)
    (_, d_state, _), grads = decoder.backward((upstream, None), cache)
    found = np.array([gradients[f"a_{gate}"].sum(axis=(0, 1)) for gate in "ifog"])
    assert_close(found, grads["cell.b"])
    last = upstream[-1] @ decoder.output.W.T
    assert_close(gradients["h"][-1], last)
    assert d_state.h.any() or context == "fixed"
