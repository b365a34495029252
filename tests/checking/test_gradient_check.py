"""The check says right of what is right, and finds what is planted."""

import subprocess
import sys

import numpy as np
import pytest
import strategies as draw
from comparing import assert_same, leaves, rounding
from hypothesis import given, settings

from seqmem import (
    AdditiveAttention,
    Dropout,
    Embedding,
    GRUCell,
    Linear,
    LSTMCell,
    Recurrent,
    RNNCell,
    gradcheck,
)
from seqmem.checking import Report, gradcheck_functions
from seqmem.checking.catalogue.kinds import KINDS
from seqmem.checking.selftest.score import with_mistakes
from seqmem.module import Module

every_mode = pytest.mark.parametrize(
    "max_elements",
    [
        pytest.param(20_000, id="all elements"),
        pytest.param(0, id="directions", marks=pytest.mark.slow),
    ],
)


class Planted(Recurrent):
    """A layer whose gradients a mistake may change on their way out."""

    mistake = staticmethod(lambda d_xs, d_state, grads: ((d_xs, d_state), grads))

    def backward(self, d_outputs, cache):
        (d_xs, d_state), grads = super().backward(d_outputs, cache)
        return self.mistake(d_xs, d_state, grads)


def planted(mistake, cell=None):
    layer = Planted(cell or LSTMCell(5, 4, rng=0))
    layer.mistake = mistake
    return layer


def in_grads(name, change):
    """A mistake in one parameter's gradient."""
    return lambda d_xs, d_state, grads: ((d_xs, d_state), grads | {name: change(grads[name])})


def in_state(part, change):
    """A mistake in one part of the state's gradient."""
    return lambda d_xs, d_state, grads: (
        (d_xs, d_state._replace(**{part: change(getattr(d_state, part))})),
        grads,
    )


def last_step_only(d_xs):
    out = np.zeros_like(d_xs)
    out[-1] = d_xs[-1]
    return out


def one_entry(array):
    array = array.copy()
    array[(-1,) * array.ndim] += 1e-6
    return array


def one_nan(array):
    array = array.copy()
    array[(0,) * array.ndim] = np.nan
    return array


CHANGES = {
    "zeroed": np.zeros_like,
    "doubled": lambda d: 2 * d,
    "negated": np.negative,
    "scaled a little": lambda d: d * (1 + 1e-8),
    "mean over the batch": lambda d: d / 3,
    "gate blocks permuted": lambda d: d[[0, 2, 1, 3]],
    "one entry a little off": one_entry,
    "one NaN": one_nan,
    "infinite": lambda d: np.full_like(d, np.inf),
    "all entries equal": lambda d: np.full_like(d, d.sum()),
    "None": lambda d: None,
    "flat": np.ravel,
    "one gate only": lambda d: d[:1],
}
TRANSPOSED = {"transposed": lambda d: d.swapaxes(1, 2)}
ALL = [
    *((f"cell.{name}", change) for name in ("W_x", "W_h", "b") for change in CHANGES),
    ("cell.W_h", "transposed"),
    ("cell.W_x", "transposed"),
]


def wrong_rows(report):
    return [row.name for row in report.rows if not row.max_error <= report.tolerance]


@every_mode
@pytest.mark.parametrize(("array", "change"), ALL)
def test_a_mistake_in_a_parameters_gradient_is_found_and_named(array, change, max_elements):
    report = gradcheck(planted(in_grads(array, (CHANGES | TRANSPOSED)[change])), max_elements=max_elements)
    assert not report.passed
    assert wrong_rows(report) == [array]
    assert report.max_error > 1e-9
    assert "WRONG" in str(report)


@every_mode
@pytest.mark.parametrize("change", [*(n for n in CHANGES if n != "gate blocks permuted"), "rows exchanged"])
@pytest.mark.parametrize("part", ["h", "c"])
def test_a_mistake_in_a_states_gradient_is_found_and_named(part, change, max_elements):
    changes = CHANGES | {"rows exchanged": lambda d: d[::-1]}
    report = gradcheck(planted(in_state(part, changes[change])), max_elements=max_elements)
    assert wrong_rows(report) == [f"state.{part}"]


@every_mode
@pytest.mark.parametrize(
    "change",
    [last_step_only, lambda d: d[::-1], lambda d: d.swapaxes(0, 1), lambda d: d[..., ::-1], lambda d: d[:-1]],
    ids=["last step only", "time reversed", "axes exchanged", "features reversed", "truncated"],
)
def test_a_mistake_in_an_inputs_gradient_is_found_and_named(change, max_elements):
    layer = planted(lambda d_xs, d_state, grads: ((change(d_xs), d_state), grads))
    assert wrong_rows(gradcheck(layer, max_elements=max_elements)) == ["xs"]


@every_mode
@pytest.mark.parametrize(
    "backward",
    [
        lambda d_xs, d_state, grads: ((d_xs,), grads),
        lambda d_xs, d_state, grads: ((), grads),
        lambda d_xs, d_state, grads: ((d_xs, None), grads),
        lambda d_xs, d_state, grads: ((None, None), grads),
    ],
    ids=["one input of two", "none of them", "None for a state", "None for all"],
)
def test_an_inputs_gradient_that_is_not_returned_is_found(backward, max_elements):
    assert not gradcheck(planted(backward), max_elements=max_elements).passed


def test_gradients_of_more_inputs_than_there_are_are_found():
    report = gradcheck(planted(lambda d_xs, d_state, grads: ((d_xs, d_state, d_xs), grads)))
    assert not report.passed


@every_mode
def test_a_missing_and_an_unknown_key_are_found_and_named(max_elements):
    def missing(d_xs, d_state, grads):
        return (d_xs, d_state), {name: grad for name, grad in grads.items() if name != "cell.b"}

    def unknown(d_xs, d_state, grads):
        return (d_xs, d_state), grads | {"cell.b_f": np.zeros(4)}

    report = gradcheck(planted(missing), max_elements=max_elements)
    assert wrong_rows(report) == ["cell.b"]
    assert "no gradient was returned" in str(report)
    report = gradcheck(planted(unknown), max_elements=max_elements)
    assert wrong_rows(report) == ["cell.b_f"]
    assert "not a parameter" in str(report)


def test_the_place_of_a_single_wrong_entry_is_named_with_both_values():
    def wrong(d_W):
        d_W = d_W.copy()
        d_W[2, 3, 1] = 123.0
        return d_W

    (row,) = [row for row in gradcheck(planted(in_grads("cell.W_x", wrong))).rows if row.name == "cell.W_x"]
    assert row.where == (2, 3, 1)
    assert "got 123, right is" in row.note


@every_mode
def test_swapped_gradients_of_equal_shapes_are_both_named(max_elements):
    class Swapped(RNNCell):
        def backward(self, d_state, cache):
            (d_x, d_prev), grads = super().backward(d_state, cache)
            return (d_x, d_prev), grads | {"W_x": grads["W_h"], "W_h": grads["W_x"]}

    assert wrong_rows(gradcheck(Swapped(4, 4, rng=0), max_elements=max_elements)) == ["W_x", "W_h"]


@every_mode
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_mistake_that_an_upstream_gradient_of_ones_would_hide_is_found(axis, max_elements):
    class Averaged(Linear):
        def backward(self, d_y, cache):
            return super().backward(np.broadcast_to(d_y.mean(axis, keepdims=True), d_y.shape), cache)

    assert wrong_rows(gradcheck(Averaged(4, 5, rng=0), max_elements=max_elements)) != []


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@every_mode
def test_a_right_module_of_either_dtype_passes(dtype, max_elements):
    for module in (
        LSTMCell(3, 5, dtype=dtype),
        Recurrent(GRUCell(3, 5, reset="after", dtype=dtype)),
        AdditiveAttention(3, 4, 5, dtype=dtype),
    ):
        report = gradcheck(module, max_elements=max_elements)
        assert report.passed, report
        assert report.tolerance == 4096 * np.finfo(dtype).eps


@every_mode
def test_in_float32_a_mistake_is_found_too(max_elements):
    layer = planted(in_grads("cell.W_h", lambda d: 1.01 * d), LSTMCell(5, 4, rng=0, dtype=np.float32))
    assert wrong_rows(gradcheck(layer, max_elements=max_elements)) == ["cell.W_h"]


def test_where_imaginary_parts_are_dropped_differences_serve_and_the_line_is_named():
    class Real(RNNCell):
        def step(self, recurrent, a, h_prev, h):
            super().step(recurrent, a, h_prev, h)
            h[...] = h.astype(float)

    class Buffered(Linear):
        def forward(self, x):
            y, cache = super().forward(x)
            buffer = np.zeros(y.shape)
            buffer[...] = y
            return buffer, cache

    for module, line in ((Real(3, 2), "h[...] = h.astype(float)"), (Buffered(3, 2), "buffer[...] = y")):
        report = gradcheck(module)
        assert report.passed
        assert "differences" in report.method
        assert f"`{line}` drops the imaginary part" in report.notes[0]


def test_where_imaginary_parts_are_dropped_a_mistake_is_found_all_the_same():
    class Buffered(Linear):
        def forward(self, x):
            y, cache = super().forward(x)
            buffer = np.zeros(y.shape)
            buffer[...] = y
            return buffer, cache

        def backward(self, d_y, cache):
            (d_x,), grads = super().backward(d_y, cache)
            return (d_x * (1 + 1e-6),), grads

    report = gradcheck(Buffered(3, 2))
    assert [row.name for row in report.rows if row.verdict == "wrong"] == ["x"]


def test_without_inputs_a_module_of_unknown_kind_is_a_type_error_that_says_what_to_do():
    class Mine(Module):
        def forward(self, x):
            return x**2, x

        def backward(self, d_y, cache):
            return (2 * cache * d_y,), {}

    with pytest.raises(
        TypeError, match=r"no inputs are known for a Mine; pass them: gradcheck\(module, x, ...\)"
    ):
        gradcheck(Mine())
    assert gradcheck(Mine(), np.array([1.0, -2.0, 3.0])).passed


@every_mode
def test_neither_the_module_nor_its_inputs_are_changed(max_elements):
    layer = Recurrent(LSTMCell(3, 2, rng=0))
    rng = np.random.default_rng(0)
    xs, state = rng.uniform(-1, 1, (4, 2, 3)), draw.random_state(layer.cell, 2, rng)
    before = {key: leaf.copy() for key, leaf in leaves((layer.params, xs, state)).items()}
    gradcheck(layer, xs, state, lengths=[4, 2], max_elements=max_elements)
    gradcheck(layer, max_elements=max_elements)
    assert_same(leaves((layer.params, xs, state)), before)


@every_mode
def test_a_seed_decides_the_whole_report(max_elements):
    cell = GRUCell(3, 2, rng=0)
    first = gradcheck(cell, seed=5, max_elements=max_elements)
    assert gradcheck(cell, seed=5, max_elements=max_elements) == first
    assert isinstance(first, Report)
    assert gradcheck(cell, seed=6, max_elements=max_elements).rows != first.rows


def test_the_tolerance_decides():
    layer = planted(in_grads("cell.b", lambda d: d * (1 + 1e-8)))
    assert not gradcheck(layer).passed
    assert gradcheck(layer, tolerance=1e-7).passed


@every_mode
def test_there_is_a_row_for_every_parameter_and_every_input_with_a_gradient(max_elements):
    report = gradcheck(Recurrent(LSTMCell(3, 2)), max_elements=max_elements)
    assert [row.name for row in report.rows] == ["cell.W_x", "cell.W_h", "cell.b", "xs", "state.h", "state.c"]
    assert [row.name for row in gradcheck(Embedding(4, 3), max_elements=max_elements).rows] == ["W"]
    assert report.rows[0].shape == (4, 3, 2)


def test_large_modules_are_checked_in_random_directions_and_small_ones_element_by_element():
    assert "every element" in gradcheck(Linear(3, 2)).method
    assert "3 random directions" in gradcheck(Linear(200, 101)).method


@settings(max_examples=20)
@given(draw.cells(), draw.B, draw.rngs)
def test_central_differences_agree_with_the_complex_step(cell, B, rng):
    """The same derivative by an independent route, to what differences can give."""
    x, state = rng.uniform(-1, 1, (B, cell.input_size)), draw.random_state(cell, B, rng)
    new, cache = cell.forward(x, state)
    upstream = draw.random_like(new, rng)
    _, grads = cell.backward(upstream, cache)

    def loss():
        found, _ = cell.forward(x, state)
        return sum(
            float(np.sum(d * h))
            for d, h in zip(leaves(upstream).values(), leaves(found).values(), strict=True)
        )

    def difference(param, index, step):
        kept = param[index]
        param[index] = kept + step
        above = loss()
        param[index] = kept - step
        below = loss()
        param[index] = kept
        return (above - below) / (2 * step)

    for name, param in cell.params.items():
        index = tuple(int(rng.integers(size)) for size in param.shape)
        near, far = difference(param, index, 1e-5), difference(param, index, 2e-5)
        # what a difference leaves out is a third of how it changes when its step is doubled
        bound = rounding(np.float64, 100) / 1e-5 + abs(far - near)
        assert abs(near - grads[name][index]) < bound, name


@every_mode
@pytest.mark.parametrize("bias", [4.0, 6.0, 8.0])
def test_a_flat_unit_is_not_accused(bias, max_elements):
    """1 - h**2 is little but rounding where h is nearly 1, and rounding is no mistake."""
    cell = RNNCell(1, 1, rng=0)
    cell.b[...] = bias
    report = gradcheck(cell, np.array([[0.3]]), np.array([[0.2]]), max_elements=max_elements)
    assert report.passed, report


def test_what_cannot_be_checked_is_a_type_error():
    with pytest.raises(
        TypeError, match="gradcheck: module is of type function, expected a subclass of Module"
    ):
        gradcheck(leaves)
    with pytest.raises(TypeError, match="gradcheck: rng is a Generator, expected a seed"):
        gradcheck(Dropout(0.5), np.ones(4), rng=np.random.default_rng(0))


def test_real_outputs_for_complex_inputs_are_no_accusation():
    class Magnitude(Linear):
        def forward(self, x):
            y, cache = super().forward(x)
            return np.abs(y), (np.sign(y.real), cache)

        def backward(self, d_y, cache):
            sign, cache = cache
            return super().backward(d_y * sign, cache)

    report = gradcheck(Magnitude(3, 2))
    assert report.passed
    assert "the outputs are real for complex inputs" in report.notes[0]
    assert "np.abs(y)" in report.notes[0]


def test_a_gradient_that_the_inputs_leave_at_zero_is_named():
    """Without a state, nothing a cell does to W_h can be seen."""
    report = gradcheck(LSTMCell(3, 4, rng=0), np.ones((2, 3)))
    (row,) = [row for row in report.rows if row.name == "W_h"]
    assert row.note == "zero: not put to the test by these inputs"
    assert row.note in str(report)
    assert (row.verdict, report.verdict) == ("cannot tell", "cannot tell")
    assert {other.verdict for other in report.rows if other is not row} == {"right"}


@every_mode
def test_the_steps_at_which_an_upstream_gradient_breaks_are_told(max_elements):
    class Forgets(Recurrent):
        def backward(self, d_outputs, cache):
            d_hs, d_final = d_outputs
            d_hs = d_hs.copy()
            d_hs[2] *= 0.5
            return super().backward((d_hs, d_final), cache)

    rng = np.random.default_rng(0)
    xs, h0 = rng.normal(size=(4, 3, 5)), rng.normal(size=(3, 6))
    report = gradcheck(Forgets(GRUCell(5, 6, rng=0)), xs, h0, max_elements=max_elements)
    told = "an upstream gradient on one step alone: right for step 0, step 1 and step 3, wrong for step 2"
    assert told in report.places


def test_a_forward_pass_that_writes_into_an_option_is_seen():
    class Writes(Recurrent):
        def forward(self, xs, state=None, *, lengths=None, rng=None, traced=False):
            outputs = super().forward(xs, state, lengths=lengths)
            lengths[...] = 1
            return outputs

    lengths = np.array([2, 4, 3])
    report = gradcheck(Writes(GRUCell(5, 6, rng=0)), np.ones((4, 3, 5)), lengths=lengths)
    (effect,) = report.side_effects
    assert (effect.code, effect.source) == ("inputs-written", "lengths[...] = 1")
    assert effect.message.startswith("forward writes into lengths, an input")


def test_a_large_function_that_is_like_something_is_compared_along_directions():
    like = KINDS["rnn_sequence"]
    functions = with_mistakes(like, like.mistakes[:1])
    report = gradcheck_functions(*functions, like=like.name, max_elements=0)
    assert "random directions" in report.method
    assert report.causes[0].code == like.mistakes[0].code


def test_a_check_that_passes_imports_what_it_needs_and_no_catalogue():
    script = (
        "import sys; from seqmem import LSTMCell, gradcheck; assert gradcheck(LSTMCell(3, 4, rng=0)).passed; "
        "print(*(name for name in sys.modules if name.startswith('seqmem.checking')))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    imported = run.stdout.split()
    assert len(imported) <= 20
    assert not [name for name in imported if "catalogue" in name or "explain" in name or "locate" in name]
