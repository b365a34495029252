"""A model together with what its ids mean: text in, text out, one file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqmem.data.batches import pad
from seqmem.data.pairs import Level, join_symbols, split_symbols
from seqmem.data.vocabulary import PAD, START, Vocabulary
from seqmem.models.seq2seq import Seq2Seq
from seqmem.module import Array
from seqmem.training.checkpoint import check_save, load, read_metadata, save
from seqmem.training.npz import MAX_MESSAGE, CheckpointError
from seqmem.validation import brief


@dataclass(frozen=True, eq=False)
class Translation:
    """What a translator found for one text."""

    text: str
    source: list[str]  # the symbols that were read
    target: list[str]  # the symbols that were written
    score: float  # log-probability of the target
    weights: Array  # (T, S) for each target symbol, how much each source symbol counted


@dataclass(frozen=True, eq=False)
class Translator:
    """A sequence-to-sequence model with its vocabularies.

    Attributes:
        model: what scores the ids.
        source_vocabulary, target_vocabulary: what the ids mean.
        level: how a text is cut into symbols, "char" or "word".

    >>> from seqmem import AdditiveAttention, Decoder, Encoder, Seq2Seq
    >>> letters = Vocabulary("abc")
    >>> attention = AdditiveAttention(8, 8, 8, rng=0)
    >>> model = Seq2Seq(Encoder(7, 4, 8, rng=1), Decoder(7, 4, 8, context=attention, rng=2))
    >>> translator = Translator(model, letters, letters, "char")
    >>> [found] = translator.translate(["cab"], max_length=5)
    >>> found.source, found.weights.shape == (len(found.target), 3)
    (['c', 'a', 'b'], True)
    """

    model: Seq2Seq
    source_vocabulary: Vocabulary
    target_vocabulary: Vocabulary
    level: Level

    def translate(
        self, texts: Sequence[str], max_length: int = 100, batch_size: int = 64
    ) -> list[Translation]:
        """Translate texts, in batches, at each step by the most probable symbol.

        Args:
            texts: any number of them; an empty one is read as no symbols.
            max_length: symbols after which a translation ends in any case.
            batch_size: texts at a time.
        """
        sources = [split_symbols(text, self.level) for text in texts]
        found: list[Translation] = []
        for start in range(0, len(sources), batch_size):
            part = sources[start : start + batch_size]
            tokens, lengths = pad([self.source_vocabulary.encode(source) for source in part])
            hypotheses = self.model.generate(tokens, lengths, max_length=max_length)
            for source, hypothesis in zip(part, hypotheses, strict=True):
                target = self.target_vocabulary.decode(hypothesis.tokens)
                text = join_symbols(target, self.level)
                # decode leaves these two out, which a model of little training may write
                shown = [token not in (PAD, START) for token in hypothesis.tokens]
                weights = hypothesis.weights[np.array(shown, bool)]
                found.append(Translation(text, source, target, hypothesis.score, weights))
        return found

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write model and vocabularies to one file, as `seqmem.save` does."""
        save(path, self.model, self._metadata())

    def check_save(self, path: str | os.PathLike[str]) -> None:
        """Raise what `save` would raise, for finding out before a long training, as `check_save` does."""
        check_save(path, self.model, self._metadata())

    def _metadata(self) -> dict[str, Any]:
        """What the file holds beside the model."""
        return {
            "source_symbols": self.source_vocabulary.symbols,
            "target_symbols": self.target_vocabulary.symbols,
            "level": self.level,
        }

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Translator:
        """Read what `save` wrote.

        Raises:
            CheckpointError: for a file that holds no model, or one without vocabularies that fit it; it is a
                FileNotFoundError too when there is no such file.
        """
        model, metadata = load(path), read_metadata(path)
        try:
            source, target = Vocabulary(metadata["source_symbols"]), Vocabulary(metadata["target_symbols"])
            level = metadata["level"]
            join_symbols([], level)
        except (KeyError, TypeError, ValueError) as error:
            reason = brief(str(error), MAX_MESSAGE)
            raise CheckpointError(f"{os.fspath(path)}: no vocabularies in the metadata: {reason}") from None
        if not isinstance(model, Seq2Seq):
            raise CheckpointError(f"{os.fspath(path)}: holds a {type(model).__name__}, expected a Seq2Seq")
        for name, found, expected in (
            ("source", len(source), model.encoder.vocab_size),
            ("target", len(target), model.decoder.vocab_size),
        ):
            if found != expected:
                raise CheckpointError(
                    f"{os.fspath(path)}: the {name} vocabulary has {found} ids, "
                    f"expected {expected}: vocab_size"
                )
        return cls(model, source, target, level)
