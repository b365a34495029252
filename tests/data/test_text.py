"""A text is prepared alike for training and for use, whatever stands around it."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmem.data import dates, join_symbols, phrases, prepare_text, read_pairs
from seqmem.data.text import stripped

SPACES = [c for c in map(chr, range(sys.maxunicode + 1)) if c.isspace()]
AROUND = st.text(st.sampled_from([*SPACES, "\ufeff"]), max_size=5)
LEVELS = st.sampled_from(["char", "word"])


def test_all_that_str_strip_strips_is_dropped_on_both_sides_of_a_mark():
    for space in SPACES:
        assert stripped(f"{space}\ufeff{space}a b{space}\ufeff{space}") == "a b"


@given(AROUND, st.text(), AROUND, LEVELS)
def test_what_stands_around_a_text_changes_nothing(before, text, behind, level):
    symbols = prepare_text(text, level)
    assert prepare_text(before + text + behind, level) == symbols
    assert prepare_text(join_symbols(symbols, level), level) == symbols


@given(AROUND, AROUND)
def test_a_file_s_texts_and_a_text_in_use_are_prepared_alike(tmp_path_factory, before, behind):
    inside = "\t\n\r"  # these end a cell of a file
    before, behind = (part.translate(dict.fromkeys(map(ord, inside))) for part in (before, behind))
    path = tmp_path_factory.mktemp("pairs") / "pairs.tsv"
    path.write_bytes(f"{before}go on{behind}\t{before}va{behind}\r\n".encode())
    ((source, target),) = read_pairs(path)
    assert source == prepare_text(f"{before}go on{behind}\r\n", "char") == list("go on")
    assert target == list("va")


def test_nothing_else_is_changed():
    text = "Le  \u00a0\u200bﬁ １\ufeffx\u2028y"
    assert prepare_text(text, "char") == list(text)
    assert prepare_text("  a ", "char", strip=False) == list("  a ")


@pytest.mark.parametrize("pairs", [dates.make_pairs(300, 0), phrases("fr"), phrases("pl")])
def test_the_built_in_texts_need_no_preparation(pairs):
    assert all("".join(prepare_text(text, "char")) == text for pair in pairs for text in pair)


def test_what_is_no_text_is_refused():
    with pytest.raises(TypeError, match="text is of type bytes, expected a string"):
        prepare_text(b"a", "char")
