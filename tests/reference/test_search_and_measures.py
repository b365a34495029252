"""The searches find what trying everything finds; the measures measure what the gradient check knows."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmem import AdditiveAttention, Decoder, Encoder, Seq2Seq, reference
from seqmem.activations import log_softmax

V, N = 4, 3
START, END = 0, 1


def language(seed, spread=2.0):
    """A step whose log-probabilities depend on all tokens before."""
    rng = np.random.default_rng(seed)
    W, U, scorer = (spread * rng.standard_normal(shape) for shape in ((V, N), (N, N), (N, V)))

    def step(token, state):
        state = np.tanh(W[token] + state @ U)
        return log_softmax(state @ scorer), state

    return step, np.zeros(N)


def everything(step, state, max_length):
    """Every sequence with its score, the best first."""
    found = []
    others = [token for token in range(V) if token != END]
    for length in range(max_length + 1):
        for tokens in itertools.product(others, repeat=length):
            score, now, previous = 0.0, state, START
            for token in tokens:
                log_p, now = step(previous, now)
                score, previous = score + log_p[token], token
            if length < max_length:
                log_p, _ = step(previous, now)
                score += log_p[END]
            found.append((list(tokens), float(score)))
    return sorted(found, key=lambda one: -one[1])


@given(st.integers(0, 10_000), st.integers(1, 4))
def test_a_beam_that_is_wide_enough_finds_the_best_of_all_sequences(seed, max_length):
    step, state = language(seed)
    best = everything(step, state, max_length)
    found = reference.beam_search(step, state, START, END, len(best), max_length)
    assert [tokens for tokens, _ in found] == [tokens for tokens, _ in best]
    np.testing.assert_allclose([score for _, score in found], [score for _, score in best], rtol=1e-12)


@given(st.integers(0, 10_000), st.integers(1, 5))
def test_the_sequences_of_a_beam_are_scored_as_they_are_and_the_best_comes_first(seed, beam_size):
    step, state = language(seed)
    scores = {tuple(tokens): score for tokens, score in everything(step, state, 3)}
    found = reference.beam_search(step, state, START, END, beam_size, 3)
    assert len(found) == min(beam_size, len(scores))
    assert len({tuple(tokens) for tokens, _ in found}) == len(found)
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
    for tokens, score in found:
        assert score == pytest.approx(scores[tuple(tokens)], rel=1e-12)


def test_a_beam_of_one_is_the_greedy_search():
    attention = AdditiveAttention(4, 4, 6, rng=0)
    encoder = Encoder(9, 3, 4, cell="gru", rng=0)
    model = Seq2Seq(encoder, Decoder(7, 2, 4, context=attention, cell="gru", rng=1))
    params, mask = model.params, np.ones((3, 1), bool)
    source = np.array([3, 5, 4])
    keys, state, _ = reference.encoder_forward(source[:, None], mask, params)

    def step(token, s):
        logits, _, s, _ = reference.decoder_step_forward(np.array([token]), s, keys, mask, params)
        return log_softmax(logits[0]), s

    ((tokens, score),) = reference.beam_search(step, state, model.start, model.end, 1, 6)
    greedy = reference.greedy_search(source, params, model.start, model.end, 6)
    assert tokens == greedy[0]
    assert score == pytest.approx(greedy[1], rel=1e-12)


def test_the_norms_are_those_of_the_gradients_of_the_states():
    rng = np.random.default_rng(0)
    xs, h0 = rng.standard_normal((5, 2, 3)), rng.standard_normal((2, 4))
    weights = (rng.standard_normal((3, 4)), rng.standard_normal((4, 4)), rng.standard_normal(4))
    d_h = rng.standard_normal((2, 4))
    norms = reference.rnn_gradient_norms(xs, h0, *weights, d_h)
    for t in range(6):
        _, h, _ = reference.rnn_forward(xs[:t], h0, *weights) if t else (None, h0, None)
        if t == 5:
            gradient = d_h
        else:
            _, _, cache = reference.rnn_forward(xs[t:], h, *weights)
            gradient = reference.rnn_backward(np.zeros((5 - t, 2, 4)), d_h, cache)["h0"]
        assert norms[t] == pytest.approx(np.linalg.norm(gradient), rel=1e-12)


def test_an_lstms_norms_are_those_of_its_cell_states():
    rng = np.random.default_rng(1)
    xs, h0, c0 = rng.standard_normal((4, 2, 3)), rng.standard_normal((2, 5)), rng.standard_normal((2, 5))
    weights = tuple(rng.standard_normal(shape) for shape in ((4, 3, 5), (4, 5, 5), (4, 5)))
    d_c = rng.standard_normal((2, 5))
    norms = reference.lstm_gradient_norms(xs, h0, c0, *weights, d_c)
    _, _, _, cache = reference.lstm_forward(xs, h0, c0, *weights)
    whole = reference.lstm_backward(np.zeros((4, 2, 5)), np.zeros((2, 5)), d_c, cache)
    assert norms[0] == pytest.approx(np.linalg.norm(whole["c0"]), rel=1e-12)
    assert norms[-1] == pytest.approx(np.linalg.norm(d_c), rel=1e-12)


def test_the_numerical_gradient_is_the_gradient():
    rng = np.random.default_rng(2)
    shapes = {"x": (2, 3), "h_prev": (2, 4), "W_x": (3, 4), "W_h": (4, 4), "b": (4,)}
    inputs = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    d_h = rng.standard_normal((2, 4))
    _, cache = reference.rnn_step_forward(**inputs)
    right = reference.rnn_step_backward(d_h, cache)
    measured = reference.numerical_gradient(reference.rnn_step_forward, inputs, (d_h,))
    assert max(reference.relative_errors(measured, right).values()) < 1e-8
    passes = (reference.rnn_step_forward, reference.rnn_step_backward)
    assert reference.wrong_gradients(*passes, inputs, (d_h,)) == []

    def mistaken(d_h, cache):
        return reference.rnn_step_backward(d_h, cache) | {"b": np.full(4, np.nan)}

    assert reference.wrong_gradients(passes[0], mistaken, inputs, (d_h,)) == ["b"]
