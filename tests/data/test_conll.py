"""Column files with a label for each word: the forms in use, and what is wrong in them, by line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seqmem.data import read_conll

pytestmark = pytest.mark.quick


@pytest.fixture
def file(tmp_path: Path) -> Callable[[bytes | str], Path]:
    def write(content: bytes | str) -> Path:
        path = tmp_path / "train.txt"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def test_the_form_of_2003(file: Any) -> None:
    text = "-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\n# # B-NP O\n\n\nHe PRP B-NP O\n"
    assert read_conll(file(text)) == [(["EU", "#"], ["B-ORG", "O"]), (["He"], ["O"])]
    assert read_conll(file(text), columns=(0, 1))[0] == (["EU", "#"], ["NNP", "#"])


def test_conll_u_with_comments_contracted_and_empty_words(file: Any) -> None:
    text = (
        "# sent_id = 1\n# text = Al mare\n1-2\tAl\t_\t_\n1\tA\ta\tADP\n2\til\til\tDET\n2.1\tx\tx\tX\n"
        "3\tmare nero\tmare\tNOUN\n\n# sent_id = 2\n1\tSì\tsì\tINTJ\n"
    )
    expected = [(["A", "il", "mare nero"], ["ADP", "DET", "NOUN"]), (["Sì"], ["INTJ"])]
    assert read_conll(file(text), columns=(1, 3)) == expected
    assert read_conll(file("\ufeff" + text.replace("\n", "\r\n")), columns=(1, 3)) == expected
    assert read_conll(file(text.rstrip("\n")), columns=(1, -1)) == expected


@pytest.mark.parametrize(
    ("content", "columns", "message"),
    [
        ("", (0, -1), "no sentences, expected a word and its label"),
        ("# only a comment\n", (0, -1), "no sentences"),
        ("a\n", (0, -1), "line 1: 1 column, expected a word and its label"),
        ("a O\n", (0, 2), r"line 1: 2 columns, expected a word and its label: columns=\(0, 2\)"),
        ("a O\n", (1, -1), "line 1: 2 columns"),
        ("a X O\n\nb O\n", (0, -1), "line 3: 2 columns, expected 3 as in the first line: b O"),
        ("a\tO\nb\t\n", (0, 1), "line 2: the label is empty"),
        ("a\tO\n\tO\n", (0, 1), "line 2: the word is empty"),
        (b"a O\n\xff O\n", (0, 1), "line 2: not UTF-8 at byte 0xff"),
        ("a O\n".encode("utf-16"), (0, 1), "line 1: not UTF-8 but UTF-16"),
        ("a O\n", (0, 0), r"columns is \(0, 0\), expected two different integers"),
        ("a O\n", "zz", "columns is 'zz'"),
    ],
)
def test_what_is_wrong_is_told_by_its_line(file: Any, content: Any, columns: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_conll(file(content), columns)


def test_a_sentence_that_is_too_long_is_refused_or_reported_and_left_out(file: Any) -> None:
    path, told = file("a O\n\nb O\nc O\nd O\n\ne O\n"), []
    with pytest.raises(ValueError, match="line 3: 3 words, expected at most 2"):
        read_conll(path, max_words=2)
    assert [words for words, _ in read_conll(path, max_words=2, on_too_long=told.append)] == [["a"], ["e"]]
    assert len(told) == 1
    assert told[0].endswith("line 3: 3 words, expected at most 2: left out")
    with pytest.raises(ValueError, match="no sentences, all 1 are too long"):
        read_conll(file("a O\nb O\n"), max_words=1, on_too_long=told.append)
