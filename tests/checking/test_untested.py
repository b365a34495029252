"""A gradient that no comparison could have refuted is not called right, whichever way it came in."""

import json

import numpy as np
import pytest

from seqmem import (
    Dropout,
    Embedding,
    FixedContext,
    Linear,
    LSTMCell,
    Recurrent,
    assert_gradients,
    check_module,
)
from seqmem.checking import gradcheck, gradcheck_functions
from seqmem.checking.catalogue.check_kind import check_kind
from seqmem.checking.catalogue.kinds import KINDS
from seqmem.checking.selftest.score import with_mistakes
from seqmem.checking.submissions.find import check_names
from seqmem.cli.main import main
from seqmem.contexts import AdditiveAttention

X = np.random.default_rng(0).standard_normal((4, 3))
every_mode = pytest.mark.parametrize("max_elements", [20_000, 0], ids=["elements", "directions"])


def square(x):
    return x**2, x


def lost(d, x):
    return 0 * x


NOWHERE = {  # where a right gradient and a lost one look the same
    "no rows": (square, (np.zeros((0, 3)),)),
    "all zero": (square, (np.zeros((4, 3)),)),
    "masked away": (lambda x: (x**2 * np.zeros(3), x), (X,)),
    "no output": (lambda x: ((x**2)[:0], x), (X,)),
    "saturated": (lambda x: (np.tanh(1e3 + x**2), x), (X,)),
}


@every_mode
@pytest.mark.parametrize(("forward", "inputs"), NOWHERE.values(), ids=NOWHERE.keys())
def test_what_could_not_have_been_refuted_cannot_be_told(forward, inputs, max_elements):
    report = gradcheck_functions(forward, lost, inputs, max_elements=max_elements)
    assert report.verdict == "cannot tell", report
    assert [cause.code for cause in report.causes] == ["not-tested"]
    (row,) = report.rows
    assert row.verdict == "cannot tell"
    assert "not put to the test" in row.note
    with pytest.raises(AssertionError, match=r"^no gradient was found wrong, but these inputs cannot show"):
        assert_gradients(forward, lost, inputs, max_elements=max_elements)


@every_mode
def test_one_array_that_is_reached_does_not_make_the_other_right(max_elements):
    def forward(x, y):
        return y**2 + x * np.zeros(3), y

    report = gradcheck_functions(
        forward, lambda d, y: (0 * y, 2 * y * d), (X, X + 5), max_elements=max_elements
    )
    assert {row.name: row.verdict for row in report.rows} == {"x": "cannot tell", "y": "right"}
    assert report.verdict == "cannot tell"
    assert report.causes[0].message.startswith("x: ")
    wrong = gradcheck_functions(forward, lambda d, y: (0 * y, y * d), (X, X + 5), max_elements=max_elements)
    assert wrong.verdict == "wrong"
    assert {row.name: row.verdict for row in wrong.rows} == {"x": "cannot tell", "y": "wrong"}


@every_mode
def test_a_gradient_where_there_is_none_is_still_wrong(max_elements):
    report = gradcheck_functions(
        lambda x, y: (y**2 + x * np.zeros(3), y),
        lambda d, y: (d, 2 * y * d),
        (X, X + 5),
        max_elements=max_elements,
    )
    assert {row.name: row.verdict for row in report.rows} == {"x": "wrong", "y": "right"}


def test_a_gradient_that_drowns_in_rounding_is_not_tested_either():
    """Zeros would pass as well: a share of 1e-18 of the outputs is nothing that a comparison sees."""
    report = gradcheck_functions(
        lambda x, y: (y**2 + 1e-18 * x, y), lambda d, y: (7e-18 * d, 2 * y * d), (X, X + 5)
    )
    assert {row.name: row.verdict for row in report.rows} == {"x": "cannot tell", "y": "right"}


@every_mode
def test_part_of_an_array_may_be_cut_off(max_elements):
    mask = X > 0
    report = gradcheck_functions(
        lambda x: (x**2 * mask, x), lambda d, x: 2 * x * mask * d, (X,), max_elements=max_elements
    )
    assert report.passed, report


MODULES = {
    "a linear layer of zeros": (Linear(3, 2, rng=0), (np.zeros((4, 3)),), {}, ["W"]),
    "a linear layer of nothing": (Linear(3, 2, rng=0), (np.zeros((0, 3)),), {}, ["W", "b", "x"]),
    "a dropout that cut all": (Dropout(0.999), (np.ones((4, 3)),), {"rng": 0}, ["x"]),
    "tokens of nothing": (Embedding(5, 2, rng=0), (np.zeros((0, 3), int),), {}, ["W"]),
    "no state": (LSTMCell(3, 4, rng=0), (X,), {}, ["W_h"]),
    "no steps": (
        Recurrent(LSTMCell(3, 4, rng=0)),
        (np.ones((5, 2, 3)),),
        {"lengths": np.zeros(2, int)},
        ["cell.W_x", "cell.W_h", "cell.b", "xs"],
    ),
    "no keys": (
        AdditiveAttention(3, 2, 4, rng=0),
        (X, np.ones((5, 4, 2))),
        {"lengths": np.zeros(4, int)},
        ["W_q", "W_k", "b", "v", "query", "keys"],
    ),
}


@every_mode
@pytest.mark.parametrize(("module", "inputs", "options", "names"), MODULES.values(), ids=MODULES.keys())
def test_of_a_module_it_is_named_which_gradients_these_inputs_cannot_show(
    module, inputs, options, names, max_elements
):
    report = gradcheck(module, *inputs, max_elements=max_elements, **options)
    assert [row.name for row in report.rows if row.verdict == "cannot tell"] == names
    assert report.verdict == "cannot tell"
    with pytest.raises(AssertionError, match="cannot show that all of them are right"):
        assert_gradients(module, *inputs, **options)
    with pytest.raises(AssertionError, match="was not shown to keep 1 of 1 promises") as said:
        check_module(module, *inputs, checks=["gradients"], **options)
    assert "breaks" not in str(said.value)


def test_a_layer_whose_gradient_is_lost_does_not_pass_on_zeros():
    class Lost(Linear):
        def backward(self, d_y, cache):
            d_inputs, grads = super().backward(d_y, cache)
            return d_inputs, grads | {"W": 0 * grads["W"]}

    assert gradcheck(Lost(3, 2, rng=0), np.zeros((4, 3))).verdict == "cannot tell"
    assert gradcheck(Lost(3, 2, rng=0), X).verdict == "wrong"
    assert gradcheck(Lost(3, 2, rng=0)).verdict == "wrong"


@every_mode
def test_an_input_that_a_module_declares_not_to_read_is_right_at_zero_and_only_there(max_elements):
    class Reads(FixedContext):
        def backward(self, d_outputs, cache):
            (d_query, d_keys), grads = super().backward(d_outputs, cache)
            return (d_query + 1, d_keys), grads

    report = gradcheck(FixedContext(), max_elements=max_elements)
    assert report.passed, report
    report = gradcheck(Reads(), max_elements=max_elements)
    assert [row.name for row in report.rows if row.verdict == "wrong"] == ["query"]


@pytest.mark.parametrize("rate", [0.5, 0.9, 0.99, 0.999])
@pytest.mark.parametrize("seed", range(5))
def test_inputs_drawn_for_a_dropout_let_something_through(rate, seed):
    assert gradcheck(Dropout(rate), seed=seed).passed


@pytest.mark.parametrize("like", [like for like in KINDS if like != "clipping"])
@pytest.mark.parametrize("seed", range(3))
def test_numbers_drawn_for_a_likeness_put_every_array_to_the_test(like, seed):
    report = check_kind(*with_mistakes(KINDS[like], ()), like, seed)
    assert report.passed, report


def test_a_function_like_another_that_ignores_an_input_is_not_right():
    def forward(x, h_prev, Wx, Wh, b):
        h = np.tanh(x @ Wx + b)
        return h, (x, h_prev, Wx, Wh, h)

    def backward(d, cache):
        x, h_prev, Wx, Wh, h = cache
        da = d * (1 - h**2)
        return da @ Wx.T, 0 * h_prev, x.T @ da, 0 * Wh, da.sum(axis=0)

    report = gradcheck_functions(forward, backward, like="rnn_step")
    assert not report.passed
    assert {row.name for row in report.rows if row.verdict == "cannot tell"} == {"h_prev", "Wh"}


FILE = """
import numpy as np
def forward(x):
    return x**2, x
def backward(d, x):
    return d * 0
def inputs():
    return {"x": np.zeros((0, 3))}
"""


def test_a_file_whose_inputs_show_nothing_cannot_be_told(tmp_path, capsys):
    names = {"forward": square, "backward": lost, "inputs": lambda: {"x": np.zeros((4, 3))}}
    assert check_names(names, "", "", 0).verdict == "cannot tell"
    path = tmp_path / "mine.py"
    path.write_text(FILE, encoding="utf-8")
    assert main(["check", str(path)]) == 2
    assert capsys.readouterr().out.startswith("forward: CANNOT TELL")
    assert main(["check", str(path), "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert (found["verdict"], found["passed"]) == ("cannot tell", False)
    assert [cause["code"] for cause in found["causes"]] == ["not-tested"]
