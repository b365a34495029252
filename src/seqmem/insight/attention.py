"""Attention weights with their symbols, from a Translation or from separate arguments."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seqmem.module import Array
from seqmem.tasks.translator import Translation
from seqmem.validation import as_floats, as_texts


def as_attention(
    weights: Translation | Array,
    source: Sequence[str] | None,
    target: Sequence[str] | None,
    caller: str,
) -> tuple[Array, list[str], list[str]]:
    """Return weights (T, S) in float64, S source symbols and T target symbols.

    Raises:
        TypeError: for symbols that are not lists of strings, or None without a Translation.
        ValueError: for weights whose shape does not match the symbols.
    """
    if isinstance(weights, Translation):
        source = weights.source if source is None else source
        target = weights.target if target is None else target
        weights = weights.weights
    source, target = as_texts(source, caller, "source"), as_texts(target, caller, "target")
    axes = ((len(target), "the number of target symbols"), (len(source), "the number of source symbols"))
    return as_floats(weights, np.dtype(np.float64), axes, caller, "weights"), source, target
