"""Dot-product and bilinear attention are what their equations say; no context is nothing."""

import numpy as np
import pytest
import strategies as draw
from comparing import all_finite, all_zero, assert_close, assert_same
from hypothesis import given

from seqmem import (
    BilinearAttention,
    Decoder,
    DotProductAttention,
    Encoder,
    NoContext,
    Seq2Seq,
    gradcheck,
)


def literally(context, q, keys):
    """Weights and context of one row, position by position."""
    asked = q @ context.W if isinstance(context, BilinearAttention) else q
    if isinstance(context, DotProductAttention) and context.scaled:
        asked = asked / np.sqrt(len(q))
    weights = np.exp([k @ asked for k in keys])
    weights /= weights.sum()
    return sum(weight * key for weight, key in zip(weights, keys, strict=True)), weights


@given(draw.looks(contexts=draw.inner_products))
def test_the_weights_are_the_softmax_of_the_inner_products(look):
    (context, weights), _ = look.context.forward(look.query, look.keys, lengths=look.lengths)
    for row, n in enumerate(look.lengths):
        if n:
            right = literally(look.context, look.query[row], look.keys[:n, row])
            assert_close((context[row], weights[row, :n]), right)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_enormous_scores_choose_one_position_exactly(dtype):
    rng = np.random.default_rng(0)
    attention = draw.exposed(BilinearAttention(3, 4, dtype=dtype), rng)
    attention.W *= 1e30
    query, keys = rng.uniform(-1, 1, (2, 3)).astype(dtype), rng.uniform(-1, 1, (6, 2, 4)).astype(dtype)
    with np.errstate(all="raise"):
        (context, weights), cache = attention.forward(query, keys, lengths=[6, 3])
        gradients = attention.backward((np.ones_like(context), np.ones_like(weights)), cache)
    assert_same(np.sort(weights, axis=1), np.eye(6, dtype=dtype)[[5, 5]])
    assert all_finite(gradients)


@pytest.mark.parametrize(
    "context", [DotProductAttention(), DotProductAttention(scaled=True), DotProductAttention(5)]
)
def test_a_decoder_with_dot_product_attention_learns_by_the_right_gradients(context):
    decoder = Decoder(4, 2, 5, context=context, cell="rnn", rng=0)
    assert gradcheck(Seq2Seq(Encoder(4, 2, 5, cell="rnn", rng=1), decoder)).passed


def test_bilinear_attention_of_other_sizes_in_a_decoder():
    decoder = Decoder(4, 2, 3, context=BilinearAttention(3, 4, rng=2), cell="rnn", readout="all", rng=0)
    encoder = Encoder(4, 2, 2, cell="rnn", bidirectional=True, rng=1)
    assert gradcheck(Seq2Seq(encoder, decoder, rng=3)).passed


def test_a_query_that_is_not_as_wide_as_the_keys_is_refused():
    with pytest.raises(ValueError, match="DotProductAttention: keys are 4 wide, expected 3: the width"):
        DotProductAttention().forward(np.ones((2, 3)), np.ones((6, 2, 4)))
    with pytest.raises(ValueError, match="Decoder: context has query_size 4, expected 5: hidden_size"):
        Decoder(6, 3, 5, context=DotProductAttention(4))
    with pytest.raises(ValueError, match="Decoder: context has key_size 5, expected 10"):
        Decoder(6, 3, 5, context=DotProductAttention(5), key_size=10)


@pytest.mark.parametrize("scaled", [1, None, "yes"])
def test_scaled_or_not(scaled):
    with pytest.raises(TypeError, match="DotProductAttention: scaled is"):
        DotProductAttention(scaled=scaled)


@given(draw.looks())
def test_no_context_shows_nothing_and_gives_no_gradient(look):
    (context, weights), cache = NoContext().forward(look.query, look.keys, lengths=look.lengths)
    gradients = NoContext().backward((look.d_context, look.d_weights), cache)
    assert (context.shape, weights.shape) == (look.d_context.shape, look.d_weights.shape)
    assert gradients[0][1].shape == look.keys.shape
    assert all_zero((context, weights, gradients))


def test_without_a_context_the_source_comes_in_by_the_initial_state_alone():
    decoder = Decoder(6, 3, 5, context=NoContext(), cell="rnn", rng=0)
    model = Seq2Seq(Encoder(7, 3, 5, cell="rnn", rng=1), decoder)
    (logits, _), cache = model.forward(np.array([[3, 4], [5, 6]]), np.array([[1, 1], [2, 3]]))
    assert not np.allclose(logits[:, 0], logits[:, 1])
    _, grads = model.backward((np.ones_like(logits) * np.arange(6), None), cache)
    assert grads["encoder.embedding.W"].any()
    assert all_zero(grads["decoder.cell.W_x"][3:])  # of the context
    assert gradcheck(model).verdict != "wrong"
