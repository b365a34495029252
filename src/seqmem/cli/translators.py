"""New translators for pairs of texts, their batches, and whether they can be saved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from seqmem.cli.output import naming
from seqmem.contexts import AdditiveAttention
from seqmem.data import BucketedBatches, Vocabulary
from seqmem.models import Decoder, Encoder, Seq2Seq
from seqmem.tasks import Translator

Pairs = Sequence[tuple[Sequence[str], Sequence[str]]]


def make_translator(
    pairs: Pairs,
    level: Any,
    *,
    hidden: int,
    embedding: int,
    cell: str = "lstm",
    attention: bool = True,
    readout: Literal["all", "state"] = "all",
    dtype: str = "float32",
    seed: int = 0,
    min_count: int = 1,
    max_vocabulary: int | None = None,
) -> Translator:
    """A new model for pairs of symbol sequences, with their vocabularies."""
    rng = np.random.default_rng(seed)
    sources = Vocabulary.build((source for source, _ in pairs), max_vocabulary, min_count)
    targets = Vocabulary.build((target for _, target in pairs), max_vocabulary, min_count)
    for side, vocabulary in (("source", sources), ("target", targets)):
        if not vocabulary.symbols and (min_count > 1 or max_vocabulary is not None):
            raise ValueError(
                f"no {side} symbol is left by --min-count {min_count}"
                + ("" if max_vocabulary is None else f" and --max-vocabulary {max_vocabulary}")
            )
    context = AdditiveAttention(hidden, hidden, hidden // 2 or 1, rng=rng, dtype=dtype) if attention else None
    encoder = Encoder(len(sources), embedding, hidden, cell=cell, rng=rng, dtype=dtype)
    decoder = Decoder(
        *(len(targets), embedding, hidden), context=context, cell=cell, readout=readout, rng=rng, dtype=dtype
    )
    return Translator(Seq2Seq(encoder, decoder, rng=rng), sources, targets, level)


def batches(
    translator: Translator, pairs: Pairs, batch_size: int, *, allow_unknown: bool = False
) -> BucketedBatches:
    """Batches of pairs in the symbols of a translator."""
    sources, targets = translator.source_vocabulary, translator.target_vocabulary
    return BucketedBatches(pairs, sources, targets, batch_size, allow_unknown=allow_unknown)


def check_save(translator: Translator, path: str) -> None:
    """Find out before the training what would keep the model from being saved after it."""
    try:
        with naming(path):
            translator.check_save(path)
    except ValueError as error:
        raise ValueError(f"{error}; --min-count and --max-vocabulary make the vocabularies smaller") from None
