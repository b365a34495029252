"""Any two functions can be checked, whatever the structure of what goes in and comes out."""

from typing import NamedTuple

import numpy as np
import pytest
from comparing import TERMS, rounding

from seqmem import LSTMCell, assert_gradients
from seqmem.checking import Report, gradcheck_functions

DRAWN = np.random.default_rng(0)
X, W = DRAWN.standard_normal((3, 4)), DRAWN.standard_normal((4, 2))


class Pair(NamedTuple):
    """A state of two parts."""

    h: object
    c: object


def dense(x, w):
    y = np.tanh(x @ w)
    return y, (x, w, y)


def dense_back(d_y, cache):
    x, w, y = cache
    d_a = d_y * (1 - y**2)
    return d_a @ w.T, x.T @ d_a


def product(pair):
    first, second = pair.values() if isinstance(pair, dict) else pair
    return first * second, (first, second, type(pair))


def rows_of(report, verdict):
    return [row.name for row in report.rows if row.verdict == verdict]


def changed(change):
    """The right backward pass with its two gradients changed on their way out."""
    return lambda d_y, cache: change(*dense_back(d_y, cache))


@pytest.mark.parametrize(
    "inputs", [{"x": X, "w": W}, (X, W), {"w": W, "x": X}], ids=["dict", "tuple", "order"]
)
def test_inputs_are_passed_by_name_or_by_position(inputs):
    def back(d_y, cache):
        return dict(zip("xw", dense_back(d_y, cache), strict=True))

    report = gradcheck_functions(dense, back, inputs)
    assert report.passed, report
    assert {row.name: row.shape for row in report.rows} == {"x": (3, 4), "w": (4, 2)}


def test_lists_of_numbers_are_arrays():
    report = gradcheck_functions(lambda x: (x**2, x), lambda d, x: 2 * x * d, {"x": [1.0, -2.0, 3.0]})
    assert report.passed, report
    assert report.rows[0].shape == (3,)


@pytest.mark.parametrize(
    ("inputs", "names"),
    [
        (((X, X + 1),), ["pair[0]", "pair[1]"]),
        ({"pair": (X, X + 1)}, ["pair[0]", "pair[1]"]),
        ((Pair(X, X + 1),), ["pair.h", "pair.c"]),
        ({"pair": {"h": X, "c": X + 1}}, ["pair.h", "pair.c"]),
    ],
    ids=["tuple", "by name", "NamedTuple", "dict"],
)
@pytest.mark.parametrize("alone", [True, False], ids=["the gradient itself", "a tuple of gradients"])
def test_the_gradient_of_a_nest_is_a_nest_and_each_of_its_arrays_is_checked(inputs, names, alone):
    def back(d_y, cache, own=1):
        first, second, kind = cache
        parts = d_y * second, d_y * (first, second)[own - 1]
        found = dict(zip("hc", parts, strict=True)) if kind is dict else parts
        return found if alone else (found,)

    def swapped(d_y, cache):
        return back(d_y, cache, own=2)

    report = gradcheck_functions(product, back, inputs)
    assert rows_of(report, "right") == names
    assert report.passed
    assert rows_of(gradcheck_functions(product, swapped, inputs), "wrong") == names[1:]


@pytest.mark.parametrize("bad", [False, True])
def test_a_state_beside_an_array_is_checked_part_by_part(bad):
    def forward(x, state):
        return x * state.h + state.c["deep"], (x, state)

    def back(d, cache):
        x, state = cache
        return d * state.h, Pair(d * x, {"deep": d * (1 + bad)})

    report = gradcheck_functions(forward, back, (X, Pair(X + 1, {"deep": X - 1})))
    assert [row.name for row in report.rows] == ["x", "state.h", "state.c.deep"]
    assert rows_of(report, "wrong") == (["state.c.deep"] if bad else [])


def test_the_upstream_gradient_has_the_structure_of_the_outputs():
    def forward(x, w):
        return {"y": x @ w, "deep": [Pair(x**2, None), (np.sin(w),)]}, (x, w)

    def back(d, cache):
        x, w = cache
        state, (d_sin,) = d["deep"]
        assert state.c is None
        return d["y"] @ w.T + 2 * x * state.h, x.T @ d["y"] + np.cos(w) * d_sin

    assert gradcheck_functions(forward, back, (X, W)).passed
    wrong = gradcheck_functions(forward, lambda d, cache: (back(d, cache)[0], cache[0].T @ d["y"]), (X, W))
    assert rows_of(wrong, "wrong") == ["w"]


@pytest.mark.parametrize("spread", [True, False], ids=["d1, d2, cache", "(d1, d2), cache"])
@pytest.mark.parametrize("lost", [False, True])
def test_several_outputs_come_before_the_cache(spread, lost):
    def forward(x, w):
        return x @ w, np.exp(w), (x, w)

    def spread_back(d_y, d_exp, cache):
        x, w = cache
        return d_y @ w.T, x.T @ d_y + (0 if lost else np.exp(w) * d_exp)

    def tupled_back(d, cache):
        return spread_back(*d, cache)

    report = gradcheck_functions(forward, spread_back if spread else tupled_back, (X, W))
    assert rows_of(report, "wrong") == (["w"] if lost else [])
    assert report.passed is not lost


@pytest.mark.parametrize("loss", [np.sum, lambda x: float(np.sum(x)) if x.dtype == float else np.sum(x)])
@pytest.mark.parametrize("factor", [2, 3])
def test_a_loss_is_an_output(loss, factor):
    report = gradcheck_functions(lambda x: (loss(x**2), x), lambda d, x: factor * x * d, (X,))
    assert report.passed is (factor == 2), report


@pytest.mark.parametrize("key", ["{}", "d_{}", "d{}", "grad_{}", "{}_grad"])
@pytest.mark.parametrize("wrong", ["", "x", "w"])
def test_gradients_may_come_in_a_dict_under_the_inputs_names(key, wrong):
    def back(d_y, cache):
        found = dict(zip("xw", dense_back(d_y, cache), strict=True))
        return {key.format(name): value * (2 if name == wrong else 1) for name, value in found.items()}

    assert rows_of(gradcheck_functions(dense, back, (X, W)), "wrong") == list(wrong)


@pytest.mark.parametrize(
    ("change", "wrong", "note"),
    [
        (lambda d_x, d_w: (d_x,), ["w", "gradients"], "no gradient was returned"),
        (lambda d_x, d_w: (d_x, None), ["w"], "no gradient was returned"),
        (lambda d_x, d_w: {"w": d_w}, ["x"], "no gradient was returned"),
        (lambda d_x, d_w: None, ["x", "w", "gradients"], "no gradient was returned"),
        (lambda d_x, d_w: (d_x, d_w, d_w), ["gradients"], "backward returned 3, forward takes 2 arrays"),
        (lambda d_x, d_w: {"x": d_x, "w": d_w, "b": d_w}, ["b"], "not one of the inputs"),
        (lambda d_x, d_w: (d_x.T, d_w), ["x"], "the gradient has shape (4, 3), expected (3, 4)"),
        (lambda d_x, d_w: (d_x, d_w[:1]), ["w"], "the gradient has shape (1, 2), expected (4, 2)"),
        (lambda d_x, d_w: (d_x, np.full((4, 2), np.nan)), ["w"], "the gradient is nan at [0, 0]"),
        (
            lambda d_x, d_w: (d_x, np.where(d_w == d_w[2, 1], np.inf, d_w)),
            ["w"],
            "the gradient is inf at [2, 1]",
        ),
        (lambda d_x, d_w: (d_x, d_w + 0j), ["w"], "the gradient is complex"),
        (lambda d_x, d_w: (d_x, d_w.astype(str)), ["w"], "expected numbers"),
    ],
)
def test_a_gradient_that_cannot_be_compared_is_wrong_and_says_why(change, wrong, note):
    report = gradcheck_functions(dense, changed(change), (X, W))
    assert report.verdict == "wrong"
    assert set(wrong) <= set(rows_of(report, "wrong"))
    assert note in next(row.note for row in report.rows if row.name == wrong[-1] or note in row.note)


@pytest.mark.parametrize("result", ["floats alone", "None in place", "dict"])
def test_integers_have_no_gradient(result):
    ids = np.array([1, 0, 1])

    def back(d_y, cache):
        ids, table = cache
        d_table = np.zeros_like(table)
        np.add.at(d_table, ids, d_y)
        return {"floats alone": d_table, "None in place": (None, d_table), "dict": {"table": d_table}}[result]

    def forward(ids, table):
        return table[ids], (ids, table)

    report = gradcheck_functions(forward, back, {"ids": ids, "table": X})
    assert report.passed, report
    assert [row.name for row in report.rows] == ["table"]


def test_of_functions_of_integers_alone_nothing_can_be_told():
    report = gradcheck_functions(lambda k: (k * 2.0, None), lambda d, cache: (), (np.arange(3),))
    assert report.verdict == "cannot tell"
    assert report.rows == ()
    assert [cause.code for cause in report.causes] == ["nothing-to-compare"]


@pytest.mark.parametrize(
    "result", [X, [X, X], {"y": X}, None, (X,)], ids=["array", "list", "dict", "None", "1"]
)
def test_a_forward_that_returns_no_output_and_cache_is_a_type_error_that_names_it(result):
    def flat(x):
        return result

    with pytest.raises(TypeError, match=r"flat returned .+, expected \(out, cache\)"):
        gradcheck_functions(flat, lambda d, cache: d, (X,))


@pytest.mark.parametrize("off", [0.0, 1e-2])
def test_in_single_precision_the_tolerance_is_that_of_single_precision(off):
    inputs = (X.astype(np.float32), W.astype(np.float32))
    back = changed(lambda d_x, d_w: (d_x, d_w * np.float32(1 + off)))
    report = gradcheck_functions(dense, back, inputs)
    assert report.tolerance == 4096 * np.finfo(np.float32).eps
    assert rows_of(report, "wrong") == (["w"] if off else [])
    assert 0 < report.rows[0].max_error < rounding(np.float32, TERMS)


@pytest.mark.parametrize(
    "back",
    [
        changed(lambda d_x, d_w: (d_x.astype(np.float32), d_w.astype(np.float32))),
        changed(lambda d_x, d_w: (d_x.astype(np.float32) + 0.0, d_w.astype(np.float32).astype(float))),
    ],
    ids=["the gradients", "one of them in double again"],
)
def test_a_buffer_in_single_precision_is_wrong_among_doubles_and_is_the_only_cause(back):
    report = gradcheck_functions(dense, back, (X, W))
    assert rows_of(report, "wrong") == ["x", "w"]
    assert {cause.code for cause in report.causes} == {"single-precision"}


def test_where_single_precision_leaves_no_certain_trace_nothing_is_claimed():
    report = gradcheck_functions(dense, lambda d, cache: dense_back(np.float64(np.float32(d)), cache), (X, W))
    assert rows_of(report, "wrong") == ["x", "w"]
    assert not report.causes


def test_an_assertion_fails_with_the_whole_report():
    back = changed(lambda d_x, d_w: (d_x, d_w / 3))
    with pytest.raises(AssertionError) as failed:
        assert_gradients(dense, back, (X, W), seed=4)
    assert str(failed.value) == str(gradcheck_functions(dense, back, (X, W), seed=4))
    assert "1/3 of the right gradient" in str(failed.value)


def test_an_assertion_fails_where_nothing_can_be_told_and_holds_where_all_is_right():
    with pytest.raises(AssertionError, match="CANNOT TELL"):
        assert_gradients(lambda x: (x * np.nan, x), lambda d, x: d, (X,))
    assert_gradients(dense, dense_back, (X, W))
    assert_gradients(LSTMCell(2, 3, rng=0))


def test_inputs_or_a_likeness_are_needed_and_not_both():
    with pytest.raises(ValueError, match="neither inputs nor like was passed"):
        gradcheck_functions(dense, dense_back)
    with pytest.raises(ValueError, match="both inputs and like were passed"):
        gradcheck_functions(dense, dense_back, (X, W), like="lstm_step")


@pytest.mark.parametrize("max_elements", [20_000, 0])
def test_a_seed_gives_the_same_report_again(max_elements):
    back = changed(lambda d_x, d_w: (d_x * 1.01, d_w))

    def report(seed):
        return gradcheck_functions(dense, back, (X, W), seed=seed, max_elements=max_elements)

    assert report(3) == report(3)
    assert report(3).rows != report(4).rows
    assert report(3).seed == 3


@pytest.mark.parametrize("change", [lambda *d: d, lambda d_x, d_w: (d_x, -d_w), lambda d_x, d_w: (d_x,)])
def test_json_gives_a_report_back(change):
    report = gradcheck_functions(dense, changed(change), (X, W))
    assert Report.from_json(report.to_json()) == report


def test_the_functions_arrays_are_left_as_they_were():
    def forward(x):
        y = x**2
        x += 1
        return y, x - 1

    given = X.copy()
    gradcheck_functions(forward, lambda d, x: 2 * x * d, (given,))
    assert given.tobytes() == X.tobytes()
