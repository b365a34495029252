"""A gradient made of a part of the upstream gradient is recognised as that, and nothing else is."""

import numpy as np
import pytest

from seqmem import Linear
from seqmem.checking import gradcheck, gradcheck_functions

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
            "W: the gradient of index 3 of axis 0 of xs alone: the rest is missing",
        ),
        (
            lambda xs, d: xs[:, 0].T @ d[:, 0],
            "one-row",
            "W: the gradient of index 0 of axis 1 of xs alone: the rest is missing",
        ),
        (
            lambda xs, d: np.tensordot(xs[1:], d[1:], axes=((0, 1), (0, 1))),
            "one-row-missing",
            "W: right except for index 0 of axis 0 of xs, which is left out",
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
            "right except for output [1], whose upstream",
        ),
        (
            lambda d_hs, d_final: (0 * d_hs, d_final),
            "output-unused",
            "right except for output [0], whose upstream",
        ),
        (
            lambda d_hs, d_final: (only(d_hs, -1), d_final),
            "one-step",
            "the gradient of the outputs at position 3 alone: the rest is missing",
        ),
        (
            lambda d_hs, d_final: (d_hs - only(d_hs, 1), d_final),
            "one-step-missing",
            "right except for the outputs at position 1, which is left out",
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


def test_outputs_with_axes_of_different_lengths_are_told_apart():
    def sums(xs, ys):
        return (np.cumsum(xs, axis=0), np.cumsum(ys, axis=0)), None

    def back(d, cache):
        d_xs, d_ys = (np.cumsum(part[::-1], axis=0)[::-1] for part in d)
        return {"xs": d_xs + 0.1, "ys": d_ys}

    inputs = {"xs": RNG.normal(size=(4, 2)), "ys": RNG.normal(size=(6, 2))}
    assert gradcheck_functions(sums, back, inputs).verdict == "wrong"


THREE = {"x": RNG.normal(size=(3, 4))}


@pytest.mark.parametrize("unused", [(0,), (2,), (0, 2), (1, 2)])
def test_every_set_of_outputs_that_are_not_used_is_named(unused):
    def three(x):
        return (x**2, np.sin(x), np.exp(x)), x

    def back(d, x):
        slopes = 2 * x, np.cos(x), np.exp(x)
        return {"x": sum(d[k] * slopes[k] for k in range(3) if k not in unused)}

    which = " and ".join(f"output [{k}]" for k in unused)
    assert causes(three, back, THREE) == [
        ("output-unused", f"x: right except for {which}, whose upstream gradient does not arrive")
    ]


def test_of_many_outputs_each_is_left_out_alone():
    def six(x):
        return tuple(x ** (k + 1) for k in range(6)), x

    def back(d, x):
        return {"x": sum(d[k] * (k + 1) * x**k for k in range(6) if k != 4)}

    assert causes(six, back, THREE) == [
        ("output-unused", "x: right except for output [4], whose upstream gradient does not arrive")
    ]


def test_an_output_that_an_array_does_not_reach_is_not_what_is_wrong_with_it():
    def scaled(s, x):
        return (s * x, x**3), (s, x)

    def back(d, cache):
        s, x = cache
        return {"s": np.sum(d[0] * x) * (1 + 2e-12), "x": d[0] * s + 3 * x**2 * d[1]}

    assert causes(scaled, back, {"s": np.array(0.7), "x": np.arange(1.0, 6.0)}) == []


def test_one_column_alone_is_told_as_that():
    def back(d, cache):
        xs, W = cache
        d_W = np.tensordot(xs, d, axes=((0, 1), (0, 1)))
        return {"xs": d @ W.T, "W": d_W * (np.arange(D)[:, None] == 2)}

    assert causes(dense, back, DENSE) == [
        ("only-one", "W: right at index of axis 0: 2 and zero everywhere else")
    ]


def test_an_axis_too_long_to_be_tried_index_by_index_takes_no_time():
    inputs = {"x": RNG.normal(size=1000)}
    tried = []

    def back(d, y):
        tried.append(d)
        return {"x": d * y * (1 + 0.1 * inputs["x"])}

    assert causes(lambda x: (np.exp(x), np.exp(x)), back, inputs) == []
    assert len(tried) < 20


class NotSummed(Linear):
    def backward(self, d_y, cache):
        (d_x,), grads = super().backward(d_y, cache)
        return (d_x,), grads | {"b": d_y[0].sum(axis=0)}


def test_a_modules_sum_over_steps_that_has_only_the_first_is_named():
    report = gradcheck(NotSummed(D, H, rng=0))
    assert [cause.message for cause in report.causes] == [
        "b: the gradient of index 0 of axis 0 of x alone: the rest is missing"
    ]
