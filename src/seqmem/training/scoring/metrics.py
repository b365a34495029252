"""The quality of a model, in numbers that are easy to interpret."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence, Sized

import numpy as np

from seqmem.data.batch import Batch
from seqmem.models.seq2seq import Seq2Seq
from seqmem.validation import as_list, check_iterable, check_type


def token_accuracy(model: Seq2Seq, batches: Iterable[Batch]) -> float:
    """Return the fraction of target tokens, including the end token, that the model ranks first.

    Each is predicted from the correct previous tokens (teacher forcing).

    Args:
        model: the model that predicts.
        batches: the sequences; positions under a batch's mask do not count.

    Raises:
        ValueError: if no token counts.
    """
    check_type(model, Seq2Seq, "token_accuracy", "model")
    right = total = 0
    for position, batch in enumerate(as_list(batches, "token_accuracy", "batches", "a list of Batch")):
        check_type(batch, Batch, "token_accuracy", f"batches[{position}]")
        (logits, _), _ = model.forward(batch.source, batch.inputs, lengths=batch.source_lengths)
        right += int(np.sum((logits.argmax(axis=-1) == batch.targets) & batch.mask))
        total += int(np.sum(batch.mask))
    if total == 0:
        raise ValueError("token_accuracy: mean of nothing: the batches hold no target token")
    return right / total


def edit_distance(found: Sequence[Hashable], right: Sequence[Hashable]) -> int:
    """Return the number of insertions, deletions and substitutions between sequences (Levenshtein, 1966).

    Args:
        found, right: sequences of hashable symbols: strings, or lists of words.

    >>> edit_distance("kitten", "sitting")
    3
    """
    for name, sequence in (("found", found), ("right", right)):
        check_iterable(sequence, "edit_distance", name, "a sequence")
        if not isinstance(sequence, Sized):
            raise TypeError(
                f"edit_distance: {name} is of type {type(sequence).__name__}, expected a sequence"
            )
    row = list(range(len(right) + 1))
    for i, symbol in enumerate(found, start=1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(right, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (symbol != other))
    return row[-1]
