"""The bridge hands a state from one cell to another."""

import numpy as np
import pytest
import strategies as draw
from comparing import ROUNDING, assert_close, assert_same, leaves
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import random_like

from seqmem import LSTMState, gradcheck
from seqmem.cells.tape import fields_of, state_of
from seqmem.models import Bridge

parts = st.sampled_from([np.ndarray, LSTMState])


@st.composite
def crossings(draw_from):
    """A bridge and a state that fits its near end."""
    sizes, types, rng = (
        (draw_from(draw.H), draw_from(draw.H)),
        (draw_from(parts), draw_from(parts)),
        draw_from(draw.rngs),
    )
    bridge = draw.exposed(Bridge(*sizes, source_type=types[0], target_type=types[1]), rng)
    state = [rng.uniform(-1, 1, (3, sizes[0])) for _ in fields_of(types[0])]
    return bridge, state_of(types[0], state), rng


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
    fits = (bridge.source_size, bridge.source_type) == (bridge.target_size, bridge.target_type)
    assert (bridge.params == {}) == fits
    if fits:
        d_first = random_like(first, rng)
        assert_same(first, state)
        assert_same(bridge.backward(d_first, cache), ((d_first,), {}))


@given(crossings())
def test_any_other_is_a_tanh_of_all_its_parts_in_the_other_form(crossing):
    bridge, state, rng = crossing
    first, cache = bridge.forward(state)
    assert isinstance(first, LSTMState) == (bridge.target_type is LSTMState)
    if bridge.params:
        assert_close(flat(first), np.tanh(flat(state) @ bridge.linear.W + bridge.linear.b))
        (d_state,), grads = bridge.backward(random_like(first, rng), cache)
        assert type(d_state) is type(state)
        assert {name: grad.shape for name, grad in grads.items()} == draw.grad_shapes(bridge)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_its_parameters_have_the_models_dtype(dtype):
    bridge = Bridge(3, 4, source_type=LSTMState, target_type=np.ndarray, rng=0, dtype=dtype)
    assert {name: param.shape for name, param in bridge.params.items()} == {
        "linear.W": (6, 4),
        "linear.b": (4,),
    }
    assert bridge.dtype == dtype
