"""The bridge hands a state from one cell to another."""

import numpy as np
import pytest
import strategies as draw
from comparing import ROUNDING, assert_close, assert_same, leaves
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import random_like

from seqmem import BidirectionalState, LSTMState, gradcheck
from seqmem.models import Bridge
from seqmem.nests import tree_map

cell_forms = st.one_of(draw.H, st.builds(lambda H: LSTMState(H, H), draw.H))
layer_forms = st.one_of(cell_forms, st.builds(BidirectionalState, cell_forms, cell_forms))
forms = st.one_of(layer_forms, st.lists(layer_forms, min_size=2, max_size=3).map(tuple))


@st.composite
def crossings(draw_from):
    """A bridge and a state that fits its near end; often both ends are of one form."""
    source, rng = draw_from(forms), draw_from(draw.rngs)
    target = draw_from(st.one_of(forms, st.just(source)))
    bridge = draw.exposed(Bridge(source, target), rng)
    return bridge, tree_map(lambda size: rng.uniform(-1, 1, (3, size)), source), rng


def flat(state):
    """All parts of a state side by side."""
    return np.concatenate(list(leaves(state).values()), axis=1)


@settings(max_examples=40)
@given(crossings())
def test_the_gradients_are_right(crossing):
    bridge, state, _ = crossing
    report = gradcheck(bridge, state, tolerance=ROUNDING)
    assert report.passed, report


@given(crossings())
def test_a_state_of_the_same_form_and_size_passes_as_it_is_and_its_gradient_too(crossing):
    bridge, state, rng = crossing
    first, cache = bridge.forward(state)
    fits = repr(bridge.source) == repr(bridge.target)
    assert (bridge.params == {}) == fits
    if fits:
        d_first = random_like(first, rng)
        assert_same(first, state)
        assert_same(bridge.backward(d_first, cache), ((d_first,), {}))


@given(crossings())
def test_any_other_is_a_tanh_of_all_its_parts_in_the_other_form(crossing):
    bridge, state, rng = crossing
    first, cache = bridge.forward(state)
    tree_map(lambda size, part: np.testing.assert_equal(part.shape, (3, size)), bridge.target, first)
    assert type(first) is (np.ndarray if isinstance(bridge.target, int) else type(bridge.target))
    if bridge.params:
        assert_close(flat(first), np.tanh(flat(state) @ bridge.linear.W + bridge.linear.b))
        (d_state,), grads = bridge.backward(random_like(first, rng), cache)
        assert type(d_state) is type(state)
        assert {name: grad.shape for name, grad in grads.items()} == draw.grad_shapes(bridge)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_its_parameters_have_the_models_dtype(dtype):
    bridge = Bridge(LSTMState(3, 3), 4, rng=0, dtype=dtype)
    assert {name: param.shape for name, param in bridge.params.items()} == {
        "linear.W": (6, 4),
        "linear.b": (4,),
    }
    assert bridge.dtype == dtype


@pytest.mark.parametrize(
    ("source", "state", "message"),
    [
        ((3, 3), np.zeros((2, 3)), r"state is of type ndarray, expected the form \(3, 3\)"),
        ((3, 3), (np.zeros((2, 3)),), r"state is of type tuple, expected the form \(3, 3\)"),
        (LSTMState(3, 3), LSTMState(np.zeros((2, 3)), np.zeros((2, 4))), r"state.c has shape \(2, 4\)"),
        ((3, 3), (np.zeros((2, 3)), np.zeros((4, 3))), r"state\[1\] has shape \(4, 3\), expected \(2, 3\)"),
    ],
)
def test_a_state_of_another_form_is_refused(source, state, message):
    with pytest.raises((TypeError, ValueError), match=f"Bridge.forward: {message}"):
        Bridge(source, 4).forward(state)
