"""What the derivatives of a forward pass are, how sure that is, and what stands in the way of exact ones."""

import math

import numpy as np
import pytest
from comparing import rounding
from hypothesis import given, settings
from hypothesis import strategies as st

from seqmem.checking import gradcheck_functions
from seqmem.checking.contract.subject import FunctionSubject
from seqmem.checking.gradients.derivatives import STEPS, Derivatives

X = np.random.default_rng(2).standard_normal((3, 4))
HONEST = {np.float64: 3, np.float32: 10}  # bars within which the true derivative lies, by what is inside


def derivatives(forward, *inputs):
    subject = FunctionSubject(lambda *arrays: (forward(*arrays), None), lambda d, cache: None, inputs)
    return Derivatives(subject, np.random.default_rng(0))


def real(values):
    """The same numbers through an array that has no room for imaginary parts, without a word of warning."""
    return np.array([float(np.real(value)) for value in np.ravel(values)]).reshape(np.shape(values))


ANALYTIC = {
    "exp": (np.exp, np.exp),
    "tanh": (np.tanh, lambda x: 1 / np.cosh(x) ** 2),
    "power": (lambda x: x**7, lambda x: 7 * x**6),
    "quotient": (lambda x: 1 / (2 + x**2), lambda x: -2 * x / (2 + x**2) ** 2),
    "steep": (lambda x: np.exp(20 * x), lambda x: 20 * np.exp(20 * x)),
    "cancelling": (lambda x: (1e6 + x) ** 2 - 1e12, lambda x: 2 * (1e6 + x)),
}


@pytest.mark.parametrize(("function", "derivative"), ANALYTIC.values(), ids=ANALYTIC.keys())
def test_the_complex_step_is_exact(function, derivative):
    found = derivatives(function, X)
    assert found.exact
    for index in range(X.size):
        slope = found.along(next(iter(found.subject.arrays)), index=index)
        expected = np.zeros(X.size)
        expected[index] = derivative(X.flat[index])
        np.testing.assert_allclose(slope.value, expected, rtol=rounding(np.float64, 100), atol=0)
        assert not slope.bar.any()


def float_buffer(x):
    y = np.zeros(x.shape)
    y[...] = x**2  # the line
    return y, x


def magnitude(x):
    return x * np.abs(x), x  # the line


def absolute_at_the_end(x):
    return np.abs(x), x  # the line


def norm(x):
    return np.linalg.norm(x), x  # the line


def refused(x):
    return np.hypot(x, 1), x  # the line


def scalar_exp(x):
    return math.exp(x[0, 0]) + x, x  # the line


def real_part(x):
    return x.real**2, x  # the line


def part_of_it_real(x):
    return x * x.real, x  # the line


def to_float(x):
    return float(x[1, 2]) * x, x  # the line


def as_type(x):
    return x.astype(np.float64) ** 2, x  # the line


def conjugated(x):
    return x * np.conj(x), x  # the line


OBSTACLES = [
    (float_buffer, "drops the imaginary part"),
    (magnitude, "an imaginary part of x is lost on the way"),
    (absolute_at_the_end, "the outputs are real for complex inputs"),
    (norm, "the outputs are real for complex inputs"),
    (scalar_exp, "makes a real number of a complex one"),
    (refused, "does not take complex numbers"),
    (real_part, "the outputs are real for complex inputs"),
    (part_of_it_real, "an imaginary part of x is lost on the way"),
    (to_float, "makes a real number of a complex one"),
    (as_type, "drops the imaginary part"),
    (conjugated, "an imaginary part of x is lost on the way"),
]


@pytest.mark.parametrize(("forward", "words"), OBSTACLES, ids=[forward.__name__ for forward, _ in OBSTACLES])
def test_an_obstacle_to_the_complex_step_names_its_line(forward, words):
    with open(__file__) as file:
        lines = file.read().splitlines()
    start = forward.__code__.co_firstlineno
    number = next(k for k in range(start, len(lines)) if lines[k - 1].endswith("# the line"))
    source = lines[number - 1].strip()
    subject = FunctionSubject(forward, lambda d, cache: None, {"x": X})
    obstacle = Derivatives(subject, np.random.default_rng(0)).obstacle
    assert words in obstacle
    assert f"line {number} `{source.partition('  #')[0]}" in obstacle


@pytest.mark.parametrize(
    ("forward", "derivative"),
    [
        (float_buffer, lambda x: 2 * x),
        (magnitude, lambda x: 2 * np.abs(x)),
        (absolute_at_the_end, np.sign),
        (norm, lambda x: x / np.linalg.norm(x)),
        (real_part, lambda x: 2 * x),
        (part_of_it_real, lambda x: 2 * x),
        (as_type, lambda x: 2 * x),
        (conjugated, lambda x: 2 * x),
    ],
)
@pytest.mark.parametrize("off", [0.0, 1e-9])
def test_behind_an_obstacle_differences_tell_a_billionth(forward, derivative, off):
    report = gradcheck_functions(forward, lambda d, x: d * derivative(x) * (1 + off), {"x": X})
    assert report.method.startswith("central differences")
    assert report.verdict == ("wrong" if off else "right"), report


SMOOTH = {
    "sin": (np.sin, np.cos),
    "tanh": (np.tanh, lambda z: 1 / np.cosh(z) ** 2),
    "exp": (np.exp, np.exp),
    "square": (np.square, lambda z: 2 * z),
    "hill": (lambda z: 1 / (1 + z**2), lambda z: -2 * z / (1 + z**2) ** 2),
    "softplus": (lambda z: np.logaddexp(0, z), lambda z: 1 / (1 + np.exp(-z))),
}


@settings(max_examples=150)
@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(SMOOTH)), st.floats(0.1, 4), st.floats(0.3, 3), st.floats(-2, 2)),
        min_size=1,
        max_size=4,
    ),
    st.floats(-2, 2),
    st.sampled_from(sorted(HONEST, key=str)),
)
def test_the_true_derivative_lies_within_the_bar_of_the_differences(terms, at, inside):
    """Sums of a f(b x + c), computed in double precision or in single."""

    def function(x):
        x = real(x).astype(inside)
        parts = [inside(a) * SMOOTH[f][0](inside(b) * x + inside(c)) for f, a, b, c in terms]
        return real(sum(parts))

    terms = [(f, *(float(inside(number)) for number in numbers)) for f, *numbers in terms]
    true = sum(a * b * SMOOTH[f][1](b * at + c) for f, a, b, c in terms)
    found = derivatives(function, np.array([at]))
    slope = found.along(next(iter(found.subject.arrays)), index=0)
    assert not found.exact or true == 0
    sizes = [a * (abs(SMOOTH[f][0](b * at + c)) / STEPS[0] + abs(b)) for f, a, b, c in terms]
    resolved = 4 * np.finfo(inside).eps * sum(sizes)
    assert abs(slope.value[0] - true) <= HONEST[inside] * slope.bar[0] + resolved


@settings(max_examples=50)
@given(st.floats(-2, 2), st.floats(0.5, 3))
def test_on_a_smooth_function_the_bar_is_narrow(at, frequency):
    found = derivatives(lambda x: real(np.sin(frequency * real(x))), np.array([at]))
    assert found.along(next(iter(found.subject.arrays)), index=0).bar[0] < 1e-9 * frequency


KINKS = {
    "maximum": (lambda x: np.maximum(x, 0), lambda x, at: np.where(x > 0, 1, np.where(x < 0, 0, at))),
    "product": (lambda x: x * (x > 0), lambda x, at: np.where(x > 0, 1, np.where(x < 0, 0, at))),
    "real condition": (
        lambda x: np.where(x.real > 0, x, 0),
        lambda x, at: np.where(x > 0, 1, np.where(x < 0, 0, at)),
    ),
    "absolute": (np.abs, lambda x, at: np.where(x > 0, 1, np.where(x < 0, -1, 2 * at - 1))),
    "leaky": (
        lambda x: np.where(x.real > 0, x, 0.1 * x),
        lambda x, at: np.where(x > 0, 1, np.where(x < 0, 0.1, at)),
    ),
}
every_kink = pytest.mark.parametrize(("function", "derivative"), KINKS.values(), ids=KINKS.keys())


@every_kink
@pytest.mark.parametrize("at", [0.0, 1.0], ids=["left", "right"])
def test_exactly_at_a_kink_nothing_can_be_told(function, derivative, at):
    x = np.array([[1.3, 0.0, -0.7]])
    report = gradcheck_functions(lambda x: (function(x), x), lambda d, x: d * derivative(x, at), (x,))
    assert report.verdict == "cannot tell", report
    assert report.rows[0].where == (0, 1)
    assert "kink" in report.rows[0].note
    assert report.causes == ()


@every_kink
@pytest.mark.parametrize("inside", [np.float64, np.float32])
@pytest.mark.parametrize("at", [0.0, 1.0], ids=["left", "right"])
@pytest.mark.parametrize("x", [np.arange(-3.0, 4.0), np.array([-100.0, 0, 7]), np.zeros(1)], ids=str)
def test_at_a_kink_round_numbers_and_single_precision_hide_nothing(function, derivative, inside, at, x):
    def forward(x):
        y = np.zeros(x.shape, inside)
        y[...] = function(x)
        return y, x

    for check in (forward, lambda x: (function(x), x)):
        report = gradcheck_functions(check, lambda d, x: d * derivative(x, at), (x.astype(inside),))
        assert report.verdict == "cannot tell", report
        assert x[report.rows[0].where] == 0


@pytest.mark.parametrize("inside", [np.float64, np.float32])
def test_beside_a_kink_at_round_numbers_one_percent_is_a_mistake(inside):
    def forward(x):
        y = np.zeros(x.shape, inside)
        y[...] = np.maximum(x, 0)
        return y, x

    report = gradcheck_functions(forward, lambda d, x: 1.01 * d * (x > 0), (np.arange(-3.0, 4.0),))
    assert report.verdict == "wrong", report
    assert report.rows[0].where > (3,)


TIES = {
    "the first": lambda is_largest: is_largest & (np.cumsum(is_largest, axis=-1) == 1),
    "all of them": lambda is_largest: is_largest,
    "shares": lambda is_largest: is_largest / is_largest.sum(axis=-1, keepdims=True),
}


@pytest.mark.parametrize("of_ties", TIES.values(), ids=TIES.keys())
@pytest.mark.parametrize("shift", [0.0, 0.123])
def test_nobody_is_accused_or_acquitted_where_several_are_the_largest(of_ties, shift):
    def back(d, x):
        return d[:, None] * of_ties(x == x.max(axis=-1, keepdims=True))

    x = np.array([[1.0, 3, 3], [2, 2, 2], [0, 1, 5]]) + shift
    report = gradcheck_functions(lambda x: (x.max(axis=-1), x), back, (x,))
    assert report.verdict == "cannot tell", report


@every_kink
def test_a_mistake_elsewhere_is_found_all_the_same_beside_a_kink(function, derivative):
    x = np.array([[1.3, 0.0, -0.7]])
    back = lambda d, x: d * derivative(x, 0.5) * [1, 1, 1] + d * [0.01, 0, 0]  # noqa: E731
    report = gradcheck_functions(lambda x: (function(x), x), back, (x,))
    assert report.verdict == "wrong"
    assert report.rows[0].where == (0, 0)


@every_kink
@pytest.mark.parametrize("away", [1.0, 1e-3])
@pytest.mark.parametrize("off", [0.0, 1e-3])
def test_away_from_a_kink_all_can_be_told(function, derivative, away, off):
    x = away * np.array([[1.3, 1.1, -0.7]])
    back = lambda d, x: d * derivative(x, 0) * (1 + off)  # noqa: E731
    report = gradcheck_functions(lambda x: (function(x), x), back, (x,))
    assert report.verdict == ("wrong" if off else "right"), report


NOISY = {
    "elementwise": (
        lambda x: np.tanh(real(x).astype(np.float32)).astype(float),
        lambda d, x: d / np.cosh(x) ** 2,
    ),
    "product": (
        lambda x: (real(x).astype(np.float32) @ np.ones((4, 5), np.float32)).astype(float) ** 2,
        lambda d, x: 2 * (x @ np.ones((4, 5)) * d) @ np.ones((5, 4)),
    ),
    "one number": (
        lambda x: np.exp(real(x).astype(np.float32).sum() / 4),
        lambda d, x: d * np.full(x.shape, np.exp(x.sum() / 4) / 4),
    ),
}


@pytest.mark.parametrize(("function", "back"), NOISY.values(), ids=NOISY.keys())
@pytest.mark.parametrize("max_elements", [20_000, 0])
@pytest.mark.parametrize("seed", range(4))
def test_single_precision_inside_is_noise_and_no_mistake_but_one_percent_is(
    function, back, max_elements, seed
):
    x = np.random.default_rng(seed).standard_normal((3, 4))

    def verdict(factor):
        report = gradcheck_functions(
            lambda x: (function(x), x),
            lambda d, x: factor * back(d, x),
            (x,),
            seed=seed,
            max_elements=max_elements,
        )
        return report.verdict

    assert (verdict(1.0), verdict(1.01)) == ("right", "wrong")


@pytest.mark.parametrize("direction", [True, False])
@pytest.mark.parametrize("function", [np.exp, lambda x: real(np.exp(real(x)))])
def test_looking_leaves_the_arrays_as_they_were(function, direction):
    found = derivatives(function, X.copy())
    (name,) = found.subject.arrays
    first = found.along(name, np.ones(X.shape) if direction else None, None if direction else 5)
    again = found.along(name, np.ones(X.shape) if direction else None, None if direction else 5)
    assert first.value.tobytes() == again.value.tobytes()
    assert found.subject.arrays[name].tobytes() == X.tobytes()
