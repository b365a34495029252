"""A model together with its vocabularies: text in, text out, one file."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypedDict, Unpack, overload

import numpy as np
import numpy.typing as npt

from seqmem.contexts import FixedContext, NoContext
from seqmem.data.batches import BucketedBatches, Pair, pad
from seqmem.data.bounds import cut_by_symbols, default_max_symbols
from seqmem.data.pairs import check_pair, read_pairs
from seqmem.data.subwords import Subwords
from seqmem.data.text import NORMAL_FORM, Level, join_symbols, prepare_text
from seqmem.data.vocabulary import END, PAD, START, UNKNOWN, Vocabulary
from seqmem.initializers import Rng, as_generator
from seqmem.layers.embedding import STD
from seqmem.layers.losses import cross_entropy
from seqmem.models import Decoder, Encoder
from seqmem.models.seq2seq import Seq2Seq
from seqmem.module import Array, Module
from seqmem.search.beam import beam_options
from seqmem.search.greedy import Hypothesis
from seqmem.tasks.contexts import CONTEXT_NAMES, ContextName, make_context
from seqmem.tasks.task import Task
from seqmem.training.callbacks import Direction
from seqmem.training.files.npz import MAX_MESSAGE, CheckpointError
from seqmem.validation import as_choice, as_flag, as_list, as_size, as_texts, brief


@dataclass(frozen=True, eq=False)
class Translation:
    """A translator's result for one text."""

    text: str
    source: list[str]  # the source symbols
    target: list[str]  # the predicted symbols
    score: float  # log-probability of the target
    weights: Array  # (T, S) for each target symbol, the weight of each source symbol
    ended: bool  # True after the end symbol; False if cut off
    normalized_score: float = math.nan  # by which a search ranks; without a length penalty, the score


class SearchOptions(TypedDict, total=False):
    """Options of the search of a single translation; `Translator.translate` says what they mean."""

    beam_size: int
    min_length: int
    length_penalty: float
    no_repeat_ngram_size: int
    replace_unknown: bool


@dataclass(frozen=True, eq=False)
class Translator(Task):
    """A sequence-to-sequence model with its vocabularies.

    Attributes:
        model: the model, which works on ids.
        source_vocabulary, target_vocabulary: the symbols of the ids.
        level: how texts are split into symbols, "char" or "word".
        strip: whether to drop white space and byte order marks around a text, as `read_pairs` does. False
            is for a model that was trained on pairs in which they matter.
        subwords: splits the words of both sides into the symbols of the vocabularies; None if words or
            characters are the symbols.

    >>> from seqmem import AdditiveAttention, Decoder, Encoder, Seq2Seq
    >>> letters = Vocabulary("abc")
    >>> attention = AdditiveAttention(8, 8, 8, rng=0)
    >>> model = Seq2Seq(Encoder(7, 4, 8, rng=1), Decoder(7, 4, 8, context=attention, rng=2))
    >>> translator = Translator(model, letters, letters, "char")
    >>> [found] = translator.translate(["cab"], max_length=5)
    >>> found.source, found.weights.shape == (len(found.target), 3)
    (['c', 'a', 'b'], True)
    """

    file_form: ClassVar[str] = "a source, a tab and a target on each line"
    metric: ClassVar[str] = "token accuracy"
    direction: ClassVar[Direction] = "max"

    model: Seq2Seq
    source_vocabulary: Vocabulary
    target_vocabulary: Vocabulary
    level: Level
    strip: bool = True
    subwords: Subwords | None = None

    @classmethod
    def build(
        cls,
        pairs: Sequence[Pair],
        level: Level,
        *,
        hidden_size: int,
        embedding_size: int,
        cell: str = "lstm",
        context: ContextName = "additive",
        attention_size: int | None = None,
        readout: Literal["all", "state"] = "state",
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        embedding_std: float = STD,
        min_count: int = 1,
        max_vocabulary: int | None = None,
        n_merges: int | None = None,
        strip: bool = True,
        rng: Rng = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> Translator:
        """Return an untrained encoder-decoder for pairs, with their vocabularies.

        Args:
            pairs: (source symbols, target symbols) of the training data, as `read_pairs` returns them.
            level: how texts are split into symbols, "char" or "word".
            hidden_size: H of the encoder and of the decoder.
            embedding_size: E of the encoder and of the decoder.
            cell: the name of the cell in encoder and decoder, such as "lstm", "gru" or "rnn".
            context: "additive", "dot_product", "scaled_dot_product" or "bilinear" attention; "fixed", the
                encoder's final output at every step; or "none", the encoder's final state alone.
            attention_size: A of additive attention; None means H / 2.
            readout: "state" predicts from the decoder's state alone, "all" also from the previous symbol and
                the context.
            num_layers: recurrent layers on top of each other, in the encoder and in the decoder.
            bidirectional: whether the encoder reads from both ends.
            dropout: the probability of zeroing embeddings and the outputs between layers in training.
            embedding_std: standard deviation of the embeddings' initial tables.
            min_count: how often a symbol must occur to be included in a vocabulary.
            max_vocabulary: the maximum size of a vocabulary, including special symbols; None for no limit.
            n_merges: the maximum number of merges of `Subwords`, learned from both sides, which split words
                into subwords; None for whole words. It needs the level "word".
            strip: see the attribute.
            rng: seed or generator for the initial weights.
            dtype: float64 or float32.

        Raises:
            TypeError, ValueError: for a wrong argument, no pairs, or pairs that would leave a vocabulary
                empty.

        >>> from seqmem import Adam, fit
        >>> pairs = [("cab", "bac"), ("ab", "ba")]
        >>> translator = Translator.build(pairs, "char", hidden_size=8, embedding_size=4, rng=0)
        >>> history = fit(translator.model, translator.batches(pairs, 2), Adam(), epochs=3, rng=0)
        >>> len(history.loss), translator.source_vocabulary.symbols
        (3, ['a', 'b', 'c'])
        """
        caller = "Translator.build"
        as_choice(level, ("char", "word"), caller, "level")
        as_choice(context, CONTEXT_NAMES, caller, "context")
        pairs = as_list(pairs, caller, "pairs", "pairs of source and target symbols")
        if not pairs:
            raise ValueError(f"{caller}: pairs is empty, expected at least one pair")
        for position, pair in enumerate(pairs):
            check_pair(pair, caller, position)
        if max_vocabulary is not None:
            as_size(max_vocabulary, caller, "max_vocabulary")
        subwords = None
        if n_merges is not None:
            if level != "word":
                raise ValueError(f"{caller}: n_merges is {n_merges!r}, which needs the level 'word'")
            subwords = Subwords.learn([list(words) for pair in pairs for words in pair], n_merges)
            pairs = _in_pieces(pairs, subwords)
        sources, targets = (
            Vocabulary.build((pair[side] for pair in pairs), max_vocabulary, min_count) for side in (0, 1)
        )
        for side, vocabulary in (("source", sources), ("target", targets)):
            if not vocabulary.symbols and (min_count > 1 or max_vocabulary is not None):
                limit = "" if max_vocabulary is None else f" with max_vocabulary {max_vocabulary}"
                raise ValueError(f"{caller}: min_count is {min_count}, which{limit} leaves no {side} symbol")
        H = as_size(hidden_size, caller, "hidden_size")
        rng = as_generator(rng)
        K = 2 * H if as_flag(bidirectional, caller, "bidirectional") else H
        A = None if attention_size is None else as_size(attention_size, caller, "attention_size")
        look = make_context(context, H, K, A, caller, rng=rng, dtype=dtype)
        common: dict[str, Any] = {"cell": cell, "embedding_std": embedding_std, "rng": rng, "dtype": dtype}
        common |= {"num_layers": num_layers, "dropout": dropout}
        encoder = Encoder(len(sources), embedding_size, H, bidirectional=bidirectional, **common)
        decoder = Decoder(
            len(targets), embedding_size, H, context=look, key_size=K, readout=readout, **common
        )
        return cls(Seq2Seq(encoder, decoder, rng=rng), sources, targets, level, strip, subwords)

    def batches(
        self, pairs: Sequence[Pair], batch_size: int, *, allow_unknown: bool = False
    ) -> BucketedBatches:
        """Return batches for `fit`: pairs of similar length in this translator's ids.

        Args:
            pairs: (source symbols, target symbols).
            batch_size: pairs per batch; fewer if the pairs are long.
            allow_unknown: whether symbols outside a vocabulary become UNKNOWN; if False, they are an error.

        Raises:
            TypeError, ValueError: as from `BucketedBatches`.
        """
        sources, targets = self.source_vocabulary, self.target_vocabulary
        if self.subwords is not None:
            pairs = as_list(pairs, "Translator.batches", "pairs", "pairs of source and target symbols")
            for position, pair in enumerate(pairs):
                check_pair(pair, "Translator.batches", position)
            pairs = _in_pieces(pairs, self.subwords)
        return BucketedBatches(pairs, sources, targets, batch_size, allow_unknown=allow_unknown)

    def prepare(self, text: str) -> list[str]:
        """Return the symbols of a text, prepared like the training texts with `prepare_text`."""
        symbols = prepare_text(text, self.level, strip=self.strip)
        return symbols if self.subwords is None else self.subwords.split(symbols)

    def words(self, symbols: Sequence[str]) -> list[str]:
        """Return symbols with subwords joined to words; without subwords, the symbols.

        Raises:
            TypeError: for anything but a list of strings.
        """
        symbols = as_texts(symbols, "Translator.words", "symbols")
        return symbols if self.subwords is None else self.subwords.join(symbols)

    @overload
    def translate(
        self,
        texts: Iterable[str],
        max_length: int = 100,
        batch_size: int = 64,
        *,
        beam_size: int = 1,
        n_best: None = None,
        min_length: int = 0,
        length_penalty: float = 0.0,
        no_repeat_ngram_size: int = 0,
        replace_unknown: bool = False,
    ) -> list[Translation]: ...

    @overload
    def translate(
        self,
        texts: Iterable[str],
        max_length: int = 100,
        batch_size: int = 64,
        *,
        beam_size: int = 1,
        n_best: int,
        min_length: int = 0,
        length_penalty: float = 0.0,
        no_repeat_ngram_size: int = 0,
        replace_unknown: bool = False,
    ) -> list[list[Translation]]: ...

    def translate(
        self,
        texts: Iterable[str],
        max_length: int = 100,
        batch_size: int = 64,
        *,
        beam_size: int = 1,
        n_best: int | None = None,
        min_length: int = 0,
        length_penalty: float = 0.0,
        no_repeat_ngram_size: int = 0,
        replace_unknown: bool = False,
    ) -> list[Translation] | list[list[Translation]]:
        """Translate texts in batches, by greedy search or beam search.

        Args:
            texts: any number of texts, prepared by `prepare`; an empty text has no symbols.
            max_length: the maximum number of symbols, without the end symbol.
            batch_size: texts per batch; fewer if the batch would have more than `default_max_symbols`.
            beam_size, n_best, min_length, length_penalty, no_repeat_ngram_size: as in `Seq2Seq.generate`.
            replace_unknown: whether an unknown symbol in a translation becomes the source symbol with the
                largest attention weight (Luong et al., 2015), as suits names and numbers.

        Returns:
            A Translation for each text, in order; with n_best, a list for each text, the best first.

        Raises:
            TypeError: if texts is a single string, or a text is not a string.
            ValueError: for an option out of range, a batch_size below 1, or a model with logits that are not
                finite.
        """
        caller = "Translator.translate"
        as_size(batch_size, caller, "batch_size")
        options: dict[str, Any] = {
            "beam_size": beam_size,
            "n_best": 1 if n_best is None else n_best,
            "max_length": max_length,
            "min_length": min_length,
            "length_penalty": length_penalty,
            "no_repeat_ngram_size": no_repeat_ngram_size,
        }
        beam_options(caller, **options)
        if as_flag(replace_unknown, caller, "replace_unknown") and isinstance(
            self.model.decoder.context, (FixedContext, NoContext)
        ):
            raise ValueError(f"{caller}: replace_unknown is True, which needs a model with attention")
        sources = [self.prepare(text) for text in as_texts(texts, caller, "texts")]
        found: list[list[Translation]] = []
        # decoding stores nothing for a backward pass: the size of one step is the limit
        steps = [(len(source) * beam_size, 1) for source in sources]
        for cut in cut_by_symbols(steps, batch_size, default_max_symbols(batch_size)):
            part = sources[cut]
            tokens, lengths = pad([self.source_vocabulary.encode(source) for source in part])
            for source, own in zip(part, self.model.generate(tokens, lengths, **options), strict=True):
                found.append([self._translation(source, one, replace_unknown) for one in own])
        return [own[0] for own in found] if n_best is None else found

    def _translation(self, source: list[str], hypothesis: Hypothesis, replace_unknown: bool) -> Translation:
        # leave out special symbols, which a barely trained model may predict
        shown = np.array([token not in (PAD, START, END) for token in hypothesis.tokens], bool)
        ids, weights = np.array(hypothesis.tokens, np.intp)[shown], hypothesis.weights[shown]
        target = self.target_vocabulary.decode(ids)
        if replace_unknown and source:
            for place in np.flatnonzero(ids == UNKNOWN):
                target[place] = source[weights[place].argmax()]
        return Translation(
            join_symbols(self.words(target), self.level),
            source,
            target,
            hypothesis.score,
            weights,
            hypothesis.ended,
            hypothesis.normalized_score,
        )

    def predict(  # type: ignore[override]
        self,
        inputs: Iterable[str],
        *,
        max_length: int = 100,
        batch_size: int = 64,
        **search: Unpack[SearchOptions],
    ) -> list[str]:
        """Return the translation of each text; `translate` also returns attention and probabilities.

        Args:
            inputs, max_length, batch_size: as `texts`, `max_length` and `batch_size` of `translate`.
            search: the options of the search, as of `translate`.

        Raises:
            TypeError, ValueError: as from `translate`.
        """
        caller = "Translator.predict"
        unknown = sorted(set(search) - set(SearchOptions.__annotations__))
        if unknown:
            raise TypeError(f"{caller}: unexpected keyword argument {unknown[0]!r}")
        found = self.translate(as_texts(inputs, caller, "texts"), max_length, batch_size, **search)
        return [one.text for one in found]

    def evaluate(  # type: ignore[override]
        self,
        examples: Sequence[Pair],
        *,
        max_length: int = 100,
        batch_size: int = 64,
        **search: Unpack[SearchOptions],
    ) -> dict[str, float]:
        """Return scores of pairs that the model was not trained on.

        Args:
            examples: (source symbols, target symbols).
            max_length: symbols after which a translation is cut off.
            batch_size: pairs per batch.
            search: the options of the search, as of `translate`.

        Returns:
            "loss", the mean cross-entropy in nats per symbol; "token accuracy", the share of symbols that are
            predicted correctly from the correct previous symbols; and "exact match", the share of pairs whose
            translation is the target.

        Raises:
            TypeError, ValueError: as from `batches`.
        """
        pairs = as_list(examples, "Translator.evaluate", "examples", "pairs of source and target symbols")
        for position, pair in enumerate(pairs):
            check_pair(pair, "Translator.evaluate", position)
        if not pairs:
            raise ValueError("Translator.evaluate: examples is empty, expected at least one pair")
        loss, accuracy = teacher_forced(self, pairs, batch_size)
        texts = [join_symbols(list(source), self.level) for source, _ in pairs]
        targets = [join_symbols(list(target), self.level) for _, target in pairs]
        found = self.predict(texts, max_length=max_length, batch_size=batch_size, **search)
        exact = sum(one == other for one, other in zip(found, targets, strict=True)) / len(targets)
        return {"loss": loss, "token accuracy": accuracy, "exact match": exact}

    def metadata(self) -> dict[str, Any]:
        """Return the vocabularies and the preparation of texts."""
        found: dict[str, Any] = {
            "source_symbols": self.source_vocabulary.symbols,
            "target_symbols": self.target_vocabulary.symbols,
            "level": self.level,
            "preparation": {"strip": self.strip, "form": NORMAL_FORM},
        }
        if self.subwords is not None:
            found["merges"] = [list(pair) for pair in self.subwords.merges]
        return found

    @classmethod
    def of_metadata(cls, model: Module, metadata: Mapping[str, Any]) -> Translator:
        """Return the translator of a model and its metadata."""
        try:
            source, target = Vocabulary(metadata["source_symbols"]), Vocabulary(metadata["target_symbols"])
            level = metadata["level"]
            join_symbols([], level)
            subwords = Subwords(metadata["merges"]) if "merges" in metadata else None
        except (KeyError, TypeError, ValueError) as error:
            reason = brief(str(error), MAX_MESSAGE)
            raise CheckpointError(f"no vocabularies in the metadata: {reason}") from None
        strip = _strip_of(metadata)
        if not isinstance(model, Seq2Seq):
            raise CheckpointError(f"holds a {type(model).__name__}, expected a Seq2Seq")
        for name, found, expected in (
            ("source", len(source), model.encoder.vocab_size),
            ("target", len(target), model.decoder.vocab_size),
        ):
            if found != expected:
                raise CheckpointError(
                    f"the {name} vocabulary has {found} ids, expected {expected}: vocab_size"
                )
        return cls(model, source, target, level, strip, subwords)

    @classmethod
    def read(cls, paths: Sequence[str], **options: Any) -> list[tuple[list[str], list[str]]]:
        """Return the pairs of files, as `read_pairs` does with the same options."""
        return [pair for path in paths for pair in read_pairs(path, **options)]

    def answer_lines(self, lines: Iterable[str]) -> Iterator[str]:
        """Yield the translation of each line."""
        for line in lines:
            yield self.predict([line])[0]


def _in_pieces(pairs: Sequence[Pair], subwords: Subwords) -> list[Pair]:
    return [(subwords.split(list(source)), subwords.split(list(target))) for source, target in pairs]


def teacher_forced(translator: Translator, pairs: Sequence[Pair], batch_size: int) -> tuple[float, float]:
    """Return the mean cross-entropy in nats per symbol, and the share of symbols that rank first."""
    right = total = 0
    loss = 0.0
    for batch in translator.batches(pairs, batch_size, allow_unknown=True)(0):
        (logits, _), _ = translator.model.forward(batch.source, batch.inputs, lengths=batch.source_lengths)
        counted = int(batch.mask.sum())
        loss += cross_entropy(logits, batch.targets, batch.mask)[0] * counted
        right += int(((logits.argmax(axis=-1) == batch.targets) & batch.mask).sum())
        total += counted
    return loss / total, right / total


def _strip_of(metadata: Mapping[str, Any]) -> bool:
    # a file without the entry was written when there was one way to prepare a text: this one
    found = metadata.get("preparation", {"strip": True, "form": NORMAL_FORM})
    for strip in (True, False):
        if found == {"strip": strip, "form": NORMAL_FORM}:
            return strip
    raise CheckpointError(
        f"the preparation of texts is {found!r:.200}, expected strip (true or false) and "
        f"the form {NORMAL_FORM!r}"
    )
