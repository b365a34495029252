"""Every mistake in a reference pass is one of its own."""

import inspect
import itertools
from importlib import import_module

import numpy as np
import pytest
from comparing import assert_same, leaves
from strategies import CELLS, exposed

from seqmem import AdditiveAttention
from seqmem.checking.catalogue.mistakes.record import Mistake, mistaken
from seqmem.reference import lstm

PASSES = ("rnn", "lstm", "gru_before", "gru_after", "attention", "embedding", "cross_entropy", "clipping")
RECURRENT = {"rnn": "rnn", "lstm": "lstm", "gru_before": "gru", "gru_after": "gru, reset after"}
T, B, D, H = 4, 3, 2, 5
DISTINCT = 1e-6  # of an array's largest entry: what a mistake must change to count as one


def reference(name):
    return import_module(f"seqmem.reference.{name}")


def mistakes(name):
    return import_module(f"seqmem.checking.catalogue.mistakes.{name}").MISTAKES


ALL = [mistake for name in PASSES for mistake in mistakes(name)]


def uniform(rng, *shape):
    return rng.uniform(-1, 1, shape)


def problems(name):
    """The inputs of a pass by name, and the gradients of its outputs: nothing in them is zero or equal."""
    rng = np.random.default_rng(7)
    if name in RECURRENT:
        cell = exposed(CELLS[RECURRENT[name]](D, H), rng)
        states = ["h0", "c0"] if name == "lstm" else ["h0"]
        inputs = {"xs": uniform(rng, T, B, D)} | {state: uniform(rng, B, H) for state in states}
        upstreams = [uniform(rng, T, B, H), *(uniform(rng, B, H) for _ in states)]
        return [(inputs | cell.params, upstreams)]
    if name == "attention":
        S, K, Q, A = 4, 2, 6, 5
        attention = exposed(AdditiveAttention(Q, K, A), rng)
        inputs = {"query": uniform(rng, B, Q), "keys": uniform(rng, S, B, K)}
        return [(inputs | attention.params, [uniform(rng, B, K), uniform(rng, B, S)])]
    if name == "embedding":
        tokens = np.array([[1, 0, 1], [2, 1, 3], [4, 4, 0], [1, 2, 5]])
        return [({"W": uniform(rng, 7, 2), "tokens": tokens}, [uniform(rng, T, B, 2)])]
    if name == "cross_entropy":
        mask = np.array([[True, True, True], [True, True, False], [False, True, False], [False, True, False]])
        logits, targets = 5 * uniform(rng, T, B, 6), rng.integers(6, size=(T, B))
        return [({"logits": logits, "targets": targets, "mask": mask}, [np.array(1.7)])]
    grads = {"W": uniform(rng, D, H) / 20, "U": uniform(rng, H, H) / 20, "b": uniform(rng, H) / 20}
    return [({"grads": grads, "max_norm": max_norm}, []) for max_norm in (0.01, 10.0)]


def run(name, *changes):
    """The outputs and the gradients of a pass with mistakes in it."""
    forward, backward = mistaken(reference(name), changes)
    outputs, gradients = [], []
    for inputs, upstreams in problems(name):
        if name == "clipping":
            clipped, _ = forward(**inputs)
            outputs.append(clipped)
            gradients.append(None)
            continue
        *made, cache = forward(**inputs)
        outputs.append(made)
        gradients.append(backward(*upstreams, cache))
    return outputs, gradients


def result(name, mistake):
    """What a mistake shows itself in."""
    outputs, gradients = run(name, mistake)
    return outputs if mistake.place == "forward" else gradients


def difference(one, other):
    """The largest difference of any array, relative to the array's largest entry."""
    one, other = leaves(one), leaves(other)
    assert {key: leaf.shape for key, leaf in one.items()} == {key: leaf.shape for key, leaf in other.items()}
    sizes = {key: max(abs(one[key]).max(), abs(other[key]).max(), 1e-300) for key in one}
    return max(abs(one[key] - other[key]).max() / sizes[key] for key in one)


def test_there_are_a_hundred_mistakes_and_more_each_with_a_name_of_its_own():
    codes = [mistake.code for mistake in ALL]
    assert len(codes) >= 100
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("name", PASSES)
def test_a_mistakes_code_starts_with_its_passs_name(name):
    assert all(mistake.code.startswith(name.replace("_", "-") + "-") for mistake in mistakes(name))


def test_a_mistake_says_what_is_wrong_in_a_sentence_and_ends_its_hint_as_a_sentence():
    for mistake in ALL:
        assert mistake.message.endswith("."), mistake.code
        assert mistake.hint.endswith(("?", ".")), mistake.code
        assert mistake.becomes != mistake.line, mistake.code


@pytest.mark.parametrize("name", PASSES)
def test_no_mistake_computes_what_is_right_or_what_another_computes(name):
    outputs, gradients = run(name)
    results = [("forward", "right", outputs), ("backward", "right", gradients)]
    results += [(mistake.place, mistake.code, result(name, mistake)) for mistake in mistakes(name)]
    for (place, code, one), (other_place, other_code, other) in itertools.combinations(results, 2):
        if place == other_place:
            assert difference(one, other) > DISTINCT, f"{code} and {other_code} compute the same"


def test_mistakes_on_different_lines_may_be_made_together_in_any_order_and_leave_the_reference_alone():
    before = run("lstm")
    by_line = {mistake.line: mistake for mistake in mistakes("lstm") if mistake.place == "backward"}
    for one, other in itertools.pairwise(by_line.values()):
        assert_same(run("lstm", one, other), run("lstm", other, one))
    assert_same(run("lstm"), before)


def test_a_mistake_in_a_step_reaches_the_sequence_that_takes_it():
    (mistake,) = [mistake for mistake in mistakes("lstm") if mistake.code == "lstm-d-f-with-new-c"]
    assert mistake.line in inspect.getsource(lstm.lstm_step_backward)
    assert difference(run("lstm", mistake)[1], run("lstm")[1]) > DISTINCT


def test_a_line_that_does_not_stand_exactly_once_is_refused():
    absent = Mistake("lstm-absent", "backward", "d_o = 1", "d_o = 2", "", "")
    with pytest.raises(ValueError, match="lstm-absent: 'd_o = 1' stands 0 times in backward"):
        mistaken(lstm, [absent])
