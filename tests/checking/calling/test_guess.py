"""Values are found with which a pass runs; no pass is called right or wrong at values that say nothing."""

import re
import sys
import textwrap
import types

import numpy as np
import pytest

from seqmem.checking.reading.loading import NAME
from seqmem.checking.submissions.find import Options, UnguessedError, check_names, options_of


@pytest.fixture
def judged(monkeypatch, tmp_path):
    """Check a text's pass."""

    def judged(text, name="", **options):
        path = tmp_path / "mine.py"
        path.write_text("import numpy as np\n" + textwrap.dedent(text), encoding="utf-8")
        module = types.ModuleType(NAME)
        monkeypatch.setitem(sys.modules, NAME, module)
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), vars(module))
        return check_names(vars(module), name, "", 0, Options(**options))

    return judged


AFFINE = """
def affine_forward(x, w, b):
    return x @ w + b, (x, w)

def affine_backward(d, cache):
    x, w = cache
    return d @ w.T, x.T @ d, d.sum(axis=0)
"""
NAMES = {
    "a loss and its gradients": """
        def mse_loss(pred, target):
            return np.mean((pred - target) ** 2), 2 * (pred - target) / pred.size
        """,
    "camel case": AFFINE.replace("affine_forward", "affineForward").replace(
        "affine_backward", "affineBackward"
    ),
    "forward first": AFFINE.replace("affine_forward", "forward_affine").replace(
        "affine_backward", "backprop_affine"
    ),
    "fwd and bwd": AFFINE.replace("_forward", "_fwd").replace("_backward", "_bwd"),
    "fprop and bprop": AFFINE.replace("_forward", "_fprop").replace("_backward", "_bprop"),
    "f and df": "def f(x):\n    return np.sin(x)\n\ndef df(x):\n    return np.cos(x)\n".replace(
        "def df(x)", "def df(d, x)"
    ).replace("return np.cos(x)", "return d * np.cos(x)"),
    "parameters in a dictionary, gradients named after them": """
        def net_forward(x, params):
            h = np.tanh(x @ params["W1"] + params["b1"])
            return h @ params["W2"], (x, h)

        def net_backward(dout, params, cache):
            x, h = cache
            da = dout @ params["W2"].T * (1 - h**2)
            W1 = params["W1"]
            return {"W2_grad": h.T @ dout, "W1_grad": x.T @ da, "b1_grad": da.sum(0), "x_grad": da @ W1.T}
        """,
    "parameters in a list": """
        def net_forward(x, params):
            W, b = params
            return np.tanh(x @ W + b), (x, np.tanh(x @ W + b))

        def net_backward(dout, params, cache):
            W, b = params
            x, h = cache
            da = dout * (1 - h**2)
            return da @ W.T, [x.T @ da, da.sum(axis=0)]
        """,
    "globals": """
        W = np.ones((7, 5))

        def layer_forward(x):
            return np.tanh(x @ W), (x, np.tanh(x @ W))

        def layer_backward(dh, cache):
            x, h = cache
            return {"dW": x.T @ (dh * (1 - h**2)), "dx": (dh * (1 - h**2)) @ W.T}
        """,
    "an object with its gradients as attributes": """
        class Layer:
            def __init__(self, input_size, hidden_size):
                self.W = np.zeros((hidden_size, input_size))
                self.b = np.zeros((hidden_size, 1))

            def forward(self, x):
                self.x, self.h = x, np.tanh(self.W @ x + self.b)
                return self.h

            def backward(self, dh):
                da = dh * (1 - self.h**2)
                self.dW, self.db = da @ self.x.T, da.sum(axis=1, keepdims=True)
                return self.W.T @ da
        """,
    "gradients in another order": """
        def layer_forward(x, W, b):
            return x @ W + b, (x, W)

        def layer_backward(dout, cache):
            x, W = cache
            one, two, three = dout.sum(axis=0), x.T @ dout, dout @ W.T
            return one, two, three
        """,
    "a flag at its default": AFFINE.replace("x, w, b)", "x, w, b, verbose=False, scale=1.0)"),
    "an object that updates itself": """
        class Layer:
            def __init__(self, n_in, n_out):
                self.W = np.zeros((n_in, n_out))

            def forward(self, x):
                self.x = x
                return x @ self.W

            def backprop(self, d_y, learning_rate=0.1):
                self.W = self.W - learning_rate * self.x.T @ d_y
        """,
}


@pytest.mark.parametrize("text", NAMES.values(), ids=NAMES.keys())
def test_a_right_pass_is_found_and_right(judged, text):
    report = judged(text)
    assert report.passed, str(report)
    assert report.rows


WRONG = {
    "a factor": ("x.T @ d,", "2 * x.T @ d,", {"w"}),
    "a mean": ("d.sum(axis=0)", "d.mean(axis=0)", {"b"}),
    "zeros": ("d @ w.T", "0 * (d @ w.T)", {"x"}),
}


@pytest.mark.parametrize(("right", "wrong", "names"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_pass_is_wrong_there(judged, right, wrong, names):
    report = judged(AFFINE.replace(right, wrong))
    assert {row.name for row in report.rows if row.verdict == "wrong"} == names


def test_an_input_whose_gradient_is_not_returned_is_reported_and_no_error(judged):
    report = judged(
        AFFINE.replace("return d @ w.T, x.T @ d, d.sum(axis=0)", "return {'dw': x.T @ d, 'db': d.sum(0)}")
    )
    assert report.passed
    assert "no gradient is returned for x" in report.notes


def test_an_input_may_be_left_out(judged):
    wrong = AFFINE.replace("d.sum(axis=0)", "2 * d.sum(axis=0)")
    assert judged(wrong).verdict == "wrong"
    assert judged(wrong, excluded=frozenset({"b"})).passed


def test_a_comment_gives_a_shape(judged):
    text = AFFINE.replace("b):\n", 'b):\n    """x: input, of shape (N, D); w: (D, M)."""\n', 1)
    report = judged(text, verbose=True)
    assert report.passed
    assert "x 3x7" in report.notes[-1]


def test_what_was_assumed_is_said_when_asked_for(judged):
    assert not judged(AFFINE).notes
    assert re.match(r"assumed, after \d+ trials? \(.*\): x ", judged(AFFINE, verbose=True).notes[-1])


HOW = """
def mine_forward(x, how):
    return how["power"] * x ** how["power"], x, how

def mine_backward(d, x, how):
    return d * how["power"] ** 2 * x ** (how["power"] - 1)
"""


def test_what_cannot_be_guessed_is_asked_with_the_flag_that_answers_it(judged):
    text = "def mine_forward(x, how):\n    return how.times(x), None\n\n"
    text += "def mine_backward(d, cache):\n    return d\n"
    with pytest.raises(UnguessedError, match=r"--inputs .*--set") as raised:
        judged(text)
    assert "\n" not in str(raised.value)


def test_a_flag_answers_it(judged):
    order = {"like": "", "seed": 0, "sets": {"how": "{'power': 3}"}, "inputs": {"x": "2x3"}}
    options = options_of(order)
    report = judged(HOW, values=options.values, verbose=True)
    assert report.passed, str(report)
    assert [row.shape for row in report.rows] == [(2, 3)]


@pytest.mark.parametrize("text", ["3y4", "0x2", "", "x", "3x4<z"])
def test_a_shape_that_is_none_is_said(text):
    with pytest.raises(ValueError, match="expected a shape as 3x4"):
        options_of({"like": "", "seed": 0, "inputs": {"x": text}})


def test_a_value_is_a_literal_and_nothing_that_runs():
    with pytest.raises(ValueError, match="expected a number"):
        options_of({"like": "", "seed": 0, "sets": {"x": "__import__('os')"}})


def test_two_functions_may_be_named(judged):
    text = AFFINE.replace("affine_forward", "go").replace("affine_backward", "come")
    assert judged(text, pair=("go", "come")).passed


def test_the_sequence_is_long_enough_to_show_a_truncation(judged):
    text = """
        def sum_forward(ids, W):
            h, hs = np.zeros(5), []
            for i in ids:
                h = np.tanh(W[i] + h)
                hs.append(h)
            return np.array(hs), (ids, W, hs)

        def sum_backward(dhs, cache):
            ids, W, hs = cache
            dW = np.zeros_like(W)
            for t in range(len(ids)):
                dh = dhs[t]
                for k in range(t, max(-1, t - 4), -1):
                    dh = dh * (1 - hs[k] ** 2)
                    dW[ids[k]] += dh
            return dW
        """
    assert judged(text).verdict == "wrong"


def test_the_numbers_are_the_same_for_the_same_seed(judged):
    wrong = AFFINE.replace("d.sum(axis=0)", "2 * d.sum(axis=0)")
    assert str(judged(wrong)) == str(judged(wrong))
    assert np.isfinite(judged(wrong).max_error)
