"""Text that fits a number of columns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmem.insight.folding import display_width, fold_lines, fold_table

words = st.text("abcé漢ั", min_size=1, max_size=6)
sentences = st.lists(words, max_size=8).map(" ".join)


@given(text=sentences, indent=st.integers(0, 4), width=st.integers(20, 40))
def test_lines_fit_keep_their_words_and_their_indent(text: str, indent: int, width: int) -> None:
    folded = fold_lines(" " * indent + text, width)
    assert folded.split() == text.split()
    assert all(display_width(line) <= width for line in folded.split("\n"))
    assert all(line.startswith(" " * (indent + 2)) for line in folded.split("\n")[1:])


def test_what_fits_stays_as_it_is() -> None:
    text = "a table   of  three\n\n  columns\n"
    assert fold_lines(text, 19) == text


def test_a_word_that_is_too_long_is_left_whole() -> None:
    assert fold_lines("see /a/path/that/is/long for more", 10) == "see\n  /a/path/that/is/long\n  for more"


@given(
    rows=st.integers(1, 4).flatmap(
        lambda n: st.lists(st.lists(sentences, min_size=n, max_size=n), min_size=1, max_size=4)
    ),
    width=st.integers(30, 60),
    numbers=st.booleans(),
)
def test_a_table_fits_and_keeps_every_word(rows: list[list[str]], width: int, numbers: bool) -> None:
    lines = fold_table(rows, width, numbers=numbers)
    assert all(display_width(line) <= width for line in lines)
    shown = "\n".join(lines).split()
    assert set(shown) == {word for row in rows for cell in row for word in cell.split()}


def test_a_column_is_folded_where_that_costs_the_fewest_lines() -> None:
    rows = [("", "GRU", "LSTM"), ("memory", "update gate", "a cell state of its own")]
    assert fold_table(rows, 32) == [
        "        GRU     LSTM",
        "memory  update  a cell state",
        "        gate    of its own",
    ]


def test_columns_that_do_not_fit_stand_below_with_the_rows_names() -> None:
    rows = [("", "5", "10", "400"), ("lstm", "100 (99)", "98 (90)", "7 (0)")]
    assert fold_table(rows, 24, numbers=True, whole=True) == [
        "             5       10",
        "lstm  100 (99)  98 (90)",
        "",
        "        400",
        "lstm  7 (0)",
    ]


@pytest.mark.parametrize("rows", [[("only", "names")], [("one",)], [("", "")]])
def test_a_table_of_little_is_a_table(rows: list[tuple[str, ...]]) -> None:
    assert len(fold_table(rows, 80)) == 1
