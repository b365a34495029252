"""Entities in tags of every scheme; tests/oracles holds the scores against seqeval's."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmem.training import Entity, entities, entity_f1_score

pytestmark = pytest.mark.quick


@st.composite
def sentences(draw: st.DrawFn) -> tuple[list[Entity], int]:
    """Entities that do not overlap, in order, and the number of steps."""
    found, t = [], 0
    for label, gap, length in draw(
        st.lists(st.tuples(st.sampled_from("XY"), st.integers(0, 2), st.integers(1, 3)), max_size=4)
    ):
        found.append(Entity(label, t + gap, t + gap + length))
        t = found[-1].stop
    return found, t + draw(st.integers(0, 2))


def tags(found: list[Entity], steps: int, letters: str) -> list[str]:
    """The tags of entities: of a single step, the first, those inside, and the last."""
    single, first, inside, last = letters
    written = ["O"] * steps
    for label, start, stop in found:
        for t in range(start, stop):
            letter = first if t == start else last if t == stop - 1 else inside
            written[t] = f"{single if stop - start == 1 else letter}-{label}"
    return written


@given(sentences(), st.sampled_from(["BBII", "SBIE", "UBIL"]))
def test_entities_come_back_from_their_tags_in_every_scheme(drawn: Any, letters: str) -> None:
    found, steps = drawn
    assert entities(tags(found, steps, letters)) == found


def test_what_goes_on_without_having_begun_begins_there() -> None:
    assert entities(["I-X", "I-X", "I-Y", "O", "E-Y"]) == [("X", 0, 2), ("Y", 2, 3), ("Y", 4, 5)]
    assert entities(["B", "I", "O"]) == [("", 0, 2)]
    assert entities([]) == []


@given(sentences())
def test_the_right_entities_have_the_score_1(drawn: Any) -> None:
    found, steps = drawn
    sentence = [tags(found, steps, "BBII")]
    assert entity_f1_score(sentence, sentence) == (1 if found else 0)
    assert set(entity_f1_score(sentence, sentence, average=None)) == {entity.label for entity in found}


def test_half_an_entity_is_none() -> None:
    assert entity_f1_score([["B-X", "O"]], [["B-X", "I-X"]]) == 0


@pytest.mark.parametrize(
    ("found", "right", "error", "message"),
    [
        ([["O"]], [["O"], ["O"]], ValueError, "there are 1 predictions for 2 targets"),
        ([["O"], ["O"]], [["O"], ["O", "O"]], ValueError, r"predictions\[1\] has 1 tags, expected 2"),
        ([["O", "PER"]], [["O", "O"]], ValueError, r"predictions\[0\]\[1\] is 'PER', expected 'O' or a tag"),
        ([["O"]], [["B-"]], ValueError, r"targets\[0\]\[0\] is 'B-'"),
        ([[1]], [["O"]], TypeError, r"predictions\[0\]\[0\] is 1, expected a string"),
        ("O", [["O"]], TypeError, "predictions is of type str"),
    ],
)
def test_what_are_no_tags_is_refused_with_its_place(
    found: Any, right: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=f"entity_f1_score: {message}"):
        entity_f1_score(found, right)
