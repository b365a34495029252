"""Mutants differ from the original in one place, and those of the library are caught."""

import ast
import inspect

import numpy as np
import pytest

from seqmem import Embedding, FixedContext, Linear, gradcheck
from seqmem.cells import Cell, GRUCell, LSTMCell, RNNCell, tape
from seqmem.checking import check_module
from seqmem.checking.selftest import mutation_score as mutation_module
from seqmem.checking.selftest.demanding_cell import DemandingCell
from seqmem.checking.selftest.mutants import mutants
from seqmem.checking.selftest.mutation_score import _plain, mutation
from seqmem.checking.selftest.places import ANYTHING, PLACES, RIGHT, Place


def example(h, c, out):
    """Not a word of this is changed, nor "a string"."""
    f, i = h[0], -h[1]
    out += f * c.T
    np.tanh(out, out=out)
    note(out)  # noqa: F821 - never called
    out = cell.passed(c, f)  # noqa: F821
    return i**2 if f == i else h.reshape(-1, 3)


CHANGED = {
    "f, i = (h[0], -h[1])": {
        "f, i = (h[1], -h[1])",
        "f, i = (h[0], h[1])",
        "f, i = (h[0], -h[2])",
        "f, i = (h[0], -h[0])",
        "f, i = (c[0], -h[1])",
        "f, i = (h[0], -c[1])",
    },
    "out += f * c.T": {
        "out -= f * c.T",
        "pass",
        "out[...] = f * c.T",
        "out += f + c.T",
        "out += i * c.T",
        "out += f * c",
        "out += f * h.T",
    },
    "np.tanh(out, out=out)": {"np.sin(out, out=out)"},
    "note(out)": {"pass"},
    "out = cell.passed(c, f)": {
        "out = c",
        "out = cell.passed(h, f)",
        "out = cell.passed(c, i)",
    },
    "return i ** 2 if f == i else h.reshape(-1, 3)": {
        "return i * 2 if f == i else h.reshape(-1, 3)",
        "return f ** 2 if f == i else h.reshape(-1, 3)",
        "return i ** 3 if f == i else h.reshape(-1, 3)",
        "return i ** 1 if f == i else h.reshape(-1, 3)",
        "return i ** 2 if f == i else c.reshape(-1, 3)",
        "return i ** 2 if f == i else h.reshape(1, 3)",
        "return i ** 2 if f == i else h.reshape(-1, 4)",
        "return i ** 2 if f == i else h.reshape(-1, 2)",
        "return i ** 2 if f != i else h.reshape(-1, 3)",
        "return i ** 2 if i == i else h.reshape(-1, 3)",
        "return i ** 2 if f == f else h.reshape(-1, 3)",
    },
}


def test_every_place_is_changed_and_nothing_else():
    found: dict[str, set[str]] = {}
    for mutant in mutants(example):
        found.setdefault(_plain(mutant.line), set()).add(_plain(mutant.becomes))
    expected = {_plain(line): set(map(_plain, lines)) for line, lines in CHANGED.items()}
    assert found == expected


def test_a_mutant_is_the_whole_function_with_one_line_changed():
    before = ast.unparse(ast.parse(inspect.getsource(example))).splitlines()
    for mutant in mutants(example):
        after = mutant.source.splitlines()
        assert sum(one != other for one, other in zip(before, after, strict=True)) == 1
        ast.parse(mutant.source)


SMALL = tuple(place for place in PLACES if place.owner in (Embedding, Linear, FixedContext))


def test_mutants_of_small_modules_are_all_caught():
    found = mutation(SMALL)
    assert found.caught > 30
    assert found.silent == found.right == ()


def test_a_mutant_that_the_checker_finds_right_is_counted_as_not_caught(monkeypatch):
    monkeypatch.setattr(mutation_module, "_is_caught", lambda *_: False)
    found = mutation(SMALL)
    assert found.caught == 0
    assert len(found.silent) > 30
    assert {line.split(".")[0] for line in found.silent} == {"Embedding", "Linear", "FixedContext"}


class Broken(Linear):
    def backward(self, d_y, cache):
        (d_x,), grads = super().backward(d_y, cache)
        return (2 * d_x,), grads


def test_where_an_original_is_not_found_right_nothing_is_said_of_mutants():
    with pytest.raises(RuntimeError, match=r"Linear.forward is not found right as it is"):
        mutation((Place(Linear, ("forward",), (lambda: Broken(3, 2, rng=0),)),))


def test_mutants_that_only_show_in_one_sequence_are_caught_there(monkeypatch):
    (place,) = (place for place in PLACES if "transposing" in place.methods)
    place = place._replace(methods=("transposing",), makes=place.makes[:1])
    caught = mutation((place,)).caught
    monkeypatch.setattr(mutation_module, "_more", lambda module: [])
    assert mutation((place,)).caught < caught


def test_every_method_of_a_cell_that_computes_something_is_a_place():
    methods = {(place.owner, method) for place in PLACES for method in place.methods}
    steps = ("step", "local_derivatives", "step_backward")
    for cell in (LSTMCell, RNNCell):
        assert {(cell, method) for method in steps} <= methods
    for method in (*steps, "collect"):
        assert {(GRUCell, f"_{method}"), (GRUCell, f"_{method}_after")} <= methods
    for method in ("project", "gradients", "collect", "run", "steps_back", "way_in", "way_back"):
        assert (Cell, method) in methods
    for function in ("multiplying", "transposing", "products"):
        assert (tape, function) in methods


def test_the_cell_that_asks_for_everything_keeps_the_whole_contract():
    assert gradcheck(DemandingCell(2, 5, rng=0)).passed
    assert check_module(DemandingCell(2, 5, rng=0)).passed


def test_the_library_stays_as_it_is():
    before = vars(Linear)["forward"]
    mutation((Place(Linear, ("forward",), (lambda: Linear(3, 2, rng=0),)),))
    assert vars(Linear)["forward"] is before


def test_what_is_known_to_be_right_are_mutants_that_there_are():
    found = {
        (_plain(mutant.line), becomes)
        for place in PLACES
        for method in place.methods
        for mutant in mutants(getattr(place.owner, method))
        for becomes in (_plain(mutant.becomes), ANYTHING)
    }
    assert {(_plain(line), _plain(becomes)) for line, becomes in RIGHT} <= found
