"""The reference passes are the library's modules, and every mistake in them is one of its own."""

import itertools
from importlib import import_module

import numpy as np
import pytest
from comparing import ROUNDING, assert_close, assert_same, leaves
from strategies import CELLS, exposed

from seqmem import AdditiveAttention, Embedding, LSTMState, Recurrent, clip_by_global_norm, cross_entropy
from seqmem.checking.catalogue.mistakes.record import Mistake, mistaken
from seqmem.reference import lstm

PASSES = ("rnn", "lstm", "gru_before", "gru_after", "attention", "embedding", "cross_entropy", "clipping")
RECURRENT = {"rnn": "rnn", "lstm": "lstm", "gru_before": "gru", "gru_after": "gru, reset after"}
T, B, D, H = 4, 3, 2, 5
EQUAL = ROUNDING
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
    return [(grads | {"max_norm": max_norm}, []) for max_norm in (0.01, 10.0)]


def run(name, *changes):
    """The outputs and the gradients of a pass with mistakes in it."""
    forward, backward = mistaken(reference(name), changes)
    outputs, gradients = [], []
    for inputs, upstreams in problems(name):
        made, cache = forward(**inputs)
        outputs.append(made)
        gradients.append(backward(*upstreams, cache) if backward else None)
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


@pytest.mark.parametrize("name", RECURRENT)
def test_a_recurrent_pass_is_the_librarys_layer(name):
    ((inputs, upstreams),) = problems(name)
    (outputs,), (gradients,) = run(name)
    layer = Recurrent(CELLS[RECURRENT[name]](D, H))
    for key, param in layer.cell.params.items():
        param[...] = inputs[key]
    state = LSTMState(inputs["h0"], inputs["c0"]) if name == "lstm" else inputs["h0"]
    (hs, final), cache = layer.forward(inputs["xs"], state)
    d_final = LSTMState(*upstreams[1:]) if name == "lstm" else upstreams[1]
    (d_xs, d_state), grads = layer.backward((upstreams[0], d_final), cache)
    parts = {"h": final.h, "c": final.c} if name == "lstm" else {"h": final}
    d_parts = {"h0": d_state.h, "c0": d_state.c} if name == "lstm" else {"h0": d_state}
    assert_close(outputs, {"hs": hs} | parts, EQUAL)
    grads = {key.removeprefix("cell."): grad for key, grad in grads.items()}
    assert_close(gradients, {"xs": d_xs} | d_parts | grads, EQUAL)


def test_the_attention_pass_is_the_librarys_module():
    ((inputs, upstreams),) = problems("attention")
    (outputs,), (gradients,) = run("attention")
    attention = AdditiveAttention(inputs["query"].shape[1], inputs["keys"].shape[2], len(inputs["v"]))
    for key, param in attention.params.items():
        param[...] = inputs[key]
    (context, weights), cache = attention.forward(inputs["query"], inputs["keys"])
    (d_query, d_keys), grads = attention.backward(tuple(upstreams), cache)
    assert_close(outputs, {"context": context, "weights": weights}, EQUAL)
    assert_close(gradients, {"query": d_query, "keys": d_keys} | grads, EQUAL)


def test_the_embedding_pass_is_the_librarys_module():
    ((inputs, (d_y,)),) = problems("embedding")
    (outputs,), (gradients,) = run("embedding")
    table = Embedding(*inputs["W"].shape)
    table.W[...] = inputs["W"]
    y, cache = table.forward(inputs["tokens"])
    assert_close(outputs, {"y": y}, EQUAL)
    assert_close(gradients, table.backward(d_y, cache)[1], EQUAL)


def test_the_cross_entropy_pass_is_the_librarys_function():
    ((inputs, (d_loss,)),) = problems("cross_entropy")
    (outputs,), (gradients,) = run("cross_entropy")
    loss, d_logits = cross_entropy(**inputs)
    assert_close(outputs, {"loss": loss}, EQUAL)
    assert_close(gradients, {"logits": d_loss * d_logits}, EQUAL)


def test_the_clipping_pass_is_the_librarys_function_above_the_norm_and_below():
    outputs, gradients = run("clipping")
    for (inputs, _), output in zip(problems("clipping"), outputs, strict=True):
        max_norm = inputs.pop("max_norm")
        clipped, norm = clip_by_global_norm(inputs, max_norm)
        assert_close(output, clipped, EQUAL)
        assert (difference(output, inputs) > DISTINCT) == (norm > max_norm)
    assert gradients == [None, None]


@pytest.mark.parametrize("name", PASSES)
def test_a_pass_writes_to_nothing_that_it_is_given(name):
    untouched = problems(name)
    used = problems(name)
    for inputs, upstreams in used:
        _, cache = reference(name).forward(**inputs)
        kept = [leaf.copy() for leaf in _arrays(cache)]
        if hasattr(reference(name), "backward"):
            reference(name).backward(*upstreams, cache)
        assert_same(_arrays(cache), kept)
    assert_same(used, untouched)


def _arrays(tree):
    return list(leaves(tree).values())


@pytest.mark.parametrize("name", [name for name in PASSES if name != "clipping"])
def test_the_gradients_are_those_of_a_complex_step(name):
    ((inputs, upstreams),) = problems(name)
    _, (gradients,) = run(name)
    rng = np.random.default_rng(1)
    step = 1e-30
    for key, gradient in gradients.items():
        direction = uniform(rng, *inputs[key].shape)
        outputs, _ = reference(name).forward(**(inputs | {key: inputs[key] + 1j * step * direction}))
        slope = sum((d * out.imag).sum() for d, out in zip(upstreams, outputs.values(), strict=True)) / step
        assert_close(slope, (gradient * direction).sum(), EQUAL)


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


def test_a_line_that_does_not_stand_exactly_once_is_refused():
    absent = Mistake("lstm-absent", "backward", "d_o = 1", "d_o = 2", "", "")
    with pytest.raises(ValueError, match="lstm-absent: 'd_o = 1' stands 0 times in backward"):
        mistaken(lstm, [absent])
