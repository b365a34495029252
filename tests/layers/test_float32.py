"""Single precision differs from double precision by rounding, on the shapes that the benchmark measures."""

import numpy as np
import pytest
from benchmarks.contests import LAYER_SHAPES, MODEL_SIZES, text
from benchmarks.problems import GATES, layer_problem, translation_problem
from benchmarks.subjects import ours
from comparing import eps_of, rounding

from seqmem import AdditiveAttention

VISIBLE = (
    1e-2  # of an array's largest entry: an error that every bound must refuse, or the test shows nothing
)


def in_double(value):
    """The same numbers in float64, in whatever they are contained."""
    if isinstance(value, dict):
        return {name: in_double(part) for name, part in value.items()}
    if isinstance(value, list):
        return [in_double(part) for part in value]
    return value.astype(np.float64) if getattr(value, "dtype", None) == np.float32 else value


def assert_close_to_double(single, double, terms, sizes=None):
    """Arrays of float32 within the rounding of so many terms in a row, in each entry and on the average.

    A term's size is the array's, or what `sizes` says of an array whose terms cancel. The average is held to
    less: luck evens out over an array, so its root mean square needs no LAMBDA, and of the two results only
    one is rounded. It sees values in half precision on the way, which each entry's bound may let pass.
    """
    for name in single:
        assert (single[name].dtype, double[name].dtype) == (np.float32, np.float64)
        size = np.maximum(np.abs(double[name]), (sizes or {}).get(name, 0))
        bounds = (
            (largest, rounding(np.float32, terms, largest(size))),
            (root_mean_square, np.sqrt(terms) * eps_of(np.float32) / 2 * root_mean_square(size)),
        )
        for measure, bound in bounds:
            error, whole = measure(single[name] - double[name]), measure(double[name])
            assert error < bound, f"{name}: {error / whole:.1e}, expected below {bound / whole:.1e}"
            assert bound < VISIBLE * whole, name


def largest(array):
    return float(np.abs(array).max())


def root_mean_square(array):
    return float(np.sqrt(np.mean(array**2)))


LARGE = [pytest.mark.slow]  # seconds each


@pytest.mark.parametrize(
    "shape", [pytest.param(shape, marks=LARGE * (shape[-1] >= 128)) for shape in LAYER_SHAPES], ids=text
)
@pytest.mark.parametrize("kind", GATES)
def test_a_layer_and_its_gradients(kind, shape):
    T, B, D, H = shape
    problem = layer_problem(kind, shape, "float32")
    double = ours.layer(type(problem)(*map(in_double, problem))).results()
    # T products forward, T backward, and a parameter's sum over all steps and rows
    assert_close_to_double(ours.layer(problem).results(), double, T * (D + H) + T * H + T * B)


@pytest.mark.parametrize("unequal", [False, True], ids=["full", "unequal"])
@pytest.mark.parametrize(
    "sizes", [pytest.param(sizes, marks=LARGE * (sizes[-1] > 40)) for sizes in MODEL_SIZES], ids=text
)
def test_the_gradients_of_the_encoder_decoder(sizes, unequal, monkeypatch):
    B, S, T, E, H, A, V = sizes
    problem = translation_problem(sizes, "float32", unequal)
    names = [f"d_{name}" for name in problem.params]
    single = ours.training(problem).results()
    terms_of = scorer_terms(monkeypatch)
    double = ours.training(type(problem)(*map(in_double, problem))).results()
    # the encoder; the query, the scores, the context and the cell at each step of the decoder; both forward
    # and backward; the softmax over the vocabulary; a parameter's sum over all steps or positions of all rows
    terms = 2 * (S * (E + H) + T * (H + A + S + E + 2 * H)) + H + V + T * B + S * B
    assert_close_to_double(
        {name: single[name] for name in names}, {name: double[name] for name in names}, terms, terms_of()
    )


def scorer_terms(monkeypatch):
    """A function that gives the sizes of the terms of the scorer's gradients in the passes until its call.

    weights * (d_weights - mean of d_weights) takes the difference of nearly equal numbers, d_weights = keys ·
    d_context. What is rounded are the terms of that product, each on its own and up as often as down: their
    size is the root of the sum of their squares, carried on to each parameter without the difference.
    """
    squares = dict.fromkeys(("W_q", "W_k", "b", "v"), 0.0)
    step_backward = AdditiveAttention.step_backward

    def noting(self, d_context, d_weights, look, memory, d_memory):
        query, weights, hidden = (value**2 for value in look)
        keys = memory.keys**2
        reach = np.einsum("bsk,bk->bs", keys, d_context**2)
        d_scores = weights * (reach + (weights * reach).sum(axis=1, keepdims=True))
        d_a = d_scores[:, :, None] * (1 - hidden) ** 2 * self.v**2
        squares["W_q"] += np.einsum("bq,bsa->qa", query, d_a)
        squares["W_k"] += np.einsum("bsk,bsa->ka", keys, d_a)
        squares["b"] += d_a.sum(axis=(0, 1))
        squares["v"] += np.einsum("bs,bsa->a", d_scores, hidden)
        return step_backward(self, d_context, d_weights, look, memory, d_memory)

    monkeypatch.setattr(AdditiveAttention, "step_backward", noting)
    return lambda: {f"d_decoder.context.{name}": np.sqrt(of) for name, of in squares.items()}
