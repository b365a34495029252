"""Additive attention is what its equations say."""

import numpy as np
import pytest
import strategies as draw
from comparing import all_finite, assert_close, assert_same
from hypothesis import given
from strategies import exposed

from seqmem import AdditiveAttention


def literally(attention, q, keys):
    """Scores, weights and context of one row, position by position."""
    scores = [attention.v @ np.tanh(q @ attention.W_q + k @ attention.W_k + attention.b) for k in keys]
    weights = np.exp(scores) / np.sum(np.exp(scores))
    return sum(weight * key for weight, key in zip(weights, keys, strict=True)), weights


@given(draw.looks(contexts=draw.additive))
def test_the_weights_are_the_softmax_of_the_scorer(look):
    (context, weights), _ = look.context.forward(look.query, look.keys, lengths=look.lengths)
    for row, n in enumerate(look.lengths):
        if n:
            right = literally(look.context, look.query[row], look.keys[:n, row])
            assert_close((context[row], weights[row, :n]), right)


@given(draw.looks(contexts=draw.additive), draw.rngs)
def test_the_order_of_the_positions_does_not_matter(look, rng):
    order = rng.permutation(len(look.keys))
    (context, weights), _ = look.context.forward(look.query, look.keys)
    (context_2, weights_2), _ = look.context.forward(look.query, look.keys[order])
    assert_close((context_2, weights_2), (context, weights[:, order]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e4, 1e30])
def test_enormous_scores_choose_one_position_exactly(dtype, size):
    rng = np.random.default_rng(0)
    attention = exposed(AdditiveAttention(3, 4, 5, dtype=dtype), rng)
    attention.v *= size
    query, keys = rng.uniform(-1, 1, (2, 3)).astype(dtype), rng.uniform(-1, 1, (6, 2, 4)).astype(dtype)
    with np.errstate(all="raise"):
        (context, weights), cache = attention.forward(query, keys, lengths=[6, 3])
        gradients = attention.backward((np.ones_like(context), np.ones_like(weights)), cache)
    assert_same(np.sort(weights, axis=1), np.eye(6, dtype=dtype)[[5, 5]])
    assert_same(context, keys[weights.argmax(axis=1), [0, 1]])
    assert all_finite(gradients)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e4, 1e30])
def test_enormous_queries_and_keys_give_finite_gradients_without_a_warning(dtype, size):
    rng = np.random.default_rng(0)
    attention = exposed(AdditiveAttention(3, 4, 5, dtype=dtype), rng)
    query, keys = size * rng.uniform(-1, 1, (2, 3)), size * rng.uniform(-1, 1, (6, 2, 4))
    with np.errstate(all="raise"):
        (context, weights), cache = attention.forward(query, keys, lengths=[6, 0])
        gradients = attention.backward((np.ones_like(context), np.ones_like(weights)), cache)
    assert all_finite((context, weights, gradients))
    assert not context[1].any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_positions_do_not_change_the_dtype(dtype):
    attention = AdditiveAttention(3, 4, 5, dtype=dtype)
    (context, weights), _ = attention.forward(np.zeros((2, 3)), np.zeros((0, 2, 4)))
    assert context.dtype == weights.dtype == dtype


@pytest.mark.parametrize(
    ("query", "keys", "message"),
    [
        (
            np.zeros((2, 4)),
            np.zeros((6, 2, 4)),
            r"query has shape \(2, 4\), expected \(B, 3\): 3 is query_size",
        ),
        (np.zeros(3), np.zeros((6, 2, 4)), r"query has shape \(3,\), expected \(B, 3\)"),
        (
            np.zeros((2, 3)),
            np.zeros((2, 6, 4)),
            r"keys has shape \(2, 6, 4\), expected \(S, 2, 4\): 2 is the batch",
        ),
        (np.zeros((2, 3)), np.zeros((6, 2, 5)), r"keys has shape \(6, 2, 5\).* 4 is key_size"),
        (np.zeros((2, 3)), np.zeros((6, 4)), r"keys has shape \(6, 4\), expected \(S, 2, 4\)"),
    ],
)
def test_queries_and_keys_of_another_shape_are_refused(query, keys, message):
    with pytest.raises(ValueError, match=f"AdditiveAttention.forward: {message}"):
        AdditiveAttention(3, 4, 5).forward(query, keys)


def test_upstream_gradients_of_another_shape_are_refused():
    attention = AdditiveAttention(3, 4, 5)
    _, cache = attention.forward(np.zeros((2, 3)), np.zeros((6, 2, 4)))
    with pytest.raises(ValueError, match=r"AdditiveAttention.backward: d_context has shape \(2, 3\)"):
        attention.backward((np.zeros((2, 3)), None), cache)
    with pytest.raises(ValueError, match=r"AdditiveAttention.backward: d_weights has shape \(6, 2\)"):
        attention.backward((None, np.zeros((6, 2))), cache)


def test_lengths_beyond_the_keys_are_refused():
    with pytest.raises(
        ValueError, match=r"AdditiveAttention.forward: lengths\[1\] is 7, expected 0 to 6 \(S\)"
    ):
        AdditiveAttention(3, 4, 5).forward(np.zeros((2, 3)), np.zeros((6, 2, 4)), lengths=[6, 7])


@pytest.mark.parametrize("size", [0, -1, 2.0, True])
def test_a_size_is_a_positive_integer(size):
    for place, name in enumerate(("query_size", "key_size", "attention_size")):
        sizes = [3, 4, 5]
        sizes[place] = size
        with pytest.raises(ValueError, match=f"AdditiveAttention: {name} is"):
            AdditiveAttention(*sizes)
