"""Heat maps made of text."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmem.insight import attention_heatmap
from seqmem.insight.folding import display_width
from seqmem.insight.heatmap import _printable
from seqmem.tasks.translator import Translation

symbols = st.lists(st.text("abcąé漢", min_size=1, max_size=4), min_size=1, max_size=5)


@given(source=symbols, target=symbols, seed=st.integers(0, 99))
def test_there_is_a_line_for_the_source_and_one_for_each_target_symbol(
    source: list[str], target: list[str], seed: int
) -> None:
    weights = np.random.default_rng(seed).dirichlet(np.ones(len(source)), size=len(target))
    lines = attention_heatmap(weights, source, target).split("\n")
    assert len(lines) == 1 + len(target)
    assert all(line.startswith(symbol) for line, symbol in zip(lines[1:], target, strict=True))


def test_a_darker_cell_is_a_larger_weight() -> None:
    weights = np.array([[0.0, 0.25, 0.5, 0.75, 1.0]])
    assert attention_heatmap(weights, list("abcde"), ["x"]) == "  abcde\nx  ░▒▓█"
    assert attention_heatmap(weights, list("abcde"), ["x"], ascii_only=True) == "  abcde\nx  .:*#"


def test_the_cells_of_a_word_are_as_wide_as_the_word() -> None:
    assert attention_heatmap(np.array([[0.0, 1.0]]), ["the", "cat"], ["le"]) == "   the cat\nle     ███"


def test_a_wide_character_has_a_wide_cell() -> None:
    assert attention_heatmap(np.array([[0.0, 1.0]]), ["漢", "字"], ["x"]) == "  漢字\nx   ██"


def test_a_control_character_cannot_move_the_cursor() -> None:
    drawn = attention_heatmap(np.ones((1, 1)), ["\x1b"], ["\r"])
    assert "\x1b" not in drawn
    assert "\r" not in drawn


def test_nothing_to_look_at_gives_an_empty_map() -> None:
    assert attention_heatmap(np.zeros((1, 0)), [], ["x"]).split("\n") == ["", "x"]
    assert attention_heatmap(np.zeros((0, 1)), ["a"], []) == " a"


def test_a_translation_brings_its_weights_and_symbols() -> None:
    found = Translation("la", ["l", "a"], ["A", "b", "c"], -1.0, np.eye(3)[:, :2], ended=True)
    assert attention_heatmap(found) == attention_heatmap(found.weights, found.source, found.target)
    assert attention_heatmap(found) == "  la\nA █\nb  █\nc"


def test_given_symbols_take_the_place_of_a_translations() -> None:
    found = Translation("la", ["l", "a"], ["x"], -1.0, np.array([[0.0, 1.0]]), ended=True)
    assert attention_heatmap(found, source=["1", "2"]) == "  12\nx  █"
    with pytest.raises(ValueError, match=r"weights has shape \(1, 2\), expected \(1, 3\)"):
        attention_heatmap(found, source=["1", "2", "3"])


def test_weights_alone_need_their_symbols() -> None:
    with pytest.raises(TypeError, match="target is of type NoneType, expected a list of strings"):
        attention_heatmap(np.ones((1, 1)), ["a"])


def test_weights_of_another_shape_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"weights has shape \(2, 1\), expected \(1, 2\)"):
        attention_heatmap(np.ones((2, 1)), ["a", "b"], ["x"])


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("สวัสดี", 4),  # vowels above: category Mn, combining class 0
        ("สวัสดีครับ", 7),
        ("e\u0301", 1),
        ("a\u20dd", 1),  # an enclosing circle: category Me
        ("हिन्दी", 5),  # a spacing vowel sign takes a column, a virama none
        ("漢字", 4),
        ("ｶﾅ", 2),
        ("ＡＢ", 4),
        ("\u1112\u1161\u11ab", 2),  # one Hangul syllable of three jamo
        ("👍\ufe0f", 2),
    ],
)
def test_the_width_of_a_text_is_what_a_terminal_gives_it(text: str, columns: int) -> None:
    assert display_width(text) == columns
    assert attention_heatmap(np.ones((1, 2)), [text, "x"], ["y"]) == f"  {text} x\ny {'█' * columns} █"


def test_every_mark_of_unicode_is_drawn_over_its_base() -> None:
    marks = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in ("Mn", "Me")]
    assert {display_width("a" + mark) for mark in marks} == {1}


@pytest.mark.parametrize("mark", ["\u0301", "ั", "\u20dd", "\u1161"])
def test_a_mark_that_is_a_symbol_of_its_own_has_a_column_of_its_own(mark: str) -> None:
    assert attention_heatmap(np.array([[0, 1, 0]]), ["ส", mark, "ส"], ["x"]) == f"  ส◌{mark}ส\nx  █"
    assert attention_heatmap(np.array([[1.0], [0.5]]), ["x"], [mark, "ส"]) == f"  x\n◌{mark} █\nส ▒"


@given(symbols=st.lists(st.text(min_size=1, max_size=3), min_size=1, max_size=6), width=st.integers(8, 30))
def test_a_map_of_any_symbols_lines_up_and_fits(symbols: list[str], width: int) -> None:
    drawn = attention_heatmap(np.ones((1, len(symbols))), symbols, ["x"], width=width)
    shaded = 0
    for part in drawn.split("\n\n"):
        head, row = part.split("\n")
        assert display_width(row) >= display_width(head)
        assert max(map(display_width, (head, row))) <= width
        shaded += row.count("█")
    assert shaded == sum(display_width(symbol) for symbol in map(_printable, symbols))


def test_a_map_that_is_too_wide_continues_below_with_its_row_names() -> None:
    drawn = attention_heatmap(np.eye(4)[:2], ["le", "chat", "est", "là"], ["the", "cat"], width=11)
    assert drawn == "    le chat\nthe ██\ncat    ████\n\n    est là\nthe\ncat"
