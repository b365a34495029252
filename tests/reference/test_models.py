"""The models of one sequence compute what the plain passes compute."""

import numpy as np
import pytest
from comparing import assert_close
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import B, D, E, H, T, V, exposed, lengths, rngs

from seqmem import (
    Encoder,
    GRUCell,
    LanguageModel,
    Recurrent,
    SequenceBatch,
    SequenceClassifier,
    SequenceRegressor,
    SequenceTagger,
    reference,
)


@st.composite
def token_batches(draw, labels=None):
    """An encoder of a GRU cell, tokens of unequal lengths, and a label for each of them."""
    rng, steps, batch, size = draw(rngs), draw(T), draw(B), draw(V)
    rows = draw(lengths(steps, batch).filter(any))
    mask = reference.length_mask(rows, steps)
    tokens = rng.integers(size, size=(steps, batch))
    targets = rng.integers(size if labels is None else labels, size=(steps, batch))
    encoder = Encoder(size, draw(E), draw(H), cell="gru")
    return encoder, SequenceBatch(tokens, rows, targets, mask), rng


@pytest.mark.parametrize("kind", ["plain", "tied", "tagger"])
def test_a_language_model_and_a_tagger(kind):
    @settings(max_examples=25)
    @given(token_batches(labels=3 if kind == "tagger" else None))
    def check(drawn):
        encoder, batch, rng = drawn
        if kind == "tied":
            H_ = encoder.hidden_size
            encoder = Encoder(encoder.vocab_size, H_, H_, cell="gru")
        model = (
            SequenceTagger(encoder, 3) if kind == "tagger" else LanguageModel(encoder, tied=kind == "tied")
        )
        exposed(model, rng)
        h0 = np.zeros((len(batch.lengths), encoder.hidden_size))
        if kind != "tagger":
            h0 = rng.uniform(-1, 1, h0.shape)
        loss, h, cache = reference.language_model_forward(
            batch.inputs, h0, batch.targets, batch.mask, model.params
        )
        gradients = reference.language_model_backward(1.0, np.zeros_like(h), cache)
        if kind == "tagger":
            fast_loss, grads = model.loss_and_grads(batch)
        else:
            fast_loss, grads, final = model.loss_grads_and_state(batch, h0)
            assert_close(h, final)
        assert_close(loss, fast_loss)
        assert_close(gradients["params"], grads)

    check()


@pytest.mark.parametrize("pooling", ["last", "mean", "attention"])
def test_a_classifier(pooling):
    @settings(max_examples=25)
    @given(token_batches())
    def check(drawn):
        encoder, batch, rng = drawn
        model = exposed(SequenceClassifier(encoder, 3, pooling=pooling), rng)
        targets = rng.integers(3, size=len(batch.lengths))
        loss, cache = reference.sequence_classifier_forward(
            batch.inputs, targets, batch.mask, pooling, model.params
        )
        whole = batch._replace(targets=targets, mask=np.ones(len(targets), bool))
        fast_loss, grads = model.loss_and_grads(whole)
        assert_close(loss, fast_loss)
        assert_close(reference.sequence_classifier_backward(1.0, cache)["params"], grads)

    check()


@pytest.mark.parametrize("every_step", [False, True])
def test_a_regressor(every_step):
    @settings(max_examples=25)
    @given(D, H, T, B, rngs, st.data())
    def check(input_size, hidden_size, steps, batch, rng, data):
        rows = data.draw(lengths(steps, batch).filter(any))
        mask = reference.length_mask(rows, steps)
        horizon = 1 if every_step else 3
        layer = Recurrent(GRUCell(input_size, hidden_size))
        model = exposed(SequenceRegressor(layer, 2, horizon=horizon, every_step=every_step), rng)
        xs, h0 = rng.normal(size=(steps, batch, input_size)), rng.normal(size=(batch, hidden_size))
        targets = rng.normal(size=(steps if every_step else horizon, batch, 2))
        counted = mask if every_step else np.ones((horizon, batch), bool)
        weights = np.broadcast_to(counted[:, :, None], targets.shape).astype(float)
        loss, h, cache = reference.sequence_regressor_forward(
            xs, h0, targets, weights, mask, every_step, model.params
        )
        found = SequenceBatch(xs, rows, targets, counted)
        fast_loss, grads, final = model.loss_grads_and_state(found, h0)
        assert_close((loss, h), (fast_loss, final))
        d_inputs = reference.sequence_regressor_backward(1.0, np.zeros_like(h), cache)
        assert_close(d_inputs["params"], grads)

    check()
