"""Heat maps made of text."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmem.insight import attention_heatmap

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


def test_weights_of_another_shape_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"weights has shape \(2, 1\), expected \(1, 2\)"):
        attention_heatmap(np.ones((2, 1)), ["a", "b"], ["x"])
