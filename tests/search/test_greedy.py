"""Greedy search is a plain loop over the decoder's step."""

import numpy as np
import strategies as draw
from comparing import assert_close
from hypothesis import given, settings
from hypothesis import strategies as st

from seqmem.nests import tree_map
from seqmem.search.greedy import greedy_search

max_lengths = st.integers(0, 6)


def one_by_one(decoder, state, keys, length, start, end, max_length):
    """A single row, token by token."""
    memory = decoder.memory(keys, lengths=np.array([length]))
    tokens, score, weights, previous = [], 0.0, [], start
    while len(tokens) < max_length:
        (logits, looked), state = decoder.step(np.array([previous]), state, memory)
        previous = int(np.argmax(logits[0]))
        score += logits[0, previous] - np.log(np.sum(np.exp(logits[0])))
        if previous == end:
            return tokens, score, weights, True
        tokens.append(previous)
        weights.append(looked[0])
    return tokens, score, weights, False


@settings(max_examples=150)
@given(draw.decodings(), max_lengths, st.data())
def test_a_batch_gives_what_a_plain_loop_gives_for_each_row(d, max_length, data):
    start, end = (data.draw(st.integers(0, d.decoder.vocab_size - 1)) for _ in range(2))
    B, S = len(d.lengths), len(d.keys)
    memory = d.decoder.memory(d.keys, lengths=d.lengths)
    found = greedy_search(d.decoder, d.state, memory, start, end, max_length)
    assert len(found) == B
    for row, hypothesis in enumerate(found):
        one = slice(row, row + 1)
        state = tree_map(lambda array, one=one: array[one], d.state)
        tokens, score, weights, ended = one_by_one(
            d.decoder, state, d.keys[:, one], d.lengths[row], start, end, max_length
        )
        assert hypothesis.tokens == tokens
        assert hypothesis.ended is ended
        assert all(type(token) is int for token in hypothesis.tokens)
        assert_close(hypothesis.score, score)
        if tokens:
            assert_close(hypothesis.weights, np.array(weights))
        assert hypothesis.weights.shape == (len(tokens), S)


@settings(max_examples=40)
@given(draw.decodings(), max_lengths)
def test_of_equally_probable_tokens_the_lowest_id_is_taken(d, max_length):
    d.decoder.output.W[...] = 0
    d.decoder.output.b[...] = 0.5
    memory = d.decoder.memory(d.keys, lengths=d.lengths)
    V, _B = d.decoder.vocab_size, len(d.lengths)
    for end in range(V):
        for hypothesis in greedy_search(d.decoder, d.state, memory, 0, end, max_length):
            assert hypothesis.tokens == ([] if end == 0 else [0] * max_length)
            steps = min(max_length, 1) if end == 0 else max_length
            assert_close(hypothesis.score, -steps * np.log(V))


@settings(max_examples=40)
@given(draw.decodings(), max_lengths)
def test_an_end_that_never_comes_stops_at_the_maximal_length(d, max_length):
    d.decoder.output.b[-1] = -1e30
    memory, end = d.decoder.memory(d.keys, lengths=d.lengths), d.decoder.vocab_size - 1
    with np.errstate(all="raise"):
        found = greedy_search(d.decoder, d.state, memory, 0, end, max_length)
    expected = 0 if d.decoder.vocab_size == 1 else max_length
    assert [len(hypothesis.tokens) for hypothesis in found] == [expected] * len(d.lengths)


@settings(max_examples=40)
@given(draw.decodings(), st.integers(1, 6))
def test_an_end_that_comes_first_gives_no_tokens_and_its_own_score(d, max_length):
    d.decoder.output.b[0] = 1e30
    memory = d.decoder.memory(d.keys, lengths=d.lengths)
    for hypothesis in greedy_search(d.decoder, d.state, memory, 0, 0, max_length):
        assert hypothesis.tokens == []
        assert hypothesis.score == 0
        assert hypothesis.weights.shape == (0, len(d.keys))
