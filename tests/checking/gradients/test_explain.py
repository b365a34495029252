"""A wrong gradient is explained where it is something simple of the right one in every entry, else never."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmem import GRUCell, LSTMCell, Recurrent
from seqmem.checking import gradcheck_functions
from seqmem.checking.contract.conduct import ROUNDING
from seqmem.checking.contract.subject import FunctionSubject, ModuleSubject
from seqmem.checking.gradients.comparison import Comparison
from seqmem.checking.gradients.explain import causes, explanation

TOLERANCE = ROUNDING * np.finfo(np.float64).eps
T, B, D, H = 4, 3, 5, 2
DRAWN = np.random.default_rng(3)


def subject(name="W", shape=(D, D)):
    arrays = {"xs": np.ones((T, B, D)), name: np.ones(shape)}
    return FunctionSubject(lambda **arrays: None, lambda d, cache: None, arrays)


def lstm():
    return ModuleSubject(Recurrent(LSTMCell(D, H, rng=0)), (np.ones((T, B, D)),), {})


def explained(got, right, of=None, name="W", bar=0.0):
    right = np.asarray(right, float)
    comparison = Comparison(
        name, right.shape, np.asarray(got), right, np.full(right.shape, bar), float(np.abs(right).max())
    )
    return explanation(of or subject(name, right.shape), comparison, TOLERANCE)


def drawn(*shape):
    return DRAWN.standard_normal(shape)


def only(array, index):
    kept = np.zeros_like(array)
    kept[index] = array[index]
    return kept


def single(array):
    return array.astype(np.float32)


EXPLAINED = {
    "zeros": (np.zeros_like, (6, 2), "zeros", "zeros where the right gradient is not"),
    "sign": (np.negative, (6, 2), "factor", "with the wrong sign"),
    "twice": (lambda d: 2 * d, (6, 7), "factor", "twice the right gradient"),
    "half": (lambda d: d / 2, (6, 7), "factor", "half the right gradient"),
    "a hundredth": (lambda d: d * 1.01, (6, 7), "factor", "1.01 times the right gradient"),
    "a little": (lambda d: d * (1 + 1e-8), (6, 7), "factor", "1.00000001 times the right gradient"),
    "times T": (
        lambda d: T * d,
        (6, 7),
        "factor",
        "4 times the right gradient; 4 is the length of axis 0 of xs",
    ),
    "over T": (
        lambda d: d / T,
        (6, 7),
        "factor",
        "1/4 of the right gradient; 4 is the length of axis 0 of xs",
    ),
    "over B": (
        lambda d: d / B,
        (6, 7),
        "factor",
        "1/3 of the right gradient; 3 is the length of axis 1 of xs",
    ),
    "minus B": (
        lambda d: -B * d,
        (6, 7),
        "factor",
        "minus 3 times the right gradient; 3 is the length of axis",
    ),
    "own axis": (
        lambda d: d / 7,
        (6, 7),
        "factor",
        "1/7 of the right gradient; 7 is the length of axis 1 of W",
    ),
    "times a root": (
        lambda d: d * np.sqrt(7),
        (6, 7),
        "factor",
        "√7 times the right gradient; 7 is the length of axis 1 of W",
    ),
    "over a root": (
        lambda d: d / np.sqrt(7),
        (6, 7),
        "factor",
        "1/√7 of the right gradient; 7 is the length of axis 1 of W",
    ),
    "transposed": (np.transpose, (5, 5), "transposed", "the transpose of the right gradient"),
    "transposed gates": (lambda d: d.swapaxes(1, 2), (4, 5, 5), "transposed", "the transpose"),
    "permuted rows": (
        lambda d: d[[0, 2, 1, 3]],
        (4, 5),
        "permuted",
        "axis 0 are in the order 0, 2, 1, 3, not 0",
    ),
    "permuted blocks": (
        lambda d: d[:, [2, 3, 0, 1, 4, 5]],
        (7, 6),
        "permuted",
        "3 blocks along axis 1 are in the order 1, 0, 2",
    ),
    "reversed": (lambda d: d[:, ::-1], (5, 7), "reversed", "reversed along axis 1"),
    "summed": (lambda d: np.full(d.shape, d.sum()), (7,), "summed-over-all", "the sum over all entries"),
    "first alone": (
        lambda d: only(d, 0),
        (5, 7),
        "only-one",
        "right at index of axis 0: 0 and zero everywhere",
    ),
    "last alone": (
        lambda d: only(d, (slice(None), -1)),
        (5, 7),
        "only-one",
        "right at index of axis 1: 6 and zero everywhere",
    ),
    "single precision": (single, (6, 7), "single-precision", "there is a float32 array on the way"),
}
every_explanation = pytest.mark.parametrize(
    ("change", "shape", "code", "words"), EXPLAINED.values(), ids=EXPLAINED.keys()
)


@every_explanation
def test_a_simple_change_of_the_right_gradient_is_explained(change, shape, code, words):
    right = drawn(*shape)
    found = explained(change(right), right)
    assert found is not None
    assert found[0] == code
    assert words in found[1]


@every_explanation
@pytest.mark.parametrize("off", [1e-2, 1e-8])
def test_nothing_is_explained_that_is_so_in_all_entries_but_one(change, shape, code, words, off):
    right = drawn(*shape)
    got = np.array(change(right), float)
    got[(1,) * got.ndim] += off * np.abs(right).max()
    found = explained(got, right)
    all_nearly_right = code in ("single-precision", "factor") and np.allclose(got, right, rtol=0, atol=1e-6)
    assert found is None or (all_nearly_right and found[0] == "single-precision")


@every_explanation
def test_a_right_gradient_with_rounding_is_explained_the_same_way(change, shape, code, words):
    if code == "single-precision":
        return  # rounded once more it is not in single precision
    right = drawn(*shape)
    got = change(right)
    found = explained(got * (1 + 1e-14 * drawn(*got.shape)), right)
    assert found is not None
    assert found[0] == code
    assert words in found[1]


@given(
    st.lists(st.integers(1, 6), min_size=0, max_size=3),
    st.integers(0, 2**32 - 1),
    st.sampled_from([1.0, 1e-2, 1e-4]),
)
def test_noise_is_not_explained(shape, seed, size):
    rng = np.random.default_rng(seed)
    right = rng.standard_normal(shape)
    got = right + size * rng.standard_normal(shape)
    if right.size > 1:
        assert explained(got, right) is None


@given(st.integers(0, 2**32 - 1))
def test_two_noises_have_nothing_to_do_with_each_other(seed):
    rng = np.random.default_rng(seed)
    assert explained(rng.standard_normal((4, 5, 5)), rng.standard_normal((4, 5, 5))) is None


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_not_explained(value):
    right = drawn(3, 4)
    got = 2 * right
    got[0, 0] = value
    assert explained(got, right) is None


@pytest.mark.parametrize("got", [1.0, 0.0])
def test_nothing_is_explained_where_the_right_gradient_is_zero(got):
    assert explained(np.full((3, 4), got), np.zeros((3, 4))) is None


def test_a_factor_of_a_single_number_is_not_claimed():
    assert explained(np.array(2.5), np.array(1.0)) is None


def test_single_precision_is_not_claimed_where_the_differences_are_no_better():
    right = drawn(6, 7)
    assert explained(single(right), right, bar=1e-12) is None


def test_gates_are_named_in_the_order_in_which_they_stand():
    right = drawn(4, H, D)
    found = explained(right[[0, 2, 1, 3]], right, lstm(), "cell.W_x")
    gates = LSTMCell(D, H).gates
    order = [gates[k] for k in (0, 2, 1, 3)]
    assert found == (
        "permuted",
        f"its 4 blocks along axis 0 are in the order {', '.join(order)}, not {', '.join(gates)}",
    )


def test_the_gates_of_a_gru_are_its_own():
    gru = ModuleSubject(GRUCell(D, H, rng=0), (np.ones((B, D)),), {})
    right = drawn(3, H)
    found = explained(right[[1, 0, 2]], right, gru, "b")
    first, second, third = GRUCell(D, H).gates
    assert found is not None
    assert found[1].endswith(f"{second}, {first}, {third}, not {first}, {second}, {third}")


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (lambda d: d[::-1], "reversed", "the right gradient reversed in time"),
        (lambda d: only(d, -1), "only-one", "right at step 4 and zero everywhere else"),
        (lambda d: only(d, 0), "only-one", "right at step 0 and zero everywhere else"),
        (lambda d: only(d, (slice(None), 0)), "only-one", "right at batch row 0 and zero everywhere else"),
    ],
)
def test_steps_and_batch_rows_are_called_so(change, code, words):
    module = ModuleSubject(Recurrent(LSTMCell(D, H, rng=0)), (np.ones((5, B, D)),), {})
    right = drawn(5, B, D)
    assert explained(change(right), right, module, "xs") == (code, words)


def test_arrays_with_the_same_explanation_share_a_sentence():
    def twice(name, factor):
        right = drawn(6, 7)
        return Comparison(name, (6, 7), factor * right, right, np.zeros((6, 7)), float(np.abs(right).max()))

    found = causes(subject(), [twice("U", 2), twice("b", -1), twice("W", 2)], TOLERANCE)
    assert [cause.message for cause in found] == [
        "U, W: twice the right gradient",
        "b: the right gradient with the wrong sign",
    ]


def test_a_gradient_that_cannot_be_compared_is_not_explained():
    nothing = Comparison("W", (2,), None, np.zeros(2), np.zeros(2), 0.0, "no gradient was returned")
    assert causes(subject(), [nothing], TOLERANCE) == []


@pytest.mark.parametrize("lossy", [False, True], ids=["complex step", "differences"])
@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda d_w: d_w / 3, "factor"),
        (lambda d_w: 0 * d_w, "zeros"),
        (lambda d_w: d_w.T, "transposed"),
        (lambda d_w: d_w[::-1], "reversed"),
        (lambda d_w: np.full(d_w.shape, d_w.sum()), "summed-over-all"),
    ],
)
def test_a_report_gives_the_explanation(change, code, lossy):
    def forward(x, w):
        y = np.tanh(x @ w)
        return (np.array(y, float) if lossy and y.dtype == float else y.real if lossy else y), (x, w, y)

    def back(d_y, cache):
        x, w, y = cache
        d_a = d_y * (1 - y**2)
        return d_a @ w.T, change(x.T @ d_a)

    report = gradcheck_functions(forward, back, (drawn(3, 5), drawn(5, 5)))
    assert [cause.code for cause in report.causes] == [code]
    assert report.method.startswith("central" if lossy else "complex")


def test_two_gradients_in_each_others_places_are_told():
    def forward(x, y):
        return np.sin(x) * np.exp(y), (x, y)

    def back(d, cache):
        x, y = cache
        return {"x": d * np.sin(x) * np.exp(y), "y": d * np.cos(x) * np.exp(y)}

    inputs = {"x": drawn(3, 2), "y": drawn(3, 2)}
    report = gradcheck_functions(forward, back, inputs)
    assert [cause.message for cause in report.causes] == [
        "x: the gradient of y: the two are exchanged",
        "y: the gradient of x: the two are exchanged",
    ]


def test_of_axes_of_one_length_none_is_said_to_be_the_one():
    def forward(x, y, w):
        return np.tanh(x @ w) + y, (x, y, w, np.tanh(x @ w))

    def back(d, cache):
        x, _, w, h = cache
        d_a = d * (1 - h**2)
        return d_a @ w.T, d, x.T @ d_a / len(x)

    report = gradcheck_functions(forward, back, (drawn(3, 4), drawn(3, 5), drawn(4, 5)))
    assert [cause.message for cause in report.causes] == [
        "w: 1/3 of the right gradient; 3 is the length of axis 0 of x and y"
    ]


def test_a_zero_that_was_written_last_is_not_called_unwritten():
    def forward(xs, w):
        return np.tanh(xs) * w, (xs, w)

    def back(d, cache):
        xs, w = cache
        for t in reversed(range(len(xs))):
            d_w = d[t] * np.tanh(xs[t])  # set anew at every step, and the first step's is zero
        return d * w * (1 - np.tanh(xs) ** 2), d_w

    xs = drawn(4, 3)
    xs[0] = 0
    (cause,) = gradcheck_functions(forward, back, (xs, drawn(3))).causes
    assert cause.code == "zeros"
    assert "a sum was replaced by its last term, which is zero" in cause.message
