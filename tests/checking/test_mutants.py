"""Mutants differ from the original in one place, and those of the library are caught."""

import ast
import inspect

import numpy as np
import pytest

from seqmem import Embedding, FixedContext, Linear
from seqmem.checking import mutation as mutation_module
from seqmem.checking.mutants import mutants
from seqmem.checking.mutation import PLACES, SAME, Place, _plain, mutation
from seqmem.checking.planted import with_method


def example(h, c, out):
    """Not a word of this is changed, nor "a string"."""
    f, i = h[0], -h[1]
    out += f * c.T
    np.tanh(out, out=out)
    note(out)  # noqa: F821 - never called
    return i**2 if True else h.reshape(-1, 3)


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
    "return i ** 2 if True else h.reshape(-1, 3)": {
        "return i * 2 if True else h.reshape(-1, 3)",
        "return f ** 2 if True else h.reshape(-1, 3)",
        "return i ** 3 if True else h.reshape(-1, 3)",
        "return i ** 1 if True else h.reshape(-1, 3)",
        "return i ** 2 if True else c.reshape(-1, 3)",
        "return i ** 2 if True else h.reshape(1, 3)",
        "return i ** 2 if True else h.reshape(-1, 4)",
        "return i ** 2 if True else h.reshape(-1, 2)",
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
    assert found.wrong > 10
    assert found.refused > 10
    assert found.silent == found.same == ()


def test_a_mutant_that_the_checker_finds_right_is_counted_as_not_caught(monkeypatch):
    monkeypatch.setattr(mutation_module, "_fate", lambda *_: "right")
    found = mutation(SMALL)
    assert len(found.silent) == found.total > 20
    assert all(line.split(".")[0] in {"Embedding", "Linear", "FixedContext"} for line in found.silent)


def test_the_library_stays_as_it_is():
    before = vars(Linear)["forward"]
    mutation((Place(Linear, ("forward",), (lambda: Linear(3, 2, rng=0),)),))
    assert vars(Linear)["forward"] is before


def test_a_changed_method_is_that_of_the_part_that_has_it():
    source = "def forward(self, x):\n    return 7, None"
    layer = with_method(Linear(3, 2, rng=0), Linear, "forward", source)
    assert layer.forward(np.ones((1, 3))) == (7, None)
    assert Linear(3, 2, rng=0).forward(np.ones((1, 3)))[1] is not None


@pytest.mark.parametrize("line", SAME)
def test_what_is_known_to_change_nothing_is_still_a_line_of_a_mutant(line):
    lines = {
        _plain(text)
        for place in PLACES
        for method in place.methods
        for mutant in mutants(getattr(place.owner, method))
        for text in (mutant.line, mutant.becomes)
    }
    assert _plain(line) in lines
