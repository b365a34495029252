"""BLEU and chrF, from sacrebleu, an extra: its scores are those that papers report."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any

from seqmem.validation import as_texts


def bleu(predictions: Iterable[str], targets: Iterable[str], **options: Any) -> float:
    """Return the BLEU of a corpus (Papineni et al., 2002), from 0 to 100.

    Args:
        predictions: texts.
        targets: a correct text for each, in the same order.
        options: of `sacrebleu.corpus_bleu`, such as tokenize="char".

    Raises:
        ImportError: if sacrebleu is not installed.
        TypeError: for anything but texts.
        ValueError: for lists of different lengths, or empty ones.
    """
    return _score("bleu", predictions, targets, options)


def chrf(predictions: Iterable[str], targets: Iterable[str], **options: Any) -> float:
    """Return the chrF2 of a corpus (Popović, 2015), from 0 to 100.

    Args:
        predictions: texts.
        targets: a correct text for each, in the same order.
        options: of `sacrebleu.corpus_chrf`, such as word_order=2 for chrF2++.

    Raises:
        ImportError, TypeError, ValueError: as from `bleu`.
    """
    return _score("chrf", predictions, targets, options)


def _score(name: str, predictions: Any, targets: Any, options: dict[str, Any]) -> float:
    found, right = as_texts(predictions, name, "predictions"), as_texts(targets, name, "targets")
    if len(found) != len(right):
        raise ValueError(f"{name}: predictions has {len(found)} entries, expected {len(right)} as targets")
    if not found:
        raise ValueError(f"{name}: mean of nothing: predictions is empty")
    try:
        sacrebleu = importlib.import_module("sacrebleu")
    except ImportError as error:
        raise ImportError(f'{name} needs sacrebleu: pip install "seqmem[metrics]"') from error
    return float(getattr(sacrebleu, f"corpus_{name}")(found, [right], **options).score)
