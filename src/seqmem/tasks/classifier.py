"""A label for each text, or for each sequence of features."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from seqmem.activations import softmax
from seqmem.data import SequenceBatches, Standardizer, Vocabulary, pad, pad_features
from seqmem.data.reading import read_text, split_lines
from seqmem.data.sequences.batches import as_features
from seqmem.data.text import NORMAL_FORM, Level, prepare_text, stripped
from seqmem.initializers import Rng, as_generator
from seqmem.models.classifier import SequenceClassifier
from seqmem.models.encoder import Encoder
from seqmem.models.reading import layer_of
from seqmem.module import Array, Module
from seqmem.tasks.encoders import feature_layer, token_encoder
from seqmem.tasks.labels import Label, Labels, as_examples
from seqmem.tasks.task import Batches, Option, Task, check_form, in_batches
from seqmem.training import accuracy
from seqmem.validation import as_choice, as_list, as_path, as_size, brief, check_type

WHAT = "an input and a label"


class Classifier(Task):
    """A `SequenceClassifier` with its vocabulary or the scale of its features, and its labels.

    Examples are pairs of an input and a label. Inputs are texts, or sequences of features, (T, D) or (T,)
    for one feature; labels are strings or integers.

    Args:
        model: the model that scores the labels.
        labels: the labels of its outputs.
        vocabulary: the symbols of its tokens; None for features.
        level: how texts are split into symbols, "char" or "word"; None for features.
        scale: the standardization of the features; None for texts.

    >>> examples = [("so good", "praise"), ("good fun", "praise"), ("so bad", "blame"), ("bad luck", "blame")]
    >>> task = Classifier.build(examples, hidden_size=8, embedding_size=4, rng=0)
    >>> history = task.fit(examples, epochs=30, batch_size=2, learning_rate=0.02, rng=0, progress=False)
    >>> task.predict(["good", "bad"]), task.evaluate(examples)["accuracy"]
    (['praise', 'blame'], 1.0)
    """

    file_form = "a label, a tab and a text on each line"
    options = (
        Option("level", str, "the unit of a symbol", ("char", "word"), "word"),
        Option("pooling", str, "the combination of the steps", ("last", "mean", "attention")),
        Option("bidirectional", bool, "read from both ends; also translate"),
    )
    metric = "accuracy"
    direction = "max"

    def __init__(
        self,
        model: SequenceClassifier,
        labels: Labels,
        *,
        vocabulary: Vocabulary | None = None,
        level: Level | None = None,
        scale: Standardizer | None = None,
    ) -> None:
        check_type(model, SequenceClassifier, "Classifier", "model")
        check_type(labels, Labels, "Classifier", "labels")
        self.model, self.labels = model, labels
        self.vocabulary, self.level, self.scale = vocabulary, level, scale
        if len(labels) != model.n_classes:
            raise ValueError(
                f"Classifier: there are {len(labels)} labels, expected {model.n_classes}: n_classes"
            )
        encoder = model.encoder
        if isinstance(encoder, Encoder):
            check_type(vocabulary, Vocabulary, "Classifier", "vocabulary")
            as_choice(level, ("char", "word"), "Classifier", "level")
            if vocabulary is not None and len(vocabulary) != encoder.vocab_size:
                raise ValueError(
                    f"Classifier: the vocabulary has {len(vocabulary)} ids, expected {encoder.vocab_size}: "
                    "vocab_size"
                )
        else:
            check_type(scale, Standardizer, "Classifier", "scale")
            if scale is not None and len(scale.mean) != encoder.input_size:
                raise ValueError(
                    f"Classifier: scale is of {len(scale.mean)} features, expected {encoder.input_size}: "
                    "input_size"
                )

    @classmethod
    def build(
        cls,
        examples: Iterable[tuple[Any, Label]],
        level: Level = "word",
        *,
        hidden_size: int = 64,
        embedding_size: int = 32,
        cell: str = "lstm",
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        pooling: Literal["last", "mean", "attention"] = "last",
        min_count: int = 1,
        max_vocabulary: int | None = None,
        rng: Rng = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> Classifier:
        """Return an untrained classifier for examples, with their labels and their vocabulary or scale.

        Args:
            examples: (text, label) pairs, or (features, label) pairs, for training.
            level: how texts are split into symbols, "char" or "word".
            hidden_size: H, of each direction.
            embedding_size: E, for texts.
            cell: the name of the cell, such as "lstm", "gru" or "rnn".
            num_layers: the number of recurrent layers, on top of each other.
            bidirectional: whether to read from both ends.
            dropout: the probability of zeroing embeddings, outputs between layers and pooled outputs.
            pooling: the combination of the steps: "last", "mean" or "attention".
            min_count: how often a symbol must occur to be included in the vocabulary.
            max_vocabulary: the maximum size, including special symbols; None for no limit.
            rng: seed or generator for the initial weights.
            dtype: float64 or float32.

        Raises:
            TypeError, ValueError: for a wrong argument, or examples that are not pairs, contain something
                other than numbers and texts, or all have the same label; the message names the example.
        """
        caller = "Classifier.build"
        if max_vocabulary is not None:
            as_size(max_vocabulary, caller, "max_vocabulary")
        inputs, values = as_examples(examples, caller, WHAT)
        labels, rng = Labels.build(values, caller, "labels"), as_generator(rng)
        common: dict[str, Any] = {"cell": cell, "num_layers": num_layers, "bidirectional": bidirectional}
        common |= {"dropout": dropout, "rng": rng, "dtype": dtype}
        head: dict[str, Any] = {"pooling": pooling, "dropout": dropout, "rng": rng}
        if isinstance(inputs[0], str):
            vocabulary = Vocabulary.build(
                (_symbols(text, level, caller, k) for k, text in enumerate(inputs)), max_vocabulary, min_count
            )
            encoder = token_encoder(len(vocabulary), embedding_size, hidden_size, **common)
            model = SequenceClassifier(encoder, len(labels), **head)
            return cls(model, labels, vocabulary=vocabulary, level=level)
        rows = _with_steps(as_features(inputs, caller, name="inputs"), caller)
        scale = Standardizer.fit(rows, allow_constant=True)
        layer = feature_layer(rows[0].shape[1], hidden_size, caller=caller, **common)
        return cls(SequenceClassifier(layer, len(labels), **head), labels, scale=scale)

    def batches(self, examples: Iterable[tuple[Any, Label]], batch_size: int) -> Batches:
        """Return batches for `fit`: batches of examples of similar length.

        Raises:
            TypeError, ValueError: for an input or a label of another kind; the message names the example.
        """
        caller = "Classifier.batches"
        inputs, values = as_examples(examples, caller, WHAT)
        return SequenceBatches(
            self._encode(inputs, caller), self.labels.encode(values, caller, "labels"), batch_size
        )

    def predict(self, inputs: Iterable[Any], *, batch_size: int = 256) -> list[Label]:  # type: ignore[override]
        """Return the most probable label of each input.

        Args:
            inputs: texts, or sequences of features, as in training.
            batch_size: inputs per batch.

        Raises:
            TypeError, ValueError: for an input of another kind or size, or features without a step; the
                message names the position.
        """
        return self.labels.decode(self.probabilities(inputs, batch_size=batch_size).argmax(axis=1))

    def probabilities(self, inputs: Iterable[Any], *, batch_size: int = 256) -> Array:
        """Return the probability of each label for each input, (N, C), in the order of `labels.values`.

        Raises:
            TypeError, ValueError: as from `predict`.
        """
        caller = "Classifier.predict"
        as_size(batch_size, caller, "batch_size")
        sequences = self._encode(as_list(inputs, caller, "inputs", "a list of texts or sequences"), caller)
        found = np.zeros((len(sequences), len(self.labels)))
        for rows, part in in_batches(sequences, batch_size):
            padded, lengths = pad(part) if self.vocabulary is not None else pad_features(part)
            logits, _ = self.model.forward(padded, lengths=lengths)
            if not np.isfinite(logits).all():
                raise ValueError(f"{caller}: the model's parameters hold nan, inf or numbers too large")
            found[rows] = softmax(logits.astype(np.float64))
        return found

    def evaluate(  # type: ignore[override]
        self, examples: Iterable[tuple[Any, Label]], *, batch_size: int = 256
    ) -> dict[str, float]:
        """Return {"loss": mean cross-entropy in nats, "accuracy": fraction of right labels}.

        Raises:
            TypeError, ValueError: for an input or a label of another kind; the message names the example.
        """
        caller = "Classifier.evaluate"
        inputs, values = as_examples(examples, caller, WHAT)
        right = self.labels.encode(values, caller, "labels")
        p = self.probabilities(inputs, batch_size=batch_size)
        with np.errstate(divide="ignore"):
            loss = -np.log(p[np.arange(len(right)), right]).mean()
        return {"loss": float(loss), "accuracy": accuracy(p.argmax(axis=1), right)}

    def metadata(self) -> dict[str, Any]:
        """Return labels, and vocabulary and level or the scale."""
        found: dict[str, Any] = {"labels": self.labels.values}
        if self.vocabulary is not None:
            text = {"symbols": self.vocabulary.symbols, "level": self.level, "form": NORMAL_FORM}
            return found | {"text": text}
        return found | {"scale": None if self.scale is None else self.scale.to_dict()}

    @classmethod
    def of_metadata(cls, model: Module, metadata: Mapping[str, Any]) -> Classifier:
        """Return the classifier of a model and its metadata."""
        check_type(model, SequenceClassifier, "Classifier", "model")
        labels = Labels(metadata["labels"])
        assert isinstance(model, SequenceClassifier)
        if "text" not in metadata:
            return cls(model, labels, scale=Standardizer.from_dict(metadata["scale"]))
        text = metadata["text"]
        check_form(text["form"])
        return cls(model, labels, vocabulary=Vocabulary(text["symbols"]), level=text["level"])

    @classmethod
    def read(cls, paths: Sequence[str], **options: Any) -> list[tuple[str, str]]:
        """Return the (text, label) pairs of files with a label, a tab and a text on each line.

        Raises:
            ValueError: for a line without a tab, a label or a text (the message names the file and the line);
                for a file without a line.
            OSError: if a file cannot be read.
        """
        examples = []
        for path in paths:
            name = str(as_path(path, "Classifier.read"))
            for number, line in enumerate(split_lines(read_text(name)), start=1):
                if not stripped(line):
                    continue
                label, tab, text = line.partition("\t")
                if not tab or not stripped(label):
                    lacking = "no tab" if not tab else "no label"
                    raise ValueError(f"{name}, line {number}: {lacking}, expected {cls.file_form}")
                examples.append((text, stripped(label)))
        if not examples:
            raise ValueError(f"{', '.join(map(str, paths))}: no line, expected {cls.file_form}")
        return examples

    def answer_lines(self, lines: Iterable[str]) -> Iterator[str]:
        """Yield the label of each text."""
        if self.vocabulary is None:
            raise ValueError("the model classifies sequences of features: predict them in Python")
        for line in lines:
            yield str(self.predict([line])[0])

    def _encode(self, inputs: Sequence[Any], caller: str) -> list[Array]:
        """Return token ids (T,), or standardized features (T, D)."""
        if self.vocabulary is not None and self.level is not None:
            return [
                np.array(self.vocabulary.encode(_symbols(text, self.level, caller, k)), np.intp)
                for k, text in enumerate(inputs)
            ]
        assert self.scale is not None
        D = layer_of(self.model.encoder).input_size
        return [
            self.scale.transform(row) for row in _with_steps(as_features(inputs, caller, D, "inputs"), caller)
        ]


def _with_steps(rows: list[Array], caller: str) -> list[Array]:
    """Return sequences of features unchanged; raise for one without a step, about which nothing is known."""
    for position, row in enumerate(rows):
        if not len(row):
            raise ValueError(f"{caller}: inputs[{position}] is empty, expected at least one step")
    return rows


def _symbols(text: Any, level: Level, caller: str, position: int) -> list[str]:
    if not isinstance(text, str):
        raise TypeError(f"{caller}: inputs[{position}] is {brief(repr(text))}, expected a string")
    return prepare_text(text, level)
