"""Every backward pass of the room is the derivative of its forward pass, by the complex step."""

from functools import partial

import numpy as np
import pytest
from comparing import ROUNDING

from seqmem import AdditiveAttention, Decoder, Encoder, Seq2Seq, gradcheck_functions, reference

pytestmark = pytest.mark.quick

T, B, D, H, S, E, K, Q, A, V = 5, 3, 2, 4, 6, 2, 7, 3, 5, 9
RNG = np.random.default_rng(11)
MASK = reference.length_mask(np.array([5, 2, 0]), T)  # a whole sequence, a shorter one, an empty one
SOURCE_MASK = reference.length_mask(np.array([4, 6, 1]), S)


def normal(*shape):
    return 0.8 * RNG.standard_normal(shape)


def recurrent(gates, *states, **more):
    lead = (gates,) if gates else ()
    weights = {"W_x": normal(*lead, D, H), "W_h": normal(*lead, H, H), "b": normal(*lead, H)} | more
    step = {"x": normal(B, D)} | {f"{state}_prev": normal(B, H) for state in states} | weights
    sequence = {"xs": normal(T, B, D)} | {f"{state}0": normal(B, H) for state in states} | weights
    return step, sequence, sequence | {"mask": MASK}


def gains():
    wide = {name: normal(4, H) for name in ("s_x", "t_x", "s_h", "t_h")}
    return wide | {"s_c": normal(H), "t_c": normal(H)}


def both_directions():
    _, sequence, _ = recurrent(4, "h", "c")
    other = {f"{name}_back": array for name, array in recurrent(4, "h", "c")[1].items() if name != "xs"}
    return sequence | other, sequence | other | {"mask": MASK}


def stacked(n_layers):
    weights = {}
    for k in range(n_layers):
        own, _, _ = recurrent(4)
        own["W_x"] = own["W_h"].copy() + 0.1 if k else own["W_x"]
        weights |= {f"layers.{k}.cell.{name}": own[name] for name in ("W_x", "W_h", "b")}
    states = {name: normal(n_layers, B, H) for name in ("h0s", "c0s")}
    return {"xs": normal(T, B, D), **states, "params": weights, "mask": MASK}


def model():
    encoder = Encoder(V, E, H, cell="gru", rng=0)
    decoder = Decoder(8, 3, H, context=AdditiveAttention(H, H, A, rng=1), cell="gru", rng=2)
    return {name: normal(*param.shape) for name, param in Seq2Seq(encoder, decoder).params.items()}


PARAMS = model()
OF_ENCODER = {name: param for name, param in PARAMS.items() if name.startswith("encoder")}
OF_DECODER = {name: param for name, param in PARAMS.items() if name.startswith("decoder")}
LOOK = {"query": normal(B, Q), "keys": normal(S, B, K)}
NARROW = {"query": normal(B, K), "keys": normal(S, B, K)}
SCORER = {"W_q": normal(Q, A), "W_k": normal(K, A), "b": normal(A), "v": normal(A)}
SCORES = {"logits": normal(T, B, V), "targets": RNG.integers(V, size=(T, B))}
DEEP = {  # a decoder of three layers
    f"decoder.{name}": normal(*param.shape)
    for name, param in Decoder(
        8, 3, H, context=AdditiveAttention(H, K, A), cell="gru", num_layers=3
    ).params.items()
}
SOURCE = {"tokens": RNG.integers(V, size=(S, B)), "mask": SOURCE_MASK, "params": OF_ENCODER}
SEEN = {"keys": normal(S, B, H), "mask": SOURCE_MASK, "params": OF_DECODER}
SEEN_DEEP = {"keys": normal(S, B, K), "mask": SOURCE_MASK, "params": DEEP}
PAIR = {
    "source": RNG.integers(V, size=(S, B)),
    "inputs": RNG.integers(8, size=(T, B)),
    "targets": RNG.integers(8, size=(T, B)),
    "source_mask": SOURCE_MASK,
    "target_mask": MASK,
    "params": PARAMS,
}


WORDS = {
    "encoder.embedding.W": normal(V, E),
    **{f"encoder.layer.cell.{name}": param for name, param in recurrent(3)[0].items() if name != "x"},
}
OUTPUT = {"output.W": normal(H, V), "output.b": normal(V)}
TIED = WORDS | {
    "encoder.embedding.W": normal(V, H),
    "encoder.layer.cell.W_x": normal(3, H, H),
    "output.b": normal(V),
}
POOL = {"W": normal(D, A), "b": normal(A), "v": normal(A)}
OF_TOKENS = {"tokens": RNG.integers(V, size=(T, B)), "h0": normal(B, H), "mask": MASK}
CLASSES = {
    "tokens": OF_TOKENS["tokens"],
    "targets": np.array([0, 6, 3]),
    "mask": MASK,
    "params": WORDS  # of attention
    | {"pool.W": normal(H, A), "pool.b": normal(A), "pool.v": normal(A)}
    | {"output.W": normal(H, 7), "output.b": normal(7)},
}
NUMBERS = {
    "xs": normal(T, B, D),
    "h0": normal(B, H),
    "params": {f"encoder.cell.{name}": param for name, param in recurrent(3)[0].items() if name != "x"}
    | {"output.W": normal(H, 12), "output.b": normal(12)},
}


def step_and_sequences(name, inputs):
    """A cell's three cases: one step, a sequence, and sequences of unequal lengths."""
    return list(zip((f"{name}_step", name, name), inputs, strict=True))


CASES = [
    *step_and_sequences("rnn", recurrent(0, "h")),
    *step_and_sequences("lstm", recurrent(4, "h", "c")),
    *step_and_sequences("gru_before", recurrent(3, "h")),
    *step_and_sequences("gru_after", recurrent(3, "h", b_hn=normal(H))),
    *(("bidirectional", inputs) for inputs in both_directions()),
    *step_and_sequences("relu_rnn", recurrent(0, "h")),
    *step_and_sequences("peephole_lstm", recurrent(4, "h", "c", **{f"p_{k}": normal(H) for k in "ifo"})),
    *step_and_sequences("layer_norm_lstm", recurrent(4, "h", "c", **gains())),
    ("hold", {"new": normal(B, H), "prev": normal(B, H), "valid": MASK[1]}),
    ("zero_padding", {"xs": normal(T, B, D), "mask": MASK}),
    ("linear", {"x": normal(B, D), "W": normal(D, V), "b": normal(V)}),
    ("linear", {"x": normal(T, B, D), "W": normal(D, V), "b": normal(V)}),
    ("embedding", {"W": normal(V, E), "tokens": np.array([[1, 8, 1], [0, 1, 5]])}),
    ("embedding", {"W": normal(V, E), "tokens": np.array([4, 4, 2])}),
    ("cross_entropy", SCORES),
    ("cross_entropy", SCORES | {"mask": MASK}),
    ("position_softmax", {"scores": normal(S, B), "mask": SOURCE_MASK}),
    ("dot_product_attention", NARROW),
    ("dot_product_attention", NARROW | {"mask": SOURCE_MASK, "scaled": True}),
    ("bilinear_attention", LOOK | {"W": normal(Q, K)}),
    ("bilinear_attention", LOOK | {"W": normal(Q, K), "mask": SOURCE_MASK}),
    ("additive_attention", LOOK | SCORER),
    ("additive_attention", LOOK | SCORER | {"mask": SOURCE_MASK}),
    ("fixed_context", {"keys": normal(S, B, K)}),
    ("fixed_context", {"keys": normal(S, B, K), "mask": SOURCE_MASK}),
    ("mean_pooling", {"hs": normal(T, B, D), "mask": MASK}),
    ("attention_pooling", {"hs": normal(T, B, D), **POOL, "mask": MASK}),
    ("language_model", OF_TOKENS | {"targets": SCORES["targets"], "params": WORDS | OUTPUT}),
    ("language_model", OF_TOKENS | {"targets": SCORES["targets"], "params": TIED}),
    ("bridge", {"h": normal(B, D), "W": normal(D, H), "b": normal(H)}),
    ("encoder", SOURCE),
    ("decoder_step", {"tokens": RNG.integers(8, size=B), "s_prev": normal(B, H)} | SEEN),
    ("decoder", {"tokens": RNG.integers(8, size=(T, B)), "s0": normal(B, H)} | SEEN),
    ("encoder_decoder", PAIR),
    ("deep_decoder_step", {"tokens": RNG.integers(8, size=B), "s_prev": normal(3, B, H)} | SEEN_DEEP),
    ("deep_decoder", {"tokens": RNG.integers(8, size=(T, B)), "s0": normal(3, B, H)} | SEEN_DEEP),
]


@pytest.mark.parametrize(("name", "inputs"), CASES, ids=[name for name, _ in CASES])
def test_a_backward_pass_is_the_derivative_of_its_forward_pass(name, inputs):
    forward, backward = getattr(reference, f"{name}_forward"), getattr(reference, f"{name}_backward")
    report = gradcheck_functions(forward, backward, inputs, tolerance=ROUNDING)
    assert report.max_error < ROUNDING, report
    assert report.verdict != "wrong", report
    if inputs.get("mask") is not MASK:  # else there is nothing that nothing reaches
        assert report.passed, report


def test_dropouts_derivative_keeps_what_the_forward_pass_kept():
    keep = RNG.random((T, B, D)) >= 0.3
    forward = partial(reference.dropout_forward, keep=keep, rate=0.3)
    assert gradcheck_functions(
        forward, reference.dropout_backward, {"x": normal(T, B, D)}, tolerance=ROUNDING
    ).passed


@pytest.mark.parametrize("zone", [RNG.random((B, H)) < 0.4, 0.3])
def test_zoneouts_derivative_goes_both_ways(zone):
    forward = partial(reference.zoneout_forward, zone=zone * 1.0)
    inputs = {"new": normal(B, H), "prev": normal(B, H)}
    assert gradcheck_functions(forward, reference.zoneout_backward, inputs, tolerance=ROUNDING).passed


@pytest.mark.parametrize("mask", [None, MASK], ids=["full", "unequal"])
def test_the_derivative_of_a_noisy_sequence(mask):
    _, sequence, _ = recurrent(4, "h", "c")
    noise = {"keep": (RNG.random((B, H)) < 0.6) / 0.6, "mask": mask}
    noise |= {name: (RNG.random((T, B, H)) < 0.3) * 1.0 for name in ("zones_h", "zones_c")}
    forward = partial(reference.noisy_lstm_forward, **noise)
    report = gradcheck_functions(forward, reference.noisy_lstm_backward, sequence, tolerance=ROUNDING)
    assert report.passed, report


LAST = {"targets": normal(6, B, 2), "weights": RNG.uniform(0.5, 2, (6, B, 2)), "every_step": False}
EVERY = {"targets": normal(T, B, 12), "weights": RNG.uniform(0.5, 2, (T, B, 12)), "every_step": True}
CHOICES = [  # with what is not differentiated
    *(("sequence_classifier", {"pooling": pooling}, CLASSES) for pooling in ("last", "mean", "attention")),
    ("sequence_regressor", LAST | {"mask": MASK}, NUMBERS),
    ("sequence_regressor", EVERY | {"mask": MASK}, NUMBERS),
]


@pytest.mark.parametrize(("name", "choice", "inputs"), CHOICES)
def test_the_derivative_of_a_model_is_that_of_every_form(name, choice, inputs):
    if choice.get("pooling", "attention") != "attention":
        kept = {key: param for key, param in inputs["params"].items() if "pool" not in key}
        inputs = inputs | {"params": kept}
    forward, backward = getattr(reference, f"{name}_forward"), getattr(reference, f"{name}_backward")
    report = gradcheck_functions(partial(forward, **choice), backward, inputs, tolerance=ROUNDING)
    assert report.max_error < ROUNDING, report
    assert report.verdict != "wrong", report  # nothing reaches what is masked


WEIGHTS = RNG.uniform(0.5, 2, (T, B)) * MASK
LOSSES = {  # with what is not differentiated
    "weighted_cross_entropy": {
        "targets": SCORES["targets"],
        "class_weights": RNG.uniform(0.5, 2, V),
        "sample_weights": WEIGHTS,
        "label_smoothing": 0.3,
    },
    "squared_error": {"targets": normal(T, B), "weights": WEIGHTS},
    "absolute_error": {"targets": normal(T, B), "weights": WEIGHTS},
    "huber_error": {"targets": normal(T, B), "weights": WEIGHTS, "delta": 0.7},
}


@pytest.mark.parametrize("name", LOSSES)
def test_the_derivative_of_a_loss_is_that_of_what_it_is_the_loss_of(name):
    forward, backward = getattr(reference, f"{name}_forward"), getattr(reference, f"{name}_backward")
    entropy = name == "weighted_cross_entropy"
    inputs = {"logits": normal(T, B, V)} if entropy else {"predictions": normal(T, B)}
    report = gradcheck_functions(partial(forward, **LOSSES[name]), backward, inputs, tolerance=ROUNDING)
    assert report.max_error < ROUNDING, report
    assert report.verdict != "wrong", report  # nothing reaches what is masked


def test_truncation_to_the_whole_sequence_has_the_derivative_of_it_and_to_less_has_not():
    (_, inputs, _), reports = recurrent(0, "h"), {}
    for k in (T, T - 2):
        forward = partial(reference.truncated_rnn_forward, k=k)
        reports[k] = gradcheck_functions(
            forward, reference.truncated_rnn_backward, inputs, tolerance=ROUNDING
        )
    assert reports[T].passed, reports[T]
    assert reports[T - 2].verdict == "wrong"  # the whole derivative is not what it computes


@pytest.mark.parametrize(("axes", "shape"), [(1, (B, H)), ((0, 2), (4, B, H))])
def test_the_derivative_of_a_normalisation(axes, shape):
    forward = partial(reference.normalise_forward, axes=axes, eps=1e-5)
    inputs = {"z": normal(*shape)}
    report = gradcheck_functions(forward, reference.normalise_backward, inputs, tolerance=ROUNDING)
    assert report.passed, report


def test_a_stacks_derivative_goes_through_what_dropout_kept():
    keeps = RNG.random((2, T, B, H)) >= 0.3
    forward = partial(reference.stack_forward, keeps=keeps, rate=0.3)
    report = gradcheck_functions(forward, reference.stack_backward, stacked(3), tolerance=ROUNDING)
    assert report.verdict != "wrong", report
    assert report.max_error < ROUNDING, report


MODELS = {name for name, _, _ in CHOICES}


def test_every_backward_pass_is_checked_here():
    checked = {f"{name}_backward" for name, _ in CASES}
    apart = ("dropout", "truncated_rnn", "stack", "normalise", "zoneout", "noisy_lstm", *LOSSES, *MODELS)
    checked |= {f"{name}_backward" for name in apart}
    assert checked == {name for name in dir(reference) if name.endswith("_backward")}


@pytest.mark.parametrize(("name", "inputs"), CASES, ids=[name for name, _ in CASES])
def test_a_pass_writes_to_nothing_that_it_is_given(name, inputs):
    def frozen(tree):
        if isinstance(tree, dict):
            return {key: frozen(branch) for key, branch in tree.items()}
        if isinstance(tree, bool):
            return tree
        twin = tree.copy()
        twin.flags.writeable = False
        return twin

    *outputs, cache = getattr(reference, f"{name}_forward")(**frozen(inputs))
    upstream = [frozen(np.ones_like(output)) for output in outputs]
    backward = getattr(reference, f"{name}_backward")
    first, second = backward(*upstream, cache), backward(*upstream, cache)
    np.testing.assert_equal(first, second)  # nor to its cache
