"""Word vectors from text files: the forms in use, and what hostile files can do."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqmem import Embedding
from seqmem.data import Vocabulary, read_vectors
from seqmem.data.vectors import MAX_LINE

WORDS = Vocabulary(["cat", "the", "é", ". . ."])


@pytest.fixture
def file(tmp_path: Path) -> Callable[[bytes | str], Path]:
    def write(content: bytes | str) -> Path:
        path = tmp_path / "vectors.txt"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


FORMS = {
    "glove": "the 1 2\ncat 3 4e0\ndog 5 6\n",
    "word2vec, with a header": "3 2\nthe 1 2 \ncat 3 4.0 \ndog 5 6 \n",
    "byte order mark and CR LF": "\ufeffthe 1 2\r\n\r\ncat 3 4\r\ndog 5 6",
    "a symbol twice": "the 1 2\ncat 3 4\nthe 9 9\n",
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_the_vectors_of_the_vocabulary_are_found_in_every_form(file: Any, text: str) -> None:
    table, found = read_vectors(file(text), WORDS)
    assert found.tolist() == [False] * 4 + [True, True, False, False]
    assert table[4:6].tolist() == [[3, 4], [1, 2]]
    assert not table[~found].any()


def test_symbols_with_spaces_and_composed_accents_are_found(file: Any) -> None:
    table, found = read_vectors(file("the 1 2\n. . . 3 4\ne\u0301 5 6\n"), WORDS)
    assert found[5:].all()
    assert table[6:].tolist() == [[5, 6], [3, 4]]
    assert read_vectors(file(". . . 3 4\n"), WORDS).table[7].tolist() == [3, 4]  # on the first line too


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no vectors, expected a symbol and its numbers"),
        ("3 2\n", "no vectors"),
        ("the\n", "line 1: 0 numbers, expected a symbol and 1 to 4,096 numbers"),
        ("dog 1 2\n", "no vector for any of the 4 symbols"),
        ("the 1 2\ncat 1\n", "line 2: fewer than 2 numbers"),
        ("the 1 2\ncat 1 2 3\n", "line 2: more than 2 numbers"),
        ("the 1 2\n\ncat 1 x\n", "line 3: 'x', expected a number"),
        ("the 1 2\ncat 1 nan\n", "line 2: a number that is not finite"),
        ("the 1 2\ncat 1 1e999\n", "line 2: a number that is not finite"),
        (b"the 1 2\n\xff\xfe 1 2\n", "line 2: not UTF-8 at byte 0xff"),
        (b"\x1f\x8bjunk", "a compressed file"),
        ("the" + " 1" * 5000, "line 1: 5,000 numbers"),
        ("the 1 2\n" + "x" * (MAX_LINE + 5), f"line 2: more than {MAX_LINE:,} bytes"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_with_its_line(file: Any, content: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        read_vectors(file(content), WORDS)
    assert "vectors.txt" in str(raised.value)


def test_a_file_of_one_endless_line_takes_no_memory(file: Any) -> None:
    path = file(b"x" * 9_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="line 1: more than"):
            read_vectors(path, WORDS)
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()


def test_an_embedding_starts_from_the_vectors_and_draws_the_rest_like_them(file: Any) -> None:
    rng = np.random.default_rng(0)
    table = rng.standard_normal((400, 5)) * [1, 2, 3, 4, 5] + 7
    found = np.arange(400) < 200
    layer = Embedding.from_vectors(table, found, rng=0)
    np.testing.assert_array_equal(layer.W[:200], table[:200])
    np.testing.assert_allclose(layer.W[200:].mean(axis=0), 7, atol=1.5)  # of 200 draws
    np.testing.assert_allclose(layer.W[200:].std(axis=0), [1, 2, 3, 4, 5], rtol=0.25)
    assert layer.config["vocab_size"] == 400
    small = Embedding.from_vectors(*read_vectors(file(FORMS["glove"]), WORDS), rng=0, dtype="float32")
    assert (small.W.shape, small.W.dtype) == ((8, 2), np.float32)


@pytest.mark.parametrize(
    ("table", "found", "error", "message"),
    [
        (np.ones(3), None, ValueError, r"table has shape \(3,\), expected \(V, E\)"),
        (np.ones((2, 2)), [True], ValueError, r"found has shape \(1,\), expected \(2,\)"),
        (np.ones((2, 2)), [1, 0], TypeError, "found has dtype int64, expected bool"),
        (np.ones((2, 2)), [False, False], ValueError, "found has no True"),
        (np.full((2, 2), np.nan), None, ValueError, "table holds a number that is not finite"),
        ("zz", None, TypeError, "table has dtype <U2"),
    ],
)
def test_vectors_that_do_not_fit_are_refused(
    table: Any, found: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=f"Embedding.from_vectors: {message}"):
        Embedding.from_vectors(table, found)
