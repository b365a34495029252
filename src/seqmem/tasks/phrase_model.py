"""A model that learns the lecture's sentence in seconds, for pages that need a trained one at hand."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from seqmem.contexts import AdditiveAttention, Context, FixedContext
from seqmem.data.batches import BucketedBatches
from seqmem.data.generators.phrases import Language, phrases
from seqmem.data.text import prepare_text
from seqmem.data.vocabulary import Vocabulary
from seqmem.initializers import Rng, as_generator
from seqmem.models import Decoder, Encoder, Seq2Seq
from seqmem.tasks.translator import Translator
from seqmem.training import Adam, cosine_decay, fit
from seqmem.validation import as_choice

EMBEDDING, HIDDEN = 24, 32  # small: a larger state needs no attention for sentences as short as these
EMBEDDING_STD = 0.1  # with 1 it learns as well, but "Le" looks at "cat"
BATCH, EPOCHS = {"fr": 24, "pl": 8}, {"fr": 30, "pl": 60}


def phrase_model(
    language: Language = "fr",
    context: Literal["attention", "fixed"] = "attention",
    seed: Rng = 0,
    *,
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
        seed: of the first weights and of the order of the phrases.
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
    pairs = [(prepare_text(a, "word"), prepare_text(b, "word")) for a, b in phrases(language)]
    sources = Vocabulary.build(source for source, _ in pairs)
    targets = Vocabulary.build(target for _, target in pairs)
    rng, H = as_generator(seed), HIDDEN
    look = _context(context, H, rng)
    first: dict[str, Any] = {"cell": cell, "embedding_std": EMBEDDING_STD, "rng": rng, "dtype": np.float32}
    encoder = Encoder(len(sources), EMBEDDING, H, **first)
    model = Seq2Seq(encoder, Decoder(len(targets), EMBEDDING, H, context=look, **first), rng=rng)
    fit(
        model,
        BucketedBatches(pairs, sources, targets, BATCH[language]),
        Adam(0.01),
        epochs=EPOCHS[language] if epochs is None else epochs,
        max_norm=1.0,
        schedule=cosine_decay,
        rng=rng,
        progress=False,
    )
    return Translator(model, sources, targets, "word")


def _context(name: str, size: int, rng: np.random.Generator) -> Context:
    if name == "attention":
        return AdditiveAttention(size, size, EMBEDDING, rng=rng, dtype=np.float32)
    if name == "fixed":
        return FixedContext()
    raise ValueError(f"phrase_model: context is {name!r}, expected 'attention' or 'fixed'")
