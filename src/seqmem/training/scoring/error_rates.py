"""Error rates: edits that turn predictions into targets, divided by the length of the targets.

    error rate = (substitutions + insertions + deletions) / symbols of the targets

Edits and symbols are summed over all pairs first. A rate may exceed 1.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

from seqmem.training.scoring.metrics import edit_distance
from seqmem.validation import as_list, as_texts


def character_error_rate(predictions: Iterable[str], targets: Iterable[str]) -> float:
    """Return the error rate of characters, without the white space at both ends of a text.

    Args:
        predictions: texts.
        targets: the correct texts, in the same order.

    Raises:
        TypeError: for anything but texts.
        ValueError: for lists of different lengths, or targets without a character.

    >>> character_error_rate(["chat", "lune"], ["chats", "lune"])
    0.1111111111111111
    """
    return _rate(predictions, targets, str.strip, "character_error_rate", "character")


def word_error_rate(predictions: Iterable[str], targets: Iterable[str]) -> float:
    """Return the error rate of words, which white space separates.

    Args:
        predictions: texts.
        targets: the correct texts, in the same order.

    Raises:
        TypeError: for anything but texts.
        ValueError: for lists of different lengths, or targets without a word.

    >>> word_error_rate(["the cat sat", "a dog"], ["the cat", "a dog barks"])
    0.4
    """
    return _rate(predictions, targets, str.split, "word_error_rate", "word")


def phoneme_error_rate(
    predictions: Iterable[Sequence[Hashable]], targets: Iterable[Sequence[Hashable]]
) -> float:
    """Return the error rate of phonemes, or of other symbols.

    Args:
        predictions: a sequence of phonemes for each word.
        targets: the correct sequences, in the same order.

    Raises:
        TypeError: for anything but sequences; a string would count its characters.
        ValueError: for lists of different lengths, or targets without a phoneme.

    >>> phoneme_error_rate([["K", "AE"], ["D", "AO", "G"]], [["K", "AE", "T"], ["D", "AO", "G"]])
    0.16666666666666666
    """
    caller = "phoneme_error_rate"
    found, right = (
        [
            as_list(one, caller, f"{name}[{position}]", "a list of phonemes")
            for position, one in enumerate(as_list(values, caller, name, "a list of lists of phonemes"))
        ]
        for name, values in (("predictions", predictions), ("targets", targets))
    )
    return _of_sequences(found, right, caller, "phoneme")


def _rate(
    predictions: Any, targets: Any, split: Callable[[str], Sequence[str]], caller: str, unit: str
) -> float:
    found = [split(text) for text in as_texts(predictions, caller, "predictions")]
    right = [split(text) for text in as_texts(targets, caller, "targets")]
    return _of_sequences(found, right, caller, unit)


def _of_sequences(
    found: Sequence[Sequence[Hashable]], right: Sequence[Sequence[Hashable]], caller: str, unit: str
) -> float:
    if len(found) != len(right):
        raise ValueError(f"{caller}: predictions has {len(found)} entries, expected {len(right)} as targets")
    symbols = sum(map(len, right))
    if symbols == 0:
        raise ValueError(f"{caller}: mean of nothing: targets hold no {unit}")
    return sum(map(edit_distance, found, right)) / symbols
