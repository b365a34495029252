"""A report says where a wrong gradient is wrong, and where it is right."""

import numpy as np
import pytest

from seqmem import GRUCell, LSTMCell, Recurrent
from seqmem.checking import gradcheck, gradcheck_functions

DRAWN = np.random.default_rng(5)
GATES = {
    "lstm": (LSTMCell, ["input gate (i)", "forget gate (f)", "output gate (o)", "candidate (g)"]),
    "gru": (GRUCell, ["reset gate (r)", "update gate (z)", "candidate (n)"]),
}
XS, H0 = DRAWN.standard_normal((4, 3, 2)), DRAWN.standard_normal((3, 5))
W, U = DRAWN.standard_normal((2, 5)), DRAWN.standard_normal((5, 5))


def scaled(array, index, factor=1.5):
    array = array.copy()
    array[index] *= factor
    return array


def mistaken(base, mistake):
    """A module whose gradients pass through a mistake on their way out."""

    class Mistaken(base):
        def backward(self, d_outputs, cache):
            return mistake(*super().backward(d_outputs, cache))

    return Mistaken


def of_whole_sequences(module, mistake):
    """A report of a layer over sequences that are all equally long."""
    layer = mistaken(Recurrent, mistake)(module)
    rng = np.random.default_rng(0)
    return gradcheck(layer, rng.standard_normal((4, 3, module.input_size)))


@pytest.mark.parametrize("name", ["W_x", "W_h", "b"])
@pytest.mark.parametrize(("kind", "k"), [(kind, k) for kind, (_, g) in GATES.items() for k in range(len(g))])
def test_one_gate_that_is_wrong_is_named_and_so_are_those_that_are_right(kind, k, name):
    cell, gates = GATES[kind]
    wrong = next(label for label in gates if f"({cell(2, 3).gates[k]})" in label)

    def mistake(d_inputs, grads):
        return d_inputs, grads | {name: scaled(grads[name], k)}

    report = gradcheck(mistaken(cell, mistake)(2, 3, rng=0))
    (place,) = [place for place in report.places if place.startswith(f"{name}: ")]
    bad, good = place.split("; ")
    assert bad == f"{name}: {wrong} wrong"
    assert good.endswith(" right")
    assert wrong not in good
    assert all(label in good for label in gates if label != wrong)


def test_two_gates_are_named_together():
    def mistake(d_inputs, grads):
        return d_inputs, grads | {"W_h": scaled(grads["W_h"], [0, 3])}

    i, f, o, g = (
        next(label for label in GATES["lstm"][1] if f"({gate})" in label) for gate in LSTMCell(2, 3).gates
    )
    report = gradcheck(mistaken(LSTMCell, mistake)(2, 3, rng=0))
    assert report.places == (f"W_h: {i} and {g} wrong; {f} and {o} right",)


@pytest.mark.parametrize("all_wrong", [True, False])
def test_nothing_is_said_of_the_places_of_what_is_wrong_or_right_everywhere(all_wrong):
    def mistake(d_inputs, grads):
        return d_inputs, grads | {"W_h": grads["W_h"] * (1.5 if all_wrong else 1)}

    report = gradcheck(mistaken(LSTMCell, mistake)(2, 3, rng=0))
    assert report.passed is not all_wrong
    assert [place for place in report.places if place.startswith("W_h")] == []


@pytest.mark.parametrize(
    ("rows", "words"),
    [(0, "wrong at batch row 0; right at 1-2"), ([0, 2], "wrong at batch row 0, 2; right at 1")],
)
def test_batch_rows_are_named(rows, words):
    def mistake(d_inputs, grads):
        d_xs, d_state = d_inputs
        return (scaled(d_xs, (slice(None), rows)), scaled(d_state, rows)), grads

    report = of_whole_sequences(GRUCell(2, 3, rng=0), mistake)
    assert f"xs: {words}" in report.places


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        (0, "wrong at step 0; right at 1-3"),
        (2, "wrong at step 2; right at 0-1, 3"),
        ([1, 2], "wrong at step 1-2; right at 0, 3"),
    ],
)
def test_steps_are_named(steps, words):
    report = of_whole_sequences(
        LSTMCell(2, 3, rng=0), lambda d_inputs, grads: ((scaled(d_inputs[0], steps), *d_inputs[1:]), grads)
    )
    (place, *_) = report.places
    assert place == f"xs: {words}"


def test_an_axis_without_a_meaning_is_named_by_its_number():
    report = gradcheck_functions(lambda x: (x**2, x), lambda d, x: scaled(2 * x * d, np.s_[:, 1]), (W,))
    assert report.places == ("x: wrong at index of axis 1: 1; right at 0, 2-4",)


def rnn(xs, h, W, U):
    hs = [h]
    for x in xs:
        hs.append(np.tanh(x @ W + hs[-1] @ U))
    return np.stack(hs[1:]), (xs, np.stack(hs), W, U)


def rnn_back(carry, algebra=1.0, reach=9):
    """The backward pass with a factor on what is carried from step to step, and one within a step."""

    def back(d_hs, cache):
        xs, hs, W, U = cache
        d_xs, d_W, d_U, d_first = (np.zeros_like(array) for array in (xs, W, U, hs[0]))
        for start in range(len(xs)):  # each step's own upstream gradient, on its way back alone
            d_h = d_hs[start]
            for t in range(start, -1, -1):
                if start - t >= reach:
                    d_h = np.zeros_like(d_h)
                d_a = algebra * d_h * (1 - hs[t + 1] ** 2)
                d_xs[t] += d_a @ W.T
                d_W += xs[t].T @ d_a
                d_U += hs[t].T @ d_a
                d_h = carry * d_a @ U.T
            d_first += d_a @ U.T
        return d_xs, d_first, d_W, d_U

    return back


def told_of_steps(back):
    report = gradcheck_functions(rnn, back, {"xs": XS, "h": H0, "W": W, "U": U})
    return report, [place for place in report.places if "step" in place]


def test_a_right_sequence_says_nothing_of_steps():
    report, told = told_of_steps(rnn_back(1.0))
    assert report.passed, report
    assert told == []


@pytest.mark.parametrize(
    ("back", "first", "listed"),
    [
        (rnn_back(1.5), 1, "right for step 0, wrong for step 1, step 2 and step 3"),
        (rnn_back(1.0, reach=2), 2, "right for step 0 and step 1, wrong for step 2 and step 3"),
        (rnn_back(1.0, reach=3), 3, "right for step 0, step 1 and step 2, wrong for step 3"),
    ],
    ids=["carry scaled", "truncated after two", "truncated after three"],
)
def test_the_first_step_that_breaks_is_named_and_points_at_the_wiring(back, first, listed):
    report, told = told_of_steps(back)
    assert report.verdict == "wrong"
    assert any(place == f"an upstream gradient on one step alone: {listed}" for place in told)
    (wiring,) = [place for place in told if "look at the wiring" in place]
    assert wiring.startswith(f"the first step whose gradient breaks is {first}:")


def test_a_mistake_within_a_step_is_none_of_the_wiring():
    report, told = told_of_steps(rnn_back(1.0, algebra=1.1))
    assert report.verdict == "wrong"
    assert told == []


@pytest.mark.parametrize("k", [0, 1, 2])
def test_an_output_whose_upstream_gradient_alone_comes_through_wrong_is_named(k):
    def forward(x, w):
        return (x @ w, np.sin(x), np.exp(w)), (x, w)

    def back(d, cache):
        x, w = cache
        d = [part * (2 if i == k else 1) for i, part in enumerate(d)]
        return d[0] @ w.T + d[1] * np.cos(x), x.T @ d[0] + d[2] * np.exp(w)

    report = gradcheck_functions(forward, back, (XS[0], W))
    first, second = (i for i in range(3) if i != k)
    assert report.places == (
        "an upstream gradient on one output alone: "
        f"right for output [{first}] and output [{second}], wrong for output [{k}]",
    )


def test_nested_outputs_are_called_by_their_names():
    def back(d, x):
        return d["y"] * np.cos(x) + d["deep"]["z"]

    report = gradcheck_functions(lambda x: ({"y": np.sin(x), "deep": {"z": x**2}}, x), back, (W,))
    assert report.places == (
        "an upstream gradient on one output alone: right for output y, wrong for output deep.z",
    )


@pytest.mark.parametrize("index", [(0, 0, 0), (2, 3, 1), (3, 19, 19), (1, 0, 19)])
def test_in_a_large_module_the_wrong_entry_is_found_by_halves(index):
    def mistake(d_inputs, grads):
        changed = grads["W_h"].copy()
        changed[index] += 0.125
        return d_inputs, grads | {"W_h": changed}

    report = gradcheck(mistaken(LSTMCell, mistake)(7, 20, rng=0), max_elements=0)
    (row,) = [row for row in report.rows if row.verdict == "wrong"]
    assert (row.name, row.where) == ("W_h", index)
    got, right = (float(part.split()[-1]) for part in row.note.split(", right is"))
    assert got - right == pytest.approx(0.125, rel=1e-4)  # six digits are shown


@pytest.mark.parametrize("max_elements", [0, 20_000])
@pytest.mark.parametrize("k", range(4))
def test_in_a_large_module_the_wrong_block_is_told_from_the_right_ones(k, max_elements):
    def mistake(d_inputs, grads):
        return d_inputs, grads | {"W_h": scaled(grads["W_h"], k)}

    report = gradcheck(mistaken(LSTMCell, mistake)(7, 20, rng=0), max_elements=max_elements)
    place = report.places[0]
    bad, good = place.split("; ")
    named = GATES["lstm"][1]
    label = next(label for label in named if f"({LSTMCell(2, 3).gates[k]})" in label)
    assert bad in (f"W_h: wrong at index of axis 0: {k}", f"W_h: {label} wrong")
    assert good.startswith("right at ") or good.endswith(" right")
    (row,) = [row for row in report.rows if row.verdict == "wrong"]
    assert row.where[0] == k


def test_in_a_large_function_a_row_of_many_is_found_though_no_block_is_named():
    x = DRAWN.standard_normal((40, 10))
    report = gradcheck_functions(
        lambda x: (np.sin(x), x), lambda d, x: scaled(np.cos(x) * d, 33), (x,), max_elements=0
    )
    assert report.rows[0].where[0] == 33
    assert report.places == ()


@pytest.mark.parametrize("shape", [(), (1,), (1, 200), (200, 1)])
def test_arrays_of_any_shape_are_searched(shape):
    x = DRAWN.standard_normal(shape)
    report = gradcheck_functions(lambda x: (np.sin(x), x), lambda d, x: d * x, (x,), max_elements=0)
    assert report.verdict == "wrong"
    assert report.rows[0].where is not None


def test_without_a_state_the_first_step_does_not_speak_for_the_algebra():
    """Step 0 cannot be wrong in W_h when there is no state before it: that says nothing of the wiring."""

    def forward(xs, W, U):
        hs, h = [], np.zeros((xs.shape[1], W.shape[1]))
        for x in xs:
            h = np.tanh(x @ W + h @ U)
            hs.append(h)
        return np.stack(hs), (xs, W, U, hs)

    def back(d_hs, cache):
        xs, W, U, hs = cache
        d_xs, d_W, d_U, d_h = np.zeros_like(xs), np.zeros_like(W), np.zeros_like(U), 0
        for t in reversed(range(len(xs))):
            d_a = (d_h + d_hs[t]) * (1 - hs[t] ** 2)
            d_xs[t], d_h = d_a @ W.T, d_a @ U.T
            d_W += xs[t].T @ d_a
            d_U += 2 * hs[t - 1].T @ d_a if t else 0
        return {"xs": d_xs, "W": d_W, "U": d_U}

    rng = np.random.default_rng(0)
    shapes = {"xs": (4, 3, 5), "W": (5, 2), "U": (2, 2)}
    inputs = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    report = gradcheck_functions(forward, back, inputs)
    assert [cause.message for cause in report.causes] == ["U: twice the right gradient"]
    assert not any("wiring" in place for place in report.places)


@pytest.mark.parametrize("n_wrong", [3, 1])
def test_rows_that_no_letter_reached_are_not_called_right(n_wrong):
    letters = np.array([0, 2, 5, 2])

    def forward(w):
        return np.tanh(w[letters]), (w,)

    def backward(d, cache):
        (w,) = cache
        d_w = np.zeros_like(w)
        np.add.at(d_w, letters, d * (1 - np.tanh(w[letters]) ** 2))
        d_w[np.unique(letters)[:n_wrong]] *= np.linspace(1.5, 2.5, 5)
        return d_w

    report = gradcheck_functions(forward, backward, (DRAWN.standard_normal((8, 5)),))
    assert report.places == (() if n_wrong == 3 else ("w: wrong at index of axis 0: 0; right at 2, 5",))
