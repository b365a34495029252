"""Decoding step by step: what a search asks of a decoder."""

import numpy as np
import pytest
import strategies as draw
from comparing import assert_close, assert_same, leaves
from hypothesis import given, settings
from hypothesis import strategies as st

from seqmem.models import stepper


def parts_of(state):
    return list(leaves(state).values())


def begun(d, n_steps=8):
    """A decoder that has taken no step."""
    return d.decoder.start(parts_of(d.state), d.decoder.memory(d.keys, lengths=d.lengths), n_steps)


@settings(max_examples=40)
@given(draw.decodings(T=st.integers(1, 5)))
def test_decoding_the_targets_is_teacher_forcing(d):
    (logits, weights), _ = d.decoder.forward(d.tokens, d.state, d.keys, lengths=d.lengths)
    decoding = begun(d)
    for t, tokens in enumerate(d.tokens):
        logits_t, weights_t = decoding.step(tokens)
        assert_close((logits_t, weights_t), (logits[t], weights[t]))


@settings(max_examples=40)
@given(draw.decodings(T=st.integers(2, 5)), st.data())
def test_rows_that_are_kept_go_on_in_their_new_order_as_often_as_they_are_kept(d, data):
    T, B = d.tokens.shape
    taken = data.draw(st.integers(0, T - 1))
    rows = np.array(data.draw(st.lists(st.integers(0, B - 1), min_size=1, max_size=2 * B)))
    whole, kept = begun(d), begun(d)
    for tokens in d.tokens[:taken]:
        whole.step(tokens)
        kept.step(tokens)
    kept.keep(rows)
    assert_same(kept.state(), [part[rows] for part in whole.state()])
    for tokens in d.tokens[taken:]:
        right = whole.step(tokens)
        assert_close(kept.step(tokens[rows]), tuple(part[rows] for part in right))


@settings(max_examples=20)
@given(draw.decodings(T=st.integers(1, 4)))
def test_the_table_of_all_tokens_is_a_matter_of_speed_alone(d):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stepper, "SMALL_VOCABULARY", 0)
        without = [begun(d).step(tokens) for tokens in d.tokens]
    many = d.decoder.vocab_size
    assert_close([begun(d, many).step(tokens) for tokens in d.tokens], without)


@given(draw.decodings(T=st.integers(1, 3)))
def test_the_state_is_that_after_the_last_step_and_the_initial_one_before_the_first(d):
    decoding = begun(d)
    assert_same(decoding.state(), list(parts_of(d.state)))
    memory, state = d.decoder.memory(d.keys, lengths=d.lengths), d.state
    for tokens in d.tokens:
        _, state = d.decoder.step(tokens, state, memory)
        decoding.step(tokens)
        assert_close(decoding.state(), list(parts_of(state)))
