"""Seeds, and the first values of weights."""

import numpy as np
import pytest
from comparing import assert_close
from hypothesis import given
from hypothesis import strategies as st

from seqmem.initializers import (
    INITIALIZERS,
    as_generator,
    chrono,
    glorot_uniform,
    identity,
    normal,
    orthogonal,
    uniform,
)

sizes = st.integers(1, 6)


@given(st.integers(0, 2**64))
def test_a_seed_is_numpys_own_seed(seed):
    right = np.random.default_rng(seed).random(3).tolist()
    assert as_generator(seed).random(3).tolist() == right
    assert as_generator(np.random.SeedSequence(seed)).random(3).tolist() == right


def test_a_generator_is_passed_on_and_none_is_fresh():
    rng = np.random.default_rng(0)
    assert as_generator(rng) is rng
    assert as_generator(None).random() != as_generator(None).random()
    assert as_generator(np.uint8(3)).random() == as_generator(3).random()


@pytest.mark.parametrize(
    "rng", [True, False, np.True_, 1.5, 2.0, "0", [1], np.random.RandomState(0), np.random]
)
def test_what_is_no_seed_is_a_type_error(rng):
    with pytest.raises(
        TypeError, match=r"rng is .*, expected None, an int, a numpy Generator or a SeedSequence"
    ):
        as_generator(rng)


@pytest.mark.parametrize("rng", [-1, np.int64(-7)])
def test_a_negative_seed_is_a_value_error(rng):
    with pytest.raises(ValueError, match=rf"rng is {rng}, expected a seed of at least 0"):
        as_generator(rng)


@given(sizes, sizes, sizes, st.sampled_from([np.float32, np.float64]))
def test_glorot_stays_within_its_limit_over_the_last_two_axes(G, D, H, dtype):
    W = glorot_uniform(np.random.default_rng(0), (G, D, H), np.dtype(dtype))
    assert (W.shape, W.dtype) == ((G, D, H), dtype)
    assert (abs(W) <= np.float32(np.sqrt(6 / (D + H)))).all()


def test_glorot_has_its_variance():
    W = glorot_uniform(np.random.default_rng(0), (4, 200, 100), np.dtype(float))
    # four standard errors of the variance and of the mean of 80,000 numbers from a fixed seed
    assert abs(W.var() / (2 / 300) - 1) < 0.02
    assert abs(W.mean()) < 1e-3


@given(sizes, sizes, st.integers(0, 99))
def test_orthogonal_matrices_keep_norms_and_differ_from_gate_to_gate(G, H, seed):
    Q = orthogonal(np.random.default_rng(seed), (G, H, H), np.dtype(float))
    assert_close(Q.swapaxes(1, 2) @ Q, np.broadcast_to(np.eye(H), Q.shape))
    if H > 1:
        assert len({gate.tobytes() for gate in Q}) == G


@given(sizes, sizes, st.integers(0, 99))
def test_orthogonal_matrices_of_unequal_axes_have_orthonormal_vectors(D, H, seed):
    Q = orthogonal(np.random.default_rng(seed), (3, D, H), np.dtype(float))
    assert Q.flags.c_contiguous
    inner = Q.swapaxes(1, 2) @ Q if D >= H else Q @ Q.swapaxes(1, 2)
    assert_close(inner, np.broadcast_to(np.eye(min(D, H)), inner.shape))


def test_orthogonal_matrices_are_the_one_factor_with_a_positive_diagonal_beside_it():
    """Only then is every orthogonal matrix equally likely (Mezzadri, 2007)."""
    R = orthogonal(np.random.default_rng(0), (50, 4, 4), np.dtype(float)).swapaxes(1, 2)
    R = R @ np.random.default_rng(0).standard_normal((50, 4, 4))
    assert_close(np.tril(R, -1), np.zeros_like(R))
    assert (np.diagonal(R, axis1=1, axis2=2) > 0).all()


def test_orthogonal_matrices_favour_no_sign():
    Q = orthogonal(np.random.default_rng(0), (2000, 2, 2), np.dtype(float))
    assert abs(np.sign(np.diagonal(Q, axis1=1, axis2=2)).mean()) < 0.1
    assert abs(np.linalg.det(Q).mean()) < 0.1


@given(sizes, sizes, sizes, st.sampled_from(sorted(INITIALIZERS)), st.sampled_from([np.float32, np.float64]))
def test_every_initialiser_gives_the_shape_and_dtype_and_a_seed_repeats_it(G, D, H, name, dtype):
    first, second = (INITIALIZERS[name](np.random.default_rng(2), (G, D, H), np.dtype(dtype)) for _ in "ab")
    assert (first.shape, first.dtype) == ((G, D, H), dtype)
    assert np.isfinite(first).all()
    assert first.tobytes() == second.tobytes()


def test_uniform_weights_fill_torchs_bound():
    W = uniform(np.random.default_rng(0), (4, 50, 64), np.dtype(float))
    assert abs(W).max() <= 1 / 8
    # four standard errors of the variance of 12,800 uniform numbers, whose kurtosis is 1.8
    assert abs(W.var() / (1 / 64 / 3) - 1) < 4 * np.sqrt(0.8 / W.size)


def test_normal_weights_keep_the_size_of_a_sum():
    W = normal(np.random.default_rng(0), (4, 50, 64), np.dtype(float))
    # four standard errors of the variance of 12,800 normal numbers, whose kurtosis is 3
    assert abs(W.var() * 50 - 1) < 4 * np.sqrt(2 / W.size)


@given(sizes, sizes, sizes)
def test_the_identity_copies_each_unit_of_every_gate(G, D, H):
    W = identity(np.random.default_rng(0), (G, D, H), np.dtype(float))
    assert_close(W, np.broadcast_to(np.eye(D, H), (G, D, H)))


@given(st.integers(1, 9), st.floats(2, 1e6))
def test_biases_for_long_memories_stay_within_their_bounds(size, longest):
    b = chrono(np.random.default_rng(0), size, longest, np.dtype(float))
    assert b.shape == (size,)
    assert (b >= 0).all()
    assert (b <= np.log(max(1.0, longest - 1)) * (1 + 1e-12)).all()
