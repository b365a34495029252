"""A model together with its vocabularies."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from comparing import assert_close
from hypothesis import given
from hypothesis import strategies as st

import seqmem
from seqmem import (
    AdditiveAttention,
    CheckpointError,
    Decoder,
    Encoder,
    Linear,
    Seq2Seq,
    Translator,
    Vocabulary,
)
from seqmem.data import UNKNOWN, Subwords, vocabulary
from seqmem.tasks import report_translations
from seqmem.training.files import checkpoint

LETTERS = Vocabulary("abcd")
AROUND = ["", "\n", "\r\n", "\t", " ", "\u00a0", "\ufeff", "\ufeff \u3000"]


def make_translator(level: str = "char") -> Translator:
    model = Seq2Seq(
        Encoder(len(LETTERS), 3, 6, rng=0),
        Decoder(len(LETTERS), 3, 6, context=AdditiveAttention(6, 6, 5, rng=1), rng=2),
    )
    for param in model.params.values():
        param[...] = np.random.default_rng(3).normal(size=param.shape)
    return Translator(model, LETTERS, LETTERS, level)


def test_the_ids_that_models_start_and_end_with_are_the_vocabulary_s() -> None:
    model = make_translator().model
    assert (model.start, model.end) == (vocabulary.START, vocabulary.END)


@given(texts=st.lists(st.text("abcdx", max_size=6), max_size=5), batch_size=st.integers(1, 4))
def test_a_text_is_translated_alike_in_any_company(texts: list[str], batch_size: int) -> None:
    translator = make_translator()
    found = translator.translate(texts, max_length=8, batch_size=batch_size)
    for text, one in zip(texts, found, strict=True):
        (alone,) = translator.translate([text], max_length=8)
        assert (one.source, one.target, one.text) == (list(text), alone.target, alone.text)
        assert_close(one.score, alone.score)


@given(texts=st.lists(st.text("abcdx", max_size=6), max_size=5), batch_size=st.integers(1, 4))
def test_the_n_best_are_alike_in_any_company(texts: list[str], batch_size: int) -> None:
    translator = make_translator()
    found = translator.translate(texts, 8, batch_size, beam_size=3, n_best=2)
    best = translator.translate(texts, 8, beam_size=3)
    for text, one, own in zip(texts, best, found, strict=True):
        (alone,) = translator.translate([text], 8, beam_size=3, n_best=2)
        assert [each.target for each in own] == [each.target for each in alone]
        assert one.target == own[0].target
        assert_close(own[0].normalized_score, alone[0].score)
    assert translator.predict(texts, max_length=8, beam_size=3) == [one.text for one in best]


def test_an_unknown_symbol_becomes_the_source_symbol_that_was_looked_at_most() -> None:
    translator = make_translator()
    translator.model.decoder.output.b[vocabulary.UNKNOWN] += 6  # mostly unknown
    options: Any = {"max_length": 6, "beam_size": 2, "n_best": 2}
    (plain,) = translator.translate(["abcd"], **options)
    (replaced,) = translator.translate(["abcd"], **options, replace_unknown=True)
    assert any("<unknown>" in one.target for one in plain)
    for before, after in zip(plain, replaced, strict=True):
        assert (after.score, after.ended) == (before.score, before.ended)
        looked_at = ["abcd"[k] for k in before.weights.argmax(axis=1)]
        expected = [
            other if symbol == "<unknown>" else symbol
            for symbol, other in zip(before.target, looked_at, strict=True)
        ]
        assert after.target == expected
        assert after.text == "".join(expected)
    (of_nothing,) = translator.translate([""], max_length=3, replace_unknown=True)
    assert of_nothing.target == translator.translate([""], max_length=3)[0].target


def test_without_attention_nothing_was_looked_at() -> None:
    translator = Translator.build([("ab", "ba")], "char", hidden_size=8, embedding_size=4, context="fixed")
    with pytest.raises(ValueError, match="replace_unknown is True, which needs a model with attention"):
        translator.translate(["ab"], replace_unknown=True)


def test_a_prediction_is_the_best_one_alone() -> None:
    with pytest.raises(TypeError, match=r"Translator.predict: unexpected keyword argument 'n_best'"):
        make_translator().predict(["ab"], beam_size=3, n_best=2)  # type: ignore[call-arg]


@given(text=st.text("abcdx", max_size=6))
def test_there_is_a_row_of_weights_for_each_target_symbol_and_a_column_for_each_source_symbol(
    text: str,
) -> None:
    (one,) = make_translator().translate([text], max_length=8)
    assert one.weights.shape == (len(one.target), len(one.source))
    if text:
        assert_close(one.weights.sum(axis=1), np.ones(len(one.target)))


@pytest.mark.parametrize("level", ["char", "word"])
def test_what_stands_around_a_text_changes_no_translation(level: str) -> None:
    translator = make_translator(level)
    (plain,) = translator.translate(["ab cd"], max_length=8)
    for before, behind in zip(AROUND, reversed(AROUND), strict=True):
        (one,) = translator.translate([before + "ab cd" + behind], max_length=8)
        assert (one.source, one.text, one.score) == (plain.source, plain.text, plain.score)


@pytest.mark.parametrize("strip", [True, False])
def test_the_preparation_of_texts_is_saved_with_the_model(tmp_path: Path, strip: bool) -> None:
    replace(make_translator(), strip=strip).save(tmp_path / "t.npz")
    loaded = Translator.load(tmp_path / "t.npz")
    assert loaded.strip is strip
    (one,) = loaded.translate([" ab\n"], max_length=1)
    assert one.source == list("ab" if strip else " ab\n")


def test_a_file_that_says_nothing_of_preparation_is_prepared_for_as_its_pairs_were(tmp_path: Path) -> None:
    metadata = {"source_symbols": list("abcd"), "target_symbols": list("abcd"), "level": "char"}
    seqmem.save(tmp_path / "t.npz", make_translator().model, metadata)
    (one,) = Translator.load(tmp_path / "t.npz").translate(["\ufeffab\u00a0\r\n"], max_length=1)
    assert one.source == ["a", "b"]


@pytest.mark.parametrize(
    "preparation", [None, {}, {"strip": 1.5, "form": "NFC"}, {"strip": True, "form": "NFKC"}, "strip"]
)
def test_a_preparation_that_is_not_known_is_refused(tmp_path: Path, preparation: object) -> None:
    symbols = list("abcd")
    metadata = {"source_symbols": symbols, "target_symbols": symbols, "level": "char"}
    seqmem.save(tmp_path / "t.npz", make_translator().model, {**metadata, "preparation": preparation})
    with pytest.raises(CheckpointError, match="the preparation of texts is"):
        Translator.load(tmp_path / "t.npz")


@pytest.mark.parametrize("texts", ["run", b"run", None, 3])
def test_one_text_is_no_list_of_texts(texts: Any) -> None:
    with pytest.raises(TypeError, match=r"Translator.translate: texts is of type \w+, expected a list"):
        make_translator().translate(texts)


@pytest.mark.parametrize("text", [b"a", None, 3, ["a"]])
def test_a_text_is_a_string(text: Any) -> None:
    with pytest.raises(TypeError, match=r"Translator.translate: texts\[1\] is .*, expected a string"):
        make_translator().translate(["a", text])


@pytest.mark.parametrize("texts", [[], ["ab"]])
@pytest.mark.parametrize("value", [-1, 0, None, True, 2.0, "4"])
def test_a_batch_size_is_a_positive_integer(texts: list[str], value: Any) -> None:
    with pytest.raises(ValueError, match=r"Translator.translate: batch_size is"):
        make_translator().translate(texts, batch_size=value)
    if value != 0:
        with pytest.raises(ValueError, match=r"Translator.translate: max_length is"):
            make_translator().translate(texts, max_length=value)


@pytest.mark.parametrize("written", [vocabulary.PAD, vocabulary.START, vocabulary.END, 5])
def test_a_translation_says_whether_it_was_cut_off(written: int) -> None:
    translator = make_translator()
    translator.model.decoder.output.b[written] = 1e6
    (one,) = translator.translate(["ab"], max_length=4)
    assert one.ended is (written == vocabulary.END)
    assert one.text == ("bbbb" if written == 5 else "")
    assert len(one.weights) == len(one.target) == len(one.text)


def test_a_model_with_an_end_of_its_own_loses_no_symbol() -> None:
    model = make_translator().model
    model.decoder.output.b[...] = -1e6
    model.decoder.output.b[vocabulary.END] = 0
    for end, ended in ((vocabulary.END, True), (4, False)):
        twin = Seq2Seq(model.encoder, model.decoder, end=end)
        (one,) = Translator(twin, LETTERS, LETTERS, "char").translate(["ab"], max_length=3)
        assert one.ended is ended
        assert len(one.weights) == len(one.target) == 0


def test_what_was_saved_translates_as_before(tmp_path: Path) -> None:
    translator = make_translator()
    translator.save(tmp_path / "t.npz")
    loaded = Translator.load(tmp_path / "t.npz")
    assert loaded.source_vocabulary == translator.source_vocabulary
    assert loaded.level == translator.level
    before, after = (t.translate(["abcd", "dab"], max_length=9) for t in (translator, loaded))
    for one, other in zip(before, after, strict=True):
        assert (one.text, one.score) == (other.text, other.score)
        np.testing.assert_array_equal(one.weights, other.weights)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (None, "no vocabularies in the metadata"),
        ({"source_symbols": ["a"], "target_symbols": ["a"], "level": "char"}, "source vocabulary has 5 ids"),
        (
            {"source_symbols": list("abcd"), "target_symbols": ["a"], "level": "char"},
            "expected 8: vocab_size",
        ),
        (
            {"source_symbols": list("abcd"), "target_symbols": list("abcd"), "level": "line"},
            "level is 'line'",
        ),
        ({"source_symbols": [1], "target_symbols": ["a"], "level": "char"}, "expected a string"),
        ({"source_symbols": 5, "target_symbols": ["a"], "level": "char"}, "no vocabularies"),
    ],
)
def test_a_model_without_vocabularies_that_fit_is_refused(
    tmp_path: Path, metadata: dict[str, object] | None, message: str
) -> None:
    seqmem.save(tmp_path / "m.npz", make_translator().model, metadata)
    with pytest.raises(CheckpointError, match=message):
        Translator.load(tmp_path / "m.npz")


def test_a_file_with_something_else_in_it_is_refused(tmp_path: Path) -> None:
    metadata = {"source_symbols": ["a"], "target_symbols": ["a"], "level": "char"}
    seqmem.save(tmp_path / "m.npz", Linear(2, 3), metadata)
    with pytest.raises(CheckpointError, match="holds a Linear, expected a Seq2Seq"):
        Translator.load(tmp_path / "m.npz")


def test_a_translator_that_cannot_be_saved_says_so_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    translator = make_translator()
    translator.check_save(tmp_path / "t.npz")
    assert list(tmp_path.iterdir()) == []
    for method in (translator.check_save, translator.save):
        with pytest.raises(FileNotFoundError, match=r"there is no folder .*nowhere: .*nowhere.t.npz"):
            method(tmp_path / "nowhere" / "t.npz")
    monkeypatch.setattr(checkpoint, "MAX_METADATA", 20)
    for method in (translator.check_save, translator.save):
        with pytest.raises(ValueError, match=r"save: metadata has \d+ bytes in UTF-8, expected at most 20"):
            method(tmp_path / "t.npz")


def test_letters_of_any_script_count_as_what_they_take(tmp_path: Path) -> None:
    """100,000 words of Cyrillic letters: six characters for one letter would be too many."""
    words = Vocabulary(f"словарь-{i}" for i in range(100_000))
    model = Seq2Seq(Encoder(len(words), 1, 2, rng=0), Decoder(len(LETTERS), 1, 2, rng=1))
    translator = Translator(model, words, LETTERS, "word")
    translator.check_save(tmp_path / "t.npz")
    translator.save(tmp_path / "t.npz")
    assert Translator.load(tmp_path / "t.npz").source_vocabulary == words


def test_a_missing_file_is_a_file_not_found_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"No such file or directory: .*t.npz"):
        Translator.load(tmp_path / "t.npz")


def test_a_symbol_without_end_does_not_fill_the_message(tmp_path: Path) -> None:
    metadata = {"source_symbols": ["a" * 60_000] * 2, "target_symbols": ["a"], "level": "\x1b[2J" * 9_000}
    seqmem.save(tmp_path / "m.npz", make_translator().model, metadata)
    with pytest.raises(CheckpointError, match="no vocabularies in the metadata") as raised:
        Translator.load(tmp_path / "m.npz")
    assert len(str(raised.value)) < 600 + len(str(tmp_path))
    assert str(raised.value).isprintable()


def test_a_translator_is_built_from_its_pairs_and_trained_on_their_batches() -> None:
    pairs = [("ab", "ba"), ("cab", "bac"), ("c", "c")]
    sizes: dict[str, Any] = {"hidden_size": 6, "embedding_size": 5, "rng": 0}
    for level, context, cell in (("char", "additive", "gru"), ("word", "fixed", "rnn")):
        translator = Translator.build(pairs, level, context=context, cell=cell, **sizes)
        encoder, decoder = translator.model.encoder, translator.model.decoder
        assert (encoder.vocab_size, encoder.embedding_size, encoder.hidden_size) == (7, 5, 6)
        assert type(encoder.cell) is type(decoder.cell)
        assert type(encoder.cell).__name__ == f"{cell.upper()}Cell"
        assert ("context.W_q" in decoder.params) == (context == "additive")
        history = seqmem.fit(
            translator.model, translator.batches(pairs, 2), seqmem.Adam(0.05), epochs=40, rng=0
        )
        assert history.loss[-1] < history.loss[0] / 2
    rare = Translator.build([*pairs, ("ax", "xa")], "char", min_count=2, **sizes)
    assert rare.source_vocabulary.symbols == ["a", "b", "c"]
    [batch] = rare.batches([("x", "a")], 2, allow_unknown=True)(0)
    assert batch.source.tolist() == [[UNKNOWN]]
    with pytest.raises(ValueError, match=r"^Translator\.build: min_count is 9, which leaves no"):
        Translator.build(pairs, "char", min_count=9, **sizes)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("dot_product", "DotProductAttention(size=8)"),
        ("scaled_dot_product", "DotProductAttention(size=8, scaled=True)"),
        ("bilinear", "BilinearAttention(query_size=8, key_size=8)"),
        ("fixed", "FixedContext()"),
        ("none", "NoContext()"),
    ],
)
def test_a_context_goes_by_its_name(name: Any, kind: str) -> None:
    translator = Translator.build([("ab", "ba")], "char", hidden_size=8, embedding_size=4, context=name)
    assert repr(translator.model.decoder.context) == kind
    assert translator.translate(["ab"], max_length=3)


def test_a_context_that_does_not_fit_both_directions_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Translator.build: context is 'dot_product'.* 16 wide .* 8;"):
        Translator.build(
            [("ab", "ba")], "char", hidden_size=8, embedding_size=4, context="dot_product", bidirectional=True
        )


SENTENCES = [
    ("the lower house", "la maison basse"),
    ("the lowest house", "la maison plus basse"),
    ("a house", "une maison"),
]


def subword_translator() -> tuple[Translator, list[Any]]:
    pairs = [(one.split(), other.split()) for one, other in SENTENCES]
    return Translator.build(pairs, "word", hidden_size=8, embedding_size=4, n_merges=20, rng=0), pairs


def test_subwords_are_the_symbols_of_both_vocabularies_and_words_the_text() -> None:
    translator, pairs = subword_translator()
    assert translator.subwords is not None
    assert translator.subwords.merges == Subwords.learn([side for pair in pairs for side in pair], 20).merges
    for (source, target), (one, other) in zip(SENTENCES, pairs, strict=True):
        pieces = translator.prepare(source)
        assert pieces == translator.subwords.split(one)
        assert translator.source_vocabulary.decode(translator.source_vocabulary.encode(pieces)) == pieces
        assert " ".join(translator.words(translator.subwords.split(other))) == target
    (batch,) = translator.batches(pairs, 8)(0)
    assert sorted(batch.source_lengths) == sorted(len(translator.prepare(source)) for source, _ in SENTENCES)
    (found,) = translator.translate(["the house"], max_length=6)
    assert found.source == translator.prepare("the house")
    assert found.text == " ".join(translator.words(found.target))
    assert set(translator.evaluate(pairs, max_length=6)) == {"loss", "token accuracy", "exact match"}
    report = report_translations(translator, pairs, max_length=6)
    assert report.scores["symbol error rate"] == report.scores["word error rate"]


def test_the_merges_are_saved_with_the_model(tmp_path: Path) -> None:
    translator, _ = subword_translator()
    translator.save(tmp_path / "t.npz")
    loaded = Translator.load(tmp_path / "t.npz")
    assert loaded.subwords is not None
    assert translator.subwords is not None
    assert loaded.subwords.merges == translator.subwords.merges
    assert loaded.predict(["a lower house"], max_length=9) == translator.predict(
        ["a lower house"], max_length=9
    )
    for merges in (3, ["ab"], [["a", "b", "c"]], [["a", 1]]):
        metadata = {**translator.metadata(), "merges": merges}
        with pytest.raises(CheckpointError, match="no vocabularies in the metadata"):
            Translator.of_metadata(translator.model, metadata)


def test_characters_are_not_split_further() -> None:
    with pytest.raises(ValueError, match=r"Translator.build: n_merges is 9, which needs the level 'word'"):
        Translator.build([("ab", "ba")], "char", hidden_size=8, embedding_size=4, n_merges=9)
