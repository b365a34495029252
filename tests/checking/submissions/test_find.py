"""What a file's names offer to check, and what is said when they offer nothing."""

import numpy as np
import pytest

from seqmem import GRUCell, Recurrent, gradcheck
from seqmem.cells import Cell
from seqmem.checking.selftest import correct_passes
from seqmem.checking.submissions.find import check_names
from seqmem.module import Module

RNN = next(style for style in correct_passes.STYLES if style.name == "RNN step")
RNN_SEQUENCE = next(style for style in correct_passes.STYLES if style.like == "rnn_sequence")
CROSS_ENTROPY = next(style for style in correct_passes.STYLES if style.like == "cross_entropy")


def forward(x, w):
    return np.tanh(x @ w), (x, w, np.tanh(x @ w))


def backward(d_y, cache):
    x, w, y = cache
    d_a = d_y * (1 - y**2)
    return d_a @ w.T, x.T @ d_a


def inputs(rng):
    return {"x": rng.standard_normal((3, 2)), "w": rng.standard_normal((2, 4))}


def wrong_backward(d_y, cache):
    d_x, d_w = backward(d_y, cache)
    return d_x, 2 * d_w


class Layer:
    """Both passes as methods."""

    def forward(self, x, w):
        return forward(x, w)

    def backward(self, d_y, cache):
        return backward(d_y, cache)


class RNNStep:
    """A step that a name says what it is."""

    forward = staticmethod(RNN.forward)
    backward = staticmethod(RNN.backward)


def check(names, name="", like="", seed=0):
    return check_names(names, name, like, seed)


PAIR = {"dense_forward": forward, "dense_backward": backward}

FOUND = {
    "a pair and its inputs": (PAIR | {"dense_inputs": inputs}, "dense", ""),
    "a pair and the file's inputs": (PAIR | {"inputs": inputs}, "dense", ""),
    "the only pair": (PAIR | {"dense_inputs": inputs}, "", ""),
    "forward and backward": ({"forward": forward, "backward": backward, "inputs": inputs}, "", ""),
    "an object": ({"layer": Layer(), "layer_inputs": inputs}, "layer", ""),
    "a class": ({"Layer": Layer, "inputs": inputs}, "Layer", ""),
    "a module": ({"cell": GRUCell(2, 3, rng=0)}, "cell", ""),
    "a pair with a name of a like": (
        {"rnn_step_forward": RNN.forward, "rnn_step_backward": RNN.backward},
        "rnn_step",
        "",
    ),
    "a cell": ({"RNN_cell_forward": RNN.forward, "RNN_cell_backward": RNN.backward}, "RNN_cell", ""),
    "the only pair, a cell": ({"rnn_cell_forward": RNN.forward, "rnn_cell_backward": RNN.backward}, "", ""),
    "a sequence": ({"rnn_forward": RNN_SEQUENCE.forward, "rnn_backward": RNN_SEQUENCE.backward}, "rnn", ""),
    "a loss": (
        {
            "cross_entropy_loss_forward": CROSS_ENTROPY.forward,
            "cross_entropy_loss_backward": CROSS_ENTROPY.backward,
        },
        "cross_entropy_loss",
        "",
    ),
    "a pair that is like something": ({"forward": RNN.forward, "backward": RNN.backward}, "", "rnn_step"),
    "a class that is like something": ({"Mine": RNNStep}, "Mine", "rnn_step"),
}


@pytest.mark.parametrize(("names", "name", "like"), FOUND.values(), ids=FOUND.keys())
def test_what_a_name_offers_is_found_and_checked(names, name, like):
    report = check(names, name, like)
    assert report.passed, str(report)
    assert report.rows


@pytest.mark.parametrize(("names", "name"), [(PAIR, "dense"), (PAIR, "")])
def test_what_is_wrong_is_wrong_under_any_name(names, name):
    report = check(names | {"dense_backward": wrong_backward, "dense_inputs": inputs}, name)
    assert report.verdict == "wrong"
    assert [row.name for row in report.rows if row.verdict == "wrong"] == ["w"]


def test_inputs_of_a_name_go_before_those_of_the_file():
    def others():
        return {"x": np.ones((5, 2)), "w": np.ones((2, 6))}

    report = check(PAIR | {"dense_inputs": others, "inputs": inputs}, "dense")
    assert [row.shape for row in report.rows] == [(5, 2), (2, 6)]


def test_inputs_may_take_a_generator_of_the_seed():
    drawn = []

    def recorded(rng):
        drawn.append(rng.integers(1 << 60))
        return inputs(rng)

    for seed in (3, 3, 4):
        assert check(PAIR | {"dense_inputs": recorded}, "dense", seed=seed).seed == seed
    assert drawn[0] == drawn[1] != drawn[2]


def test_clipping_is_one_function():
    def clip(grads, max_norm):
        norm = np.sqrt(sum((g**2).sum() for g in grads.values()))
        return {name: g * min(1.0, max_norm / norm) for name, g in grads.items()}

    def clip_always(grads, max_norm):
        norm = np.sqrt(sum((g**2).sum() for g in grads.values()))
        return {name: g * max_norm / norm for name, g in grads.items()}

    assert check({"clip": clip}, "clip", "clipping").passed
    assert check({"clipping": clip}, "clipping").passed
    report = check({"clip": clip_always}, "clip", "clipping")
    assert [cause.code for cause in report.causes] == ["clipping-scaled-always"]


def test_what_is_said_goes_before_what_a_name_says():
    names = {"lstm_step_forward": RNN.forward, "lstm_step_backward": RNN.backward}
    assert check(names, "lstm_step", "rnn_step").passed


TWO = PAIR | {"other_forward": forward, "other_backward": backward}
NOTHING = {
    "an unknown name": (PAIR, "sparse", r"there is no sparse: .*sparse_forward.*The file defines "),
    "several pairs": (TWO, "", r"which one\? The file defines dense, other: say FILE.py:dense"),
    "nothing": ({"x": 1}, "", "there is nothing to check: .* The file defines no functions"),
    "a forward pass alone": ({"dense_forward": forward}, "", "there is nothing to check"),
    "a function without its derivative": (
        {"f": forward},
        "f",
        "f has no backward function: write f_backward",
    ),
    "a number": ({"x": 1}, "x", "there is no x"),
    "a backward that is no function": (PAIR | {"dense_backward": 3}, "dense", "there is no dense"),
}


@pytest.mark.parametrize(("names", "name", "message"), NOTHING.values(), ids=NOTHING.keys())
def test_where_there_is_nothing_to_check_the_message_says_what_is_expected(names, name, message):
    with pytest.raises(LookupError, match=message):
        check(names, name)


def test_a_message_names_ten_functions_and_no_more():
    names = {f"function{k}": forward for k in range(30)}
    with pytest.raises(LookupError, match="function9") as raised:
        check(names, "dense")
    assert "function10" not in str(raised.value)


def test_a_function_for_a_like_with_a_backward_pass_needs_one():
    with pytest.raises(LookupError, match="has no backward function"):
        check({"step": RNN.forward}, "step", "rnn_step")


def test_a_module_class_that_needs_sizes_is_told_so():
    with pytest.raises((LookupError, TypeError), match="GRUCell"):
        check({"GRUCell": GRUCell}, "GRUCell")


def test_a_class_that_is_a_module_is_made_and_checked_as_one():
    class Scale(Module):
        def __init__(self):
            self.w = np.arange(1.0, 4.0)

        def forward(self, x):
            return x * self.w, x

        def backward(self, d_y, x):
            return (d_y * self.w,), {"w": (d_y * x).sum(axis=0)}

    names = {"Scale": Scale, "Scale_inputs": lambda rng: rng.normal(size=(5, 3))}
    report = check_names(names, "Scale", "", 0)
    assert report.passed
    assert [row.name for row in report.rows] == ["w", "x"]


def test_a_gate_of_another_cell_goes_by_its_letter():
    class Unknown(Cell):
        """h = tanh(a_u) * tanh(a_q)."""

        gates = ("u", "q")

        def step(self, recurrent, a, uq, u, q, h_prev, h):
            a += recurrent(h_prev)
            np.tanh(a, out=uq)
            np.multiply(u, q, out=h)

        def local_derivatives(self, u, q, d_a_u, d_a_q):
            np.multiply(1 - u**2, q, out=d_a_u)
            np.multiply(1 - q**2, u, out=d_a_q)

        def step_backward(self, through, d_a, d_a_q, d_h):
            d_a *= d_h
            through(d_a, d_h)
            d_a_q *= 2

    report = gradcheck(Recurrent(Unknown(2, 5, 0, np.float64)))
    assert report.verdict == "wrong"
    assert any("gate q wrong; gate u right" in place for place in report.places), str(report)
