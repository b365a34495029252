"""The attention visualiser: a page that shows which input words each output word attends to."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import numpy as np

from seqmem.contexts import FixedContext
from seqmem.pages.page import Page, compose, part
from seqmem.pages.page_data import data_block
from seqmem.tasks.translator import Translation, Translator
from seqmem.validation import as_texts

STYLES = ("base.css", "choice.css", "attention.css")
SCRIPTS = ("text.js", "choice.js", "address.js", "attention.js")


def attention_page(
    translator: Translator,
    texts: Sequence[str],
    *,
    contrast: Translator | None = None,
    max_length: int = 100,
    title: str = "Attention visualiser",
) -> Page:
    """Return a page on which choosing an output word shades the input words: the darker, the more weight.

    The weights are those of the model's own translation, in full precision, and the whole matrix is next to
    the words. For a model with a fixed context, the page says that every step sees the same context.

    Args:
        translator: a trained model with its vocabularies.
        texts: the texts to translate; the page shows one at a time.
        contrast: another translator to show next to the first, for example one with a fixed context.
        max_length: the maximum number of symbols of a translation.
        title: the title of the page, plain text.

    Returns:
        The page: `.save("attention.html")` writes it, a notebook displays it.

    Raises:
        TypeError: if a translator is not one, texts is not a sequence of strings, or title is no string.
        ValueError: if there are no texts, or the model's weights are not finite.

    >>> from seqmem import AdditiveAttention, Decoder, Encoder, Seq2Seq, Vocabulary
    >>> letters, attention = Vocabulary("abc"), AdditiveAttention(4, 4, 4, rng=0)
    >>> model = Seq2Seq(Encoder(7, 3, 4, rng=1), Decoder(7, 3, 4, context=attention, rng=2))
    >>> page = attention_page(Translator(model, letters, letters, "char"), ["cab"], max_length=5)
    >>> page.title
    'Attention visualiser'
    """
    shown = [translator] if contrast is None else [translator, contrast]
    for name, one in zip(("translator", "contrast"), shown, strict=False):
        if not isinstance(one, Translator):
            raise TypeError(f"attention_page: {name} is of type {type(one).__name__}, expected a Translator")
    if not isinstance(title, str):
        raise TypeError(f"attention_page: title is of type {type(title).__name__}, expected a string")
    texts = as_texts(texts, "attention_page", "texts")
    if not texts:
        raise ValueError("attention_page: texts is empty, expected at least one text to translate")
    found = [one.translate(texts, max_length=max_length) for one in shown]
    data = {
        "texts": [
            {
                "text": text,
                "panels": [
                    _panel(one, translations[row]) for one, translations in zip(shown, found, strict=True)
                ],
            }
            for row, text in enumerate(texts)
        ]
    }
    return compose(
        title,
        body=part("attention.html").replace("{title}", html.escape(title)) + data_block(data),
        styles=map(part, STYLES),
        scripts=map(part, SCRIPTS),
    )


def _panel(translator: Translator, found: Translation) -> dict[str, Any]:
    """Return the page script's data for one translation."""
    if not (np.isfinite(found.score) and np.isfinite(found.weights).all()):
        raise ValueError(
            "attention_page: the model's scores or weights are not finite: its parameters hold nan or inf"
        )
    context = translator.model.decoder.context
    known = translator.source_vocabulary
    return {
        "context": type(context).__name__,
        "fixed": isinstance(context, FixedContext),
        "level": translator.level,
        "source": found.source,
        "unknown": [symbol not in known for symbol in found.source],
        "target": found.target,
        "cut": not found.ended,
        "weights": found.weights.astype(np.float64).tolist(),
    }
