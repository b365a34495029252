"""Masks: sequences of unequal lengths in one batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.exercises.cutting import equation_of
from seqmem.exercises.exercise import Exercise, Task
from seqmem.exercises.lectures import known
from seqmem.exercises.lectures.numbers import drawn, mask, normal

_HELD = {"new": "BH", "prev": "BH"}
_PADDED = {"xs": "TBD"}


def _lengths(rng: np.random.Generator, sizes: dict[str, int]) -> dict[str, Any]:
    return {"lengths": rng.integers(0, sizes["T"] + 1, size=sizes["B"]), "T": sizes["T"]}


def _states(rng: np.random.Generator, sizes: dict[str, int]) -> dict[str, Any]:
    valid = np.arange(sizes["B"]) % 2 == rng.integers(2)
    shape = (sizes["B"], sizes["H"])
    return {"new": normal(rng, shape), "prev": normal(rng, shape), "valid": valid}


def _padded(rng: np.random.Generator, sizes: dict[str, int]) -> dict[str, Any]:
    inputs = drawn(_PADDED)(rng, sizes) | {"mask": mask(rng, sizes["T"], sizes["B"])}
    inputs["xs"][~inputs["mask"]] = np.nan  # what stands in the padding may be anything
    return inputs


MASKS = Exercise(
    "masks",
    "Masks: sequences of unequal lengths",
    "RNN",
    (
        Task("length_mask", _lengths, ("mask",), has_cache=False, is_timed=False, known=known.LENGTH_MASK),
        Task("hold_forward", _states, ("h",), known=known.HOLD_FORWARD),
        Task("hold_backward", _states, ("h",), axes=_HELD, known=known.HOLD_BACKWARD),
        Task("zero_padding_forward", _padded, ("ys",), known=known.ZERO_PADDING_FORWARD),
        Task("zero_padding_backward", _padded, ("ys",), axes=_PADDED, known=known.ZERO_PADDING_BACKWARD),
    ),
    equation_of("seqmem.reference.masks"),
    "After the end of a sequence, its state does not change and its outputs are 0; a gradient goes to the "
    "array from which a value was selected.",
    25,
    (
        "A row of h is either a row of new or a row of prev. Where does the gradient of that row go?",
        "np.where selects: with valid[:, None] whole rows, with mask[:, :, None] whole vectors. Values that "
        "were not selected have the gradient 0.",
        "length_mask compares np.arange(T)[:, None] with the lengths. hold_backward and "
        "zero_padding_backward use the np.where of the forward pass, with d_h or d_ys instead of the "
        "values, and 0 on the other side. The cache is the mask.",
    ),
    (
        "Multiplying by the mask: the padding may contain any number, and 0 * NaN is NaN.",
        "A mask without an axis for the features.",
        "A gradient that goes to both new and prev.",
    ),
    "The gradient of a selection.",
)

EXERCISES = (MASKS,)
