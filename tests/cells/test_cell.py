"""What is true of every cell."""

import ast
import itertools
from pathlib import Path

import numpy as np
import pytest
import strategies as draw
from comparing import ROUNDING, all_zero, assert_close, assert_right_where_tested, assert_same
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import CELLS, random_like, random_state

import seqmem
from seqmem import LayerNormLSTMCell, LSTMState, gradcheck
from seqmem.initializers import INITIALIZERS
from seqmem.nests import tree_map

every_cell = pytest.mark.parametrize("kind", sorted(CELLS))


@settings(max_examples=60)
@given(draw.cells(), draw.B, draw.rngs, draw.seeds)
def test_the_gradients_of_a_step_are_right(cell, B, rng, seed):
    # a normalised product with one number does not depend on its size: its gradient is all but 0
    assume(not isinstance(cell, LayerNormLSTMCell) or cell.input_size > 1)
    x, state = rng.uniform(-1, 1, (B, cell.input_size)), random_state(cell, B, rng)
    report = gradcheck(cell, x, state, seed=seed, tolerance=ROUNDING)
    assert_right_where_tested(report)
    alone = isinstance(cell, LayerNormLSTMCell) and cell.hidden_size == 1  # normalised to 0
    assert report.passed or alone, report
    assert {"x", *cell.params} <= {row.name for row in report.rows}
    assert any(row.name.startswith("state") for row in report.rows)


@given(draw.cells(), draw.B, draw.rngs)
def test_without_a_state_a_cell_starts_from_zeros(cell, B, rng):
    x = rng.uniform(-1, 1, (B, cell.input_size))
    zeros = cell.zero_state(B)
    assert all_zero(zeros)
    upstream = random_like(zeros, rng)
    (without, cache), (with_zeros, zero_cache) = cell.forward(x), cell.forward(x, zeros)
    assert_same(without, with_zeros)
    assert_same(cell.backward(upstream, cache), cell.backward(upstream, zero_cache))


@given(draw.cells(), draw.B, draw.rngs)
def test_none_as_upstream_gradient_is_zeros(cell, B, rng):
    _, cache = cell.forward(rng.uniform(-1, 1, (B, cell.input_size)), random_state(cell, B, rng))
    nothing = cell.backward(None, cache)
    assert_same(nothing, cell.backward(cell.zero_state(B), cache))
    assert all_zero(nothing)


@every_cell
def test_a_gate_is_seen_through_writable_views(kind):
    cell = CELLS[kind](3, 2, rng=0)
    for k, name in enumerate(cell.gates):
        gate = cell.gate(name)
        assert_same(tuple(gate), (cell.W_x[k], cell.W_h[k], cell.b[k]))
        gate.W_x[1, 0], gate.W_h[0, 1], gate.b[1] = 7.0, 8.0, 9.0
        assert (cell.W_x[k, 1, 0], cell.W_h[k, 0, 1], cell.b[k, 1]) == (7.0, 8.0, 9.0)


@every_cell
def test_a_gate_that_a_cell_lacks_is_an_error_that_names_those_it_has(kind):
    cell = CELLS[kind](3, 2)
    with pytest.raises(ValueError, match=r"Cell.gate: 'q' is not one of \(") as caught:
        cell.gate("q")
    assert all(repr(name) in str(caught.value) for name in cell.gates)


@every_cell
def test_the_gate_axis_leads(kind):
    cell = CELLS[kind](3, 2)
    G = (len(cell.gates),) if cell.gates else ()
    shapes = {"W_x": (*G, 3, 2), "W_h": (*G, 2, 2), "b": (*G, 2)}
    own = {
        "gru, reset after": {"b_hn": (2,)},
        "peephole": dict.fromkeys(["p_i", "p_f", "p_o"], (2,)),
        "layer-norm": dict.fromkeys(["s_x", "t_x", "s_h", "t_h"], (4, 2)) | {"s_c": (2,), "t_c": (2,)},
    }
    assert draw.grad_shapes(cell) == shapes | own.get(kind, {})


@every_cell
def test_the_recurrent_weights_start_orthogonal_and_the_biases_at_zero(kind):
    cell = CELLS[kind](5, 4, rng=3)
    for W_h in cell.W_h.reshape(-1, 4, 4):
        assert_close(W_h.T @ W_h, np.eye(4))
    kept = {"f", "z"}.intersection(cell.gates)  # the gates that keep the state at first
    assert not any(cell.gate(gate).b.any() for gate in set(cell.gates) - kept)
    assert kept or not cell.b.any()
    assert not cell.params.get("b_hn", np.zeros(1)).any()


@given(draw.cells(), draw.B, draw.rngs)
def test_the_output_is_what_the_state_shows(cell, B, rng):
    state = random_state(cell, B, rng)
    assert cell.output(state) is (state.h if isinstance(state, LSTMState) else state)


@given(draw.cells(), draw.B, draw.rngs)
def test_a_returned_state_may_be_written_to_before_the_backward_pass(cell, B, rng):
    x, state = rng.uniform(-1, 1, (B, cell.input_size)), random_state(cell, B, rng)
    new, cache = cell.forward(x, state)
    upstream = random_like(new, rng)
    right = cell.backward(upstream, cache)
    tree_map(lambda array: array.fill(np.nan), new)
    tree_map(lambda array: array.fill(np.nan), state)
    assert_same(cell.backward(upstream, cache), right)


@given(draw.cells(), st.integers(2, 5), draw.rngs, st.data())
def test_the_rows_of_a_batch_do_not_know_of_each_other(cell, B, rng, data):
    x, state = rng.uniform(-1, 1, (B, cell.input_size)), random_state(cell, B, rng)
    upstream = random_state(cell, B, rng)
    row = data.draw(st.integers(0, B - 1))

    def alone(tree):
        return tree_map(lambda array: array[row : row + 1], tree)

    new, cache = cell.forward(x, state)
    d_inputs, _ = cell.backward(upstream, cache)
    new_alone, cache = cell.forward(alone(x), alone(state))
    d_inputs_alone, _ = cell.backward(alone(upstream), cache)
    assert_close((new_alone, d_inputs_alone), alone((new, d_inputs)))


@every_cell
@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (np.zeros((2, 4)), r"x has shape \(2, 4\), expected \(B, 3\): 3 is input_size"),
        (np.zeros(3), r"x has shape \(3,\), expected \(B, 3\)"),
        (np.zeros((1, 2, 3)), r"x has shape \(1, 2, 3\), expected \(B, 3\)"),
    ],
)
def test_an_input_of_another_shape_is_refused(kind, x, expected):
    cell = CELLS[kind](3, 2)
    with pytest.raises(ValueError, match=rf"{type(cell).__name__}.forward: {expected}"):
        cell.forward(x)


@every_cell
def test_a_state_of_another_size_is_refused(kind):
    cell = CELLS[kind](3, 2)
    name = type(cell).__name__
    with pytest.raises(ValueError, match=rf"{name}.forward: state(\.h)? has shape .* 2 is hidden_size"):
        cell.forward(np.zeros((4, 3)), CELLS[kind](3, 5).zero_state(4))
    with pytest.raises(ValueError, match=rf"{name}.forward: state(\.h)? has shape .* 4 is the batch size"):
        cell.forward(np.zeros((4, 3)), cell.zero_state(5))
    _, cache = cell.forward(np.zeros((4, 3)))
    with pytest.raises(
        ValueError, match=rf"{name}.backward: d_state.* has shape \(5, 2\), expected \(4, 2\)"
    ):
        cell.backward(cell.zero_state(5), cache)


@every_cell
@pytest.mark.parametrize("size", [0, -1, 2.0, True, None, "3"])
def test_a_size_is_a_positive_integer(kind, size):
    with pytest.raises(ValueError, match=r"Cell: input_size is"):
        CELLS[kind](size, 3)
    with pytest.raises(ValueError, match=r"Cell: hidden_size is"):
        CELLS[kind](3, size)
    assert CELLS[kind](np.int64(3), np.uint8(2)).W_h.shape[-2:] == (2, 2)


@every_cell
def test_a_batch_of_no_rows_is_fine(kind):
    cell = CELLS[kind](3, 2, rng=0)
    state, cache = cell.forward(np.zeros((0, 3)))
    assert cell.output(state).shape == (0, 2)
    (d_x, _), grads = cell.backward(state, cache)
    assert d_x.shape == (0, 3)
    assert all_zero(grads)
    assert {name: grad.shape for name, grad in grads.items()} == draw.grad_shapes(cell)


KINDS = {"RNNCell", "LSTMCell", "GRUCell", "LSTMState"}
SOURCE = Path(seqmem.__file__).parent


def asked_for(text):
    """The kinds of cell and state that `isinstance` and `issubclass` are asked about."""
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    asking = [one for one in calls if ast.unparse(one.func) in ("isinstance", "issubclass")]
    return {name.id for one in asking for name in ast.walk(one.args[1]) if isinstance(name, ast.Name)} & KINDS


def test_nobody_asks_which_cell_it_is():
    """What holds for the library's cells must hold for a user's."""
    assert asked_for("isinstance(cell, (Cell, LSTMCell)) or issubclass(kind, GRUCell)") == {
        "LSTMCell",
        "GRUCell",
    }
    for path in SOURCE.rglob("*.py"):
        if path.parent != SOURCE / "cells":
            assert asked_for(path.read_text("utf-8")) == set(), path


@every_cell
@pytest.mark.parametrize(
    ("input_init", "recurrent_init"), list(itertools.pairwise([*INITIALIZERS, "glorot"]))
)
def test_a_cells_first_weights_are_those_of_the_named_initialisers(kind, input_init, recurrent_init):
    cell = CELLS[kind](3, 2, input_init=input_init, recurrent_init=recurrent_init, rng=5)
    rng = np.random.default_rng(5)
    W_x = INITIALIZERS[input_init](rng, cell.W_x.shape, np.dtype(float))
    W_h = INITIALIZERS[recurrent_init](rng, cell.W_h.shape, np.dtype(float))
    assert_same((cell.W_x, cell.W_h), (W_x, W_h))
    assert (cell.config["input_init"], cell.config["recurrent_init"]) == (input_init, recurrent_init)


@every_cell
@pytest.mark.parametrize("argument", ["input_init", "recurrent_init"])
def test_an_unknown_initialiser_is_refused_with_those_there_are(kind, argument):
    with pytest.raises(ValueError, match=rf"Cell: {argument} is 'he', expected 'glorot' or 'orthogonal' or"):
        CELLS[kind](3, 2, **{argument: "he"})
    with pytest.raises(TypeError, match=rf"Cell: {argument} is None, expected 'glorot'"):
        CELLS[kind](3, 2, **{argument: None})


KEEPING = sorted(set(CELLS) - {"rnn"})  # cells with a gate that keeps


@pytest.mark.parametrize("kind", KEEPING)
def test_a_start_for_long_memories_keeps_shares_for_1_to_so_many_steps(kind):
    cell = CELLS[kind](3, 60, chrono=40, rng=1)
    keeps = -cell.gate("z").b if "z" in cell.gates else cell.gate("f").b
    share = 1 / (1 + np.exp(-keeps))
    steps = 1 / (1 - share)  # 1 + u: over so many steps a share is forgotten
    assert steps.min() >= 2
    assert steps.max() <= 40
    assert np.ptp(steps) > 25
    if "f" in cell.gates:
        assert_same(cell.gate("i").b, -keeps)
    assert not np.array_equal(keeps, np.sort(keeps))
    assert CELLS[kind](3, 4).chrono is None


@pytest.mark.parametrize("kind", KEEPING)
@pytest.mark.parametrize(("chrono", "message"), [(1, "at least 2"), (np.inf, "finite"), ("9", "a number")])
def test_a_memory_of_less_than_two_steps_is_refused(kind, chrono, message):
    with pytest.raises((ValueError, TypeError), match=f"Cell: chrono is .*{message}"):
        CELLS[kind](3, 2, chrono=chrono)
