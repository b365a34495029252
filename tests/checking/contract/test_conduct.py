"""What a pass does to what it was given, and what it keeps, is a finding of its own."""

import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from seqmem.checking import assert_gradients, gradcheck_functions

X = np.random.default_rng(1).standard_normal((3, 4))


def square(x):
    return x**2, x.copy()


def square_back(d_y, x):
    return 2 * x * d_y


def writes_inputs(x):
    y, cache = x**2, x.copy()
    x *= 2
    return y, cache


def upstream_written(d_y, x):
    d_y *= 2
    return x * d_y


def cache_written(d_y, x):
    d_x = 2 * x * d_y
    x += 1
    return d_x


def kept_sums():
    total = np.zeros(X.shape)

    def back(d_y, x):
        nonlocal total
        total = total + 2 * x * d_y
        return total

    return back


def counted():
    calls = 0

    def back(d_y, x):
        nonlocal calls
        calls += 1
        return 2 * x * d_y + calls

    return back


def once():
    calls = []

    def back(d_y, x):
        calls.append(d_y)
        if len(calls) > 1:
            raise RuntimeError("called again")
        return 2 * x * d_y

    return back


def popped(d_y, cache):
    x = cache.pop()
    return 2 * x * d_y


def popped_if_any(d_y, cache):
    d_x = np.zeros(X.shape)
    while cache:
        x = cache.pop()
        d_x += 2 * x * d_y
    return d_x


def counted_down(d_y, cache):
    cache["t"] -= 1
    return (2 + cache["t"]) * cache["x"] * d_y


def norm_clipped(d_y, x):
    d_x = 2 * x * d_y
    return d_x / np.maximum(0.1, np.linalg.norm(d_x, axis=1, keepdims=True))


SIDE_EFFECTS = {
    "forward writes inputs": (
        writes_inputs, square_back, "inputs-written", "forward writes into x, an input", "x *= 2",
    ),
    "backward writes inputs": (
        lambda x: (x**2, x), cache_written, "inputs-written", "backward writes into x", "x += 1",
    ),
    "backward writes upstream": (
        square, upstream_written, "upstream-written", "writes into the upstream gradient", "d_y *= 2",
    ),
    "backward writes the cache": (
        square, cache_written, "cache-written", "1 of the cache's arrays", "x += 1",
    ),
    "backward takes out of the cache": (
        lambda x: (x**2, [x.copy()]), popped, "cache-used-up", "raises IndexError", "x = cache.pop()",
    ),
    "backward leaves the cache empty": (
        lambda x: (x**2, [x.copy()]), popped_if_any, "cache-used-up", "gives different numbers",
        "x = cache.pop()",
    ),
    "backward counts down": (
        lambda x: (x**2, {"x": x.copy(), "t": 1}), counted_down, "cache-used-up", "gives different numbers",
        'cache["t"] -= 1',
    ),
}  # fmt: skip
FAULTS = {
    "sums kept": (square, kept_sums, "not-repeatable", "gives twice the numbers for x"),
    "something else kept": (square, counted, "not-repeatable", "gives different numbers for x"),
    "clipped": (
        square, lambda: lambda d, x: np.clip(2 * x * d, -0.5, 0.5), "not-linear", "is not linear in",
    ),
    "rows clipped by norm": (square, lambda: norm_clipped, "not-linear", "(x)"),
    "a constant added": (square, lambda: lambda d, x: 2 * x * d + 1e-2, "not-linear", "or added"),
    "the second raises": (square, once, "not-repeatable", "also after another forward pass"),
}  # fmt: skip


@pytest.mark.parametrize(("forward", "back", "code", "words"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_wrong_and_is_the_only_one_named(forward, back, code, words):
    report = gradcheck_functions(forward, back(), (X,))
    assert report.verdict == "wrong"
    assert [cause.code for cause in report.causes] == [code]
    assert words in report.causes[0].message
    assert report.side_effects == ()


@pytest.mark.parametrize(
    ("forward", "back", "code", "words", "line"), SIDE_EFFECTS.values(), ids=SIDE_EFFECTS.keys()
)
def test_right_numbers_with_a_side_effect_pass_and_say_what_and_where(forward, back, code, words, line):
    x = X.copy()
    report = gradcheck_functions(forward, back, (x,))
    assert report.passed
    assert report.verdict == "right, with a side effect"
    assert {row.verdict for row in report.rows} == {"right"}
    assert report.causes == ()
    (effect,) = report.side_effects
    assert effect.code == code
    assert words in effect.message
    assert effect.source == line
    assert line in Path(__file__).read_text().splitlines()[effect.line - 1]
    assert x.tobytes() == X.tobytes()


@pytest.mark.parametrize("effect", [name for name in SIDE_EFFECTS if "inputs" not in name])
def test_wrong_numbers_with_a_side_effect_are_wrong_and_both_are_said(effect):
    forward, back, code, *_ = SIDE_EFFECTS[effect]
    report = gradcheck_functions(forward, lambda d, cache: 1.01 * back(d, cache), (X,))
    assert report.verdict == "wrong"
    assert [one.code for one in report.side_effects] == [code]
    assert [cause.code for cause in report.causes] != [code]


def test_an_error_is_raised_for_a_side_effect_unless_somebody_lets_it_pass():
    with pytest.raises(AssertionError, match=r"line \d+ `d_y \*= 2`: backward writes into the upstream"):
        assert_gradients(square, upstream_written, (X,))
    assert_gradients(square, upstream_written, (X,), strict=False)
    with pytest.raises(AssertionError, match="WRONG"):
        assert_gradients(square, lambda d, x: 3 * x * d, (X,), strict=False)


def test_what_a_forward_pass_writes_to_its_input_is_what_its_backward_pass_sees():
    def forward(x):
        x *= 2
        return x**2, x

    assert gradcheck_functions(forward, lambda d, x: 4 * x * d, (X.copy(),)).passed
    assert gradcheck_functions(forward, lambda d, x: 8 * x * d, (X.copy(),)).verdict == "wrong"


def test_looking_for_the_line_leaves_the_tracing_of_others_alone():
    seen = []

    def tracer(frame, event, argument):
        seen.append(event)

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        gradcheck_functions(square, upstream_written, (X,))
        assert sys.gettrace() is tracer
    finally:
        sys.settrace(before)


def test_an_objects_own_state_may_be_what_is_used_up():
    class Layer:
        def forward(self, x):
            self.x, self.d_x = [x.copy()], None
            return x**2, None

        def backward(self, d, cache):
            self.d_x = 2 * d
            self.d_x *= self.x.pop()
            return self.d_x

    layer = Layer()
    (effect,) = gradcheck_functions(layer.forward, layer.backward, (X,)).side_effects
    assert (effect.code, effect.source) == ("cache-used-up", "self.d_x *= self.x.pop()")


def test_sums_kept_are_right_the_first_time():
    (row,) = gradcheck_functions(square, kept_sums(), (X,)).rows
    assert row.verdict == "right"


@pytest.mark.parametrize("keep", [dict, list, lambda x: x, lambda x: ({"deep": [x]},)])
def test_a_cache_is_looked_through(keep):
    class Kept:
        pass

    def forward(x):
        kept = Kept()
        kept.arrays = keep([("x", x.copy())]) if keep is dict else keep([x.copy()])
        return x**2, kept

    def first(value):
        while not isinstance(value, np.ndarray):
            value = next(iter(value.values())) if isinstance(value, dict) else value[0]
        return value

    report = gradcheck_functions(forward, lambda d, kept: cache_written(d, first(kept.arrays)), (X,))
    assert [effect.code for effect in report.side_effects] == ["cache-written"]


def drawn():
    rng = np.random.default_rng(0)
    return lambda x: (x * rng.random(), x)


def remembered():
    calls = []

    def forward(x):
        calls.append(x)
        return x * len(calls), x

    return forward


DOUBTS = {
    "drawn at random": (drawn(), "not-deterministic", "different numbers when it is called again"),
    "remembered": (remembered(), "not-deterministic", "remembered from the previous call"),
    "NaN": (lambda x: (np.where(x > 0, x, np.nan), x), "not-finite", "NaN or inf"),
    "infinite": (lambda x: (np.where(x > 0, x, np.inf), x), "not-finite", "NaN or inf"),
    "integers": (lambda x: (x.argmax(axis=1), x), "integer-outputs", "an output is int64"),
    "truth values": (lambda x: (x > 0, x), "integer-outputs", "an output is bool"),
    "integers beside floats": (lambda x: ((x, x.argmax(axis=1)), x), "integer-outputs", "int64"),
    "None": (lambda x: (None, x), "no-outputs", "nothing to differentiate"),
    "an empty tuple": (lambda x: ((), x), "no-outputs", "nothing to differentiate"),
}


@pytest.mark.parametrize(("forward", "code", "words"), DOUBTS.values(), ids=DOUBTS.keys())
def test_a_forward_that_cannot_be_differentiated_is_no_accusation(forward, code, words):
    report = gradcheck_functions(forward, square_back, (X,))
    assert report.verdict == "cannot tell"
    assert [cause.code for cause in report.causes] == [code]
    assert words in report.causes[0].message
    assert report.rows == ()


def test_what_a_forward_writes_is_named_where_nothing_can_be_told():
    def forward(x):
        x += np.nan
        return x * 1, None

    report = gradcheck_functions(forward, square_back, (X.copy(),))
    assert [cause.code for cause in report.causes] == ["not-finite"]
    assert [(effect.code, effect.source) for effect in report.side_effects] == [
        ("inputs-written", "x += np.nan")
    ]
    assert report.verdict == "cannot tell"


@pytest.mark.parametrize(
    ("forward", "back", "other"),
    [
        (lambda x: (x + 1, x), lambda d, x: d, "the upstream gradient"),
        (lambda x: (x.sum(axis=0), x), lambda d, x: np.broadcast_to(d, x.shape), "the upstream gradient"),
        (lambda x: (x**2 / 2 * 1.0, x), lambda d, x: np.multiply(x, d, out=d), "the upstream gradient"),
    ],
    ids=["itself", "broadcast", "written"],
)
def test_shared_memory_is_noted(forward, back, other):
    report = gradcheck_functions(forward, back, (X,))
    assert any(f"the gradient of x shares memory with {other}" in note for note in report.notes)
    assert all(row.verdict == "right" for row in report.rows)


def test_shared_memory_alone_leaves_the_verdict_right():
    def back(d, cache):
        return d, d

    report = gradcheck_functions(lambda a, b: (a + b, None), back, (X, X + 1))
    assert report.passed
    assert "the gradient of b shares memory with the gradient of a: adding to it in place changes both" in (
        report.notes
    )


@pytest.mark.parametrize(
    ("forward", "back"),
    [
        (square, square_back),
        (lambda x: (x.sum(axis=0), x), lambda d, x: np.zeros(x.shape) + d),
        (lambda x: (np.exp(x) / 1e8, x), lambda d, x: d * np.exp(x) / 1e8),
    ],
    ids=["square", "sum", "tiny"],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_right_functions_have_no_causes(forward, back, dtype):
    report = gradcheck_functions(forward, back, (X.astype(dtype),))
    assert report.passed, report
    assert report.causes == ()
    assert report.places == ()


def test_a_buffer_that_is_handed_out_twice_is_named_as_that():
    buffer = np.empty(3)

    def back(d, cache):
        return np.multiply(d, 2, out=buffer)

    report = gradcheck_functions(lambda x: (2 * x, None), back, (np.ones(3),))
    assert [effect.code for effect in report.side_effects] == ["one-buffer"]


def test_outputs_that_stand_in_one_array_do_not_hide_what_is_drawn_at_random():
    rng, buffer = np.random.default_rng(0), np.empty(3)

    def forward(x):
        return np.multiply(x, rng.uniform(size=3), out=buffer), None

    report = gradcheck_functions(forward, lambda d, cache: d, (np.ones(3),))
    assert [cause.code for cause in report.causes] == ["not-deterministic"]


def test_integers_that_are_written_over_are_named():
    def forward(W, tokens):
        y = W[tokens]
        tokens += 1
        return y, (W, tokens)

    def back(d, cache):
        W, tokens = cache
        d_W = np.zeros_like(W)
        np.add.at(d_W, tokens - 1, d)
        return {"W": d_W}

    report = gradcheck_functions(forward, back, {"W": np.ones((4, 2)), "tokens": np.array([0, 1])})
    (effect,) = report.side_effects
    assert (effect.code, effect.source) == ("inputs-written", "tokens += 1")
    assert "tokens" in effect.message


def test_a_cache_that_cannot_be_copied_is_fine():
    report = gradcheck_functions(lambda x: (2 * x, threading.Lock()), lambda d, cache: 2 * d, (np.ones(3),))
    assert report.passed


@pytest.mark.parametrize("dtype", [np.float32, np.longdouble])
def test_a_right_softmax_of_any_precision_is_not_accused(dtype):
    def softmax(x):
        p = np.exp(x - x.real.max(axis=1, keepdims=True))
        p = p / p.sum(axis=1, keepdims=True)
        return p, p

    def back(d, p):
        return {"x": p * (d - (d * p).sum(axis=1, keepdims=True))}

    x = (10 * np.random.default_rng(0).normal(size=(40, 30))).astype(dtype)
    assert gradcheck_functions(softmax, back, {"x": x}).causes == ()


def test_half_precision_cannot_be_told():
    x = np.linspace(0, 1, 5).astype(np.float16)
    report = gradcheck_functions(lambda x: (x**2, x), lambda d, x: {"x": 7 * d * x}, {"x": x})
    assert report.verdict == "cannot tell"
    assert "half precision" in report.causes[0].message


def test_a_wide_tolerance_of_ones_own_is_no_half_precision():
    x = np.linspace(1, 2, 5)
    report = gradcheck_functions(lambda x: (x**2, x), lambda d, x: {"x": 2.1 * d * x}, (x,), tolerance=0.2)
    assert report.verdict == "right"


def test_outputs_that_a_backward_pass_writes_over_are_named():
    def back(d, cache):
        x, y = cache()
        y *= 2
        return 2 * x * d

    def forward(x):
        y = x**2
        return y, lambda: (x, y)

    report = gradcheck_functions(forward, back, (X,))
    (effect,) = report.side_effects
    assert (effect.code, effect.source) == ("outputs-written", "y *= 2")
    assert "backward writes into the outputs" in effect.message
