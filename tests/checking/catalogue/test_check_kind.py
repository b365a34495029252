"""Functions in any layout: right ones are right, known mistakes have a name, unknown ones have none."""

import inspect
import re

import numpy as np
import pytest

from seqmem import AdditiveAttention, Embedding, GRUCell, LSTMCell, Recurrent, RNNCell, gradcheck
from seqmem.checking.catalogue.check_kind import check_kind
from seqmem.checking.catalogue.kinds import KINDS
from seqmem.checking.selftest import correct_passes
from seqmem.checking.selftest.score import with_mistakes

STYLES = {style.name: style for style in correct_passes.STYLES}
JOINED = "LSTM step, one matrix for [h, x]"
WIDE = "LSTM step, wide matrices for x and h"
PER_GATE = "LSTM step, matrices per gate"
FEATURES_FIRST = "LSTM step, features first"
BATCH_FIRST = "LSTM sequence, batch first, all states only"
BUFFERS = "LSTM sequence, into buffers of zeros, transposed weights, gates i, f, g, o"
SINGLE = "LSTM step, in float32"
NESTED = "LSTM step, state as a nested tuple, gates along the first axis"
RNN = "RNN step"
RNN_EINSUM = "RNN step, with einsum"
RNN_BATCH_FIRST = "RNN sequence, batch first"
GRU = "GRU step, matrices per gate"
GRU_JOINED = "GRU sequence, matrices for [h, x]"
GRU_AFTER = "reset-after GRU step, wide matrices"
GRU_AFTER_ROWS = "reset-after GRU sequence, batch first, transposed weights"
ATTENTION = "attention, batch first"
CROSS_ENTROPY = "cross-entropy, flat"
EMBEDDING = "embedding, with np.add.at"


def changed(function, *changes):
    """A student's function with lines of it changed."""
    source = inspect.getsource(function)
    for line, becomes in changes:
        assert source.count(line) == 1, f"{line!r} stands {source.count(line)} times in {function.__name__}"
        source = source.replace(line, becomes)
    names = dict(vars(correct_passes))
    exec(source, names)
    return names[function.__name__]


def planted(name, *changes):
    """The report on a style whose backward pass has lines changed."""
    style = STYLES[name]
    return check_kind(style.forward, changed(style.backward, *changes), style.like)


def planted_forward(name, line, becomes):
    """The report on a style whose forward pass has a line changed."""
    style = STYLES[name]
    return check_kind(changed(style.forward, (line, becomes)), style.backward, style.like)


def codes(report):
    return [cause.code for cause in report.causes]


def catalogue(like):
    return {mistake.code: mistake for mistake in KINDS[like].mistakes}


def named(report, like):
    """What of a report's causes the catalogue knows."""
    return [code for code in codes(report) if code in catalogue(like)]


@pytest.mark.parametrize("name", STYLES)
def test_a_correct_pass_is_right_in_anybodys_style(name):
    style = STYLES[name]
    report = check_kind(style.forward, style.backward, style.like)
    assert report.passed, str(report)
    assert report.rows
    assert report.causes == report.places == ()


def test_every_style_has_a_name_of_its_own():
    assert len(STYLES) == len(correct_passes.STYLES)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", [WIDE, FEATURES_FIRST, BATCH_FIRST, SINGLE, GRU_JOINED])
def test_what_is_right_is_right_at_other_numbers(name, seed):
    style = STYLES[name]
    report = check_kind(style.forward, style.backward, style.like, seed)
    assert report.passed, str(report)
    assert report.seed == seed


PLANTED = [
    (WIDE, "dc * prev_c *", "dc * (f * prev_c + i * g) *", "lstm-d-f-with-new-c"),
    (WIDE, "dprev_c = dc * f", "dprev_c = dc", "lstm-carried-d-c-without-f"),
    (WIDE, "dc * i * (1 - g * g)", "dc * i * (1 - g)", "lstm-tanh-derivative-of-g-without-square"),
    (JOINED, "df = dc * c_prev *", "df = dc * next_c *", "lstm-d-f-with-new-c"),
    (JOINED, "do = dnext_h * tanh_c *", "do = dnext_h * next_c *", "lstm-d-o-with-c"),
    (JOINED, "(di, df, do, dg)", "(di, df, dg, do)", "lstm-gradients-in-order-i-f-g-o"),
    (PER_GATE, "df = dC * c *", "df = dC * C *", "lstm-d-f-with-new-c"),
    (PER_GATE, "dC * C_tilde * I * (1 - I)", "dC * C_tilde", "lstm-sigmoid-derivative-of-i-missing"),
    (FEATURES_FIRST, "dft = dc * c_prev *", "dft = dc * c_next *", "lstm-d-f-with-new-c"),
    (FEATURES_FIRST, "ot * (1 - np.square(np.tanh(c_next)))", "ot", "lstm-tanh-derivative-of-c-missing"),
    (
        BATCH_FIRST,
        'df = dc * s["c"]',
        'df = dc * (s["f"] * s["c"] + s["i"] * s["g"])',
        "lstm-d-f-with-new-c",
    ),
    (BATCH_FIRST, 'dWh += s["h"].T @ da', 'dWh = s["h"].T @ da', "lstm-d-W-h-overwritten"),
    (BATCH_FIRST, "dh = dh + dhs[:, t]", "dh = dhs[:, t]", "lstm-carry-dropped"),
    (BUFFERS, "d_c * cs[t] * f", "d_c * cs[t + 1] * f", "lstm-d-f-with-new-c"),
    (BUFFERS, "flat.T @ hs[:-1]", "flat.T @ hs[1:]", "lstm-d-W-h-with-new-h"),
    (SINGLE, "d_c * c_prev *", "d_c * c *", "lstm-d-f-with-new-c"),
    (SINGLE, "d_c * i * (1 - g**2)", "d_c * i", "lstm-tanh-derivative-of-g-missing"),
    (NESTED, "d_c * c_prev,", "d_c * c,", "lstm-d-f-with-new-c"),
    (RNN, "(1 - next_h**2)", "(1 - next_h)", "rnn-tanh-derivative-without-square"),
    (RNN, "da.dot(Wh.T)", "da.dot(Wh)", "rnn-d-h-without-transpose"),
    (RNN_EINSUM, '1 - cache["h"] ** 2', '1 + cache["h"] ** 2', "rnn-tanh-derivative-plus"),
    (RNN_BATCH_FIRST, "(1 - h[:, t, :] ** 2)", "(1 - before ** 2)", "rnn-tanh-derivative-at-h-prev"),
    (RNN_BATCH_FIRST, "(dh[:, t, :] + dprev)", "dh[:, t, :]", "rnn-carry-dropped"),
    (GRU, "d_h * (n - h_prev)", "d_h * (h_prev - n)", "gru-before-z-exchanged-in-d-z"),
    (GRU, '"W_hn": (r * h_prev).T', '"W_hn": h_prev.T', "gru-before-d-W-hn-without-r"),
    (GRU_JOINED, "drhx[:, :H] * r", "drhx[:, :H]", "gru-before-d-h-without-r"),
    (GRU_JOINED, "dan = dh * z *", "dan = dh * (1 - z) *", "gru-before-d-n-with-1-z"),
    (GRU_AFTER, "dhn = dn * r", "dhn = dn", "gru-after-d-a-hn-without-r"),
    (GRU_AFTER, "dr = dn * hn *", "dr = dn * h_prev *", "gru-after-d-r-with-h-prev"),
    (GRU_AFTER_ROWS, "d_h * (n - h)", "d_h * (h - n)", "gru-after-z-exchanged-in-d-z"),
    (ATTENTION, "d_weights + np.matmul", "np.matmul", "attention-d-weights-ignored"),
    (ATTENTION, " - np.sum(weights * d_weights, axis=1, keepdims=True)", "", "attention-centring-missing"),
    (CROSS_ENTROPY, "/ np.sum(mask)", "/ mask.size", "cross-entropy-mean-over-padding"),
    (CROSS_ENTROPY, "return d_loss * d_logits", "return d_logits", "cross-entropy-upstream-ignored"),
    (EMBEDDING, "np.add.at(dW, ids, d_out)", "dW[ids] += d_out", "embedding-repeated-token-keeps-last"),
]


@pytest.mark.parametrize(
    ("name", "line", "becomes", "code"), PLANTED, ids=[f"{name}: {code}" for name, _, _, code in PLANTED]
)
def test_a_known_mistake_in_a_students_backward_pass_has_its_name(name, line, becomes, code):
    report = planted(name, (line, becomes))
    assert report.verdict == "wrong"
    assert codes(report)[0] == code, str(report)
    assert named(report, STYLES[name].like) == [code]
    mistake = catalogue(STYLES[name].like)[code]
    assert report.causes[0].message == f"{mistake.message} {mistake.hint}"


def test_the_report_on_a_named_mistake_still_says_where():
    report = planted(WIDE, ("dc * prev_c *", "dc * (f * prev_c + i * g) *"))
    assert {row.name for row in report.rows if row.verdict == "wrong"} == {"x", "prev_h", "Wx", "Wh", "b"}
    for name in ("Wx", "Wh", "b"):
        assert any(re.match(rf"{name}: forget gate \(f\) wrong; .*right", place) for place in report.places)


FORWARD = [
    (WIDE, "next_h = o * tanh_c", "next_h = o * next_c", "lstm-forward-tanh-of-c-missing"),
    (JOINED, "f * c_prev + i * g", "(1 - f) * c_prev + i * g", "lstm-forward-forget-gate-inverted"),
    (PER_GATE, "C = F * c + I * C_tilde", "C = F * c + (1 - F) * C_tilde", "lstm-forward-i-and-f-coupled"),
    (BATCH_FIRST, "h, c = h0, c0", "h, c = 0 * h0, c0", "lstm-forward-h0-ignored"),
    (SINGLE, "np.tanh(a[:, 3])", "a[:, 3]", "lstm-forward-candidate-without-tanh"),
    (RNN_EINSUM, 'np.einsum("hk,bk->bh"', 'np.einsum("kh,bk->bh"', "rnn-forward-W-h-transposed"),
    (GRU, "h_prev + z * (n - h_prev)", "n + z * (h_prev - n)", "gru-before-forward-z-keeps"),
    (GRU, "(r * h_prev) @ W_hn", "r * (h_prev @ W_hn)", "gru-before-forward-reset-after"),
    (GRU_JOINED, "(1 - z) * h + z * n", "z * h + (1 - z) * n", "gru-before-forward-z-keeps"),
    (GRU_AFTER, "+ r * hn)", "+ (r * h_prev) @ Wh[:, 2 * H :] + b_hn)", "gru-after-forward-reset-before"),
    (GRU_AFTER_ROWS, "n * z + h * (1 - z)", "h * z + n * (1 - z)", "gru-after-forward-z-keeps"),
]


@pytest.mark.parametrize(
    ("name", "line", "becomes", "code"),
    FORWARD,
    ids=[f"{name}: {code}" for name, _, _, code in FORWARD],
)
def test_a_forward_variant_is_recognised_before_any_gradient_is_blamed(name, line, becomes, code):
    report = planted_forward(name, line, becomes)
    assert report.verdict == "wrong"
    assert codes(report)[0] == code, str(report)
    assert named(report, STYLES[name].like) == [code]
    assert report.causes[0].message.startswith(catalogue(STYLES[name].like)[code].message)


def test_a_backward_pass_that_is_right_for_a_wrong_forward_pass_is_said_to_be():
    forward = changed(
        STYLES[RNN].forward, ("np.tanh(x.dot(Wx) + prev_h.dot(Wh) + b)", "x @ Wx + prev_h @ Wh + b")
    )
    backward = changed(STYLES[RNN].backward, ("dnext_h * (1 - next_h**2)", "dnext_h"))
    report = check_kind(forward, backward, "rnn_step")
    assert report.verdict == "wrong"
    assert codes(report) == ["rnn-forward-no-activation"]
    assert "the backward pass is right for this forward pass" in report.causes[0].message.lower()


def test_a_backward_pass_that_is_wrong_for_a_wrong_forward_pass_is_not_said_to_be_right():
    report = planted_forward(RNN, "np.tanh(x.dot(Wx) + prev_h.dot(Wh) + b)", "x @ Wx + prev_h @ Wh + b")
    assert codes(report)[0] == "rnn-forward-no-activation"
    assert "the backward pass is right" not in str(report).lower()


def test_a_forward_pass_that_is_neither_right_nor_known_is_not_judged_with_a_backward_pass_that_fits_it():
    forward = changed(STYLES[RNN].forward, ("np.tanh(x.dot", "np.tanh(0.9 * x.dot"))
    backward = changed(
        STYLES[RNN].backward,
        ("return da.dot(Wx.T)", "return 0.9 * da.dot(Wx.T)"),
        ("x.T.dot(da)", "0.9 * x.T.dot(da)"),
    )
    report = check_kind(forward, backward, "rnn_step")
    assert report.verdict == "cannot tell"
    assert codes(report) == ["forward-unknown"]
    assert all(row.verdict == "right" for row in report.rows)


def test_an_unknown_forward_pass_is_said_and_its_backward_pass_compared_with_it():
    report = planted_forward(WIDE, "next_c = f * prev_c", "next_c = 0.9 * f * prev_c")
    assert report.verdict == "wrong"
    assert codes(report)[0] == "forward-unknown"
    assert named(report, "lstm_step") == []
    assert "neither one step of an LSTM nor a known mistake of it" in report.causes[0].message


def test_a_gru_is_no_rnn():
    style = STYLES[GRU]
    with pytest.raises(ValueError, match=r"should be one step of an RNN: what are W_xr, W_hr"):
        check_kind(style.forward, style.backward, "rnn_step")


def test_an_unknown_like_is_refused_with_those_that_there_are():
    style = STYLES[RNN]
    with pytest.raises(ValueError, match=r"like is 'transformer', expected one of rnn_step, .*clipping"):
        check_kind(style.forward, style.backward, "transformer")


def test_parameters_whose_names_say_nothing_are_refused_with_the_names_expected():
    def step(p, q, r, s, t):
        return STYLES[RNN].forward(p, q, r, s, t)

    with pytest.raises(
        ValueError,
        match=r"step\(p, q, r, s, t\).*what are p, q, r, s, t\? Expected names like \(x, h_prev, W_x, ",
    ):
        check_kind(step, STYLES[RNN].backward, "rnn_step")


TWO = [
    (
        JOINED,
        [("df = dc * c_prev *", "df = dc * next_c *"), ("dg = dc * i * (1 - g**2)", "dg = dc * i")],
        {"lstm-d-f-with-new-c", "lstm-tanh-derivative-of-g-missing"},
    ),
    (
        BATCH_FIRST,
        [
            ('dWh += s["h"].T @ da', 'dWh = s["h"].T @ da'),
            ('do = dh * s["tanh_c"]', 'do = dh * np.arctanh(s["tanh_c"])'),
        ],
        {"lstm-d-W-h-overwritten", "lstm-d-o-with-c"},
    ),
    (
        GRU,
        [("d_h * (n - h_prev)", "d_h * (h_prev - n)"), ("d_rh * h_prev *", "d_rh *")],
        {"gru-before-z-exchanged-in-d-z", "gru-before-d-r-without-h-prev"},
    ),
    (
        ATTENTION,
        [("d_weights + np.matmul", "np.matmul"), ("v * (1 - hidden**2)", "v")],
        {"attention-d-weights-ignored", "attention-tanh-derivative-missing"},
    ),
]


@pytest.mark.parametrize(("name", "changes", "expected"), TWO, ids=[name for name, _, _ in TWO])
def test_two_mistakes_at_once_are_both_named(name, changes, expected):
    report = planted(name, *changes)
    assert report.verdict == "wrong"
    assert set(named(report, STYLES[name].like)) == expected, str(report)


NOISE = "np.random.default_rng(5).standard_normal"
UNSEEN = [
    (WIDE, "dc * prev_c * f * (1 - f)", "1.1 * dc * prev_c * f * (1 - f)", "forget gate (f)"),
    (WIDE, "dc * g * i * (1 - i)", f"dc * {NOISE}(g.shape)", "input gate (i)"),
    (JOINED, "tanh_c * o * (1 - o)", "tanh_c * o * (1 - o) ** 2", "output gate (o)"),
    (BATCH_FIRST, "@ da\n        dWh", "@ da * np.repeat([1, 1, 1, 1.1], 5)\n        dWh", "candidate (g)"),
    (SINGLE, "d_c * c_prev * f", "1.1 * d_c * c_prev * f", "forget gate (f)"),
    (NESTED, "(d_c * i * (1 - g**2))", "(1.1 * d_c * i * (1 - g**2))", "candidate (g)"),
    (GRU_AFTER, "dz = dh * (n - h_prev)", "dz = 1.1 * dh * (n - h_prev)", "update gate (z)"),
]


@pytest.mark.parametrize(
    ("name", "line", "becomes", "gate"), UNSEEN, ids=[f"{name}: {gate}" for name, *_, gate in UNSEEN]
)
def test_a_mistake_that_nobody_knows_is_wrong_has_its_place_and_no_name(name, line, becomes, gate):
    report = planted(name, (line, becomes))
    assert report.verdict == "wrong"
    assert named(report, STYLES[name].like) == []
    blocks = [place for place in report.places if re.match(r"(d_?)?(W|b)\w*: .* wrong; .* right", place)]
    assert blocks, str(report)
    for place in blocks:
        wrong, _, right = place.partition(" wrong; ")
        assert gate in wrong, str(report)
        assert gate not in right, str(report)


def test_a_mistake_that_nobody_knows_is_found_in_the_arrays_of_its_gate():
    report = planted(PER_GATE, ("df = dC * c *", "df = 1.1 * dC * c *"))
    wrong = {row.name for row in report.rows if row.verdict == "wrong"}
    assert report.verdict == "wrong"
    assert named(report, "lstm_step") == []
    assert wrong == {"x", "h", "W_xf", "W_hf", "b_f"}


@pytest.mark.parametrize("like", ["lstm_sequence", "gru_sequence", "attention", "cross_entropy"])
def test_a_backward_pass_that_raises_an_error_does_so_as_its_author_wrote_it(like):
    forward, _ = with_mistakes(KINDS[like], ())

    def backward(upstream, cache):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        check_kind(forward, backward, like)


def test_a_backward_pass_that_returns_nothing_is_wrong_and_has_no_name():
    report = check_kind(STYLES[RNN].forward, lambda upstream, cache: {}, "rnn_step")
    assert report.verdict == "wrong"
    assert named(report, "rnn_step") == []


@pytest.mark.parametrize("mistake", KINDS["clipping"].mistakes, ids=lambda mistake: mistake.code)
def test_clipping_has_values_alone_and_its_mistakes_have_names(mistake):
    function, backward = with_mistakes(KINDS["clipping"], (mistake,))
    assert backward is None
    report = check_kind(function, None, "clipping")
    assert report.verdict == "wrong"
    assert codes(report) == [mistake.code]


def test_right_clipping_is_right_whether_it_takes_arrays_or_a_dict():
    def clip(grads, max_norm):
        norm = np.sqrt(sum((g**2).sum() for g in grads.values()))
        return {name: g * min(1.0, max_norm / norm) for name, g in grads.items()}

    report = check_kind(clip, None, "clipping")
    assert report.passed, str(report)
    assert sorted(row.name for row in report.rows) == ["U", "W", "b"]


def test_clipping_that_nobody_knows_is_wrong_without_a_name():
    def clip(grads, max_norm):
        return {name: 0.9 * g for name, g in grads.items()}

    report = check_kind(clip, None, "clipping")
    assert report.verdict == "wrong"
    assert codes(report) == ["forward-unknown"]


class MyLSTMCell(LSTMCell):
    """The forget gate's derivative has the new c."""

    def local_derivatives(self, i, f, o, g, c_prev, tanh_c, d_a_i, d_a_f, d_a_o, d_a_g, dh_dc, c):
        super().local_derivatives(i, f, o, g, c_prev, tanh_c, d_a_i, d_a_f, d_a_o, d_a_g, dh_dc)
        d_a_f[...] = f * (1 - f) * c


class MyRNNCell(RNNCell):
    """A sign of the derivative of tanh is wrong."""

    def local_derivatives(self, h, d_a):
        np.add(1, h**2, out=d_a)


class MyGRUCell(GRUCell):
    """The new h is z's share of the old one."""

    def step(self, recurrent_rz, recurrent_n, half, a_rz, a_n, rz, r, z, n, h_prev, reset_h, h):
        super().step(recurrent_rz, recurrent_n, half, a_rz, a_n, rz, r, z, n, h_prev, reset_h, h)
        h[...] = z * h_prev + (1 - z) * n


class MyResetAfterCell(GRUCell):
    """The gradient of b_hn is that of b_n."""

    def __init__(self, input_size, hidden_size, *, reset="after", rng=None, dtype=np.float64):
        super().__init__(input_size, hidden_size, reset=reset, rng=rng, dtype=dtype)

    def collect(self, h_prev, d_a_rz, d_a_n, d_a_hn):
        return super().collect(h_prev, d_a_rz, d_a_hn) | {"b_hn": d_a_n.sum(axis=0)}


class MySecondLSTMCell(LSTMCell):
    """What c carries to the step before is not weighed by f."""

    def step_backward(self, through, f, d_a, d_a_if, d_a_o, d_a_g, dh_dc, d_h, d_c):
        kept = np.ones_like(f)
        super().step_backward(through, kept, d_a, d_a_if, d_a_o, d_a_g, dh_dc, d_h, d_c)


class MyEmbedding(Embedding):
    """A token that occurs twice has the gradient of its last place."""

    def backward(self, d_y, cache):
        d_W = np.zeros_like(self.W)
        d_W[cache[0]] = d_y
        return (None,), {"W": d_W}


class MyAttention(AdditiveAttention):
    """The gradient of v is a tenth too large."""

    def backward(self, d_outputs, cache):
        d_inputs, grads = super().backward(d_outputs, cache)
        return d_inputs, grads | {"v": 1.1 * grads["v"]}


MODULES = [
    (MyLSTMCell(2, 5, rng=0), "lstm-d-f-with-new-c"),
    (Recurrent(MyLSTMCell(2, 5, rng=0)), "lstm-d-f-with-new-c"),
    (MyRNNCell(2, 5, rng=0), "rnn-tanh-derivative-plus"),
    (Recurrent(MyRNNCell(2, 5, rng=0)), "rnn-tanh-derivative-plus"),
    (MyGRUCell(2, 5, rng=0), "gru-before-forward-z-keeps"),
    (Recurrent(MyGRUCell(2, 5, rng=0)), "gru-before-forward-z-keeps"),
    (Recurrent(MyResetAfterCell(2, 5, rng=0)), "gru-after-d-b-hn-without-r"),
    (MySecondLSTMCell(2, 5, rng=0), "lstm-carried-d-c-without-f"),
    (Recurrent(MySecondLSTMCell(2, 5, rng=0)), "lstm-carried-d-c-without-f"),
    (MyEmbedding(7, 3, rng=0), "embedding-repeated-token-keeps-last"),
]


@pytest.mark.parametrize(
    ("module", "code"), MODULES, ids=[f"{type(module).__name__}: {code}" for module, code in MODULES]
)
def test_a_subclass_with_a_method_of_its_own_has_its_mistake_named_by_gradcheck(module, code):
    report = gradcheck(module)
    assert report.verdict == "wrong"
    assert codes(report)[0] == code, str(report)


def test_a_subclass_with_a_mistake_that_nobody_knows_has_none_named():
    report = gradcheck(MyAttention(3, 4, 5, rng=0))
    assert report.verdict == "wrong"
    assert named(report, "attention") == []
    assert [row.name for row in report.rows if row.verdict == "wrong"] == ["v"]


def test_clipping_may_take_its_gradients_as_a_list():
    def clip(grads, max_norm):
        norm = np.sqrt(sum((g**2).sum() for g in grads))
        return [g * min(1, max_norm / norm) for g in grads]

    assert check_kind(clip, None, "clipping").passed


def test_an_error_of_a_function_without_a_backward_pass_is_its_own():
    def clip(W, U, b, max_norm):
        return W / nrom, U, b  # noqa: F821

    with pytest.raises(NameError, match="nrom"):
        check_kind(clip, None, "clipping")
