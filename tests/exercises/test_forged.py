"""Whatever comes back as an answer is judged, and what was not computed earns nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqmem.exercises import (
    Answer,
    Trouble,
    exercise_named,
    judge,
    packed,
    questions,
    unpacked,
)

NAMES = st.sampled_from(["x", "h_prev", "W_x", "W", "b", "params", "dW_x", "keys", "tokens", "given"])
LEAVES: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.text(max_size=3),
    st.floats(),
    st.integers(-(10**30), 10**30),
    st.complex_numbers(),
    st.sampled_from(
        [
            np.zeros((0, 3)),
            np.array([[True, False]]),
            np.ones((3, 5)),
            np.full((4, 7, 5), np.inf),
            np.arange(4, dtype=np.uint8),
            np.ones((4, 3, 5), np.complex64),
        ]
    ),
)
NESTS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(NAMES, inner, max_size=4),
    ),
    max_leaves=8,
)
ANSWERS = st.one_of(
    st.builds(Answer, st.lists(NESTS, max_size=4).map(tuple), st.just(("x",)), st.floats(0, 1)),
    st.builds(
        lambda kind: Answer(trouble=Trouble(kind, "", ())), st.sampled_from(["time", "error", "other"])
    ),
)


@pytest.mark.parametrize(
    "name",
    ["embedding_backward", "lstm_step_forward", "beam_search", "own_cell"],
)
@settings(max_examples=25)
@given(st.data())
def test_a_forged_answer_is_judged_and_earns_nothing(name: str, data: st.DataObject) -> None:
    exercise = exercise_named(name)
    asked = questions(exercise, np.random.default_rng(0))
    forged = data.draw(st.lists(ANSWERS, max_size=len(asked)))
    report = judge(exercise, asked, forged)
    assert not report.passed
    assert report.score == 0
    assert str(report)
    assert report._repr_html_()
    assert report.to_json()


@given(NESTS)
def test_a_plain_value_comes_back_from_json_as_it_went(value: Any) -> None:
    again = unpacked(packed(value))
    np.testing.assert_equal(again, value)
    assert type(again) is type(value)


@pytest.mark.parametrize(
    "forged",
    [
        [],
        {},
        {"array": ["|O", [1], "AAAAAAAAAAA="]},
        {"array": ["<f8", [2], "AAAAAAAAAAA="]},
        {"array": ["<f8", [-1], "?"]},
        {"float": "1"},
        {"float": 1},
        {"tuple": 3},
        {"Answer": [1, 2, 3, 4, 5, 6]},
        {"eval": "1"},
        {"dict": [["a"]]},
    ],
)
def test_what_was_not_packed_is_refused_or_plain(forged: Any) -> None:
    try:
        found = unpacked(forged)
    except ValueError:
        return
    assert found == 1.0
