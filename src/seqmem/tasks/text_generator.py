"""Texts like those that a model was trained on, character by character or word by word."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from seqmem.data import END, START, TruncatedBatches, Vocabulary, stream_batch, truncated_windows
from seqmem.data.reading import read_text
from seqmem.data.text import NORMAL_FORM, Level, check_level, join_symbols, split_symbols
from seqmem.initializers import Rng, as_generator
from seqmem.models.language_model import LanguageModel
from seqmem.module import Array, Module
from seqmem.tasks.encoders import token_encoder
from seqmem.tasks.task import Batches, Option, Task, check_form
from seqmem.validation import as_count, as_flag, as_size, as_texts, check_type


class TextGenerator(Task):
    """A `LanguageModel` with its vocabulary.

    Examples are texts, which are read one after the other, each between the symbols START and END. Training
    proceeds in windows (truncated backpropagation through time): the state is carried from window to window,
    and a gradient reaches back at most `steps` symbols.

    Args:
        model: the model that scores the next symbol.
        vocabulary: the symbols of its tokens.
        level: how texts are split into symbols, "char" or "word".
        steps: symbols per window.

    >>> task = TextGenerator.build(["abcabcabcabc"], hidden_size=8, embedding_size=4, rng=0)
    >>> history = task.fit(["abcabcabcabc"] * 5, epochs=30, learning_rate=0.02, rng=0, progress=False)
    >>> task.predict(["ab"], n_symbols=6, top_k=1)
    ['cabcab']
    """

    file_form = "a text; several files are separate texts"
    options = (
        Option("level", str, "the unit of a symbol", ("char", "word")),
        Option("tied", bool, "the embedding's table serves as output weights; needs --embedding = --hidden"),
        Option("steps", int, "symbols that a gradient reaches back"),
    )

    def __init__(
        self, model: LanguageModel, vocabulary: Vocabulary, level: Level = "char", *, steps: int = 64
    ) -> None:
        check_type(model, LanguageModel, "TextGenerator", "model")
        check_type(vocabulary, Vocabulary, "TextGenerator", "vocabulary")
        check_level(level, "TextGenerator")
        self.model, self.vocabulary, self.level = model, vocabulary, level
        self.steps = as_size(steps, "TextGenerator", "steps")
        if len(vocabulary) != model.encoder.vocab_size:
            raise ValueError(
                f"TextGenerator: the vocabulary has {len(vocabulary)} ids, expected "
                f"{model.encoder.vocab_size}: vocab_size"
            )

    @classmethod
    def build(
        cls,
        texts: Iterable[str],
        level: Level = "char",
        *,
        hidden_size: int = 128,
        embedding_size: int = 64,
        cell: str = "lstm",
        num_layers: int = 1,
        dropout: float = 0.0,
        tied: bool = False,
        steps: int = 64,
        min_count: int = 1,
        max_vocabulary: int | None = None,
        rng: Rng = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> TextGenerator:
        """Return an untrained generator for texts, with their vocabulary.

        Args:
            texts: texts for training.
            level: how texts are split into symbols, "char" or "word".
            hidden_size: H.
            embedding_size: E.
            cell: the name of the cell, such as "lstm", "gru" or "rnn".
            num_layers: the number of recurrent layers, on top of each other.
            dropout: the probability of zeroing embeddings and outputs between layers.
            tied: whether the embedding's table also serves as output weights; E is then H.
            steps: symbols per window, the furthest that a gradient reaches back.
            min_count: how often a symbol must occur to be included in the vocabulary.
            max_vocabulary: the maximum size, including special symbols; None for no limit.
            rng: seed or generator for the initial weights.
            dtype: float64 or float32.

        Raises:
            TypeError, ValueError: for a wrong argument, or texts without a symbol.
        """
        caller, rng = "TextGenerator.build", as_generator(rng)
        if max_vocabulary is not None:
            as_size(max_vocabulary, caller, "max_vocabulary")
        found = as_texts(texts, caller, "texts")
        vocabulary = Vocabulary.build(
            (split_symbols(text, level) for text in found), max_vocabulary, min_count
        )
        if not vocabulary.symbols:
            raise ValueError(f"{caller}: texts holds no symbol, expected at least one")
        encoder = token_encoder(
            len(vocabulary),
            embedding_size,
            hidden_size,
            cell=cell,
            num_layers=num_layers,
            dropout=dropout,
            embedding_std=1 / math.sqrt(as_size(embedding_size, caller, "embedding_size")) if tied else 1.0,
            rng=rng,
            dtype=dtype,
        )
        return cls(LanguageModel(encoder, tied=tied, rng=rng), vocabulary, level, steps=steps)

    def batches(self, examples: Iterable[str], batch_size: int) -> Batches:
        """Return batches for `fit`: the windows of the texts as `batch_size` parallel streams.

        Raises:
            TypeError, ValueError: for texts that are not strings, or hold no symbol.
        """
        stream = stream_batch(self._stream(examples, "TextGenerator.batches"), batch_size)
        return TruncatedBatches([stream], self.steps)

    def predict(  # type: ignore[override]
        self,
        inputs: Iterable[str],
        *,
        n_symbols: int = 200,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        until_end: bool = False,
        rng: Rng = None,
    ) -> list[str]:
        """Return a continuation of each prompt, without the prompt.

        Args:
            inputs: prompts; an empty prompt gives a text from its beginning.
            n_symbols: the number of symbols to draw.
            temperature: above 0; below 1, probable symbols become more probable.
            top_k: the number of symbols to draw from at each step, 1 for the most probable one; None for all.
            top_p: the minimum total probability of the symbols to draw from at each step; None for all.
            until_end: whether a text may end before n_symbols, if the model ends it. Special symbols are
                never part of a text.
            rng: None, a seed, a SeedSequence or a Generator.

        Raises:
            TypeError, ValueError: for a wrong argument.
        """
        caller, generator = "TextGenerator.predict", as_generator(rng)
        until_end = as_flag(until_end, caller, "until_end")
        as_count(n_symbols, caller, "n_symbols")
        found = []
        for prompt in as_texts(inputs, caller, "inputs"):
            tokens = [START, *self.vocabulary.encode(split_symbols(prompt, self.level))]
            (drawn,) = self.model.sample(
                np.array(tokens)[:, None],
                n_symbols,
                temperature=temperature,
                top_k=top_k,
                top_p=top_p,
                end=END if until_end else None,
                rng=generator,
            )
            found.append(join_symbols(self.vocabulary.decode(drawn, every=True), self.level))
        return found

    def evaluate(self, examples: Iterable[str]) -> dict[str, float]:  # type: ignore[override]
        """Return {"loss": mean cross-entropy in nats per symbol, "perplexity": its exponential}.

        Raises:
            TypeError, ValueError: for texts that are not strings, or hold no symbol.
        """
        stream = stream_batch(self._stream(examples, "TextGenerator.evaluate"), 1)
        total, state = 0.0, None
        for window in truncated_windows(stream, 256):
            loss, state = self.model.loss_and_state(window, state)
            total += loss * int(window.mask.sum())
        loss = total / int(stream.mask.sum())
        return {"loss": loss, "perplexity": math.exp(min(loss, 700.0))}

    def metadata(self) -> dict[str, Any]:
        """Return vocabulary, level and steps."""
        found = {"symbols": self.vocabulary.symbols, "level": self.level, "form": NORMAL_FORM}
        return {**found, "steps": self.steps}

    @classmethod
    def of_metadata(cls, model: Module, metadata: Mapping[str, Any]) -> TextGenerator:
        """Return the generator of a model and its metadata."""
        check_type(model, LanguageModel, "TextGenerator", "model")
        assert isinstance(model, LanguageModel)
        check_form(metadata["form"])
        vocabulary = Vocabulary(metadata["symbols"])
        return cls(model, vocabulary, metadata["level"], steps=metadata["steps"])

    @classmethod
    def read(cls, paths: Sequence[str], **options: Any) -> list[str]:
        """Return the texts of files.

        Raises:
            ValueError: for bytes that are not UTF-8 (the message names the file and the line), or a file
                without a character.
            OSError: if a file cannot be read.
        """
        texts = [read_text(path) for path in paths]
        for path, text in zip(paths, texts, strict=True):
            if not text.strip():
                raise ValueError(f"{path}: holds no text")
        return texts

    @classmethod
    def split(cls, examples: Any, held_out: int | None, rng: Rng) -> tuple[list[str], list[str]]:
        """Return all texts without the end of the last one, and that end; None holds out a tenth of it."""
        *others, last = as_texts(examples, "TextGenerator.split", "examples")
        count = held_out or max(1, len(last) // 10)
        if count >= len(last):
            raise ValueError(
                f"held_out is {count}, expected less than the {len(last)} characters of the text"
            )
        return [*others, last[:-count]], [last[-count:]]

    def describe(self, examples: Any) -> str:
        """Return the number of characters, in words."""
        return f"{sum(map(len, examples)):,} characters"

    def answer_lines(self, lines: Iterable[str]) -> Iterator[str]:
        """Yield a continuation of each line."""
        for line in lines:
            yield line + self.predict([line])[0]

    def _stream(self, texts: Iterable[str], caller: str) -> Array:
        found = as_texts(texts, caller, "examples")
        if not any(found):
            raise ValueError(f"{caller}: examples holds no text, expected at least one")
        ids = [[START, *self.vocabulary.encode(split_symbols(text, self.level)), END] for text in found]
        return np.array([one for row in ids for one in row], np.intp)
