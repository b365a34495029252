"""Another text of one function, seen by one module alone."""

import numpy as np
import pytest

from seqmem import GRUCell, Linear, LSTMCell, Recurrent
from seqmem.cells import Cell, names, tape
from seqmem.cells.tape import Tape
from seqmem.checking.selftest.altered import text_of, with_text
from seqmem.layers import packing
from seqmem.layers.packing import Packing

XS = np.random.default_rng(0).standard_normal((5, 3, 2))
LENGTHS = [2, 5, 1]


def layer(cell=LSTMCell):
    return Recurrent(cell(2, 4, rng=0))


def passes(module):
    (hs, final), cache = module.forward(XS, lengths=LENGTHS)
    (d_xs, _), grads = module.backward((np.cos(hs), final), cache)
    return [hs, d_xs, *grads.values()]


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_changed_method_is_that_of_the_part_that_has_it():
    text = "def forward(self, x):\n    return 7, None"
    changed = with_text(Linear(3, 2, rng=0), Linear, "forward", text)
    assert changed.forward(np.ones((1, 3))) == (7, None)
    assert Linear(3, 2, rng=0).forward(np.ones((1, 3)))[1] is not None


# What is changed, a line of it, and what it becomes.
CHANGES = {
    "a method of a part": (Cell, "project", "a += b[..., None, :]", "a -= b[..., None, :]"),
    "a method that a property chooses": (GRUCell, "_step", "multiply(r, h_prev", "add(r, h_prev"),
    "a function": (tape, "transposing", "return np.add.reduce(of_gates, axis=0, out=d_x)", "return d_x"),
    "a function that functions call": (
        tape,
        "weight_gradient",
        "np.matmul(x.T, d_a)",
        "np.matmul(x[::-1].T, d_a)",
    ),
    "a function whose results are remembered": (names, "halves", "0.5", "0.25"),
    "a function behind one that remembers": (names, "gate_index", "at + len(letters)", "at + 1"),
    "a method of what parts work with": (Packing, "unpack", "np.zeros", "np.ones"),
    "a method of what is made on the way": (Tape, "rows", "self.before[rows]", "rows"),
    "a function that makes it": (packing, "pack", "np.argsort(-lengths", "np.argsort(lengths"),
}


@pytest.mark.parametrize(("owner", "name", "line", "becomes"), CHANGES.values(), ids=CHANGES.keys())
def test_the_module_works_with_the_other_text_and_no_other_module_does(owner, name, line, becomes):
    cell = GRUCell if owner in (GRUCell, names) else LSTMCell
    right = passes(layer(cell))
    text = text_of(owner, name)
    assert line in text
    changed = with_text(layer(cell), owner, name, text.replace(line, becomes))
    try:
        differs = not same(passes(changed), right)
    except (ValueError, IndexError, TypeError):  # it may well stop
        differs = True
    assert differs
    assert same(passes(layer(cell)), right)
    assert text_of(owner, name) == text


@pytest.mark.parametrize(("owner", "name", "line", "becomes"), CHANGES.values(), ids=CHANGES.keys())
def test_with_the_text_that_is_there_nothing_changes(owner, name, line, becomes):
    cell = GRUCell if owner in (GRUCell, names) else LSTMCell
    assert same(passes(with_text(layer(cell), owner, name, text_of(owner, name))), passes(layer(cell)))


def test_the_other_text_may_see_a_constant_with_another_value_and_a_text_after_it_does_too():
    changed = with_text(layer(), Cell, "_blocks", text_of(Cell, "_blocks"), {"BLOCK_BYTES": 1})
    steps = []
    text = text_of(Cell, "_blocks").replace("piece = run", "noted(size); piece = run")
    changed = with_text(changed, Cell, "_blocks", text, {"noted": steps.append})
    assert same(passes(changed), passes(layer()))
    assert set(steps) == {1}
