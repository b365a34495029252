"""The labels of a classifier or tagger, and their ids."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from seqmem.module import Array
from seqmem.validation import as_list, brief

Label = str | int | bool


class Labels:
    """A fixed order of labels: strings or integers, numbered from 0.

    Args:
        values: the labels in their order, each once; `build` takes the labels of examples instead.

    >>> labels = Labels.build(["spam", "ham", "spam"])
    >>> labels.encode(["spam", "ham"], "example", "label"), labels.decode(np.array([0]))
    (array([1, 0]), ['ham'])
    """

    def __init__(self, values: Iterable[Label]) -> None:
        found = as_list(values, "Labels", "values", "a list of labels")
        self.values = [as_label(value, "Labels", "values", k) for k, value in enumerate(found)]
        self._ids = {value: k for k, value in enumerate(self.values)}
        if len(self._ids) != len(self.values):
            raise ValueError("Labels: values holds a label twice")

    @classmethod
    def build(cls, values: Iterable[Any], caller: str = "Labels.build", name: str = "values") -> Labels:
        """Return the different labels among the values, in order: integers before strings.

        Raises:
            TypeError: for a label that is neither a string nor an integer.
            ValueError: for fewer than two different labels.
        """
        found = {as_label(value, caller, name, k) for k, value in enumerate(values)}
        if len(found) < 2:
            shown = ", ".join(map(repr, found)) or "none"
            raise ValueError(
                f"{caller}: {name} holds one label, {shown}, expected at least two different ones"
            )
        return cls(sorted(found, key=lambda value: (isinstance(value, str), value)))

    def encode(self, values: Iterable[Any], caller: str, name: str) -> Array:
        """Return the ids of labels, (N,).

        Raises:
            ValueError: for a label that did not occur in training; the message names its position.
        """
        ids = []
        for position, value in enumerate(values):
            label = as_label(value, caller, name, position)
            if label not in self._ids:
                known = brief(", ".join(map(repr, self.values)))
                raise ValueError(
                    f"{caller}: {name}[{position}] is {brief(repr(label))}, expected one of {known}"
                )
            ids.append(self._ids[label])
        return np.array(ids, np.intp)

    def decode(self, ids: Array) -> list[Label]:
        """Return the labels of ids."""
        return [self.values[k] for k in ids]

    def __len__(self) -> int:
        return len(self.values)


def as_label(value: Any, caller: str, name: str, position: int) -> Label:
    """Return a label as Python's own string or integer."""
    if isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, (str, int)):
        raise TypeError(
            f"{caller}: {name}[{position}] is {brief(repr(value))}, expected a label: a string or an integer"
        )
    return value


def as_examples(examples: Any, caller: str, what: str) -> tuple[list[Any], list[Any]]:
    """Return the inputs and the answers of (input, answer) pairs.

    Raises:
        TypeError: for anything but a list.
        ValueError: for empty examples, or one that is not a pair; the message names its position.
    """
    found = as_list(examples, caller, "examples", f"a list of pairs of {what}")
    if not found:
        raise ValueError(f"{caller}: examples is empty, expected at least one pair of {what}")
    for position, example in enumerate(found):
        if not isinstance(example, (tuple, list)) or len(example) != 2:
            came = brief(repr(example))
            raise ValueError(f"{caller}: examples[{position}] is {came}, expected a pair of {what}")
    return [one for one, _ in found], [other for _, other in found]
