"""What a report says: the layout that was taken, the place, the cause, and what is right."""

from __future__ import annotations

import numpy as np
import pytest
from exercises.solving import report_on

from seqmem import reference
from seqmem.exercises import ExerciseReport, check, exercise_named, solution, stub
from seqmem.exercises.cutting import renamed
from seqmem.exercises.judging.report import Check

JOINED = """
import numpy as np

def sigma(a):
    return 1 / (1 + np.exp(-a))

def lstm_step_forward(x, h_prev, c_prev, W, b):
    H = h_prev.shape[1]
    a = np.concatenate([h_prev, x], axis=1) @ W + b
    i, f, g, o = (a[:, k * H : (k + 1) * H] for k in range(4))
    i, f, o, g = sigma(i), sigma(f), sigma(o), np.tanh(g)
    c = f * c_prev + i * g
    return o * np.tanh(c), c, None
"""
BATCH_FIRST = """
import numpy as np

def rnn_forward(xs, h0, W_x, W_h, b):
    h, hs, cache = h0, [], []
    for t in range(xs.shape[1]):
        cache.append((xs[:, t], h))
        h = np.tanh(xs[:, t] @ W_x + h @ W_h + b)
        hs.append(h)
    return np.stack(hs, axis=1), h, (xs, hs, cache, W_x, W_h)

def rnn_backward(d_hs, d_h, cache):
    xs, hs, steps, W_x, W_h = cache
    dxs, dWx, dWh, db = np.zeros_like(xs), 0, 0, 0
    for t in reversed(range(xs.shape[1])):
        x, h_prev = steps[t]
        da = (d_h + d_hs[:, t]) * (1 - hs[t] ** 2)
        dWx, dWh, db = dWx + x.T @ da, dWh + h_prev.T @ da, db + da.sum(0)
        dxs[:, t], d_h = da @ W_x.T, da @ W_h.T
    return dxs, d_h, dWx, dWh, db
"""
COLUMNS = """
import numpy as np

def rnn_step_forward(x, h_prev, W_x, W_h, b):
    h = np.tanh(W_x @ x + W_h @ h_prev + b)
    return h, None
"""

TRANSPOSED = """
import numpy as np

def rnn_step_forward(x, h_prev, W_x, W_h, b):
    return np.tanh(x @ W_x.T + h_prev @ W_h.T + b), None
"""


def checked(report: ExerciseReport, name: str) -> str:
    return next(one for one in report.checks if one.name == name).verdict


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("lstm_step_forward", JOINED, "joins W_x and W_h; b (20,) has the gates of b side by side; gates in"),
        ("rnn_backward", BATCH_FIRST, "the batch first"),
        ("rnn_step_forward", COLUMNS, "a column a row of the batch"),
        ("rnn_step_forward", TRANSPOSED, "W_x (5, 7), W_h (5, 5) transposed"),
    ],
)
def test_another_layout_is_taken_and_named(name: str, text: str, says: str) -> None:
    report = report_on(exercise_named(name), text)
    assert report.passed, str(report)
    assert says in report.layout
    assert says in str(report).replace("\n          ", " ")


@pytest.mark.slow
def test_a_mistake_in_another_layout_is_named() -> None:
    text = JOINED.replace("o * np.tanh(c), c, None", "o * c, c, None")
    report = report_on(exercise_named("lstm_step_forward"), text)
    assert [cause.code for cause in report.causes] == ["lstm-forward-tanh-of-c-missing"]
    assert report.parts == {"lstm_step_forward: h": False, "lstm_step_forward: c": True}


def test_a_mistake_in_a_gradient_of_another_layout_is_named() -> None:
    text = BATCH_FIRST.replace("(1 - hs[t] ** 2)", "(1 - hs[t])")
    report = report_on(exercise_named("rnn_backward"), text)
    assert report.layout
    assert len(report.causes) == 1


LSTM_RETURNED = (
    'return {"x": d_x, "h_prev": d_h_prev, "c_prev": d_c_prev, "W_x": d_W_x, "W_h": d_W_h, "b": d_b}'
)
WIDE_GRADIENTS = """return {
        "dx": d_x, "dh_prev": d_h_prev, "dc_prev": d_c_prev, "dWx": np.concatenate(list(d_W_x), 1),
        "dWh": np.concatenate(list(d_W_h), 1), "db": np.concatenate(list(d_b)),
    }"""
JOINED_GRADIENTS = """W = np.concatenate([d_W_h, d_W_x], axis=1)
    W = np.concatenate([W[1], W[0], W[2], W[3]], 1).T
    return {
        "x": d_x, "h_prev": d_h_prev, "c_prev": d_c_prev, "W": W, "b": d_b[[1, 0, 2, 3]].reshape(-1, 1)
    }"""
COLUMN_GRADIENTS = """return {
        "x": d_x.T, "h_prev": d_h_prev.T, "c_prev": d_c_prev.T, "W_x": d_W_x, "W_h": d_W_h, "b": d_b
    }"""
XS = '"xs": d_xs, "h0"'


@pytest.mark.parametrize(
    ("name", "plain", "other", "says"),
    [
        ("lstm_step_backward", LSTM_RETURNED, WIDE_GRADIENTS, "Wx (7, 20) has the gates of W_x side by side"),
        (
            "lstm_step_backward",
            LSTM_RETURNED,
            JOINED_GRADIENTS,
            "W (20, 12) joins W_x and W_h; b (20, 1) has",
        ),
        ("lstm_step_backward", LSTM_RETURNED, COLUMN_GRADIENTS, "data with a column a row of the batch"),
        ("rnn_backward", XS, XS.replace("d_xs", "d_xs.transpose(1, 0, 2)"), "data with the batch first"),
        ("rnn_step_backward", 'd_W_x, "W_h": d_W_h', 'd_W_x.T, "W_h": d_W_h.T', "W_h (5, 5) transposed"),
    ],
)
def test_gradients_in_another_layout_are_taken_and_the_layout_named_where_the_forward_pass_is_given(
    name: str, plain: str, other: str, says: str
) -> None:
    text = solution(exercise_named(name))
    assert plain in text
    report = report_on(exercise_named(name), text.replace(plain, other))
    assert report.passed, str(report)
    assert says in report.layout


def test_a_mistake_is_found_in_gradients_of_another_layout_where_the_forward_pass_is_given() -> None:
    text = solution(exercise_named("lstm_step_backward")).replace(LSTM_RETURNED, WIDE_GRADIENTS)
    report = report_on(
        exercise_named("lstm_step_backward"), text.replace("d_f = d_c * c_prev", "d_f = d_c * c_prev**2")
    )
    assert [cause.code for cause in report.causes] == []
    wrong = {part.rpartition(" ")[2] for part, right in report.parts.items() if not right}
    assert wrong == {"x", "h_prev", "f"}, report.parts


def test_another_convention_is_told_from_a_mistake() -> None:
    exercise = exercise_named("gru_step_forward")
    text = solution(exercise).replace("(1 - z) * h_prev + z * n", "z * h_prev + (1 - z) * n")
    report = report_on(exercise, text)
    assert checked(report, "convention") == "wrong"
    assert [cause.code for cause in report.causes] == ["gru-before-forward-z-keeps"]


def test_a_gradient_that_no_catalogue_knows_is_explained_by_what_it_is() -> None:
    exercise = exercise_named("lstm_step_backward")
    text = solution(exercise).replace("d_f = d_c * c_prev", "d_f = 7 * d_c * c_prev")
    report = report_on(exercise, text)
    whole = " ".join(str(report).split())
    assert "W_x: forget gate (f) wrong; input gate (i), output gate (o) and candidate (g) right" in whole
    assert "7 times the right gradient" in whole
    assert report.parts["lstm_step_backward: c_prev"]


@pytest.mark.slow
def test_of_three_mistakes_each_that_spoils_a_gate_of_its_own_is_named() -> None:
    exercise = exercise_named("lstm_step_backward")
    text = solution(exercise)
    for line, becomes in (
        ("d_a_i = d_i * i * (1 - i)", "d_a_i = d_i * i"),
        ("d_a_f = d_f * f * (1 - f)", "d_a_f = d_f * 3"),
        ("d_g = d_c * i", "d_g = d_c * f"),
    ):
        assert line in text
        text = text.replace(line, becomes)
    codes = {cause.code for cause in report_on(exercise, text).causes}
    assert codes == {"lstm-sigmoid-for-its-derivative-in-i", "lstm-d-g-with-f"}


def test_an_error_of_shapes_says_how_long_the_axes_are() -> None:
    exercise = exercise_named("lstm_step_backward")
    text = stub(exercise).replace("raise NotImplementedError", "return d_h @ W_x.T")
    assert "in this check B = 3, D = 7, H = 5, and 4 gates" in str(report_on(exercise, text))


def test_sizes_that_are_written_as_numbers_are_found() -> None:
    exercise = exercise_named("rnn_step_backward")
    text = solution(exercise).replace("d_x = d_a @ W_x.T", "d_x = d_a @ W_x.reshape(7, 5).T")
    report = report_on(exercise, text)
    assert all(report.parts.values())
    assert "are sizes written as numbers?" in " ".join(str(report).split())


def test_what_is_half_done_earns_what_is_right() -> None:
    exercise = exercise_named("cross_entropy")
    text = solution(exercise)
    head, _, _ = text.partition("    p, onehot, mask, counted = cache\n    # from")
    report = report_on(exercise, head + "    raise NotImplementedError\n")
    assert report.verdict == "started"
    assert str(report).startswith("cross_entropy: STARTED (1 of 2 functions, ")
    assert 0 < report.score < report.max_score
    assert report.parts == {"cross_entropy_forward: loss": True, "cross_entropy_backward: logits": False}


def test_a_gradient_that_depends_on_the_call_before_is_not_pure() -> None:
    exercise = exercise_named("rnn_step_backward")
    text = solution(exercise).replace(
        '    return {"x": d_x', '    KEPT[0] += 1\n    return {"x": d_x * KEPT[0]'
    )
    report = report_on(exercise, text + "\nKEPT = [0]\n")
    assert checked(report, "purity") == "wrong"


def test_a_loop_over_the_batch_is_right_and_slow() -> None:
    exercise = exercise_named("rnn_step_backward")
    text = solution(exercise).replace("def rnn_step_backward(", "def whole(") + LOOP
    report = report_on(exercise, text)
    assert all(report.parts.values())
    assert checked(report, "speed") == "wrong"


LOOP = """

def rnn_step_backward(d_h, cache):
    x, h_prev, W_x, W_h, h = cache
    rows = [
        whole(d_h[k : k + 1], (x[k : k + 1], h_prev[k : k + 1], W_x, W_h, h[k : k + 1]))
        for k in range(len(x))
    ]
    found = {name: np.concatenate([row[name] for row in rows]) for name in ("x", "h_prev")}
    return found | {name: sum(row[name] for row in rows) for name in ("W_x", "W_h", "b")}
"""


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("return None", "returns nothing: is a return missing?"),
        ("return d_h", "there is no gradient of h_prev, W_x, W_h and b"),
        ("return {'x': 'text', 'h_prev': 1, 'W_x': 1, 'W_h': 1, 'b': 1}", "x has shape ()"),
        ("return object()", "a value of type object was returned"),
        ("return {'x': np.array([None])}", "an array of dtype object was returned"),
        ("exit()", "SystemExit: it calls exit()"),
        ("return rnn_step_backward(d_h, cache)", "RecursionError"),
        ("missing", "NameError: name 'missing' is not defined"),
    ],
)
def test_what_is_no_gradient_is_said(line: str, says: str) -> None:
    exercise = exercise_named("rnn_step_backward")
    report = report_on(exercise, stub(exercise).replace("raise NotImplementedError", line))
    assert report.verdict == "wrong"
    assert says in " ".join(str(report).split())
    assert report.score == 0


def test_a_report_fits_eighty_columns_and_unfolds() -> None:
    exercise = exercise_named("lstm_backward")
    text = solution(exercise).replace('d_W_x += d_step["W_x"]', 'd_W_x = d_step["W_x"]')
    report = report_on(exercise, text)
    assert max(map(len, str(report).splitlines())) <= 80
    assert len(report.lines(whole=True)) >= len(report.lines())
    assert "<table>" in report._repr_html_()
    assert "d_W_x" in report._repr_html_() or "W_x" in report._repr_html_()


def test_lists_of_numbers_are_arrays() -> None:
    exercise = exercise_named("rnn_step_backward")
    text = solution(exercise).replace('"b": d_b}', '"b": d_b.tolist(), "W_x": d_W_x.tolist()}')
    report = report_on(exercise, text)
    assert report.passed, str(report)
    ragged = solution(exercise).replace('"b": d_b}', '"b": [[1.0], [2.0, 3.0]]}')
    report = report_on(exercise, ragged)
    assert [name for name, right in report.parts.items() if not right] == ["rnn_step_backward: b"]


def test_a_check_in_a_notebook() -> None:
    assert check("lstm_step_backward", reference.lstm_step_backward).passed
    assert check("masks", *(getattr(reference, name) for name in exercise_named("masks").functions)).passed
    assert check("masks", vars(reference) | {n: getattr(reference, n) for n in dir(reference)}).passed

    def mine(d_h: np.ndarray, cache: object) -> dict[str, np.ndarray]:
        return {name: 2 * grad for name, grad in reference.rnn_step_backward(d_h, cache).items()}

    report = check("rnn_step_backward", mine)
    assert "twice the right gradient" in str(report)


def test_a_check_without_a_function_or_of_no_exercise_is_refused() -> None:
    with pytest.raises(TypeError, match="no function was passed, expected rnn_step_backward"):
        check("rnn_step_backward")
    with pytest.raises(TypeError, match="expected a function of yours"):
        check("rnn_step_backward", 3)
    with pytest.raises(TypeError, match="2 functions were passed"):
        check("rnn_step_backward", len, abs)
    with pytest.raises(ValueError, match="did you mean lstm_step_backward"):
        check("lstm_step_bakward", len)


@pytest.mark.parametrize("topic", ["rnn", "lstm", "gru", "attention"])
def test_a_bug_is_another_for_another_student_and_is_not_told(topic: str) -> None:
    texts = {stub(exercise_named(f"find_the_bug_{topic}", seed)) for seed in range(6)}
    assert len(texts) == 6
    exercise = exercise_named(f"find_the_bug_{topic}", 3)
    assert exercise.planted is not None
    named = stub(exercise).replace("raise NotImplementedError", 'return "d_x = 0"')
    report = report_on(exercise, named)
    assert report.verdict == "wrong"
    assert exercise.planted.code not in [cause.code for cause in report.causes]
    assert exercise.planted.message.split(".")[0] not in str(report)


def test_a_bug_must_be_mended_and_named() -> None:
    exercise = exercise_named("find_the_bug_lstm", 3)
    solved = solution(exercise)
    assert report_on(exercise, solved).passed
    line = renamed(exercise.planted.becomes, 3)  # type: ignore[union-attr]
    unnamed = solved.replace(f"return {line!r}", "raise NotImplementedError")
    report = report_on(exercise, unnamed)
    assert report.verdict == "started"
    assert report.left == "wrong_line"
    assert sum(report.parts.values()) == len(report.parts) - 1


def test_functions_that_are_done_are_judged_and_the_others_take_one_line() -> None:
    exercise = exercise_named("masks")
    done = stub(exercise).replace(HOLE, "return np.arange(T)[:, None] < lengths", 1)
    report = report_on(exercise, done)
    assert report.verdict == "started"
    assert {check.verdict for check in report.checks} == {"right", "not reached"}
    whole = str(report)
    assert whole.startswith("masks: STARTED (1 of 5 functions, 1.17 of 8 points)")
    assert "NotImplementedError" not in whole
    assert report.left == (
        "hold_forward, then hold_backward; zero_padding_forward, then zero_padding_backward"
    )
    wrong = report_on(exercise, done.replace("< lengths", "<= lengths"))
    assert wrong.verdict == "wrong"
    assert wrong.first == checks_of(wrong)["values"]


def test_no_function_is_blamed_for_the_line_of_another() -> None:
    exercise = exercise_named("masks")
    head, _, rest = solution(exercise).partition("def hold_forward(")
    text = f"{head}def hold_forward({rest.replace('np.where', 'np.were', 1)}"
    report = report_on(exercise, text)
    assert "AttributeError" in checks_of(report)["runs"].says
    assert "hold_backward" not in " ".join(
        (checks_of(report)["runs"].says, *checks_of(report)["runs"].details)
    )
    assert report.left == "hold_backward, which needs hold_forward"


def test_right_functions_take_one_line_each_check() -> None:
    report = report_on(exercise_named("masks"), solution(exercise_named("masks")))
    assert report.passed
    assert len(str(report).splitlines()) == 8
    assert "ms" not in checks_of(report)["speed"].says


def test_what_is_folded_is_said() -> None:
    exercise = exercise_named("rnn_step_backward")
    report = report_on(exercise, solution(exercise).replace('"W_x": d_W_x', '"W_x": d_W_x.T'))
    assert "--whole" in str(report)
    assert "--whole" not in "\n".join(report.lines(whole=True))


def test_stubs_of_several_functions_raise_in_the_plural() -> None:
    for name, words in (
        ("masks", "zero_padding_backward still raise Not"),
        ("gru_step_forward", "still raises Not"),
    ):
        exercise = exercise_named(name)
        assert words in " ".join(str(report_on(exercise, stub(exercise))).split())


def test_an_untouched_bug_is_in_the_file_and_in_no_function() -> None:
    exercise = exercise_named("find_the_bug_lstm", 3)
    report = report_on(exercise, stub(exercise))
    assert report.verdict == "not started"
    assert "the mistake in this file is still there" in report.checks[0].says


def checks_of(report: ExerciseReport) -> dict[str, Check]:
    return {check.name: check for check in report.checks}


HOLE = "raise NotImplementedError"


def test_the_layout_of_a_given_forward_pass_is_named_as_the_cause() -> None:
    exercise = exercise_named("rnn_step_backward")
    report = report_on(exercise, solution(exercise).replace('"W_x": d_W_x', '"W_x": d_W_x.T'))
    assert "rnn_step_forward is given in the reference's layout" in " ".join(str(report).split())
    assert not report.layout
    report = report_on(exercise, solution(exercise).replace('"W_x": d_W_x', '"W_x": d_W_x[0]'))
    assert "another layout" not in str(report)


@pytest.mark.parametrize(
    ("returned", "says"),
    [
        ("c, h, None", "h: the value of c: the two are exchanged"),
        ("h, c", "2 values returned, 3 expected: h, c, cache"),
        ("h, c, i, None", "4 values returned, 3 expected: h, c, cache"),
        ("h", "only one value is returned, of type ndarray, expected the outputs and, last, the cache"),
        ("None", "nothing is returned (is a return missing?), expected the outputs"),
    ],
)
def test_what_a_forward_pass_returns_is_counted(returned: str, says: str) -> None:
    exercise = exercise_named("lstm_step_forward")
    head, _, _ = solution(exercise).rpartition("    return h, c,")
    report = report_on(exercise, f"{head}    return {returned}\n")
    assert says in " ".join(str(report).split())
    assert "gradient of" not in str(report)
