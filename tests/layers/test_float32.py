"""Single precision stays within 1e-5 of double precision, on the shapes that the benchmark measures."""

import numpy as np
import pytest
from benchmarks.contests import LAYER_SHAPES, MODEL_SIZES, text
from benchmarks.problems import GATES, layer_problem, translation_problem
from benchmarks.subjects import ours


def in_double(value):
    """The same numbers in float64, in whatever they are contained."""
    if isinstance(value, dict):
        return {name: in_double(part) for name, part in value.items()}
    if isinstance(value, list):
        return [in_double(part) for part in value]
    return value.astype(np.float64) if getattr(value, "dtype", None) == np.float32 else value


def assert_close_to_double(make_subject, problem, names):
    """Every array within 1e-5 of its largest entry."""
    single = make_subject(problem).results()
    double = make_subject(type(problem)(*map(in_double, problem))).results()
    assert set(names) <= single.keys()
    for name in names:
        assert (single[name].dtype, double[name].dtype) == (np.float32, np.float64)
        error = np.abs(single[name] - double[name]).max() / np.abs(double[name]).max()
        assert error < 1e-5, f"{name}: {error:.1e}"


@pytest.mark.parametrize("shape", LAYER_SHAPES, ids=text)
@pytest.mark.parametrize("kind", GATES)
def test_a_layer_and_its_gradients(kind, shape):
    problem = layer_problem(kind, shape, "float32")
    assert_close_to_double(ours.layer, problem, ours.layer(problem).results().keys())


@pytest.mark.parametrize("unequal", [False, True], ids=["full", "unequal"])
@pytest.mark.parametrize("sizes", MODEL_SIZES, ids=text)
def test_the_gradients_of_the_encoder_decoder(sizes, unequal):
    problem = translation_problem(sizes, "float32", unequal)
    assert_close_to_double(ours.training, problem, [f"d_{name}" for name in problem.params])
