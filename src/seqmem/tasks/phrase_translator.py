"""A model that learns the lecture's sentence in seconds, for pages that need a trained one at hand."""

from __future__ import annotations

from typing import Literal

import numpy as np

from seqmem.data.generators.phrases import Language, phrases
from seqmem.data.text import prepare_text
from seqmem.initializers import Rng, as_generator
from seqmem.tasks.translator import Translator
from seqmem.training import Adam, cosine_decay, fit
from seqmem.validation import as_choice

EMBEDDING, HIDDEN = 24, 32  # small: a larger state needs no attention for sentences as short as these
EMBEDDING_STD = 0.1  # with 1 it learns as well, but "Le" looks at "cat"
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

    With the settings as they are it takes about 5 seconds, "The cat sat on mat" becomes "Le chat s'assit sur
    le tapis" ("How are you?" becomes "Jak się masz?"), and with attention each French word looks at the
    English word it stands for. A GRU is the default because at this size it shows the current word in its
    state at once. An LSTM shows much of it one step later: it needs some 60 epochs, and about half of its
    words look at the input word to the right of theirs.

    Args:
        language: "fr" for French, "pl" for Polish.
        context: "attention" (additive), or "fixed": every step sees the encoder's final output.
        rng: of the first weights and of the order of the phrases.
        cell: "gru", "lstm" or "rnn".
        epochs: times through the phrases; enough to learn nearly all of them when None.

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
