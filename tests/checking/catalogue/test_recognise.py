"""A mistake is named when one of the catalogue, and no other, gives the same numbers."""

import functools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from seqmem.checking.catalogue.kinds import KINDS, Problem
from seqmem.checking.catalogue.recognise import KnownResults

WHOLE = [name for name, like in KINDS.items() if not like.is_step and name != "clipping"]
STEPS = [name for name, like in KINDS.items() if like.is_step]
BOTH = ("forward", "backward")


@functools.cache
def known_results(name, seed=0):
    like = KINDS[name]
    return KnownResults(like, like.problem(seed))


def ask(name, place, results):
    """What the known results say of outputs or gradients."""
    return (
        known_results(name).forward_mistake(results)
        if place == "forward"
        else known_results(name).backward_mistakes(results)
    )


def right(name, place):
    return known_results(name).outputs if place == "forward" else known_results(name).gradients


def codes(found):
    return None if found is None else {mistake.code for mistake in found}


def unlike(one, other):
    """Whether results differ visibly, as no rounding does, or one has what the other has not."""
    return one.keys() != other.keys() or any(
        np.shape(one[key]) != np.shape(other[key]) or not np.allclose(one[key], other[key], 1e-7, 1e-9)
        for key in one
    )


@st.composite
def known(draw, likes=tuple(WHOLE)):
    """A like, a place, and a mistake of it with what it gives."""
    name, place = draw(st.sampled_from(likes)), draw(st.sampled_from(BOTH))
    return name, place, draw(st.sampled_from(known_results(name).singles(place)))


@pytest.mark.parametrize("place", BOTH)
@pytest.mark.parametrize("name", WHOLE + STEPS)
def test_what_is_right_has_no_mistakes(name, place):
    assert ask(name, place, right(name, place)) == ()


@settings(max_examples=60)
@given(case=known())
def test_any_mistake_of_a_whole_pass_is_named(case):
    name, place, wrong = case
    assert ask(name, place, wrong.results) == wrong.mistakes


@settings(max_examples=20)
@given(name=st.sampled_from(WHOLE), seed=st.integers(1, 5), data=st.data())
def test_a_mistake_is_named_at_any_numbers(name, seed, data):
    one = known_results(name, seed)
    wrong = data.draw(st.sampled_from(one.singles("backward")))
    assert one.backward_mistakes(wrong.results) == wrong.mistakes


@given(case=known(tuple(STEPS)))
def test_what_is_named_in_a_step_gives_what_was_seen(case):
    name, place, wrong = case
    found = ask(name, place, wrong.results)
    shows = unlike(wrong.results, right(name, place))
    assert (found != ()) == shows
    if shows:
        (named,) = found
        same = next(other for other in known_results(name).singles(place) if other.mistakes == (named,))
        assert not unlike(same.results, wrong.results)


@settings(max_examples=8)
@given(case=known(), data=st.data(), size=st.sampled_from([1e-6, -1e-6, 1e-3]))
def test_nothing_is_named_when_one_entry_is_off(case, data, size):
    name, place, wrong = case
    key = data.draw(st.sampled_from(sorted(wrong.results)))
    value = np.array(wrong.results[key], float)
    assume(np.isfinite(value).all())
    index = data.draw(st.integers(0, value.size - 1))
    value.flat[index] += size * max(1.0, abs(value).max())
    assert ask(name, place, wrong.results | {key: value}) is None


@settings(max_examples=25)
@given(name=st.sampled_from(WHOLE), place=st.sampled_from(BOTH), data=st.data())
def test_right_results_with_one_entry_off_have_no_name(name, place, data):
    results = right(name, place)
    key = data.draw(st.sampled_from(sorted(results)))
    value = np.array(results[key], float)
    value.flat[data.draw(st.integers(0, value.size - 1))] += 1e-6 * max(1.0, abs(value).max())
    assert ask(name, place, results | {key: value}) is None


@settings(max_examples=30)
@given(case=known(), data=st.data())
def test_rounding_hides_no_mistake(case, data):
    name, place, wrong = case
    seed = data.draw(st.integers(0, 99))
    noise = np.random.default_rng(seed)
    rounded = {key: value * (1 + 1e-14 * noise.uniform(-1, 1)) for key, value in wrong.results.items()}
    assert ask(name, place, rounded) == wrong.mistakes


@pytest.mark.parametrize("name", WHOLE)
def test_results_of_another_shape_or_name_have_no_name(name):
    cut = {key: np.zeros((*np.shape(value), 1)) for key, value in right(name, "backward").items()}
    assert ask(name, "backward", cut) is None
    assert ask(name, "backward", right(name, "backward") | {"surplus": np.zeros(1)}) is None


AMBIGUOUS = [
    ("lstm_sequence", "W_x", {"lstm-grads-over-B", "lstm-all-over-B"}),
    ("gru_sequence", "h0", {"gru-before-path-through-r-missing", "gru-before-d-r-zero"}),
    ("attention", "v", {"attention-softmax-derivative-missing", "attention-d-v-with-d-alpha"}),
]


@pytest.mark.parametrize(("name", "key", "expected"), AMBIGUOUS, ids=[name for name, *_ in AMBIGUOUS])
def test_what_several_mistakes_give_is_not_named(name, key, expected):
    results = [
        {key: wrong.results[key]}
        for wrong in known_results(name).singles("backward")
        if codes(wrong.mistakes) <= expected
    ]
    assert len(results) == 2
    assert not unlike(*results)
    assert [ask(name, "backward", result) for result in results] == [None, None]


def _pairs(name, n):
    """A few of the pairs, far from each other."""
    pairs = list(known_results(name).pairs())
    return pairs[:: max(1, len(pairs) // n)]


@pytest.mark.parametrize(
    "name",
    [*(pytest.param(name, marks=pytest.mark.slow) for name in ("rnn_sequence", "attention")), "embedding"],
)
def test_two_mistakes_are_named_together_or_not_at_all(name):
    singles = {
        frozenset(codes(wrong.mistakes)): wrong.results for wrong in known_results(name).singles("backward")
    }
    pairs = _pairs(name, 12)
    assert len(pairs) >= 12
    named = 0
    for wrong in pairs:
        found = codes(ask(name, "backward", wrong.results))
        named += found == codes(wrong.mistakes)
        if found not in (None, codes(wrong.mistakes)):  # together they give what one alone does, or nothing
            same = singles[frozenset(found)] if found else right(name, "backward")
            assert not unlike(same, wrong.results)
    assert named >= 0.75 * len(pairs)


def test_no_pair_has_two_mistakes_of_one_line():
    pairs = list(known_results("rnn_sequence").pairs())
    assert pairs
    assert all(one.line != other.line for one, other in (wrong.mistakes for wrong in pairs))


@pytest.mark.parametrize("name", ["lstm_sequence", "rnn_sequence"])
def test_without_the_last_state_a_dropped_carry_is_named_all_the_same(name):
    like = KINDS[name]
    whole = like.problem(0)
    states_only = KnownResults(like, Problem(whole.inputs, {"hs": whole.upstream["hs"]}))
    stem = name.removesuffix("_sequence")
    looks_the_same = {f"{stem}-carry-dropped", f"{stem}-carry-and-final-dropped"}
    results = [
        wrong.results for wrong in states_only.singles("backward") if wrong.mistakes[0].code in looks_the_same
    ]
    assert [codes(states_only.backward_mistakes(result)) for result in results] == [
        {f"{stem}-carry-dropped"}
    ] * 2


def test_in_a_step_the_same_numbers_of_different_mistakes_have_no_name():
    lstm = known_results("lstm_step")
    alone = {wrong.mistakes[0].code: wrong.mistakes[0] for wrong in lstm.singles("backward")}
    chosen = [
        [alone["lstm-final-h-ignored"], alone["lstm-d-c-doubled"]],
        [alone["lstm-final-h-ignored"], alone["lstm-d-c-carried-twice"]],
    ]
    one, other = (
        lstm.kind.run(lstm.problem.inputs, lstm.problem.upstream, tuple(pair))[1] for pair in chosen
    )
    assert not unlike(one, other)
    assert lstm.backward_mistakes(one) is None


@functools.cache
def of_an_lstm_without_c0():
    """The known results of an LSTM that starts with an empty cell and returns the outputs of all steps."""
    like = KINDS["lstm_sequence"]
    problem = like.problem(0, ["c0"])
    return KnownResults(like, Problem(problem.inputs, {"hs": problem.upstream["hs"]}))


@pytest.mark.parametrize(
    "pair",
    [
        {"lstm-carry-dropped", "lstm-carried-d-c-dropped"},
        pytest.param({"lstm-d-o-with-c", "lstm-d-b-mean"}, marks=pytest.mark.slow),
        pytest.param({"lstm-grads-overwritten", "lstm-sigmoid-derivative-of-f-in-i"}, marks=pytest.mark.slow),
    ],
    ids=lambda pair: " and ".join(sorted(pair)),
)
def test_two_mistakes_are_named_without_the_gradients_that_are_not_returned(pair):
    known = of_an_lstm_without_c0()
    made = tuple(mistake for mistake in known.kind.mistakes if mistake.code in pair)
    assert len(made) == 2
    _, gradients = known.kind.run(known.problem.inputs, known.problem.upstream, made)
    del gradients["c0"]
    assert codes(known.backward_mistakes(gradients)) == pair
    assert known.backward_mistakes({"W_x": gradients["W_x"], "surplus": np.zeros(1)}) is None
