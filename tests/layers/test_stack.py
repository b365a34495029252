"""Layers on top of each other, and a sequence read from both ends, are their parts one after the other."""

import copy
import pickle

import numpy as np
import pytest
import strategies as draw
from comparing import ROUNDING, all_zero, assert_close, assert_right_where_tested, assert_same
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import random_state, rngs

from seqmem import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    BidirectionalState,
    GRUCell,
    Linear,
    LSTMCell,
    LSTMState,
    Recurrent,
    RNNCell,
    Stack,
    check_module,
    gradcheck,
    load,
    save,
)
from seqmem.module import prefixed
from seqmem.nests import tree_map

T, B, D, H = 5, 3, 2, 4
KINDS = {"rnn": RNN, "lstm": LSTM, "gru": GRU}


def run(r, **options):
    """Outputs, gradients of the inputs, gradients of the parameters."""
    (hs, final), cache = r.layer.forward(r.xs, r.state, lengths=r.lengths, **options)
    d_inputs, grads = r.layer.backward((r.d_hs, r.d_final), cache)
    return (hs, final), d_inputs, grads


def by_parts(layer, xs, state, lengths, d_hs, d_final):
    """The same as `run`, by nothing but `Recurrent` layers."""
    if isinstance(layer, Recurrent):
        outputs, cache = layer.forward(xs, state, lengths=lengths)
        d_inputs, grads = layer.backward((d_hs, d_final), cache)
        return outputs, d_inputs, grads
    if isinstance(layer, Bidirectional):
        F, ways = layer.forward_layer.output_size, ("forward", "backward")
        d_parts = (d_hs[..., :F], d_hs[..., F:])
        found = [
            by_parts(
                getattr(layer, f"{way}_layer"), xs, getattr(state, way), lengths, d, getattr(d_final, way)
            )
            for way, d in zip(ways, d_parts, strict=True)
        ]
        (outs, d_ins, grads) = zip(*found, strict=True)
        hs, d_xs = np.concatenate([outs[0][0], outs[1][0]], axis=2), d_ins[0][0] + d_ins[1][0]
        states = (BidirectionalState(*(one[1] for one in ones)) for ones in (outs, d_ins))
        final, d_state = states
        named = prefixed("forward_layer", grads[0]) | prefixed("backward_layer", grads[1])
        return (hs, final), (d_xs, d_state), named
    hs, finals = [xs], []
    for own, part in zip(layer.layers, state, strict=True):
        (shown, final), _ = own.forward(hs[-1], part, lengths=lengths)
        hs.append(shown)
        finals.append(final)
    grads, d_states = {}, []
    for k in reversed(range(len(layer.layers))):
        _, (d_hs, d_state), own = by_parts(layer.layers[k], hs[k], state[k], lengths, d_hs, d_final[k])
        grads = prefixed(f"layers.{k}", own) | grads
        d_states.insert(0, d_state)
    return (hs[-1], tuple(finals)), (d_hs, tuple(d_states)), grads


@given(draw.layered(T=st.integers(0, 5)))
def test_a_layer_of_several_parts_is_its_parts_values_and_gradients(r):
    assert_close(run(r), by_parts(*r))


@settings(max_examples=20)
@given(draw.layered(), draw.seeds)
def test_its_gradients_are_right_for_any_form_sizes_and_lengths(r, seed):
    report = gradcheck(r.layer, r.xs, r.state, seed=seed, tolerance=ROUNDING, lengths=r.lengths)
    assert_right_where_tested(report)


@given(draw.layered())
def test_past_its_length_a_sequence_shows_zeros_and_gets_no_gradient(r):
    (hs, _), (d_xs, _), _ = run(r)
    padding = np.arange(len(r.xs))[:, None] >= r.lengths
    assert all_zero((hs[padding], d_xs[padding]))


@given(draw.layered())
def test_a_state_that_is_left_out_is_zero_as_a_whole_and_in_each_place(r):
    zero = r.layer.zero_state(r.xs.shape[1])
    right, _ = r.layer.forward(r.xs, zero, lengths=r.lengths)
    assert_same(r.layer.forward(r.xs, lengths=r.lengths)[0], right)
    if isinstance(r.layer, Stack):
        assert_same(r.layer.forward(r.xs, (None, *zero[1:]), lengths=r.lengths)[0], right)


@given(draw.layered())
def test_the_state_has_the_form_of_the_layer(r):
    (_, final), cache = r.layer.forward(r.xs, lengths=r.lengths)
    (_, d_state), _ = r.layer.backward((r.d_hs, None), cache)
    for found in (final, d_state):
        tree_map(lambda one, other: np.testing.assert_equal(one.shape, other.shape), r.state, found)
        tree_map(lambda one, other: np.testing.assert_equal(one.shape, other.shape), found, r.state)
        assert type(found) is type(r.state)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_outputs_and_states_have_their_documented_shapes(kind, bidirectional, num_layers):
    layer = KINDS[kind](D, H, num_layers=num_layers, bidirectional=bidirectional, rng=0)
    (hs, final), cache = layer.forward(np.ones((T, B, D)), lengths=[5, 0, 3])
    F = 2 * H if bidirectional else H
    assert (layer.input_size, layer.output_size, layer.hidden_size) == (D, F, H)
    assert hs.shape == (T, B, F)
    assert isinstance(final, tuple)
    assert len(final) == num_layers
    for k, state in enumerate(final):
        assert isinstance(state, BidirectionalState) == bidirectional
        for one in state if bidirectional else [state]:
            assert isinstance(one, LSTMState) == (kind == "lstm")
            assert {part.shape for part in (one if kind == "lstm" else [one])} == {(B, H)}
        first = layer.layers[k].forward_layer if bidirectional else layer.layers[k]
        assert first.cell.input_size == (F if k else D)
    (d_xs, _), grads = layer.backward((hs, None), cache)
    assert d_xs.shape == (T, B, D)
    assert {name: grad.shape for name, grad in grads.items()} == draw.grad_shapes(layer)


def test_the_last_output_of_each_direction_is_its_final_state():
    layer = LSTM(D, H, num_layers=2, bidirectional=True, rng=0)
    (hs, final), _ = layer.forward(np.random.default_rng(0).normal(size=(T, B, D)), lengths=[5, 2, 3])
    for row, length in enumerate([5, 2, 3]):
        assert_same(hs[length - 1, row, :H], final[1].forward.h[row])
        assert_same(hs[0, row, H:], final[1].backward.h[row])


def test_the_first_weights_differ_from_layer_to_layer_and_a_seed_gives_them_again():
    layer = LSTM(H, H, num_layers=3, rng=7)
    weights = [layer.params[f"layers.{k}.cell.W_h"] for k in range(3)]
    assert not np.array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[1], weights[2])
    assert_same(LSTM(H, H, num_layers=3, rng=7).params, layer.params)


# Dropout between layers.


def dropped(rate=0.4, **options):
    layer = draw.exposed(LSTM(D, 6, num_layers=3, dropout=rate, **options), np.random.default_rng(1))
    return layer, np.random.default_rng(2).normal(size=(T, B, D))


def test_dropout_acts_only_when_an_rng_is_passed():
    layer, xs = dropped()
    plain = LSTM(D, 6, num_layers=3)
    for name, param in plain.params.items():
        param[...] = layer.params[name]
    assert_same(layer.forward(xs)[0], plain.forward(xs)[0])
    first, again, other = (layer.forward(xs, rng=seed)[0] for seed in (0, 0, 1))
    assert_same(first, again)
    assert not np.array_equal(first[0], other[0])
    assert not np.array_equal(first[0], plain.forward(xs)[0][0])


def test_dropout_leaves_the_outputs_of_the_last_layer_alone():
    layer, xs = dropped(0.9)
    (hs, _), _ = layer.forward(xs, rng=0)
    assert hs.all()


def test_what_dropout_drops_between_two_layers_differs_from_place_to_place():
    layer, xs = dropped()
    _, cache = layer.forward(xs, rng=0)
    scales = [drop.scale for drop in cache.drops]
    assert [scale.shape for scale in scales] == [(T, B, 6)] * 2
    assert not np.array_equal(*scales)
    assert set(np.unique(scales)) == {0.0, 1 / 0.6}


@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_gradients_with_dropout_are_right(bidirectional):
    layer = draw.exposed(
        LSTM(D, 3, num_layers=2, bidirectional=bidirectional, dropout=0.3), np.random.default_rng(1)
    )
    xs = np.random.default_rng(2).normal(size=(4, B, D))
    report = gradcheck(layer, xs, layer.zero_state(B), lengths=[4, 2, 3], rng=3, tolerance=ROUNDING)
    assert report.passed, report


@given(rngs, st.floats(0.1, 0.9))
def test_with_dropout_a_stack_is_the_reference_with_the_same_mask(rng, rate):
    from seqmem import reference

    layer = draw.exposed(LSTM(D, H, num_layers=3, dropout=rate), rng)
    xs, lengths = rng.uniform(-1, 1, (T, B, D)), np.array([5, 1, 4])
    state, d_hs = random_state(layer, B, rng), rng.uniform(-1, 1, (T, B, H))
    d_final = random_state(layer, B, rng)
    (hs, final), cache = layer.forward(xs, state, lengths=lengths, rng=5)
    (d_xs, d_state), grads = layer.backward((d_hs, d_final), cache)

    def side_by_side(states):
        return [np.stack([one.h for one in states]), np.stack([one.c for one in states])]

    keeps = np.stack([drop.scale for drop in cache.drops]) > 0
    mask = reference.length_mask(lengths, T)
    *right, cache = reference.stack_forward(xs, *side_by_side(state), layer.params, keeps, rate, mask)
    assert_close([hs, *side_by_side(final)], right)
    d_right = reference.stack_backward(d_hs, *side_by_side(d_final), cache)
    assert_close(grads, d_right.pop("params"))
    assert_close(dict(zip(("xs", "h0s", "c0s"), (d_xs, *side_by_side(d_state)), strict=True)), d_right)


@given(draw.layered(layers=st.builds(
    lambda D, H, rng: draw.exposed(LSTM(D, H, bidirectional=True).layers[0], rng), draw.D, draw.H, rngs)
))  # fmt: skip
def test_both_directions_are_the_reference(r):
    from seqmem import reference

    mask = reference.length_mask(r.lengths, len(r.xs))
    params = {
        name.rpartition(".")[2] + "_back" * name.startswith("b"): p for name, p in r.layer.params.items()
    }
    *right, cache = reference.bidirectional_forward(
        r.xs, *r.state.forward, *r.state.backward, **params, mask=mask
    )
    d_right = reference.bidirectional_backward(r.d_hs, *r.d_final.forward, *r.d_final.backward, cache)
    (hs, final), (d_xs, d_state), grads = run(r)
    assert_close([hs, *final.forward, *final.backward], right)
    d_states = dict(
        zip(("h0", "c0", "h0_back", "c0_back"), (*d_state.forward, *d_state.backward), strict=True)
    )
    assert_close({"xs": d_xs} | d_states | dict(zip(params, grads.values(), strict=True)), d_right)


# A layer as any module.


def two_way():
    return Bidirectional(Recurrent(GRUCell(D, H, rng=0)), Recurrent(LSTMCell(D, 3, rng=1), reverse=True))


def mixed():
    return Stack(two_way(), Stack(Recurrent(RNNCell(7, H, rng=2)), LSTM(H, 3, rng=3)), dropout=0.25)


MADE = {
    "two ways": two_way,
    "mixed stack": mixed,
    "LSTM": lambda: LSTM(D, H, num_layers=2, bidirectional=True, dropout=0.5, forget_bias=2.0, rng=0),
    "GRU": lambda: GRU(D, H, reset="after", rng=0),
    "RNN": lambda: RNN(D, H, num_layers=2, rng=0, dtype=np.float32),
}


@pytest.mark.parametrize("name", MADE)
def test_a_file_a_copy_and_a_pickle_give_the_layer_back(name, tmp_path):
    layer = MADE[name]()
    save(tmp_path / "layer.npz", layer)
    xs = np.random.default_rng(0).normal(size=(T, B, D))
    for twin in (load(tmp_path / "layer.npz"), copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert repr(twin) == repr(layer)
        assert_same(twin.params, layer.params)
        assert_same(twin.forward(xs, rng=1)[0], layer.forward(xs, rng=1)[0])


@pytest.mark.parametrize("name", ["two ways", "mixed stack"])
def test_a_layer_of_any_cells_keeps_every_promise(name):
    checked = check_module(MADE[name]())
    assert set(checked.left_out) <= {"splitting"}


def test_the_same_layer_twice_is_one_layer():
    layer = Recurrent(LSTMCell(H, H, rng=0))
    stack = draw.exposed(Stack(layer, layer), np.random.default_rng(0))
    assert list(stack.params) == [f"layers.0.cell.{name}" for name in ("W_x", "W_h", "b")]
    report = gradcheck(stack, np.random.default_rng(1).normal(size=(T, B, H)), stack.zero_state(B))
    assert report.passed, report


def test_what_the_steps_did_is_shown_by_layer_and_direction():
    layer = LSTM(D, H, num_layers=2, bidirectional=True, rng=0)
    xs = np.random.default_rng(0).normal(size=(T, B, D))
    (hs, _), cache = layer.forward(xs, lengths=[5, 2, 3], traced=True)
    trace = layer.trace(cache)
    assert_same(np.concatenate([trace["1.forward.h"], trace["1.backward.h"]], axis=2), hs)
    assert trace["0.backward.a_f"].shape == (T, B, H)
    below = np.concatenate([trace["0.forward.h"], trace["0.backward.h"]], axis=2)
    upper, _ = layer.layers[1].forward(below, lengths=[5, 2, 3])
    assert_same(upper[0], hs)


def test_the_gradients_at_every_step_are_shown_by_layer_and_direction():
    layer, xs = dropped(0.3, bidirectional=True)
    (hs, _), cache = layer.forward(xs, lengths=[5, 2, 3], rng=0)
    shown = layer.trace_gradients((hs, None), cache)
    _, grads = layer.backward((hs, None), cache)
    for k in range(3):
        for way in ("forward", "backward"):
            d_a = np.stack([shown[f"{k}.{way}.a_{gate}"] for gate in "ifog"])
            assert_close(d_a.sum(axis=(1, 2)), grads[f"layers.{k}.{way}_layer.cell.b"])


# What cannot be.


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Stack(), ValueError, "Stack: got no layers"),
        (lambda: Stack(Linear(3, 4)), TypeError, r"Stack: layers\[0\] is of type Linear, expected a Seq"),
        (lambda: Stack(RNN(2, 3), RNN(4, 3)), ValueError, r"Stack: layers\[1\] has input_size 4, expected 3"),
        (lambda: Stack(RNN(2, 3), RNN(3, 3, dtype=np.float32)), ValueError, r"layers\[1\] has dtype float32"),
        (lambda: Stack(RNN(2, 3), dropout=0.1), ValueError, r"Stack: dropout is 0.1, but there is one layer"),
        (lambda: LSTM(2, 3, dropout=0.1), ValueError, r"LSTM: dropout is 0.1, but there is one layer"),
        (lambda: LSTM(2, 3, num_layers=2, dropout=1.0), ValueError, r"LSTM: dropout is 1.0, expected a num"),
        (lambda: LSTM(2, 3, num_layers=0), ValueError, r"LSTM: num_layers is 0, expected at least 1"),
        (lambda: LSTM(2, 3, num_layers=1.0), TypeError, r"LSTM: num_layers is 1.0, expected a positive"),
        (lambda: GRU(2, 3, bidirectional=1), TypeError, r"GRU: bidirectional is 1, expected True or False"),
        (lambda: RNN(0, 3), ValueError, r"RNNCell: input_size is 0"),
        (lambda: Bidirectional(RNNCell(2, 3), None), TypeError, "forward_layer is of type RNNCell, expected"),
        (
            lambda: Bidirectional(Recurrent(RNNCell(2, 3)), Recurrent(RNNCell(2, 3))),
            ValueError,
            "Bidirectional: backward_layer has reverse=False, expected reverse=True",
        ),
        (
            lambda: Bidirectional(Recurrent(RNNCell(2, 3)), Recurrent(RNNCell(1, 3), reverse=True)),
            ValueError,
            "Bidirectional: backward_layer has input_size 1, expected 2",
        ),
    ],
)
def test_layers_that_do_not_fit_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("layer", "state", "message"),
    [
        (
            LSTM(D, H, num_layers=2),
            LSTMState(np.zeros((B, H)), None),
            r"state is of type ndarray, expected LSTMState",
        ),
        (LSTM(D, H), LSTMState(np.zeros((B, H)), None), "state has 2 parts, expected a tuple of 1"),
        (GRU(D, H, num_layers=2), np.zeros((2, B, H)), "state is of type ndarray, expected a tuple of 2"),
        (
            GRU(D, H, num_layers=3),
            [3, 4, 5],
            r"state is a row of integers, \[3, 4, 5\]: pass lengths by name",
        ),
        (two_way(), (None,), r"state has 1 parts, expected BidirectionalState\(forward, backward\)"),
    ],
)
def test_a_state_of_another_form_is_refused(layer, state, message):
    with pytest.raises((TypeError, ValueError), match=message):
        layer.forward(np.zeros((T, B, D)), state)


@pytest.mark.parametrize("layer", [LSTM(D, H), two_way()])
def test_inputs_and_upstream_gradients_of_another_shape_are_refused(layer):
    name = type(layer).__name__
    with pytest.raises(ValueError, match=rf"{name}.forward: xs has shape \(3, 5, 9\), expected \(T, B, 2\)"):
        layer.forward(np.zeros((3, 5, 9)))
    with pytest.raises(ValueError, match=rf"{name}.forward: lengths\[1\] is 9, expected 0 to 5"):
        layer.forward(np.zeros((T, B, D)), lengths=[1, 9, 1])
    _, cache = layer.forward(np.zeros((T, B, D)))
    with pytest.raises(ValueError, match=rf"{name}.backward: d_hs has shape \(1, 2\)"):
        layer.backward((np.zeros((1, 2)), None), cache)
    with pytest.raises(TypeError, match=rf"{name}.backward: cache is of type int"):
        layer.backward(None, 3)
