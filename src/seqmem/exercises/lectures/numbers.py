"""Random inputs of an exercise, drawn by the letters of their axes."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from seqmem.exercises.exercise import Draw

SPREAD = 0.8  # large enough for the curvature of tanh, small enough for gradients that can be seen


def drawn(axes: dict[str, str], gates: int = 0, masked: str = "", **whole: tuple[str, str]) -> Draw:
    """Return a function that draws arrays of real numbers, tokens and a mask.

    Args:
        axes: for each array a letter for each of its axes; G is the gates' axis.
        gates: the number of gates.
        masked: the name of a mask (T, B) or (S, B); "" for none.
        **whole: for each array of whole numbers its axes, and the letter of the size below which they lie.
    """
    return partial(_draw, axes=axes, gates=gates, masked=masked, whole=whole)


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Return normal numbers of an array's shape."""
    return np.asarray(SPREAD * rng.standard_normal(shape))


def tokens(rng: np.random.Generator, shape: tuple[int, ...], below: int) -> Any:
    """Return integers of which the first occurs again in the next row and in its own row."""
    found = rng.integers(below, size=shape)
    found[-1] = found[0]
    return found


def mask(rng: np.random.Generator, steps: int, batch: int) -> Any:
    """Return a mask (steps, batch) of sequences of unequal lengths, one of which is full."""
    lengths = rng.integers(1, steps + 1, size=batch)
    lengths[:3] = [steps, steps - 2, steps - 1][
        :batch
    ]  # of 3 rows and 4 steps 9 count: no multiple of either
    return np.arange(steps)[:, None] < rng.permutation(lengths)


def _draw(
    rng: np.random.Generator,
    sizes: dict[str, int],
    axes: dict[str, str],
    gates: int,
    masked: str,
    whole: dict[str, tuple[str, str]],
) -> dict[str, Any]:
    sizes = sizes | {"G": gates}
    found = {name: normal(rng, tuple(sizes[letter] for letter in letters)) for name, letters in axes.items()}
    for name, (letters, below) in whole.items():
        found[name] = tokens(rng, tuple(sizes[letter] for letter in letters), sizes[below])
    if masked:
        letters = "S" if "keys" in axes else "T"
        found[masked] = mask(rng, sizes[letters], sizes["B"])
    return found
