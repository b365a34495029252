"""Beam search finds what a plain search finds row by row, and with room for all sequences the best of all."""

import itertools

import numpy as np
import pytest
import strategies as draw
from comparing import assert_close, assert_same
from hypothesis import given, settings
from hypothesis import strategies as st

from seqmem import Decoder, Encoder, Seq2Seq, reference
from seqmem.activations import log_softmax
from seqmem.nests import tree_map
from seqmem.search import beam_search, greedy_search
from seqmem.search.best import best_tokens
from seqmem.search.constraints import forbid_repetition

beam_sizes, max_lengths = st.integers(1, 5), st.integers(0, 5)


@st.composite
def searches(draw_from):
    """A decoder and what it sees, with a start and an end token."""
    d = draw_from(draw.decodings(T=st.just(1)))
    start, end = (draw_from(st.integers(0, d.decoder.vocab_size - 1)) for _ in range(2))
    return d, start, end


def found_by(d, start, end, max_length, rows=slice(None), **options):
    """What the search finds for the given rows."""
    memory = d.decoder.memory(d.keys[:, rows], lengths=np.asarray(d.lengths)[rows])
    state = tree_map(lambda array: array[rows], d.state)
    return beam_search(d.decoder, state, memory, start, end, max_length, **options)


def step_of(d, row):
    """A step of one row alone: log-probabilities (V,), and the state."""
    one = slice(row, row + 1)
    memory = d.decoder.memory(d.keys[:, one], lengths=np.asarray(d.lengths)[one])

    def step(token, state):
        (logits, _), after = d.decoder.step(np.array([token]), state, memory)
        return log_softmax(logits[0]), after

    return step, tree_map(lambda array: array[one], d.state)


def repeats(tokens, n):
    """Whether an n-gram occurs twice."""
    grams = [tuple(tokens[k : k + n]) for k in range(len(tokens) - n + 1)]
    return n > 0 and len(set(grams)) < len(grams)


def everything(d, row, start, end, max_length, min_length=0, length_penalty=0.0, n=0):
    """Every permitted sequence: normalized score, score, tokens, whether it ended; the best first."""
    step, state = step_of(d, row)
    others = [token for token in range(d.decoder.vocab_size) if token != end]
    known = {(): (*step(start, state), 0.0)}  # log-probabilities of the next token, state, score
    found = []
    for length in range(max_length + 1):
        for tokens in itertools.product(others, repeat=length):
            if repeats(tokens, n):
                continue
            if length and tokens not in known:
                log_p, state, score = known[tokens[:-1]]
                score += log_p[tokens[-1]]
                log_p, state = step(tokens[-1], state) if length < max_length else (None, None)
                known[tokens] = (log_p, state, score)
            log_p, _, score = known[tokens]
            go_on = [token for token in others if not repeats([*tokens, token], n)]
            if length < max_length and length >= min_length:
                divisor = ((5 + length + 1) / 6) ** length_penalty
                found.append(((score + log_p[end]) / divisor, score + log_p[end], list(tokens), True))
            elif length == max_length or not go_on:
                found.append((score / ((5 + length) / 6) ** length_penalty, score, list(tokens), False))
    return sorted(found, key=lambda one: -one[0])


def plain_search(d, row, start, end, max_length, beam_size, min_length, length_penalty, n):
    """The search with all its rules, one beginning at a time: normalized score, tokens, whether it ended."""
    step, state = step_of(d, row)
    beam, found = [(0.0, [], start, state)], []
    for length in range(max_length):
        extended = []
        for score, tokens, previous, before in beam:
            log_p, after = step(previous, before)
            free = [
                token
                for token in range(len(log_p))
                if (token != end or length >= min_length)
                and (token == end or not repeats([*tokens, token], n))
            ]
            extended += [(score + log_p[token], tokens, token, after) for token in free]
            if not free:
                found.append((score / ((5 + length) / 6) ** length_penalty, tokens, False))
        extended.sort(key=lambda one: -one[0])
        beam = []
        for score, tokens, token, after in extended[: beam_size - len(found)]:
            if token == end:
                found.append((score / ((6 + length) / 6) ** length_penalty, tokens, True))
            else:
                beam.append((score, [*tokens, token], token, after))
    divisor = ((5 + max_length) / 6) ** length_penalty
    found += [(score / divisor, tokens, False) for score, tokens, _, _ in beam]
    return sorted(found, key=lambda one: -one[0])


@settings(max_examples=50)
@given(
    searches().filter(lambda search: 2 <= search[0].decoder.vocab_size <= 4),
    beam_sizes,
    st.integers(0, 7),
    st.integers(0, 3),
    st.data(),
)
def test_with_all_its_rules_it_is_a_plain_search(search, beam_size, max_length, n, data):
    d, start, end = search
    min_length, penalty = data.draw(st.integers(0, max_length)), data.draw(st.sampled_from([0.0, 0.6, 2.0]))
    rules = {"min_length": min_length, "length_penalty": penalty, "no_repeat_ngram_size": n}
    assert_plain(d, start, end, max_length, beam_size, **rules)


def assert_plain(d, start, end, max_length, beam_size, **rules):
    for row, own in enumerate(found_by(d, start, end, max_length, beam_size=beam_size, **rules)):
        expected = plain_search(d, row, start, end, max_length, beam_size, *rules.values())
        assert [(one.tokens, one.ended) for one in own] == [(tokens, ended) for _, tokens, ended in expected]
        assert_close([one.normalized_score for one in own], [score for score, _, _ in expected])


def test_a_beginning_that_is_cut_off_early_keeps_its_place():
    rng = np.random.default_rng(0)
    keys, lengths = rng.normal(size=(2, 4, 4)), np.full(4, 2)
    for beam_size in (2, 3):
        decoder = draw.exposed(Decoder(4, 3, 4, rng=0), rng)
        d = draw.Decoding(decoder, None, decoder.zero_state(4), keys, lengths, None, None)
        # At most 10 tokens from 0 to 2 hold no bigram twice; most attempts are over before.
        rules = {"min_length": 10, "length_penalty": 0.6, "no_repeat_ngram_size": 2}
        assert_plain(d, 1, 3, 10, beam_size, **rules)


@settings(max_examples=50)
@given(searches(), beam_sizes, max_lengths)
def test_it_is_the_reference_search_for_each_row(search, beam_size, max_length):
    d, start, end = search
    found = found_by(d, start, end, max_length, beam_size=beam_size)
    assert len(found) == len(d.lengths)
    for row, hypotheses in enumerate(found):
        step, state = step_of(d, row)
        expected = reference.beam_search(step, state, start, end, beam_size, max_length)
        assert [one.tokens for one in hypotheses] == [tokens for tokens, _ in expected]
        assert_close([one.score for one in hypotheses], [score for _, score in expected])
        assert [one.normalized_score for one in hypotheses] == [one.score for one in hypotheses]


@settings(max_examples=40, deadline=None)
@given(
    searches().filter(lambda search: search[0].decoder.vocab_size <= 4),
    st.integers(0, 3),
    st.data(),
)
def test_a_beam_with_room_for_every_sequence_is_brute_force(search, max_length, data):
    d, start, end = search
    min_length, n = data.draw(st.integers(0, max_length)), data.draw(st.integers(0, 3))
    penalty = data.draw(st.sampled_from([0.0, 0.6, 1.0, 2.5]))
    options = {"min_length": min_length, "length_penalty": penalty, "no_repeat_ngram_size": n}
    found = found_by(d, start, end, max_length, beam_size=4**4, **options)
    for row, hypotheses in enumerate(found):
        expected = everything(d, row, start, end, max_length, min_length, penalty, n)
        assert len(hypotheses) == len(expected)
        assert [one.tokens for one in hypotheses] == [tokens for _, _, tokens, _ in expected]
        assert [one.ended for one in hypotheses] == [ended for _, _, _, ended in expected]
        assert_close([one.score for one in hypotheses], [score for _, score, _, _ in expected])
        assert_close(
            [one.normalized_score for one in hypotheses], [normalized for normalized, *_ in expected]
        )


@settings(max_examples=50)
@given(searches(), max_lengths)
def test_a_beam_of_one_is_greedy_search(search, max_length):
    d, start, end = search
    memory = d.decoder.memory(d.keys, lengths=d.lengths)
    greedy = greedy_search(d.decoder, d.state, memory, start, end, max_length)
    # an n-gram longer than a sequence forbids nothing, but is no greedy search to the library
    for options in ({}, {"no_repeat_ngram_size": max_length + 1}):
        found = found_by(d, start, end, max_length, beam_size=1, **options)
        for (one,), same in zip(found, greedy, strict=True):
            assert (one.tokens, one.ended) == (same.tokens, same.ended)
            assert_close((one.score, one.weights), (same.score, same.weights))


@settings(max_examples=50)
@given(searches(), beam_sizes, max_lengths, st.data())
def test_batch_order_and_padding_change_nothing(search, beam_size, max_length, data):
    d, start, end = search
    options = {
        "beam_size": beam_size,
        "n_best": data.draw(st.integers(1, beam_size)),
        "min_length": data.draw(st.integers(0, max_length)),
        "length_penalty": data.draw(st.sampled_from([0.0, 0.6, 1.0])),
        "no_repeat_ngram_size": data.draw(st.integers(0, 3)),
    }
    together = found_by(d, start, end, max_length, **options)
    order = np.array(data.draw(st.permutations(range(len(d.lengths)))), int)
    shuffled = found_by(d, start, end, max_length, rows=order, **options)
    padded = d._replace(keys=np.concatenate([d.keys, np.full_like(d.keys[:1], np.nan)]))
    more = found_by(padded, start, end, max_length, **options)
    for row, expected in enumerate(together):
        (alone,) = found_by(d, start, end, max_length, rows=slice(row, row + 1), **options)
        for other in (alone, shuffled[order.tolist().index(row)], more[row]):
            assert len(other) == len(expected)
            for one, same in zip(other, expected, strict=True):
                assert (one.tokens, one.ended) == (same.tokens, same.ended)
                assert_close(
                    (one.score, one.normalized_score, one.weights[:, : len(d.keys)]),
                    (same.score, same.normalized_score, same.weights),
                )


@settings(max_examples=40)
@given(searches(), beam_sizes, max_lengths, st.data())
def test_fewer_of_the_best_are_the_first_of_all(search, beam_size, max_length, data):
    d, start, end = search
    options = {"beam_size": beam_size, "length_penalty": data.draw(st.sampled_from([0.0, 0.6, 3.0]))}
    every = found_by(d, start, end, max_length, **options)
    n_best = data.draw(st.integers(1, beam_size))
    few = found_by(d, start, end, max_length, n_best=n_best, **options)
    for own, all_of_it in zip(few, every, strict=True):
        assert [one.tokens for one in own] == [one.tokens for one in all_of_it[:n_best]]
        assert_close([one.score for one in own], [one.score for one in all_of_it[:n_best]])


@settings(max_examples=40)
@given(searches(), beam_sizes, max_lengths, st.data())
def test_every_hypothesis_keeps_the_rules_and_has_the_score_and_weights_of_its_tokens(
    search, beam_size, max_length, data
):
    d, start, end = search
    min_length, n = data.draw(st.integers(0, max_length)), data.draw(st.integers(0, 3))
    options = {"min_length": min_length, "no_repeat_ngram_size": n, "length_penalty": 0.6}
    for row, own in enumerate(found_by(d, start, end, max_length, beam_size=beam_size, **options)):
        assert 1 <= len(own) <= beam_size
        normalized = [one.normalized_score for one in own]
        assert normalized == sorted(normalized, reverse=True)
        for one in own:
            assert all(type(token) is int and token != end for token in one.tokens)
            assert not repeats(one.tokens, n)
            assert len(one.tokens) <= max_length
            assert len(one.tokens) >= min_length or not one.ended
            targets = [*one.tokens, end] if one.ended else one.tokens
            assert one.weights.shape == (len(one.tokens), len(d.keys))
            if not targets:
                continue
            own_row = slice(row, row + 1)
            state = tree_map(lambda array, own_row=own_row: array[own_row], d.state)
            fed = np.array([start, *targets[:-1]])[:, None]
            (logits, weights), _ = d.decoder.forward(
                fed, state, d.keys[:, own_row], lengths=np.asarray(d.lengths)[own_row]
            )
            log_p = log_softmax(logits[:, 0])[np.arange(len(targets)), targets]
            assert_close(one.score, log_p.sum())
            assert_close(one.weights, weights[: len(one.tokens), 0])


@settings(max_examples=30)
@given(searches(), beam_sizes, max_lengths)
def test_of_equal_scores_the_better_beginning_comes_first_and_then_the_lower_id(
    search, beam_size, max_length
):
    d, start, _ = search
    d.decoder.output.W[...] = 0
    d.decoder.output.b[...] = 0.5
    V = d.decoder.vocab_size
    # No token is the end, all are equally probable: the sequences come in the order of numbers of base V.
    for own in found_by(d, start, V, max_length, beam_size=beam_size):
        expected = itertools.islice(itertools.product(range(V), repeat=max_length), beam_size)
        assert [one.tokens for one in own] == [list(tokens) for tokens in expected]
        assert not any(one.ended for one in own)


def test_a_beginning_that_no_token_may_extend_is_cut_off():
    decoder = Decoder(3, 2, 4, rng=0)
    keys = np.random.default_rng(1).normal(size=(3, 2, 4))
    found = beam_search(
        decoder,
        decoder.zero_state(2),
        decoder.memory(keys),
        0,
        2,
        9,
        beam_size=3,
        min_length=9,
        no_repeat_ngram_size=1,
    )
    for own in found:
        assert sorted(one.tokens for one in own) == [[0, 1], [1, 0]]
        assert not any(one.ended for one in own)


@settings(max_examples=60)
@given(st.integers(0, 1000), st.integers(1, 12), st.integers(1, 20), st.integers(0, 1), st.data())
def test_the_best_tokens_are_those_of_a_stable_sort(seed, N, V, decimals, data):
    scores = np.random.default_rng(seed).normal(size=(N, V)).round(decimals)
    n = data.draw(st.integers(1, V))
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :n]
    tokens, values = best_tokens(scores.copy(), n)
    assert_same((tokens, values), (expected, np.take_along_axis(scores, expected, axis=1)))


@settings(max_examples=60)
@given(st.lists(st.integers(0, 3), max_size=8), st.integers(1, 4))
def test_exactly_the_tokens_that_would_repeat_an_n_gram_are_forbidden(tokens, n):
    grams = {tuple(tokens[k : k + n]) for k in range(len(tokens) - n + 1)}
    scores = np.zeros((1, 4))
    forbid_repetition(scores, np.array([tokens], int).reshape(1, -1), n)
    last = tokens[len(tokens) - n + 1 :] if n > 1 else []
    for token in range(4):
        banned = len(last) == n - 1 and (*last, token) in grams
        assert scores[0, token] == (-np.inf if banned else 0)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("beam_size", [1, 3])
@pytest.mark.filterwarnings("error")
def test_logits_that_are_not_finite_are_named_by_their_row_and_step(value, beam_size):
    decoder = Decoder(6, 2, 4, cell="rnn", rng=0)
    decoder.output.b[[1, 2, 4, 5]] = -9.0  # so 3 or 0 is fed at the second step
    decoder.embedding.W[[0, 3]] = value
    keys = np.ones((3, 2, 4))
    kind = "greedy" if beam_size == 1 else "beam"
    with pytest.raises(ValueError, match=rf"{kind}_search: the logits of row 0 are not finite at step 1"):
        beam_search(decoder, decoder.zero_state(2), decoder.memory(keys), 1, 2, 5, beam_size=beam_size)


def test_a_token_of_logit_minus_infinity_is_in_no_hypothesis():
    decoder = Decoder(5, 2, 4, rng=0)
    decoder.output.b[:3] = -np.inf
    keys = np.ones((3, 1, 4))
    (own,) = beam_search(decoder, decoder.zero_state(1), decoder.memory(keys), 1, 2, 3, beam_size=20)
    assert len(own) == 2**3
    assert {token for one in own for token in one.tokens} == {3, 4}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beam_size": 0}, "beam_size is 0, expected at least 1"),
        ({"n_best": 4}, "n_best is 4, expected at most 3: beam_size"),
        ({"n_best": 0}, "n_best is 0, expected at least 1"),
        ({"max_length": -1}, "max_length is -1, expected an integer of at least 0"),
        ({"min_length": 6}, "min_length is 6, expected at most 5: max_length"),
        ({"length_penalty": -0.1}, "length_penalty is -0.1, expected a finite number of at least 0"),
        ({"length_penalty": np.inf}, "length_penalty is inf"),
        ({"length_penalty": np.nan}, "length_penalty is nan"),
        ({"no_repeat_ngram_size": -2}, "no_repeat_ngram_size is -2, expected an integer of at least 0"),
    ],
)
def test_an_option_out_of_its_range_is_named(options, message):
    model = Seq2Seq(Encoder(7, 3, 4, rng=0), Decoder(6, 3, 4, rng=1))
    with pytest.raises(ValueError, match=f"^Seq2Seq.generate: {message}"):
        model.generate(np.array([[3], [4]]), **{"beam_size": 3, "max_length": 5} | options)


def test_a_model_gives_one_hypothesis_a_row_or_the_n_best():
    model = Seq2Seq(Encoder(7, 3, 4, rng=0), Decoder(6, 3, 4, rng=1))
    source = np.array([[3, 4], [4, 0]])
    best = model.generate(source, [2, 1], beam_size=4, max_length=5)
    several = model.generate(source, [2, 1], beam_size=4, n_best=3, max_length=5)
    assert [len(own) for own in several] == [3, 3]
    for one, own, length in zip(best, several, (2, 1), strict=True):
        assert one.tokens == own[0].tokens
        assert all(other.weights.shape == (len(other.tokens), length) for other in own)
    assert model.generate(np.zeros((4, 0), int), beam_size=3) == []
    assert model.generate(np.zeros((4, 0), int), beam_size=3, n_best=2) == []
    (nothing,) = model.generate(np.array([[3], [4]]), beam_size=3, max_length=0)
    assert (nothing.tokens, nothing.score, nothing.ended, nothing.weights.shape) == ([], 0.0, False, (0, 2))
