"""A model together with its vocabularies."""

from pathlib import Path

import numpy as np
import pytest
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
from seqmem.data import vocabulary
from seqmem.training import checkpoint

LETTERS = Vocabulary("abcd")


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
        assert one.score == pytest.approx(alone.score)


@given(text=st.text("abcdx", max_size=6))
def test_there_is_a_row_of_weights_for_each_target_symbol_and_a_column_for_each_source_symbol(
    text: str,
) -> None:
    (one,) = make_translator().translate([text], max_length=8)
    assert one.weights.shape == (len(one.target), len(one.source))
    if text:
        np.testing.assert_allclose(one.weights.sum(axis=1), 1)


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
