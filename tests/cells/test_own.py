"""Cells as users write them: one short file each, and all that a cell of the library can do."""

import ast
import copy
import functools
import pickle
from pathlib import Path

import numpy as np
import pytest
from cells.own.coupled import CoupledCell
from cells.own.squared import SquaredInputCell
from comparing import ROUNDING, assert_close, assert_same
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import exposed, random_like, random_state, rngs

from seqmem import (
    AdditiveAttention,
    Decoder,
    Encoder,
    LayerNormLSTMCell,
    LSTMCell,
    LSTMState,
    PeepholeLSTMCell,
    Recurrent,
    RNNCell,
    gradcheck,
)
from seqmem.activations import sigmoid
from seqmem.cells import Cell
from seqmem.checking import check_module
from seqmem.nests import tree_map

OWN = {  # users' cells, and those of the library's that use what users can use
    "coupled": CoupledCell,
    "squared input": SquaredInputCell,
    "peephole": PeepholeLSTMCell,
    "layer norm": LayerNormLSTMCell,
    "relu": functools.partial(RNNCell, activation="relu", recurrent_init="identity"),
}
FILES = sorted(Path(__file__).parent.glob("own/*.py"))
MOST_LINES = 60
DOCUMENT = Path(__file__).parents[2] / "docs" / "extending.md"

D, H, E, K, A, V = 2, 5, 3, 4, 7, 6  # all different

every_cell = pytest.mark.parametrize("kind", OWN)
any_cell = st.builds(
    lambda kind, D, H, rng: exposed(OWN[kind](D, H), rng),
    st.sampled_from(sorted(OWN)),
    st.integers(1, 4),
    st.integers(2, 4),  # the only unit of a layer is normalised to 0
    rngs,
)


def lines_of_code(text):
    """Lines that are neither blank nor part of a docstring."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, documented)]
    docstrings = [node.body[0] for node in nodes if ast.get_docstring(node) is not None]
    left_out = {n for found in docstrings for n in range(found.lineno, found.end_lineno + 1)}
    return sum(bool(line.strip()) and n not in left_out for n, line in enumerate(text.split("\n"), start=1))


def modules(kind, **options):
    """The cell, and all that runs one."""
    make = OWN[kind]
    attention = AdditiveAttention(H, K, A, **options)
    return {
        "cell": make(D, H, **options),
        "layer": Recurrent(make(D, H, **options)),
        "reversed layer": Recurrent(make(D, H, **options), reverse=True),
        "encoder": Encoder(V, D, H, cell=make(D, H, **options), **options),
        "decoder": Decoder(V, E, H, context=attention, cell=make(E + K, H, **options), **options),
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_cell_is_one_short_file(path):
    assert lines_of_code(path.read_text("utf-8")) <= MOST_LINES


def test_the_document_shows_the_coupled_cell_as_it_is_tested():
    _, _, code = (FILES[0].parent / "coupled.py").read_text("utf-8").partition('"""\n\nimport')
    assert f"```python\nimport{code}```" in DOCUMENT.read_text("utf-8")


@every_cell
@pytest.mark.parametrize("place", ["cell", "layer", "reversed layer", "encoder", "decoder"])
def test_it_is_right_and_keeps_every_promise_wherever_it_runs(kind, place):
    module = modules(kind, rng=0)[place]
    report = gradcheck(module)
    assert report.passed, report
    check_module(module)


@settings(max_examples=40)
@given(any_cell, st.integers(1, 4), st.integers(1, 4), st.booleans(), rngs, st.data())
def test_its_gradients_are_right_for_any_sizes_and_lengths(cell, T, B, reverse, rng, data):
    lengths = data.draw(st.lists(st.integers(0, T), min_size=B, max_size=B))
    layer, xs = Recurrent(cell, reverse=reverse), rng.uniform(-1, 1, (T, B, cell.input_size))
    state = random_state(cell, B, rng)
    report = gradcheck(layer, xs, state, lengths=np.array(lengths), tolerance=ROUNDING)
    told = [row.verdict for row in report.rows if "not put to the test" not in row.note]
    assert set(told) <= {"right"}, report


@given(any_cell, st.integers(1, 4), st.integers(1, 3), rngs)
def test_a_sequence_is_its_steps_one_after_the_other(cell, T, B, rng):
    xs, state = rng.uniform(-1, 1, (T, B, cell.input_size)), random_state(cell, B, rng)
    (hs, final), _ = Recurrent(cell).forward(xs, state)
    for x, h in zip(xs, hs, strict=True):
        state, _ = cell.forward(x, state)
        assert_close(cell.output(state), h)
    assert_close(state, final)


@every_cell
@pytest.mark.parametrize("B", [1, 3])
def test_teacher_forcing_is_the_decoders_step_repeated(kind, B):
    rng = np.random.default_rng(0)
    decoder = exposed(modules(kind)["decoder"], rng)
    tokens, keys = rng.integers(V, size=(5, B)), rng.uniform(-1, 1, (6, B, K))
    state = random_state(decoder.cell, B, rng)
    (logits, weights), _ = decoder.forward(tokens, state, keys)
    memory = decoder.memory(keys)
    for t in range(5):
        (logits_t, weights_t), state = decoder.step(tokens[t], state, memory)
        assert_close((logits_t, weights_t), (logits[t], weights[t]))


@every_cell
@pytest.mark.parametrize("place", ["cell", "layer", "decoder"])
def test_single_precision_is_double_precision_to_its_rounding(kind, place):
    rng = np.random.default_rng(1)
    single = exposed(modules(kind, dtype=np.float32)[place], rng)
    double = single.astype(np.float64)
    B, T = 3, 4
    cell = single if place == "cell" else single.cell
    state = random_state(cell, B, rng)
    inputs = {
        "cell": (rng.uniform(-1, 1, (B, D)), state),
        "layer": (rng.uniform(-1, 1, (T, B, D)), state),
        "decoder": (rng.integers(V, size=(T, B)), state, rng.uniform(-1, 1, (T, B, K))),
    }[place]
    outputs, cache = single.forward(*inputs)
    right, double_cache = double.forward(*inputs)
    upstream = random_like(right, rng)
    got = (outputs, *single.backward(upstream, cache))
    tree_map(lambda array: np.testing.assert_equal(array.dtype, np.float32), got[:2])
    assert {grad.dtype for grad in got[2].values()} == {np.dtype(np.float32)}
    assert_close(got, (right, *double.backward(upstream, double_cache)))


@every_cell
def test_complex_numbers_stay_complex(kind):
    rng = np.random.default_rng(2)
    layer = exposed(Recurrent(OWN[kind](D, H)), rng)
    xs = rng.uniform(-1, 1, (4, 3, D)) + 1e-3j * rng.uniform(-1, 1, (4, 3, D))
    (hs, final), cache = layer.forward(xs)
    assert hs.dtype == complex
    (d_xs, _), grads = layer.backward((hs, final), cache)
    assert {d_xs.dtype, *(grad.dtype for grad in grads.values())} == {np.dtype(complex)}


@every_cell
@pytest.mark.parametrize("lengths", [None, [4, 1, 3]])
def test_what_its_steps_did_is_shown_by_name(kind, lengths):
    rng = np.random.default_rng(3)
    layer = exposed(Recurrent(OWN[kind](D, H)), rng)
    (hs, _), cache = layer.forward(rng.uniform(-1, 1, (4, 3, D)), lengths=lengths, traced=True)
    trace = layer.trace(cache)
    assert_same(trace["h"], hs)
    for gate in layer.cell.gates:
        inside = np.arange(4)[:, None] < np.array(lengths or [4, 4, 4])
        squash = np.tanh if gate == "g" else sigmoid
        assert_close(trace[gate][inside], squash(trace[f"a_{gate}"][inside]))


def coupled_h(cell, trace, c):
    return trace["o"] * np.tanh(c)


def peephole_h(cell, trace, c):
    a_o = trace["a_o"] + cell.p_o * (c - trace["c"])
    return sigmoid(a_o) * np.tanh(c)


def layer_norm_h(cell, trace, c):
    centred = c - c.mean(axis=-1, keepdims=True)
    c_hat = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + cell.eps)
    return trace["o"] * np.tanh(cell.s_c * c_hat + cell.t_c)


@pytest.mark.parametrize(
    ("kind", "h_of"), [("coupled", coupled_h), ("peephole", peephole_h), ("layer norm", layer_norm_h)]
)
@pytest.mark.parametrize("t", range(3))
def test_the_gradient_of_a_cell_state_is_what_the_complex_step_finds(kind, h_of, t):
    """What c changes, it changes through the h of its own step as well."""
    rng, B = np.random.default_rng(4), 2
    layer = exposed(Recurrent(OWN[kind](D, H)), rng)
    (hs, _), cache = layer.forward(rng.uniform(-1, 1, (3, B, D)), traced=True)
    xs, upstream = cache.xs.reshape(3, B, D), rng.uniform(-1, 1, hs.shape)
    gradients = layer.trace_gradients((upstream, None), cache)
    now = {name: values[t] for name, values in layer.trace(cache).items()}
    for index in np.ndindex(B, H):
        c = now["c"].astype(complex)
        c[index] += 1e-20j
        h = h_of(layer.cell, now, c)
        (later, _), _ = layer.forward(xs[t + 1 :], LSTMState(h, c))
        loss = (upstream[t] * h).sum() + (upstream[t + 1 :] * later).sum()
        assert_close(gradients["c"][t][index], loss.imag / 1e-20)


@every_cell
@pytest.mark.parametrize(
    "duplicate",
    [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module)), lambda module: module.astype(float)],
    ids=["deepcopy", "pickle", "astype"],
)
def test_a_copy_computes_the_same(kind, duplicate):
    rng = np.random.default_rng(5)
    cell = exposed(OWN[kind](D, H), rng)
    x = rng.uniform(-1, 1, (3, D))
    assert_same(duplicate(cell).forward(x)[0], cell.forward(x)[0])


def run(module, inputs, d_outputs=None):
    """A pass forward and back."""
    _, cache = module.forward(inputs)
    module.backward(d_outputs, cache)


UNKNOWN = {  # a method, and the start of what is said of it
    "misspelt": ("step", lambda self, recurrent, a, hprev, h: None, r"'hprev' in \(recurrent, a, hprev, h\)"),
    "a gate it lacks": ("step", lambda self, recurrent, a, z, h: None, "'z' in "),
    "of gates that are no neighbours": ("step", lambda self, a_io, h: None, "'a_io' in "),
    "a product of a gate it lacks": ("step", lambda self, recurrent_z, a, h: None, "'recurrent_z' in "),
    "a gradient before there is one": ("step", lambda self, recurrent, d_a, h: None, "'d_a' in "),
    "a value before the first": ("step", lambda self, tanh_c_prev, h: None, "'tanh_c_prev' in "),
    "in the local derivatives": ("local_derivatives", lambda self, d_a_x: None, "'d_a_x' in "),
    "on the way back": ("step_backward", lambda self, through, d_a, d_x: None, "'d_x' in "),
    "in what is collected": ("collect", lambda self, h_prev, d_h: None, "'d_h' in "),
}


@pytest.mark.parametrize(("method", "function", "message"), UNKNOWN.values(), ids=UNKNOWN)
def test_an_argument_that_names_no_value_is_an_error_that_lists_those_there_are(method, function, message):
    wrong = type("WrongCell", (LSTMCell,), {method: function})
    names = ["a_i", "f", "tanh_c", "h, c, h_prev, c_prev", *(["d_a_g", "dh_dc"] if method != "step" else [])]
    with pytest.raises(TypeError, match=rf"the argument {message}.* names no value of this cell") as caught:
        run(wrong(D, H), np.ones((3, D)))
    assert all(name in str(caught.value) for name in names)
    for module in (Recurrent(wrong(D, H)), Encoder(V, D, H, cell=wrong(D, H))):
        inputs = np.zeros((4, 3), int) if isinstance(module, Encoder) else np.ones((4, 3, D))
        with pytest.raises(TypeError, match="names no value of this cell"):
            run(module, inputs, (None, None))


@pytest.mark.parametrize(
    "step", [lambda self, *values: None, lambda self, h, *, c: None, lambda self, **values: None]
)
def test_arguments_without_names_are_refused(step):
    with pytest.raises(TypeError, match=r"has \*args, .* expected positional ones that name values"):
        run(type("WrongCell", (LSTMCell,), {"step": step})(D, H), np.ones((3, D)))


@pytest.mark.parametrize("step", [lambda self: None, lambda self, recurrent, half: None])
def test_a_step_that_asks_for_nothing_to_write_to_is_refused(step):
    with pytest.raises(TypeError, match="name no value of a step"):
        run(type("WrongCell", (LSTMCell,), {"step": step})(D, H), np.ones((3, D)))


@pytest.mark.parametrize("gates", [("in", "out"), ("i", "i"), ("",)])
def test_gates_go_by_one_letter_each(gates):
    with pytest.raises(TypeError, match=r"WrongCell: gates is .*, expected one letter for each gate"):
        type("WrongCell", (LSTMCell,), {"gates": gates})(D, H)


def test_a_state_of_several_parts_says_its_own_total_gradient():
    cell = type("OwnCell", (LSTMCell,), {"total_gradient": Cell.total_gradient})(D, H)
    layer = Recurrent(cell)
    (hs, _), cache = layer.forward(np.ones((4, 3, D)))
    layer.backward((hs, None), cache)
    with pytest.raises(NotImplementedError, match=r"OwnCell\.total_gradient: .* of LSTMState"):
        layer.trace_gradients((hs, None), cache)
