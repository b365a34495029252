"""What is true of every model of one sequence: its gradients, its loss, its padding, its windows."""

import numpy as np
import pytest
from comparing import ROUNDING, assert_close, assert_right_where_tested, assert_same, rounding
from hypothesis import given, settings
from models.sequence_models import KINDS, Drawn, any_of, layer_of, state_of
from strategies import seeds

from seqmem import (
    GRU,
    LSTM,
    Encoder,
    GRUCell,
    LanguageModel,
    Recurrent,
    SequenceBatch,
    SequenceClassifier,
    SequenceRegressor,
    SequenceTagger,
    check_module,
    gradcheck,
)
from seqmem.data import truncated_windows
from seqmem.models import AttentionPooling, MeanPooling
from seqmem.models.reading import last_output

every_kind = pytest.mark.parametrize("kind", KINDS)


def takes_state(model):
    return isinstance(model, (LanguageModel, SequenceRegressor))


def inputs_of(drawn: Drawn):
    return (drawn.batch.inputs, drawn.state) if takes_state(drawn.model) else (drawn.batch.inputs,)


@every_kind
def test_the_gradients_are_right_for_any_encoder_and_sizes(kind):
    @settings(max_examples=12)
    @given(any_of(kind), seeds)
    def check(drawn, seed):
        lengths = drawn.batch.lengths
        report = gradcheck(drawn.model, *inputs_of(drawn), seed=seed, tolerance=ROUNDING, lengths=lengths)
        assert_right_where_tested(report)

    check()


@every_kind
def test_the_loss_falls_by_what_its_gradient_says(kind):
    """A complex step in a random direction of all parameters at once, through the loss itself."""

    @settings(max_examples=12)
    @given(any_of(kind), seeds)
    def check(drawn, seed):
        rng, twin = np.random.default_rng(seed), drawn.model.astype(np.complex128)
        loss, grads = drawn.model.loss_and_grads(drawn.batch)
        directions = {name: rng.standard_normal(param.shape) for name, param in twin.params.items()}
        for name, param in twin.params.items():
            param += 1e-30j * directions[name]
        stepped, _ = twin.loss_and_grads(drawn.batch)
        terms = [grads[name] * directions[name] for name in grads]
        slope, size = sum(term.sum() for term in terms), sum(np.abs(term).sum() for term in terms)
        assert_close(np.real(stepped), loss)
        assert abs(np.imag(stepped) / 1e-30 - slope) <= rounding(np.float64, 2048, size=max(size, 1))
        assert_close(drawn.model.loss(drawn.batch), loss)

    check()


@every_kind
def test_what_stands_in_the_padding_has_no_effect(kind):
    @settings(max_examples=12)
    @given(any_of(kind))
    def check(drawn):
        model, batch = drawn.model, drawn.batch
        beyond = np.arange(len(batch.inputs))[:, None] >= batch.lengths
        filled = batch.inputs.copy()
        filled[beyond] = np.nan if filled.dtype.kind == "f" else filled.max(initial=0)
        targets = batch.targets.copy()
        targets[~batch.mask] = 0 if targets.dtype.kind == "i" else np.nan
        assert_same(
            model.loss_and_grads(batch), model.loss_and_grads(batch._replace(inputs=filled, targets=targets))
        )

    check()


MODELS = {
    "language model": lambda: LanguageModel(Encoder(9, 3, 4, cell="gru", rng=0), rng=1),
    "tied language model": lambda: LanguageModel(Encoder(9, 4, 4, rng=0), tied=True, rng=1),
    "classifier, last": lambda: SequenceClassifier(Encoder(9, 3, 4, rng=0), 5, rng=1),
    "classifier, mean": lambda: SequenceClassifier(LSTM(3, 4, rng=0), 5, pooling="mean", rng=1),
    "classifier, attention": lambda: SequenceClassifier(
        GRU(3, 4, num_layers=2, bidirectional=True, rng=0), 5, pooling="attention", rng=1
    ),
    "classifier, both ends": lambda: SequenceClassifier(LSTM(3, 4, bidirectional=True, rng=0), 5, rng=1),
    "tagger": lambda: SequenceTagger(LSTM(3, 4, num_layers=2, bidirectional=True, rng=0), 5, rng=1),
    "regressor": lambda: SequenceRegressor(LSTM(3, 4, num_layers=2, rng=0), 2, horizon=3, rng=1),
    "regressor, every step": lambda: SequenceRegressor(Recurrent(GRUCell(3, 4, rng=0)), 2, every_step=True),
    "mean pooling": MeanPooling,
    "attention pooling": lambda: AttentionPooling(5, 3, rng=0),
}


@pytest.mark.parametrize("name", MODELS)
def test_it_keeps_every_promise_of_the_protocol(name):
    check_module(MODELS[name]())


@every_kind
def test_dropout_is_on_when_an_rng_is_passed_and_its_gradient_is_right(kind):
    rng = np.random.default_rng(0)
    encoder = Encoder(9, 3, 6, dropout=0.3, rng=0)
    make = {
        "language": lambda: LanguageModel(encoder),
        "classifier": lambda: SequenceClassifier(encoder, 3, dropout=0.3),
        "tagger": lambda: SequenceTagger(encoder, 3, dropout=0.3),
        "regressor": lambda: SequenceRegressor(encoder, 2, dropout=0.3),
        "every step": lambda: SequenceRegressor(encoder, 2, every_step=True, dropout=0.3),
    }
    model = make[kind]()
    tokens = rng.integers(9, size=(5, 4))
    inputs = (tokens, state_of(encoder, 4, rng)) if takes_state(model) else (tokens,)
    with_rng, without = (model.forward(*inputs, **options)[0] for options in ({"rng": 1}, {}))
    first = (lambda outputs: outputs[0]) if takes_state(model) else (lambda outputs: outputs)
    assert not np.array_equal(first(with_rng), first(without))
    report = gradcheck(model, *inputs, rng=1, tolerance=ROUNDING)
    assert report.verdict != "wrong", report


@pytest.mark.parametrize("kind", ["language", "every step"])
def test_truncated_gradients_are_those_of_the_windows_with_their_incoming_states_held_fixed(kind):
    """The objective: the windows' losses, each from the state that the one before left, which is a number."""

    @settings(max_examples=12)
    @given(any_of(kind, directions=("forward",)), seeds)
    def check(drawn, seed):
        model, batch = drawn.model, drawn.batch
        windows = list(truncated_windows(batch, 2))
        states, state, total = [], None, {}
        for window in windows:
            states.append(state)
            _, grads, state = model.loss_grads_and_state(window, state)
            total = {name: total.get(name, 0) + grad for name, grad in grads.items()}

        rng, twin = np.random.default_rng(seed), model.astype(np.complex128)
        directions = {name: rng.standard_normal(param.shape) for name, param in twin.params.items()}
        for name, param in twin.params.items():
            param += 1e-30j * directions[name]
        stepped = sum(twin.loss_grads_and_state(w, s)[0] for w, s in zip(windows, states, strict=True))
        terms = [total[name] * directions[name] for name in total]
        slope, size = sum(term.sum() for term in terms), sum(np.abs(term).sum() for term in terms)
        assert abs(np.imag(stepped) / 1e-30 - slope) <= rounding(np.float64, 4096, size=max(size, 1))

    check()


@pytest.mark.parametrize("kind", ["language", "every step"])
def test_one_window_of_all_steps_has_the_full_gradient(kind):
    @settings(max_examples=12)
    @given(any_of(kind, directions=("forward",)))
    def check(drawn):
        model, batch = drawn.model, drawn.batch
        (window,) = truncated_windows(batch, len(batch.inputs) + 3)
        loss, grads, _ = model.loss_grads_and_state(window, None)
        assert_close((loss, grads), model.loss_and_grads(batch))

    check()


def test_a_window_shorter_than_the_sequence_has_another_gradient():
    """A test of the tests above: what reaches back beyond the window is really left out."""
    rng = np.random.default_rng(0)
    model = LanguageModel(Encoder(7, 3, 4, rng=0), rng=1)
    batch = SequenceBatch(
        rng.integers(7, size=(6, 2)), np.array([6, 6]), rng.integers(7, size=(6, 2)), np.ones((6, 2), bool)
    )
    whole, state, total = model.loss_and_grads(batch)[1], None, 0
    for window in truncated_windows(batch, 3):
        _, grads, state = model.loss_grads_and_state(window, state)
        total = total + grads["encoder.layer.cell.W_h"] / 2
    assert np.abs(total - whole["encoder.layer.cell.W_h"]).max() > 1e-4


@pytest.mark.parametrize("kind", ["language", "every step"])
def test_windows_of_one_sequence_predict_what_the_whole_sequence_predicts(kind):
    @settings(max_examples=12)
    @given(any_of(kind, directions=("forward",)))
    def check(drawn):
        model, inputs = drawn.model, drawn.batch.inputs
        (whole, final), _ = model.forward(inputs, drawn.state)
        parts, state = [], drawn.state
        for step in inputs:
            (part, state), _ = model.forward(step[None], state)
            parts.append(part)
        assert_close((np.concatenate(parts), state), (whole, final))

    check()


def test_an_encoder_that_sees_what_is_to_be_predicted_is_refused():
    encoder = Encoder(9, 3, 4, rng=0)
    encoder.layer = Recurrent(encoder.layer.cell, reverse=True)
    with pytest.raises(ValueError, match="LanguageModel: encoder also reads backwards"):
        LanguageModel(encoder)


def test_tied_weights_are_one_parameter_and_need_equal_sizes():
    model = LanguageModel(Encoder(9, 4, 4, rng=0), tied=True)
    assert "output.W" not in model.params
    assert model.output.W.base is model.encoder.embedding.W
    with pytest.raises(ValueError, match=r"embedding_size 3, expected 4 with tied=True"):
        LanguageModel(Encoder(9, 3, 4, rng=0), tied=True)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SequenceClassifier("lstm", 3), "encoder is of type str, expected an Encoder for tokens"),
        (lambda: SequenceClassifier(LSTM(2, 3), 0), "n_classes is 0"),
        (
            lambda: SequenceClassifier(LSTM(2, 3), 3, pooling="max"),
            "pooling is 'max', expected 'last' or 'mean'",
        ),
        (
            lambda: SequenceClassifier(LSTM(2, 3), 3, attention_size=4),
            "attention_size is 4 with pooling='last'",
        ),
        (lambda: SequenceTagger(LSTM(2, 3), 4, dropout=1), "dropout is 1"),
        (lambda: SequenceRegressor(LSTM(2, 3), horizon=2, every_step=True), "horizon is 2, expected 1"),
        (lambda: SequenceRegressor(LSTM(2, 3), error="cubic"), "error is 'cubic'"),
    ],
)
def test_a_wrong_argument_is_named(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()


def test_features_of_another_size_are_named():
    model = SequenceClassifier(LSTM(3, 4, rng=0), 2)
    with pytest.raises(ValueError, match=r"inputs has shape \(5, 2, 4\), expected \(T, B, 3\)"):
        model.forward(np.ones((5, 2, 4)))


def test_a_target_that_is_no_number_or_no_class_is_named_by_its_place():
    xs, rows = np.ones((5, 2, 3)), np.array([5, 5])
    classes = SequenceBatch(xs, rows, np.array([0, 7]), np.ones(2, bool))
    with pytest.raises(ValueError, match=r"targets holds 7 at \[1\], expected ids from 0 to 1"):
        SequenceClassifier(LSTM(3, 4, rng=0), 2).loss_and_grads(classes)
    numbers = SequenceBatch(xs, rows, np.array([[[0.5], [np.nan]]]), np.ones((1, 2), bool))
    with pytest.raises(ValueError, match=r"targets holds nan at \[0, 1, 0\], expected a finite number"):
        SequenceRegressor(LSTM(3, 4, rng=0)).loss_and_grads(numbers)


def test_targets_of_one_step_may_come_without_the_axes_of_horizon_and_size():
    rng = np.random.default_rng(0)
    model = SequenceRegressor(LSTM(3, 4, rng=0))
    xs, rows, numbers = rng.standard_normal((5, 2, 3)), np.array([5, 3]), rng.standard_normal(2)
    whole = SequenceBatch(xs, rows, numbers.reshape(1, 2, 1), np.ones((1, 2), bool))
    for targets in (numbers, numbers[:, None]):
        assert_same(
            model.loss_and_grads(SequenceBatch(xs, rows, targets, np.ones(2, bool))),
            model.loss_and_grads(whole),
        )


def test_the_most_probable_token_each_time_is_a_sample_of_one_token():
    model = LanguageModel(Encoder(9, 3, 4, rng=0), rng=1)
    prompt = np.array([[5, 6], [7, 4]])
    found = model.sample(prompt, 6, top_k=1, excluded=(), rng=0)
    tokens = prompt
    for _ in range(6):
        (logits, _), _ = model.forward(tokens)
        tokens = np.concatenate([tokens, logits[-1].argmax(axis=1)[None]])
    assert found == tokens[2:].T.tolist()


def test_a_model_of_nan_and_a_prompt_of_nothing_are_named():
    model = LanguageModel(Encoder(9, 3, 4, rng=0), rng=1)
    with pytest.raises(ValueError, match="prompt has no step"):
        model.sample(np.zeros((0, 2), int), 3)
    model.output.b[4] = np.nan
    with pytest.raises(ValueError, match=r"logits\[0, 4\] is nan.*the model's parameters"):
        model.sample(np.array([[5]]), 3, rng=0)


def test_layers_and_states_of_every_depth_have_a_last_output():
    layer = LSTM(3, 4, num_layers=2, bidirectional=True, rng=0)
    (hs, final), _ = layer.forward(np.random.default_rng(0).standard_normal((5, 2, 3)), lengths=[5, 3])
    right = np.stack(
        [np.concatenate([hs[4, 0, :4], hs[0, 0, 4:]]), np.concatenate([hs[2, 1, :4], hs[0, 1, 4:]])]
    )
    assert_same(last_output(layer_of(layer), final), right)
