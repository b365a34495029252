"""What is true of both contexts."""

import numpy as np
import strategies as draw
from comparing import ROUNDING, all_zero, assert_close, assert_right_where_tested, assert_same
from hypothesis import given, settings
from hypothesis import strategies as st

from seqmem import gradcheck


def run(look, **changes):
    """(context, weights), (d_query, d_keys), gradients of the parameters."""
    look = look._replace(**changes)
    outputs, cache = look.context.forward(look.query, look.keys, lengths=look.lengths)
    return outputs, *look.context.backward((look.d_context, look.d_weights), cache)


@settings(max_examples=60)
@given(draw.looks(), draw.seeds)
def test_the_gradients_are_right(look, seed):
    report = gradcheck(
        look.context, look.query, look.keys, seed=seed, tolerance=ROUNDING, lengths=look.lengths
    )
    assert_right_where_tested(report)


@given(draw.looks())
def test_the_weights_of_the_valid_positions_sum_to_1_and_the_others_are_exactly_0(look):
    (_, weights), _, _ = run(look)
    S = len(look.keys)
    assert_close(weights.sum(axis=1), np.where(look.lengths > 0, 1.0, 0.0))
    assert (weights >= 0).all()
    assert all_zero(weights[np.arange(S) >= look.lengths[:, None]])


@given(draw.looks())
def test_the_context_is_the_weighted_sum_of_the_keys(look):
    (context, weights), _, _ = run(look)
    assert_close(context, np.einsum("bs,sbk->bk", weights, look.keys))


@given(draw.looks(S=st.just(1)))
def test_a_single_key_is_the_context_whatever_the_query(look):
    (context, weights), (d_query, d_keys), grads = run(look, lengths=None)
    assert_same((context, weights), (look.keys[0], np.ones_like(weights)))
    assert all_zero((d_query, grads))
    assert_same(d_keys, look.d_context[None])


@given(draw.looks(), st.integers(0, 3), draw.seeds)
def test_nothing_in_the_padding_of_the_keys_and_no_more_of_it_has_an_effect(look, more, seed):
    (context, weights), (d_query, d_keys), grads = run(look)
    S, B, K = look.keys.shape
    padding = np.arange(S + more)[:, None] >= look.lengths
    keys = np.concatenate([look.keys, np.zeros((more, B, K))])
    keys[padding] = np.random.default_rng(seed).choice(
        [np.nan, np.inf, -np.inf, 1e300, -7.0], keys[padding].shape
    )
    d_weights = np.concatenate([look.d_weights, np.zeros((B, more))], axis=1)
    with np.errstate(all="raise"):
        (context_2, weights_2), (d_query_2, d_keys_2), grads_2 = run(look, keys=keys, d_weights=d_weights)
    assert all_zero((d_keys_2[padding], weights_2.T[padding]))
    assert_close((context_2, weights_2[:, :S]), (context, weights))
    assert_close((d_query_2, d_keys_2[:S], grads_2), (d_query, d_keys, grads))


@given(draw.looks(), draw.seeds)
def test_nothing_in_the_upstream_gradient_of_a_padded_weight_has_an_effect(look, seed):
    padding = np.arange(len(look.keys)) >= look.lengths[:, None]
    d_weights = look.d_weights.copy()
    d_weights[padding] = np.random.default_rng(seed).choice([np.nan, np.inf, 1e300], padding.sum())
    with np.errstate(all="raise"):
        changed = run(look, d_weights=d_weights)
    assert_close(changed, run(look))


@given(draw.looks(), st.sampled_from([np.nan, np.inf, 1e300]))
def test_a_row_without_a_valid_position_gets_nothing_and_gives_nothing_whatever_comes_from_above(
    look, garbage
):
    d_context = np.where(look.lengths[:, None] == 0, garbage, look.d_context)
    with np.errstate(all="raise"):
        changed = run(look, d_context=d_context)
    assert_close(changed, run(look))
    (context, weights), (d_query, d_keys), _ = changed
    empty = look.lengths == 0
    assert all_zero((context[empty], weights[empty], d_query[empty], d_keys[:, empty]))


@given(draw.looks(), st.data())
def test_a_batch_in_another_order_or_without_some_rows_gives_the_same_for_those_that_stay(look, data):
    (context, weights), (d_query, d_keys), _ = run(look)
    order = data.draw(st.permutations(range(len(look.lengths))))
    order = order[: data.draw(st.integers(0, len(order)))]
    some = look._replace(
        query=look.query[order],
        keys=look.keys[:, order],
        lengths=look.lengths[order],
        d_context=look.d_context[order],
        d_weights=look.d_weights[order],
    )
    outputs, d_inputs, _ = run(some)
    assert_close((outputs, d_inputs), ((context[order], weights[order]), (d_query[order], d_keys[:, order])))


@given(draw.looks())
def test_the_gradients_of_the_context_and_of_the_weights_add_up(look):
    _, both, grads = run(look)
    _, of_context, context_grads = run(look, d_weights=None)
    _, of_weights, weights_grads = run(look, d_context=None)
    assert_close(both, tuple(one + other for one, other in zip(of_context, of_weights, strict=True)))
    assert_close(grads, {name: context_grads[name] + weights_grads[name] for name in grads})
    assert all_zero(run(look, d_context=None, d_weights=None)[1:])


@given(draw.looks())
def test_no_lengths_are_full_lengths(look):
    full = np.full(len(look.query), len(look.keys))
    assert_close(run(look, lengths=None), run(look, lengths=full))


@given(draw.looks(S=st.just(0)), st.booleans())
def test_no_positions_at_all_are_fine(look, with_lengths):
    lengths = look.lengths if with_lengths else None
    (context, weights), (d_query, d_keys), grads = run(look, lengths=lengths)
    assert context.shape == look.d_context.shape
    assert (weights.shape, d_keys.shape) == (look.d_weights.shape, look.keys.shape)
    assert all_zero((context, d_query, grads))


@given(draw.looks())
def test_what_was_passed_and_what_was_returned_may_be_written_to_before_the_backward_pass(look):
    _, d_inputs, grads = run(look)
    query, keys, lengths = look.query.copy(), look.keys.copy(), look.lengths.copy()
    (context, weights), cache = look.context.forward(query, keys, lengths=lengths)
    for array in (query, keys, context, weights):
        array.fill(np.nan)
    lengths.fill(0)
    assert_same(look.context.backward((look.d_context, look.d_weights), cache), (d_inputs, grads))
