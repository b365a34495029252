"""A label for each word of a sentence, such as its part of speech or the name that it is part of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from seqmem.data import SequenceBatches, Vocabulary, pad, read_conll
from seqmem.data.text import NORMAL_FORM, split_symbols
from seqmem.data.vocabulary import SPECIALS
from seqmem.initializers import Rng, as_generator
from seqmem.models.encoder import Encoder
from seqmem.models.tagger import SequenceTagger
from seqmem.module import Array, Module
from seqmem.tasks.encoders import token_encoder
from seqmem.tasks.labels import Labels, as_examples, as_label
from seqmem.tasks.task import Batches, Option, Task, check_form, in_batches, mean_loss
from seqmem.training import accuracy
from seqmem.validation import as_list, as_size, as_texts, check_type

WHAT = "words and their labels"

Sentence = tuple[Sequence[str], Sequence[str]]


class Tagger(Task):
    """A `SequenceTagger` with its vocabulary and its labels.

    Examples are pairs of words and labels, the same number of each, as `read_conll` returns them. A word that
    was too rare in training is represented by its form alone: its last letters, and whether it begins with a
    capital or contains a digit (see `word_form`).

    Args:
        model: the model that scores the labels.
        labels: the labels of its outputs.
        vocabulary: the words of its tokens.

    >>> examples = [(["Ada", "wrote"], ["NAME", "VERB"]), (["Bob", "read"], ["NAME", "VERB"])]
    >>> task = Tagger.build(examples, hidden_size=8, embedding_size=4, min_count=1, rng=0)
    >>> history = task.fit(examples, epochs=30, batch_size=2, learning_rate=0.02, rng=0, progress=False)
    >>> task.predict([["Bob", "wrote"]])
    [['NAME', 'VERB']]
    """

    file_form = (
        "a word and its label in the first and the last column of each line, a blank line after each "
        "sentence (CoNLL)"
    )
    options = (Option("min_count", int, "minimum number of occurrences of a word", None, 2),)
    metric = "accuracy"
    direction = "max"

    def __init__(self, model: SequenceTagger, labels: Labels, vocabulary: Vocabulary) -> None:
        check_type(model, SequenceTagger, "Tagger", "model")
        check_type(labels, Labels, "Tagger", "labels")
        check_type(vocabulary, Vocabulary, "Tagger", "vocabulary")
        check_type(model.encoder, Encoder, "Tagger", "the encoder of model")
        self.model, self.labels, self.vocabulary = model, labels, vocabulary
        assert isinstance(model.encoder, Encoder)
        for what, found, expected in (
            ("labels", len(labels), model.n_labels),
            ("ids of the vocabulary", len(vocabulary), model.encoder.vocab_size),
        ):
            if found != expected:
                raise ValueError(f"Tagger: there are {found} {what}, expected {expected}: those of the model")

    @classmethod
    def build(
        cls,
        examples: Iterable[Sentence],
        *,
        hidden_size: int = 64,
        embedding_size: int = 64,
        cell: str = "lstm",
        num_layers: int = 1,
        bidirectional: bool = True,
        dropout: float = 0.0,
        min_count: int = 2,
        max_vocabulary: int | None = None,
        rng: Rng = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> Tagger:
        """Return an untrained tagger for examples, with their labels and their vocabulary.

        Args:
            examples: (words, labels) pairs for training.
            hidden_size: H, of each direction.
            embedding_size: E.
            cell: the name of the cell, such as "lstm", "gru" or "rnn".
            num_layers: the number of recurrent layers, on top of each other.
            bidirectional: whether to read from both ends, so that a label may depend on what follows.
            dropout: the probability of zeroing embeddings, outputs between layers and the last outputs.
            min_count: how often a word must occur to be in the vocabulary; others are read by their form.
            max_vocabulary: the maximum size, including special symbols; None for no limit.
            rng: seed or generator for the initial weights.
            dtype: float64 or float32.

        Raises:
            TypeError, ValueError: for a wrong argument, or examples that are not pairs of as many words as
                labels, or all have the same label; the message names the example.
        """
        caller = "Tagger.build"
        if max_vocabulary is not None:
            as_size(max_vocabulary, caller, "max_vocabulary")
        sentences, tags = _as_sentences(examples, caller)
        found = (
            as_label(tag, caller, f"examples[{k}][1]", n)
            for k, row in enumerate(tags)
            for n, tag in enumerate(row)
        )
        labels = Labels.build(found, caller, "labels")
        as_size(min_count, caller, "min_count")
        counts = Counter(word for row in sentences for word in row)
        frequent = {word for word, count in counts.items() if count >= min_count} - set(SPECIALS)
        known = ([word if word in frequent else word_form(word) for word in row] for row in sentences)
        forms = [[word_form(word) for word in counts]]  # of frequent words as well, for unknown words later
        vocabulary = Vocabulary.build([*known, *forms], max_vocabulary)
        rng = as_generator(rng)
        encoder = token_encoder(
            len(vocabulary),
            embedding_size,
            hidden_size,
            cell=cell,
            num_layers=num_layers,
            bidirectional=bidirectional,
            dropout=dropout,
            rng=rng,
            dtype=dtype,
        )
        return cls(SequenceTagger(encoder, len(labels), dropout=dropout, rng=rng), labels, vocabulary)

    def batches(self, examples: Iterable[Sentence], batch_size: int) -> Batches:
        """Return batches for `fit`: batches of sentences of similar length.

        Raises:
            TypeError, ValueError: for words or labels of another kind; the message names the example.
        """
        return SequenceBatches(*self._as_ids(examples, "Tagger.batches"), batch_size, per_step=True)

    def predict(self, inputs: Iterable[Sequence[str]], *, batch_size: int = 256) -> list[list[Any]]:  # type: ignore[override]
        """Return the most probable label of each word of each sentence.

        Args:
            inputs: sentences, each a list of words.
            batch_size: sentences per batch.

        Raises:
            TypeError: for a sentence that is not a list of strings; the message names its position.
        """
        caller = "Tagger.predict"
        as_size(batch_size, caller, "batch_size")
        sentences = _as_words(inputs, caller, "inputs")
        found: list[list[Any]] = [[] for _ in sentences]
        for rows, part in in_batches([self._encode(words) for words in sentences], batch_size):
            tokens, lengths = pad(part)
            logits, _ = self.model.forward(tokens, lengths=lengths)
            if not np.isfinite(logits).all():
                raise ValueError(f"{caller}: the model's parameters hold nan, inf or numbers too large")
            best = logits.argmax(axis=-1)
            for column, (row, length) in enumerate(zip(rows, lengths, strict=True)):
                found[row] = self.labels.decode(best[:length, column])
        return found

    def evaluate(self, examples: Iterable[Sentence], *, batch_size: int = 256) -> dict[str, float]:  # type: ignore[override]
        """Return {"loss": mean cross-entropy in nats, "accuracy": fraction of right labels}, over all words.

        `seqmem.training.entity_f1_score` scores names: `entity_f1_score(task.predict(words), labels)`.

        Raises:
            TypeError, ValueError: for words or labels of another kind; the message names the example.
        """
        caller = "Tagger.evaluate"
        found = list(_as_sentences(examples, caller))
        batches = SequenceBatches(*self._as_ids(zip(*found, strict=True), caller), batch_size, per_step=True)
        predicted = self.predict(found[0], batch_size=batch_size)
        return {"loss": mean_loss(self.model, batches(0)), "accuracy": accuracy(predicted, found[1])}

    def metadata(self) -> dict[str, Any]:
        """Return labels and vocabulary."""
        return {"labels": self.labels.values, "words": self.vocabulary.symbols, "form": NORMAL_FORM}

    @classmethod
    def of_metadata(cls, model: Module, metadata: Mapping[str, Any]) -> Tagger:
        """Return the tagger of a model and its metadata."""
        check_type(model, SequenceTagger, "Tagger", "model")
        assert isinstance(model, SequenceTagger)
        check_form(metadata["form"])
        return cls(model, Labels(metadata["labels"]), Vocabulary(metadata["words"]))

    @classmethod
    def read(
        cls, paths: Sequence[str], columns: Sequence[int] | None = None, **options: Any
    ) -> list[Sentence]:
        """Return the sentences of column files, as `read_conll` does.

        Args:
            paths: the files.
            columns: the columns of word and label, counted from 0; None for the first and the last.
            options: not used.
        """
        chosen = (0, -1) if columns is None else (columns[0], columns[1])
        return [sentence for path in paths for sentence in read_conll(path, chosen)]

    def answer_lines(self, lines: Iterable[str]) -> Iterator[str]:
        """Yield word/label of all words of each line."""
        for line in lines:
            words = split_symbols(line, "word")
            (labels,) = self.predict([words])
            yield " ".join(f"{word}/{label}" for word, label in zip(words, labels, strict=True))

    def _encode(self, words: Sequence[str]) -> Array:
        known = (word if word in self.vocabulary else word_form(word) for word in words)
        return np.array(self.vocabulary.encode(known), np.intp)

    def _as_ids(self, examples: Iterable[Sentence], caller: str) -> tuple[list[Array], list[Array]]:
        sentences, tags = _as_sentences(examples, caller)
        labels = [self.labels.encode(row, caller, f"examples[{k}][1]") for k, row in enumerate(tags)]
        return [self._encode(words) for words in sentences], labels


def word_form(word: str) -> str:
    """Return the form that represents a rare word: its last three letters, a capital, a digit.

    >>> word_form("Walking"), word_form("1984"), word_form("ox")
    ('<Aing>', '<0>', '<aox>')
    """
    if any(character.isdigit() for character in word):
        return "<0>"
    case = "A" if word[:1].isupper() else "a"
    return f"<{case}{word[-3:].lower()}>"


def _as_words(sentences: Any, caller: str, name: str) -> list[list[str]]:
    found = as_list(sentences, caller, name, "a list of lists of words")
    return [as_texts(words, caller, f"{name}[{k}]") for k, words in enumerate(found)]


def _as_sentences(examples: Any, caller: str) -> tuple[list[list[str]], list[list[Any]]]:
    inputs, answers = as_examples(examples, caller, WHAT)
    sentences = [as_texts(words, caller, f"examples[{k}][0]") for k, words in enumerate(inputs)]
    tags = [as_list(row, caller, f"examples[{k}][1]", "a list of labels") for k, row in enumerate(answers)]
    for k, (words, row) in enumerate(zip(sentences, tags, strict=True)):
        if len(words) != len(row):
            raise ValueError(
                f"{caller}: examples[{k}] has {len(words)} words and {len(row)} labels, expected as many"
            )
    return sentences, tags
