"""A gradient made of a part of the upstream gradient is recognised as that, and nothing else is."""

import numpy as np
import pytest

from seqmem.checking import gradcheck_functions

T, B, D, H = 4, 3, 5, 2
RNG = np.random.default_rng(8)
DENSE = {"xs": RNG.normal(size=(T, B, D)), "W": RNG.normal(size=(D, H))}
RECURRENT = DENSE | {"W_h": RNG.normal(size=(H, H)), "h0": RNG.normal(size=(B, H))}


def dense(xs, W):
    """Each step and each row on its own."""
    return xs @ W, (xs, W)


def rnn(xs, W, W_h, h0):
    hs, h = [], h0
    for x in xs:
        h = np.tanh(x @ W + h @ W_h)
        hs.append(h)
    return (np.stack(hs), h), (xs, W, W_h, h0, hs)


def rnn_backward(d_outputs, cache):
    d_hs, d_final = d_outputs
    xs, W, W_h, h0, hs = cache
    d_xs, d_W, d_W_h, d_h = np.zeros_like(xs), np.zeros_like(W), np.zeros_like(W_h), d_final
    for t in reversed(range(len(xs))):
        d_a = (d_h + d_hs[t]) * (1 - hs[t] ** 2)
        d_xs[t], d_h = d_a @ W.T, d_a @ W_h.T
        d_W += xs[t].T @ d_a
        d_W_h += (hs[t - 1] if t else h0).T @ d_a
    return {"xs": d_xs, "W": d_W, "W_h": d_W_h, "h0": d_h}


def causes(forward, backward, inputs):
    report = gradcheck_functions(forward, backward, inputs)
    assert report.verdict == "wrong"
    return [(cause.code, cause.message) for cause in report.causes]


def of_dense(d_W):
    return causes(dense, lambda d, cache: {"xs": d @ cache[1].T, "W": d_W(cache[0], d)}, DENSE)


@pytest.mark.parametrize(
    ("d_W", "code", "text"),
    [
        (
            lambda xs, d: xs[-1].T @ d[-1],
            "one-row",
            "W: the gradient of index 3 of axis 0 of xs alone: those of the others are not added up",
        ),
        (
            lambda xs, d: xs[:, 0].T @ d[:, 0],
            "one-row",
            "W: the gradient of index 0 of axis 1 of xs alone: those of the others are not added up",
        ),
        (
            lambda xs, d: np.tensordot(xs[1:], d[1:], axes=((0, 1), (0, 1))),
            "one-row-missing",
            "W: right but for index 0 of axis 0 of xs, which is left out",
        ),
    ],
)
def test_what_is_not_added_up_over_steps_and_rows_is_named(d_W, code, text):
    assert of_dense(d_W) == [(code, text)]


def of_rnn(change):
    return causes(rnn, lambda d, cache: rnn_backward(change(*d), cache), RECURRENT)


def only(d, t):
    kept = np.zeros_like(d)
    kept[t] = d[t]
    return kept


@pytest.mark.parametrize(
    ("change", "code", "text"),
    [
        (
            lambda d_hs, d_final: (d_hs, 0 * d_final),
            "output-unused",
            "right but for output [1], whose upstream",
        ),
        (
            lambda d_hs, d_final: (0 * d_hs, d_final),
            "output-unused",
            "right but for output [0], whose upstream",
        ),
        (
            lambda d_hs, d_final: (only(d_hs, -1), d_final),
            "one-step",
            "the gradient of the outputs of step 3 alone: those of the others are not added up",
        ),
        (
            lambda d_hs, d_final: (d_hs - only(d_hs, 1), d_final),
            "one-step-missing",
            "right but for the outputs of step 1, which is left out",
        ),
    ],
)
def test_what_is_not_used_of_the_upstream_gradient_is_named_for_every_array(change, code, text):
    ((found, message),) = of_rnn(change)
    assert found == code
    assert message.startswith("xs, W, W_h, h0: ")
    assert text in message


def test_a_right_pass_and_a_mistake_of_another_kind_have_no_such_cause():
    assert gradcheck_functions(rnn, rnn_backward, RECURRENT).passed

    def squared(d, cache):
        found = rnn_backward(d, cache)
        return found | {"W": found["W"] + 1e-3 * cache[1] ** 2 * np.sum(d[0])}

    assert causes(rnn, squared, RECURRENT) == []
