"""A row of a table for every token."""

import numpy as np
import pytest
import strategies as draw
from comparing import ROUNDING, all_zero, assert_close, assert_right_where_tested, assert_same
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import exposed

from seqmem import Decoder, Embedding, Encoder, gradcheck


@st.composite
def lookups(draw_from):
    """A table and tokens with up to three axes; repeated ids are the rule."""
    table = exposed(Embedding(draw_from(draw.V), draw_from(draw.E)), draw_from(draw.rngs))
    shape = draw_from(st.lists(st.integers(0, 4), max_size=3))
    return table, draw_from(draw.rngs).integers(table.vocab_size, size=shape)


@settings(max_examples=50)
@given(lookups(), draw.seeds)
def test_the_gradients_are_right(case, seed):
    table, tokens = case
    report = gradcheck(table, tokens, seed=seed, tolerance=ROUNDING)
    assert_right_where_tested(report)


@given(lookups(), draw.rngs)
def test_a_token_gets_its_row_and_a_row_the_sum_of_its_tokens_gradients(case, rng):
    table, tokens = case
    y, cache = table.forward(tokens)
    assert_same(y, table.W[tokens])
    d_y = rng.uniform(-1, 1, y.shape)
    d_inputs, grads = table.backward(d_y, cache)
    right = np.zeros_like(table.W)
    for where in np.ndindex(tokens.shape):
        right[tokens[where]] += d_y[where]
    assert d_inputs == (None,)
    assert_close(grads, {"W": right})


@pytest.mark.parametrize("std", [1, 0.1, 3.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_first_table_has_the_standard_deviation_asked_for(std, dtype):
    tables = [
        Embedding(200, 100, std=std, rng=0, dtype=dtype),
        Encoder(200, 100, 2, embedding_std=std, rng=0, dtype=dtype).embedding,
        Decoder(200, 100, 2, embedding_std=std, rng=0, dtype=dtype).embedding,
    ]
    for table in tables:
        assert table.std == std
        assert table.W.dtype == dtype
        n = table.W.size
        assert abs(table.W.mean()) < 5 * std / np.sqrt(n)
        assert abs(table.W.std() - std) < 5 * std / np.sqrt(2 * n)


def test_the_standard_deviation_scales_what_one_seed_draws():
    one, tenth = (Embedding(5, 3, std=std, rng=0).W for std in (1.0, 0.1))
    assert_close(tenth, 0.1 * one)


def test_what_a_row_gives_out_may_be_written_to():
    table = Embedding(4, 2, rng=0)
    right = table.W.copy()
    table.forward(np.array([[1, 2]]))[0].fill(np.nan)
    assert_same(table.W, right)


def test_tokens_may_be_written_to_before_the_backward_pass():
    table, tokens = Embedding(4, 2), np.array([3, 3, 1])
    _, cache = table.forward(tokens)
    tokens[...] = 0
    assert table.backward(np.ones((3, 2)), cache)[1]["W"][:, 0].tolist() == [0.0, 1.0, 0.0, 2.0]


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ([[1, 2], [3, -1]], r"tokens holds -1 at \[1, 1\], expected ids from 0 to 3"),
        ([[1, 4], [3, 9]], r"tokens holds 4 at \[0, 1\], expected ids from 0 to 3"),
        (np.array([0, 2**63], np.uint64), r"tokens holds 9223372036854775808 at \[1\]"),
        (-1, r"tokens holds -1 at \[\]"),
    ],
)
def test_an_id_outside_the_table_is_named_with_its_place(tokens, message):
    with pytest.raises(ValueError, match=f"Embedding.forward: {message}"):
        Embedding(4, 2).forward(np.array(tokens))


@pytest.mark.parametrize("tokens", [[1.0], [True], ["1"], [1j], [None], np.array([1], object)])
def test_tokens_that_are_no_integers_are_refused_with_their_dtype(tokens):
    with pytest.raises(TypeError, match=r"Embedding.forward: tokens has dtype .*, expected integers"):
        Embedding(4, 2).forward(tokens)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint64, ">i4"])
def test_tokens_may_be_integers_of_any_kind(dtype):
    table = Embedding(4, 2, rng=0)
    assert_same(table.forward(np.array([[3, 0]], dtype))[0], table.W[[[3, 0]]])


def test_no_tokens_are_fine():
    table = Embedding(4, 2, rng=0)
    y, cache = table.forward([])
    assert y.shape == (0, 2)
    assert all_zero(table.backward(y, cache))


def test_an_upstream_gradient_of_another_shape_is_refused():
    table = Embedding(4, 2)
    _, cache = table.forward(np.zeros((3, 5), int))
    with pytest.raises(
        ValueError, match=r"Embedding.backward: d_y has shape \(5, 3, 2\), expected \(3, 5, 2\)"
    ):
        table.backward(np.zeros((5, 3, 2)), cache)
