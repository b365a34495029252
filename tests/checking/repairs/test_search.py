"""A wrong line is found by changing it: the change makes every gradient right, and everything is put back."""

import textwrap

import numpy as np
import pytest

from seqmem import gradcheck_functions
from seqmem.checking.reading.loading import load
from seqmem.checking.repairs import search
from seqmem.checking.repairs.search import Repair
from seqmem.checking.repairs.words import causes_of

GATE = """
import numpy as np


def squashed(a):
    return 1 / (1 + np.exp(-a))


def forward(x, w, u, b):
    g = np.tanh(x @ w + b)
    s = squashed(x @ u)
    return g * s, (x, w, u, g, s)


def backward(d, cache):
    x, w, u, g, s = cache
    dg = d * s
    ds = d * g
    da = dg * (1 - g ** 2)
    dz = ds * s * (1 - s)
    dx = da @ w.T + dz @ u.T
    dw = x.T @ da
    du = x.T @ dz
    db = da.sum(axis=0)
    return dx, dw, du, db
"""
SEQUENCE = """
import numpy as np


class Net:
    def __init__(self, w, u):
        self.w, self.u = w, u

    def forward(self, xs, h0):
        self.xs, self.hs = xs, [h0]
        for t in range(len(xs)):
            self.hs.append(np.tanh(xs[t] @ self.w + self.hs[t] @ self.u))
        return np.array(self.hs[1:])

    def __backward(self, d):
        dxs, dh = np.zeros_like(self.xs), np.zeros_like(self.hs[0])
        dw, du = np.zeros_like(self.w), np.zeros_like(self.u)
        for t in range(len(self.xs) - 1, -1, -1):
            da = (d[t] + dh) * (1 - self.hs[t + 1] ** 2)
            dxs[t] = da @ self.w.T
            dw += self.xs[t].T @ da
            du += self.hs[t].T @ da
            dh = da @ self.u.T
        return dxs, dh, dw, du

    def backward(self, d):
        return self.__backward(d)


def forward(xs, h0, w, u):
    net = Net(w, u)
    return net.forward(xs, h0), (net,)


def backward(d, cache):
    return cache[0].backward(d)
"""
SOFTMAX = """
import numpy as np


def forward(scores, values):
    e = np.exp(scores)
    p = e / e.sum(axis=1, keepdims=True)
    return p * values, (p, values)


def backward(d, cache):
    p, values = cache
    dp = d * values
    dscores = p * (dp - (dp * p).sum(axis=1, keepdims=True))
    return dscores, d * p
"""
NORM = """
import numpy as np


def forward(x, gain):
    std = np.sqrt(x.var(axis=0) + 1e-5)
    n = (x - x.mean(axis=0)) / std
    return gain * n, (n, std, gain)


def backward(d, cache):
    n, std, gain = cache
    dn = d * gain
    dx = (dn - dn.mean(axis=0) - n * (dn * n).mean(axis=0)) / std
    return dx, (d * n).sum(axis=0)
"""
SHAPES = {
    GATE: {"x": (3, 4), "w": (4, 5), "u": (4, 5), "b": (5,)},
    SEQUENCE: {"xs": (4, 3, 2), "h0": (3, 5), "w": (2, 5), "u": (5, 5)},
    SOFTMAX: {"scores": (3, 5), "values": (3, 5)},
    NORM: {"x": (4, 3), "gain": (3,)},
}
MISTAKES = {
    "another array": (GATE, [("dg = d * s", "dg = d * g")], ["line 16", "the wrong array", "`d * s`"]),
    "other weights": (GATE, [("+ dz @ u.T", "+ dz @ w.T")], ["`dz @ u.T`", "`dz @ w.T`"]),
    "a mean": (GATE, [("da.sum(axis=0)", "da.mean(axis=0)")], ["a mean for a sum", "da.sum(axis=0)"]),
    "a sign": (GATE, [("(1 - g ** 2)", "(1 + g ** 2)")], ["sign", "1 - g ** 2"]),
    "a minus": (GATE, [("ds = d * g", "ds = -(d * g)")], ["sign", "d * g"]),
    "no derivative": (GATE, [("dg * (1 - g ** 2)", "dg")], ["a factor is missing", "(1 - g ** 2)"]),
    "half a derivative": (GATE, [("s * (1 - s)", "s")], ["a factor is missing", "(1 - s)"]),
    "two lines": (
        GATE,
        [("x.T @ dz", "x.T @ da"), ("da.sum(", "da.mean(")],
        ["`x.T @ dz`", "`da.sum(axis=0)`", "line 22", "line 23", "with these 2 changes"],
    ),
    "= for +=": (SEQUENCE, [("dw +=", "dw =")], ["= instead of +=", "`dw += self.xs[t].T @ da`"]),
    "= for += twice": (
        SEQUENCE,
        [("dw +=", "dw ="), ("du +=", "du =")],
        ["`dw += ", "`du += ", "with these 2 changes"],
    ),
    "a loop too short": (SEQUENCE, [("- 1, -1, -1)", "- 1, 0, -1)")], ["range(len(self.xs) - 1, -1, -1)"]),
    "the next state": (SEQUENCE, [("self.hs[t].T @ da", "self.hs[t + 1].T @ da")], ["index", "self.hs[t]"]),
    "no transpose": (SEQUENCE, [("self.u.T", "self.u")], ["a transpose is missing", "da @ self.u.T"]),
    "no carry": (SEQUENCE, [("(d[t] + dh)", "d[t]")], ["a term is missing", "d[t] + dh"]),
    "the diagonal": (
        SOFTMAX,
        [("p * (dp - (dp * p).sum(axis=1, keepdims=True))", "dp * p * (1 - p)")],
        ["as its diagonal", "(dp * p).sum(axis=-1, keepdims=True)"],
    ),
    "not weighted": (SOFTMAX, [("(dp * p).sum(", "dp.mean(")], ["weighted", "(dp * p).sum("]),
    "no mean": (NORM, [("dn - dn.mean(axis=0) -", "dn -")], ["the path through the mean"]),
    "no variance": (NORM, [(" - n * (dn * n).mean(axis=0)", "")], ["the path through the scale"]),
    "forward": (GATE, [("return g * s", "return g * g")], ["line 11", "in the forward pass", "`s * g`"]),
    "an axis, of either pass": (
        SOFTMAX,
        [("e.sum(axis=1, keepdims=True)", "e.sum(axis=0)")],
        ["line 13: the wrong axis. With", "line 6: the wrong axis in the forward pass, or", "e.sum(axis=1"],
    ),
}


def names_of(tmp_path, text, changes):
    for line, becomes in changes:
        assert text.count(line) == 1
        text = text.replace(line, becomes)
    path = tmp_path / "homework.py"
    path.write_text(textwrap.dedent(text).lstrip())
    return load(path).names, str(path)


def inputs_of(text):
    rng = np.random.default_rng(3)
    return {name: rng.normal(size=shape) for name, shape in SHAPES[text].items()}


@pytest.fixture(autouse=True)
def as_before(monkeypatch):
    import sys

    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))


def repaired(tmp_path, text, changes=(), **settings):
    names, path = names_of(tmp_path, text, changes)
    repair = Repair(names["forward"], names["backward"], inputs_of(text), names, path, **settings)
    return repair, repair.found()


@pytest.mark.parametrize(("text", "changes", "said"), MISTAKES.values(), ids=MISTAKES.keys())
def test_the_line_that_was_changed_is_named(tmp_path, text, changes, said):
    _, found = repaired(tmp_path, text, changes)
    assert found is not None
    message = "\n".join(cause.message for cause in causes_of(found))
    assert all(part in message for part in said), message
    assert len(found.edits) == len(changes)


@pytest.mark.parametrize("text", SHAPES, ids=["gate", "sequence", "softmax", "norm"])
def test_where_nothing_is_wrong_nothing_is_found(tmp_path, text):
    names, _ = names_of(tmp_path, text, [])
    assert gradcheck_functions(names["forward"], names["backward"], inputs_of(text)).passed
    assert repaired(tmp_path, text)[1] is None


def test_what_no_change_makes_right_has_no_line(tmp_path, monkeypatch):
    monkeypatch.setattr(search, "SECONDS", 0.4)
    _, found = repaired(tmp_path, GATE, [("dg = d * s", "dg = np.cumsum(d * s, axis=0) * 1.37")])
    assert found is None


def test_afterwards_every_function_and_every_input_is_as_it_was(tmp_path):
    names, path = names_of(tmp_path, GATE, [("dg = d * s", "dg = d * g")])
    inputs = inputs_of(GATE)
    before = {name: names[name].__code__ for name in ("forward", "backward", "squashed")}
    copies = {name: array.copy() for name, array in inputs.items()}
    assert Repair(names["forward"], names["backward"], inputs, names, path).found() is not None
    assert all(names[name].__code__ is code for name, code in before.items())
    assert all(np.array_equal(inputs[name], copies[name]) for name in copies)


def test_a_change_that_writes_into_its_input_spoils_no_other(tmp_path):
    text = GATE.replace("dg = d * s", "dg = d * s\n    dg *= 1").replace("dx = da @", "dx = dz @")
    SHAPES[text] = SHAPES[GATE]
    _, found = repaired(tmp_path, text)
    del SHAPES[text]
    assert "`da @ w.T`" in causes_of(found)[0].message


def test_a_search_ends_in_time(tmp_path, monkeypatch):
    monkeypatch.setattr(search, "SECONDS", 0.0)
    assert repaired(tmp_path, GATE, [("dg = d * s", "dg = d * g")])[1] is None
