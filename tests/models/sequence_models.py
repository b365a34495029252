"""The models of one sequence, drawn with their batches."""

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from strategies import B, D, E, H, T, V, exposed, kinds, lengths, rngs

from seqmem import (
    GRU,
    LSTM,
    RNN,
    Encoder,
    LanguageModel,
    Recurrent,
    SequenceBatch,
    SequenceClassifier,
    SequenceRegressor,
    SequenceTagger,
)
from seqmem.checking.strategies import CELLS
from seqmem.nests import tree_map


class Drawn(NamedTuple):
    """A model, a batch for it, and a state that is not zero where the model takes one."""

    model: Any
    batch: SequenceBatch
    state: Any


@st.composite
def encoders(draw, tokens=None, directions=("forward", "both")):
    """An Encoder, or a layer of one or two layers, in one direction or two."""
    rng = draw(rngs)
    if draw(st.booleans()) if tokens is None else tokens:
        return Encoder(draw(V), draw(E), draw(H), cell=draw(st.sampled_from(["lstm", "gru", "rnn"])), rng=rng)
    if draw(st.booleans()):
        size = draw(D)
        return Recurrent(CELLS[draw(kinds)](size, draw(H)))
    make = draw(st.sampled_from([LSTM, GRU, RNN]))
    both = draw(st.sampled_from(directions)) == "both"
    return make(draw(D), draw(H), num_layers=draw(st.integers(1, 2)), bidirectional=both, rng=rng)


def layer_of(encoder):
    return encoder.layer if isinstance(encoder, Encoder) else encoder


def inputs_of(encoder, steps, batch, rng):
    """Tokens or features, as the encoder reads them."""
    if isinstance(encoder, Encoder):
        return rng.integers(encoder.vocab_size, size=(steps, batch))
    return rng.uniform(-1, 1, (steps, batch, encoder.input_size))


def state_of(encoder, batch, rng):
    zero = layer_of(encoder).zero_state(batch)
    return tree_map(lambda part: rng.uniform(-1, 1, part.shape), zero)


@st.composite
def drawn(draw, kind, **how):
    """A model of a kind with a batch: "language", "classifier", "tagger", "regressor", "every step"."""
    rng, steps, batch = draw(rngs), draw(T), draw(B)
    encoder = draw(encoders(**how))
    inputs, rows = inputs_of(encoder, steps, batch, rng), draw(lengths(steps, batch))
    rows[0] = max(rows[0], 1)  # something has to count
    within = np.arange(steps)[:, None] < rows
    weights = rng.uniform(0.5, 2, within.shape) if draw(st.booleans()) else None
    if kind == "classifier":
        pooling = draw(st.sampled_from(["last", "mean", "attention"]))
        model: Any = SequenceClassifier(encoder, 3, pooling=pooling)
        targets, mask = rng.integers(3, size=batch), np.ones(batch, bool)
        weights = None if weights is None else weights[0]
    elif kind == "tagger":
        model, targets, mask = SequenceTagger(encoder, 4), rng.integers(4, size=(steps, batch)), within
    elif kind == "language":
        model, targets, mask = (
            LanguageModel(encoder),
            rng.integers(encoder.vocab_size, size=(steps, batch)),
            within,
        )
    elif kind == "every step":
        model = SequenceRegressor(encoder, 2, every_step=True)
        targets, mask = rng.uniform(-1, 1, (steps, batch, 2)), within
    else:
        model = SequenceRegressor(encoder, 2, horizon=3)
        targets, mask = rng.uniform(-1, 1, (3, batch, 2)), np.ones((3, batch), bool)
        weights = None if weights is None else rng.uniform(0.5, 2, mask.shape)
    found = SequenceBatch(inputs, rows, targets, mask, weights)
    return Drawn(exposed(model, rng), found, state_of(encoder, batch, rng))


KINDS = ("language", "classifier", "tagger", "regressor", "every step")


def any_of(kind, **how):
    """`drawn`, with tokens alone for a language model."""
    return drawn(kind, **({"tokens": True} if kind == "language" else {}), **how)
