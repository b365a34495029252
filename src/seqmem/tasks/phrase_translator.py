"""A model that learns the lecture's sentence in seconds, for pages that need a trained model."""

from __future__ import annotations

from typing import Literal

import numpy as np

from seqmem.cells import Cell
from seqmem.data.generators.phrases import Language, phrases
from seqmem.data.text import prepare_text
from seqmem.initializers import Rng, as_generator
from seqmem.module import named_modules
from seqmem.tasks.translator import Translator
from seqmem.training import Adam, cosine_decay, fit
from seqmem.validation import as_choice

EMBEDDING, HIDDEN = 24, 32  # small: with a larger state, sentences this short need no attention
EMBEDDING_STD = 0.1  # 1 works as well, but then "Le" attends to "cat"
BATCH, EPOCHS = {"fr": 24, "pl": 8}, {"fr": 30, "pl": 60}


def phrase_model(
    language: Language = "fr",
    context: Literal["attention", "fixed"] = "attention",
    *,
    rng: Rng = 0,
    cell: str = "gru",
    epochs: int | None = None,
) -> Translator:
    """Train a small word-level model on `phrases(language)`, in float32.

    With the default settings training takes about 5 seconds, "The cat sat on mat" becomes "Le chat s'assit
    sur le tapis" ("How are you?" becomes "Jak się masz?"), and with attention each French word attends to the
    English word that it translates. A GRU, with an update bias of 0, is the default because at this size its
    state reflects the current word at once. The state of an LSTM reflects much of the word one step later: an
    LSTM needs about 60 epochs, and about half of its words attend to the input word to the right of the
    correct one.

    Args:
        language: "fr" for French, "pl" for Polish.
        context: "attention" (additive), or "fixed": every step sees the encoder's final output.
        rng: seed or generator for the initial weights and for the order of the phrases.
        cell: "gru", "lstm" or "rnn".
        epochs: passes over the phrases; None for enough to learn nearly all of them.

    Returns:
        The trained translator.

    Raises:
        ValueError: for another language, context or cell.

    >>> translator = phrase_model("fr", epochs=1)
    >>> translator.level, len(translator.source_vocabulary) < 100
    ('word', True)
    """
    as_choice(language, ("fr", "pl"), "phrase_model", "language")
    as_choice(context, ("attention", "fixed"), "phrase_model", "context")
    pairs = [(prepare_text(a, "word"), prepare_text(b, "word")) for a, b in phrases(language)]
    rng = as_generator(rng)
    translator = Translator.build(
        pairs,
        "word",
        hidden_size=HIDDEN,
        embedding_size=EMBEDDING,
        cell=cell,
        context="additive" if context == "attention" else "fixed",
        attention_size=EMBEDDING,
        embedding_std=EMBEDDING_STD,
        rng=rng,
        dtype=np.float32,
    )
    for _, module in named_modules(translator.model):
        if isinstance(module, Cell) and "z" in module.gates:
            module.gate("z").b[...] = 0.0  # a GRU's default keeps more of the state than the few words need
    fit(
        translator.model,
        translator.batches(pairs, BATCH[language]),
        Adam(0.01),
        epochs=EPOCHS[language] if epochs is None else epochs,
        max_norm=1.0,
        schedule=cosine_decay,
        rng=rng,
        progress=False,
    )
    return translator
