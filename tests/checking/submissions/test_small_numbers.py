"""A small number in a logarithm is no mistake, and hides none."""

import textwrap

import pytest

from seqmem.checking.reading.loading import load
from seqmem.checking.submissions.find import check_names

LOSS = """
import numpy as np
EPS = 1e-7


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def loss_forward(x, y):
    '''x: (N, C) scores, y: (N,) labels'''
    p = softmax(x)
    return -np.log(p[np.arange(len(y)), y] + 1e-7).mean(), (p, y)


def loss_backward(dout, cache):
    p, y = cache
    dx = p.copy()
    dx[np.arange(len(y)), y] -= 1
    return dout * dx / len(y)
"""
LAYER = """
import numpy as np


class Loss:
    def __init__(self):
        self.eps = 1e-7

    def forward(self, x, t):
        '''x: (N, C), t: (N,) labels'''
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.y, self.t = e / e.sum(axis=1, keepdims=True), t
        return -np.log(self.y[np.arange(len(t)), t] + self.eps).mean()

    def backward(self, dout=1):
        dx = self.y.copy()
        dx[np.arange(len(self.t)), self.t] -= 1
        return dout * dx / len(self.t)
"""
BOTH = """
import numpy as np


def loss(x, y):
    '''x: (N, C), y: (N,)'''
    p = np.exp(x - x.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    d = p.copy()
    d[np.arange(len(y)), y] -= 1
    return -np.mean(np.log(p[np.arange(len(y)), y] + 1e-9)), d / len(y)
"""
HELPER = LOSS.replace("-np.log(p[np.arange(len(y)), y] + 1e-7).mean()", "picked(p, y)") + (
    "\n\ndef picked(p, y):\n    return np.mean([-np.log(row[k] + 1e-7) for row, k in zip(p, y)])\n"
)
SMALL = {
    "a number in the forward pass": (LOSS, "loss", "1e-07 in line 14"),
    "in a function that it calls": (HELPER, "loss", "1e-07 in line 25"),
    "a global name": (LOSS.replace("+ 1e-7", "+ EPS"), "loss", "1e-07:"),
    "a default": (
        LOSS.replace("(x, y):\n    '''", "(x, y, eps=1e-7):\n    '''").replace("+ 1e-7", "+ eps"),
        *("loss", "1e-07 in line 11"),
    ),
    "an attribute": (LAYER, "Loss", "1e-07:"),
    "one call for both": (BOTH, "loss", "1e-09 in line 11"),
}  # fmt: skip
every_place = pytest.mark.parametrize(("text", "name", "said"), SMALL.values(), ids=SMALL.keys())


def judged(text, name, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    loaded = load(path)
    return check_names(loaded.names, name, "", 0), loaded.names


@every_place
def test_a_small_number_that_only_the_forward_pass_adds_is_noted_and_no_mistake(text, name, said, tmp_path):
    report, _ = judged(text, name, tmp_path)
    assert report.verdict == "right", str(report)
    assert report.tolerance < 1e-12
    (note,) = [note for note in report.notes if "small number" in note]
    assert said in note


@every_place
@pytest.mark.parametrize("off", [5e-5, 1e-6, 1e-8])
def test_no_error_of_the_same_size_hides_behind_it(text, name, said, off, tmp_path):
    for right in ("dout * dx", "d / len"):
        text = text.replace(right, f"{1 + off!r} * {right}")
    report, _ = judged(text, name, tmp_path)
    assert report.verdict == "wrong", str(report)


def test_a_number_that_is_a_factor_is_not_left_out(tmp_path):
    decayed = BOTH.replace("d / len(y)", "d / len(y) + 1e-6 * x")
    report, _ = judged(decayed, "loss", tmp_path)
    assert report.verdict == "wrong", str(report)


def test_the_numbers_are_there_again_afterwards(tmp_path):
    _, names = judged(LOSS.replace("+ 1e-7", "+ 1e-7 + EPS"), "loss", tmp_path)
    assert names["EPS"] == 1e-7
    assert 1e-7 in names["loss_forward"].__code__.co_consts


@pytest.mark.parametrize(("off", "verdict"), [(0.0, "right"), (5e-5, "wrong")])
def test_single_precision_is_noted_and_hides_no_error_either(off, verdict, tmp_path):
    text = f"""
    import numpy as np

    def dense_forward(x, w):
        return x @ w, (x, w)

    def dense_backward(d, cache):
        x, w = cache
        return (d @ w.T).astype(np.float32), np.float32({1 + off!r}) * (x.T @ d).astype(np.float32)
    """
    report, _ = judged(text, "dense", tmp_path)
    assert report.verdict == verdict, str(report)
    assert any("single precision" in note for note in report.notes) == (verdict == "right")
