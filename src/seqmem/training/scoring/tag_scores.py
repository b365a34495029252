"""Entities in sequences of tags, such as names in a sentence, and their F1 score."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from seqmem.training.scoring.scores import Average, Counts, averaged
from seqmem.validation import as_list, brief


class Entity(NamedTuple):
    """A run of steps with one label, from `start` up to but not including `stop`."""

    label: str
    start: int
    stop: int


def entities(tags: Any) -> list[Entity]:
    """Return the entities in a sequence of tags: IOB1, IOB2, IOE, IOBES, or BILOU with L for E and U for S.

    A tag is "O", outside, or a letter, "-" and a label: B begins an entity, I is inside, E ends it, S is an
    entity of a single step. A tag that continues an entity without a beginning begins one, as in conlleval.

    Args:
        tags: (T,) strings.

    Raises:
        TypeError: for a tag that is not a string.
        ValueError: for a tag of another form, with the step.

    >>> entities(["B-PER", "I-PER", "O", "B-LOC"])
    [Entity(label='PER', start=0, stop=2), Entity(label='LOC', start=3, stop=4)]
    """
    return _entities(tags, "entities", "tags")


def entity_f1_score(predictions: Any, targets: Any, *, average: Average | None = "micro") -> Any:
    """Return the F1 score of entities, which are right if label, start and end are right (CoNLL-2003).

    Args:
        predictions: the tags of each sequence, a list of lists of strings.
        targets: the correct tags, in the same form.
        average: "micro", all entities together; "macro" or "weighted", the mean over labels; None for a dict
            with the score of each label.

    Raises:
        TypeError, ValueError: for anything but tags of the same numbers of sequences and steps, with the row;
            for another average.

    >>> found, right = [["B-PER", "O", "B-LOC"]], [["B-PER", "I-PER", "B-LOC"]]
    >>> entity_f1_score(found, right)
    0.5
    >>> entity_f1_score(found, right, average=None)
    {'LOC': 1.0, 'PER': 0.0}
    """
    caller = "entity_f1_score"
    rows = [
        as_list(value, caller, name, "a list of lists of tags")
        for name, value in (("predictions", predictions), ("targets", targets))
    ]
    if len(rows[0]) != len(rows[1]):
        raise ValueError(f"{caller}: there are {len(rows[0])} predictions for {len(rows[1])} targets")
    found, expected, right = Counter[str](), Counter[str](), Counter[str]()
    for row, (ours, theirs) in enumerate(zip(*rows, strict=True)):
        ours = as_list(ours, caller, f"predictions[{row}]", "a list of tags")
        theirs = as_list(theirs, caller, f"targets[{row}]", "a list of tags")
        if len(ours) != len(theirs):
            raise ValueError(
                f"{caller}: predictions[{row}] has {len(ours)} tags, expected {len(theirs)}: those of "
                f"targets[{row}]"
            )
        one = set(_entities(ours, caller, f"predictions[{row}]"))
        other = set(_entities(theirs, caller, f"targets[{row}]"))
        for counter, members in ((found, one), (expected, other), (right, one & other)):
            counter.update(entity.label for entity in members)
    labels = sorted(found.keys() | expected.keys())
    counts = {label: Counts(right[label], found[label], expected[label]) for label in labels}
    return averaged(counts, average, caller)


def _entities(tags: Any, caller: str, name: str) -> list[Entity]:
    found, start = [], 0
    before, label_before = "O", ""
    parsed = [
        _parse(tag, caller, f"{name}[{t}]") for t, tag in enumerate(as_list(tags, caller, name, "tags"))
    ]
    for t, (letter, label) in enumerate([*parsed, ("O", "")]):
        goes_on = letter in "IE" and before in "BI" and label == label_before
        if not goes_on:
            if before != "O":
                found.append(Entity(label_before, start, t))
            start = t
        before, label_before = letter, label
    return found


def _parse(tag: Any, caller: str, name: str) -> tuple[str, str]:
    """Return the letter and the label of a tag."""
    if not isinstance(tag, str):
        raise TypeError(f"{caller}: {name} is {brief(repr(tag))}, expected a string")
    letter, dash, label = tag.partition("-")
    letter = {"L": "E", "U": "S"}.get(letter, letter)
    if tag == "O" or (letter in ("B", "I", "E", "S") and bool(dash) == bool(label)):
        return letter, label
    raise ValueError(f"{caller}: {name} is {brief(repr(tag))}, expected 'O' or a tag such as 'B-PER'")
