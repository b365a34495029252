"""Limits on the size of a batch including padding, so that one long line cannot take gigabytes."""

from __future__ import annotations

from collections.abc import Iterable

from seqmem.validation import as_size

LOOKS = 256  # attention stores rows S T weights (source position, decoder step): at most this many per symbol


def default_max_symbols(batch_size: int) -> int:
    """Return the default maximum number of symbols on each side of a batch, including padding.

    Batches of sequences of up to 256 symbols are never split by this limit, and it is at least 16,384.

    Args:
        batch_size: the maximum number of sequences in a batch.

    >>> default_max_symbols(64), default_max_symbols(1000)
    (16384, 256000)
    """
    return max(64, as_size(batch_size, "default_max_symbols", "batch_size")) * LOOKS


def fits(rows: int, source_steps: int, target_steps: int, max_symbols: int) -> bool:
    """Return whether a batch of these sizes is within the limits of symbols and of attention weights.

    >>> fits(64, 256, 256, max_symbols=16384), fits(1, 3000, 3000, max_symbols=16384)
    (True, False)
    """
    symbols = rows * max(source_steps, target_steps)
    return symbols <= max_symbols and rows * source_steps * target_steps <= LOOKS * max_symbols


def too_long(source_steps: int, target_steps: int, max_symbols: int) -> str:
    """Return why a pair fits no batch; an empty string for one that fits."""
    if fits(1, source_steps, target_steps, max_symbols):
        return ""
    longest = max(source_steps, target_steps)
    if longest > max_symbols:
        side = "source" if longest == source_steps else "target"
        return f"the {side} has {longest:,} symbols, expected at most {max_symbols:,}"
    return (
        f"{source_steps:,} source symbols times {target_steps:,} target symbols are "
        f"{source_steps * target_steps:,}, expected at most {LOOKS * max_symbols:,}: {LOOKS} max_symbols"
    )


def cut_by_symbols(steps: Iterable[tuple[int, int]], batch_size: int, max_symbols: int) -> list[slice]:
    """Return runs of at most batch_size sequences that fit one batch; a sequence that fits none is alone.

    Args:
        steps: source steps and target steps of each sequence, in order.
        batch_size: the maximum number of sequences per run.
        max_symbols: the maximum number of symbols of a run on each side, including padding.

    >>> cut_by_symbols([(2, 1), (2, 1), (2, 1), (9, 1), (1, 1)], batch_size=3, max_symbols=6)
    [slice(0, 3, None), slice(3, 4, None), slice(4, 5, None)]
    """
    cuts: list[slice] = []
    start = end = longest_source = longest_target = 0
    for end, (source, target) in enumerate(steps, start=1):
        longest_source, longest_target = max(longest_source, source), max(longest_target, target)
        rows = end - start
        if rows > 1 and (rows > batch_size or not fits(rows, longest_source, longest_target, max_symbols)):
            cuts.append(slice(start, end - 1))
            start, longest_source, longest_target = end - 1, source, target
    return [*cuts, slice(start, end)] if end else []
