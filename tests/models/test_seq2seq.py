"""Encoder and decoder as one: every path of the gradient, and generation."""

import gc
import itertools

import numpy as np
import pytest
import strategies as draw
from comparing import ROUNDING, all_zero, assert_close, assert_right_where_tested, assert_same
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import CELLS

from seqmem import (
    Adam,
    AdditiveAttention,
    Batch,
    Decoder,
    Encoder,
    FixedContext,
    LSTMState,
    Seq2Seq,
    cross_entropy,
    gradcheck,
    load,
    save,
)
from seqmem.search.greedy import greedy_search

CONTEXTS = ("fixed", "additive")
FIRST = (
    "rnn",
    "lstm",
    "gru",
    "gru, reset after",
)  # each with each; of the others one pair
PAIRS = [*itertools.product(FIRST, FIRST), *((kind, "lstm") for kind in sorted(set(CELLS) - set(FIRST)))]
every_model = [
    pytest.mark.parametrize("context", CONTEXTS),
    pytest.mark.parametrize(("source", "target"), PAIRS),
]


def model_of(source, target, context, rng, sizes=(3, 2), readout="state", **options):
    """A model of two kinds of cell and a context, all of its sizes different."""
    H_source, H_target = sizes
    look = FixedContext() if context == "fixed" else AdditiveAttention(H_target, H_source, 4)
    encoder = Encoder(6, 2, H_source, cell=CELLS[source](2, H_source), **options)
    decoder_cell = CELLS[target](3 + H_source, H_target)
    options |= {"context": look, "key_size": H_source, "cell": decoder_cell, "readout": readout}
    decoder = Decoder(5, 3, H_target, **options)
    return draw.exposed(Seq2Seq(encoder, decoder), rng)


@st.composite
def models(draw_from):
    """Any of the cells in either half, both contexts, both readouts, a bridge or none."""
    sizes = draw_from(st.sampled_from([(3, 2), (2, 2), (1, 3)]))
    kinds = draw_from(draw.kinds), draw_from(draw.kinds)
    context, readout = draw_from(st.sampled_from(CONTEXTS)), draw_from(draw.readouts)
    return model_of(*kinds, context, draw_from(draw.rngs), sizes, readout)


@st.composite
def batches(draw_from):
    """B pairs whose sources, and whose targets, differ in length."""
    S, T, B, rng = draw_from(draw.S), draw_from(draw.T), draw_from(draw.B), draw_from(draw.rngs)
    target_lengths = draw_from(st.lists(st.integers(1, T), min_size=B, max_size=B))
    return Batch(
        source=rng.integers(6, size=(S, B)),
        source_lengths=draw_from(draw.lengths(S, B)),
        inputs=rng.integers(5, size=(T, B)),
        targets=rng.integers(5, size=(T, B)),
        mask=np.arange(T)[:, None] < target_lengths,
    )


def with_marks(marks):
    """Several marks as one decorator."""

    def decorate(function):
        for mark in marks:
            function = mark(function)
        return function

    return decorate


@with_marks(every_model)
def test_the_gradients_of_any_two_cells_and_either_context_are_right(source, target, context):
    rng = np.random.default_rng(7)
    model = model_of(source, target, context, rng)
    inputs = rng.integers(6, size=(4, 3)), rng.integers(5, size=(3, 3))
    report = gradcheck(model, *inputs, lengths=[2, 4, 0], tolerance=ROUNDING)
    assert report.passed, report
    assert [row.name for row in report.rows] == list(model.params)


@settings(max_examples=15)
@given(models(), batches(), draw.seeds)
def test_the_gradients_are_right_for_any_sizes(model, batch, seed):
    report = gradcheck(
        model, batch.source, batch.inputs, seed=seed, tolerance=ROUNDING, lengths=batch.source_lengths
    )
    assert_right_where_tested(report)


@settings(max_examples=50)
@given(models(), batches())
def test_the_parts_by_hand_give_the_loss_and_its_gradients(model, batch):
    """The keys' gradient and the final state's both go back into the encoder, an LSTM's c included."""
    encoder, decoder, bridge = model.encoder, model.decoder, model.bridge
    (keys, final), encoder_cache = encoder.forward(batch.source, lengths=batch.source_lengths)
    state, bridge_cache = bridge.forward(final)
    (logits, _), cache = decoder.forward(batch.inputs, state, keys, lengths=batch.source_lengths)
    loss, d_logits = cross_entropy(logits, batch.targets, batch.mask)
    (_, d_state, d_keys), decoder_grads = decoder.backward((d_logits, None), cache)
    (d_final,), bridge_grads = bridge.backward(d_state, bridge_cache)
    _, of_keys = encoder.backward((d_keys, None), encoder_cache)
    _, of_final = encoder.backward((None, d_final), encoder_cache)
    right = {f"encoder.{name}": of_keys[name] + of_final[name] for name in of_keys}
    right |= {f"bridge.{name}": grad for name, grad in bridge_grads.items()}
    right |= {f"decoder.{name}": grad for name, grad in decoder_grads.items()}
    assert_close(model.loss_and_grads(batch), (loss, right))


@settings(max_examples=30)
@given(models(), batches(), draw.seeds)
def test_the_loss_falls_by_what_its_gradient_says(model, batch, seed):
    """A complex step in a random direction of all parameters at once, through the loss itself."""
    rng, twin = np.random.default_rng(seed), model.astype(np.complex128)
    _, grads = model.loss_and_grads(batch)
    slope = 0.0
    for name, param in twin.params.items():
        direction = rng.uniform(-1, 1, param.shape)
        param += 1e-20j * direction
        slope += float(np.sum(direction * grads[name]))
    loss, _ = twin.loss_and_grads(batch)
    assert_close(np.imag(loss) / 1e-20, slope)


@settings(max_examples=50)
@given(models(), batches(), st.integers(1, 3), st.integers(1, 3))
def test_more_padding_of_sources_and_targets_and_other_tokens_in_it_change_nothing(
    model, batch, more_S, more_T
):
    S, T = len(batch.source) + more_S, len(batch.targets) + more_T
    B = len(batch.source_lengths)
    source, inputs, targets = np.full((S, B), 5), np.full((T, B), 4), np.full((T, B), 3)
    mask = np.zeros((T, B), bool)
    source[:-more_S], inputs[:-more_T], targets[:-more_T] = batch.source, batch.inputs, batch.targets
    mask[:-more_T] = batch.mask
    source[np.arange(S)[:, None] >= batch.source_lengths] = 0
    padded = Batch(source, batch.source_lengths, inputs, targets, mask)
    assert_close(model.loss_and_grads(padded), model.loss_and_grads(batch))


@settings(max_examples=50)
@given(models(), batches())
def test_the_loss_of_a_batch_is_the_mean_over_its_tokens_row_by_row(model, batch):
    loss, grads = model.loss_and_grads(batch)
    total, total_grads = 0.0, {name: np.zeros_like(grad) for name, grad in grads.items()}
    for row in range(len(batch.source_lengths)):
        one = Batch(*(part[..., row : row + 1] for part in batch))
        share = one.mask.sum() / batch.mask.sum()
        loss_1, grads_1 = model.loss_and_grads(one)
        total += share * loss_1
        total_grads = {name: total_grads[name] + share * grads_1[name] for name in grads}
    assert_close((loss, grads), (total, total_grads))


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("kind", sorted(CELLS))
def test_the_final_state_passes_between_cells_of_one_kind_and_size_as_it_is(kind, context):
    model = model_of(kind, kind, context, np.random.default_rng(0), sizes=(3, 3))
    source, inputs = np.array([[3, 4], [5, 2]]), np.array([[1, 1], [2, 3]])
    (keys, final), _ = model.encoder.forward(source, lengths=[2, 1])
    assert not any(name.startswith("bridge") for name in model.params)
    right, _ = model.decoder.forward(inputs, final, keys, lengths=[2, 1])
    assert_same(model.forward(source, inputs, lengths=[2, 1])[0], right)
    if kind == "lstm":
        without_c = LSTMState(final.h, np.zeros_like(final.c))
        assert (
            abs(model.decoder.forward(inputs, without_c, keys, lengths=[2, 1])[0][0] - right[0]).max() > 1e-3
        )


@settings(max_examples=60)
@given(models(), batches(), st.integers(0, 5))
def test_generating_is_greedy_search_from_the_encoders_end(model, batch, max_length):
    (keys, final), _ = model.encoder.forward(batch.source, lengths=batch.source_lengths)
    state, _ = model.bridge.forward(final)
    memory = model.decoder.memory(keys, lengths=batch.source_lengths)
    right = greedy_search(model.decoder, state, memory, model.start, model.end, max_length)
    found = model.generate(batch.source, batch.source_lengths, max_length=max_length)
    for row, (got, expected) in enumerate(zip(found, right, strict=True)):
        n = batch.source_lengths[row]
        assert (got.tokens, got.score) == (expected.tokens, expected.score)
        assert got.weights.shape == (len(got.tokens), n)
        assert_same(got.weights, expected.weights[:, :n])
        if n:
            assert_close(got.weights.sum(axis=1), np.ones(len(got.tokens)))
        assert len(got.tokens) <= max_length
        assert model.end not in got.tokens
        assert got.score <= 0


@settings(max_examples=60)
@given(models(), batches(), st.integers(0, 5))
def test_a_translation_is_the_same_in_any_batch(model, batch, max_length):
    together = model.generate(batch.source, batch.source_lengths, max_length=max_length)
    for row, right in enumerate(together):
        n = batch.source_lengths[row]
        (alone,) = model.generate(batch.source[:n, row : row + 1], max_length=max_length)
        assert alone.tokens == right.tokens
        assert_close((alone.score, alone.weights), (right.score, right.weights))


@settings(max_examples=60)
@given(models(), batches(), st.integers(1, 5))
def test_the_score_is_the_log_probability_that_teacher_forcing_gives(model, batch, max_length):
    for row, found in enumerate(model.generate(batch.source, batch.source_lengths, max_length=max_length)):
        targets = found.tokens if len(found.tokens) == max_length else [*found.tokens, model.end]
        inputs = np.array([[model.start, *targets[:-1]]]).T
        one = slice(row, row + 1)
        (logits, weights), _ = model.forward(batch.source[:, one], inputs, lengths=batch.source_lengths[one])
        loss, _ = cross_entropy(logits, np.array([targets]).T)
        n = batch.source_lengths[row]
        assert_close(
            (found.score, found.weights), (-loss * len(targets), weights[: len(found.tokens), 0, :n])
        )


def test_a_maximal_length_of_0_gives_nothing_and_of_1_at_most_one_token():
    model = model_of("lstm", "gru", "additive", np.random.default_rng(0))
    source = np.array([[3, 4, 5], [0, 1, 2]])
    for hypothesis in model.generate(source, max_length=0):
        assert (hypothesis.tokens, hypothesis.score) == ([], 0.0)
        assert hypothesis.weights.shape == (0, 2)
    assert all(len(hypothesis.tokens) <= 1 for hypothesis in model.generate(source, max_length=1))


@pytest.mark.parametrize("context", CONTEXTS)
def test_an_empty_source_and_an_empty_batch_can_be_translated(context):
    model = model_of("lstm", "lstm", context, np.random.default_rng(0), sizes=(3, 3))
    assert model.generate(np.zeros((4, 0), int)) == []
    (of_nothing,) = model.generate(np.zeros((0, 1), int), max_length=3)
    (of_padding,) = model.generate(np.array([[3], [4]]), lengths=[0], max_length=3)
    assert of_nothing.tokens == of_padding.tokens
    assert of_nothing.weights.shape == of_padding.weights.shape == (len(of_nothing.tokens), 0)


@pytest.mark.parametrize("max_length", [-1, 2.0, True, None, np.nan])
def test_a_maximal_length_is_an_integer_of_at_least_0(max_length):
    model = model_of("rnn", "rnn", "fixed", np.random.default_rng(0))
    with pytest.raises(
        ValueError, match=r"Seq2Seq.generate: max_length is .*, expected an integer of at least 0"
    ):
        model.generate(np.array([[3]]), max_length=max_length)


def test_dropout_is_drawn_from_the_rng_and_its_gradients_are_right():
    rng = np.random.default_rng(0)
    model = model_of("gru", "lstm", "additive", rng, dropout=0.4)
    source, inputs = rng.integers(6, size=(4, 3)), rng.integers(5, size=(3, 3))
    report = gradcheck(model, source, inputs, lengths=[2, 4, 1], rng=3, tolerance=ROUNDING)
    assert report.passed, report
    batch = Batch(source, np.array([2, 4, 1]), inputs, inputs, np.ones(inputs.shape, bool))
    assert_same(model.loss_and_grads(batch, rng=3), model.loss_and_grads(batch, rng=np.random.default_rng(3)))
    assert model.loss_and_grads(batch, rng=3)[0] != model.loss_and_grads(batch)[0]
    assert model.loss_and_grads(batch, rng=3)[0] != model.loss_and_grads(batch, rng=4)[0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_saturated_models_have_a_finite_loss_and_finite_gradients_without_a_warning(dtype):
    rng = np.random.default_rng(0)
    model = model_of("lstm", "gru", "additive", rng).astype(dtype)
    for name, param in model.params.items():
        param *= 1e30 if name.startswith("decoder.output") else 1e4
    source, inputs = rng.integers(6, size=(4, 3)), rng.integers(5, size=(3, 3))
    batch = Batch(source, np.array([2, 4, 0]), inputs, inputs[::-1].copy(), np.ones(inputs.shape, bool))
    with np.errstate(all="raise"):
        loss, grads = model.loss_and_grads(batch)
        model.generate(source, [2, 4, 0], max_length=4)
    assert np.isfinite(loss)
    assert all(np.isfinite(grad).all() and grad.dtype == dtype for grad in grads.values())
    assert not all_zero(grads)


def test_halves_that_do_not_fit_are_refused():
    encoder = Encoder(6, 2, 3)
    message = "Seq2Seq: decoder has key_size 2, expected 3: the encoder's hidden_size"
    with pytest.raises(ValueError, match=message):
        Seq2Seq(encoder, Decoder(5, 3, 2))
    decoder = Decoder(5, 3, 2, key_size=3)
    for name in ("start", "end"):
        with pytest.raises(ValueError, match=rf"Seq2Seq: {name} holds 5 at \[\], expected ids from 0 to 4"):
            Seq2Seq(encoder, decoder, **{name: 5})
        with pytest.raises(ValueError, match=f"Seq2Seq: {name} holds -1"):
            Seq2Seq(encoder, decoder, **{name: -1})


@pytest.mark.parametrize(
    ("source", "inputs", "lengths", "error", "message"),
    [
        ([[6, 0]], [[1, 1]], None, ValueError, r"^Seq2Seq.forward: source holds 6 at \[0, 0\]"),
        ([[3, 0]], [[1, 5]], None, ValueError, r"^Seq2Seq.forward: inputs holds 5 at \[0, 1\]"),
        (
            [[3, 0]],
            [[1]],
            None,
            ValueError,
            r"^Seq2Seq.forward: inputs has shape \(1, 1\), expected \(T, 2\)",
        ),
        ([[3, 0]], [[1, 1]], [1, 2], ValueError, r"lengths\[1\] is 2, expected 0 to 1"),
        ([[3.0, 0]], [[1, 1]], None, TypeError, r"^Seq2Seq.forward: source has dtype float64"),
    ],
)
def test_batches_that_do_not_fit_are_refused(source, inputs, lengths, error, message):
    model = model_of("rnn", "gru", "additive", np.random.default_rng(0))
    with pytest.raises(error, match=message):
        model.forward(np.array(source), np.array(inputs), lengths=lengths)


@pytest.mark.parametrize("beam_size", [0, -1, None, True, 1.0, np.True_, "1"])
def test_a_beam_is_a_positive_integer(beam_size):
    model = Seq2Seq(Encoder(7, 3, 4, rng=0), Decoder(6, 3, 4, rng=1))
    with pytest.raises(ValueError, match=r"^Seq2Seq.generate: beam_size is .*, expected a.*(1|positive)"):
        model.generate(np.array([[3], [4]]), beam_size=beam_size)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("encoder.embedding.W", np.nan),
        ("decoder.output.W", np.nan),
        ("decoder.output.b", np.nan),
        ("decoder.output.b", np.inf),
    ],
)
@pytest.mark.filterwarnings("error")
def test_logits_that_are_not_finite_are_no_translation(name, value):
    model = model_of("lstm", "gru", "additive", np.random.default_rng(0))
    model.params[name][..., -1] = value
    with pytest.raises(ValueError, match=r"greedy_search: the logits of row \d are not finite at step \d"):
        model.generate(np.array([[3, 4], [4, 5]]), [1, 2], max_length=3)


def test_a_token_may_be_forbidden_by_a_bias_of_minus_infinity():
    model = model_of("rnn", "rnn", "fixed", np.random.default_rng(0))
    model.decoder.output.b[:2] = -np.inf
    found = model.generate(np.array([[3], [4]]), max_length=5)
    assert not {0, 1} & set(found[0].tokens)
    assert np.isfinite(found[0].score)


# Several layers, both directions.

FORMS = {  # of the encoder and of the decoder
    "two layers each": ({"num_layers": 2}, {"num_layers": 2}),
    "both directions": ({"bidirectional": True}, {}),
    "more above than below": ({"bidirectional": True, "cell": "rnn"}, {"num_layers": 2, "cell": "gru"}),
    "fewer above": ({"num_layers": 2, "bidirectional": True, "cell": "gru"}, {"cell": "rnn"}),
}


def deep_model(form, dropout=0.0, **options):
    of_encoder, of_decoder = FORMS[form]
    encoder = Encoder(9, 2, 3, dropout=dropout, rng=0, **of_encoder, **options)
    attention = AdditiveAttention(3, encoder.output_size, 2, rng=1, **options)
    decoder = Decoder(8, 2, 3, context=attention, dropout=dropout, rng=2, **of_decoder, **options)
    return Seq2Seq(encoder, decoder, rng=3)


def deep_batch(seed=0):
    rng = np.random.default_rng(seed)
    mask = np.arange(5)[:, None] < np.array([4, 2, 5])
    inputs, targets = rng.integers(8, size=(2, 5, 3))
    return Batch(rng.integers(9, size=(6, 3)), np.array([6, 1, 4]), inputs, targets, mask)


@pytest.mark.parametrize("form", FORMS)
def test_the_gradients_of_models_of_several_layers_are_right(form):
    model, batch = draw.exposed(deep_model(form, dropout=0.2), np.random.default_rng(0)), deep_batch()
    report = gradcheck(model, batch.source, batch.inputs, lengths=batch.source_lengths, rng=1)
    assert report.passed, report


@pytest.mark.parametrize("form", FORMS)
def test_a_state_passes_as_it_is_only_when_both_ends_have_one_form(form):
    model = deep_model(form)
    assert model.bridge.unchanged == (form == "two layers each")


@pytest.mark.parametrize("form", FORMS)
def test_a_model_of_several_layers_searches_as_it_was_taught(form):
    model = draw.exposed(deep_model(form), np.random.default_rng(4))
    source, lengths = deep_batch().source, [6, 1, 4]
    for row, found in enumerate(model.generate(source, lengths, max_length=7)):
        fed = np.array([model.start, *found.tokens])[:, None]
        own = slice(row, row + 1)
        (logits, weights), _ = model.forward(source[: lengths[row], own], fed)
        assert logits[: len(found.tokens), 0].argmax(axis=1).tolist() == found.tokens
        assert_close(weights[: len(found.tokens), 0], found.weights)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_model_of_several_layers_is_saved_and_loaded(form, dtype, tmp_path):
    model, batch = deep_model(form, dropout=0.2, dtype=dtype), deep_batch()
    save(tmp_path / "model.npz", model)
    found = load(tmp_path / "model.npz")
    assert repr(found) == repr(model)
    assert_same(found.params, model.params)
    assert_same(found.loss_and_grads(batch, rng=7), model.loss_and_grads(batch, rng=7))


def test_a_decoder_whose_keys_are_not_those_of_both_directions_is_refused():
    encoder = Encoder(9, 3, 4, bidirectional=True)
    with pytest.raises(ValueError, match="decoder has key_size 4, expected 8: the encoder's twice its"):
        Seq2Seq(encoder, Decoder(8, 2, 4, key_size=4))


@pytest.mark.parametrize("form", FORMS)
def test_a_model_of_several_layers_learns(form):
    model, batch = deep_model(form), deep_batch()
    optimizer, losses = Adam(0.02), []
    for _ in range(40):
        loss, grads = model.loss_and_grads(batch)
        optimizer.step(model.params, grads)
        losses.append(loss)
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("target", ["lstm", "gru"])  # a state that passes as it is, and a bridge
def test_a_step_of_training_frees_its_memory_without_the_garbage_collector(target, context):
    model = model_of("lstm", target, context, np.random.default_rng(0), sizes=(3, 3))
    ids = np.array([[3, 4], [4, 3], [3, 3]])
    batch = Batch(ids, np.array([3, 2]), ids, ids, np.ones(ids.shape, bool))
    optimizer = Adam()
    gc.collect()
    gc.disable()
    try:
        _, grads = model.loss_and_grads(batch)
        optimizer.step(model.params, grads)
        assert gc.collect() == 0
    finally:
        gc.enable()
