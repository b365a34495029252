"""How large a batch may be, padding included, so that one long line costs no gigabytes."""

from __future__ import annotations

from collections.abc import Iterable

from seqmem.validation import as_size

LOOKS = 256  # attention keeps rows S T looks of decoder steps at source positions: at most these per symbol


def default_max_symbols(batch_size: int) -> int:
    """The most symbols on either side of a batch, padding included, when nobody says otherwise.

    Batches of sequences up to 256 symbols are never cut for it, and it is 16,384 at least.

    >>> default_max_symbols(64), default_max_symbols(1000)
    (16384, 256000)
    """
    return max(64, as_size(batch_size, "default_max_symbols", "batch_size")) * LOOKS


def fits(rows: int, source_steps: int, target_steps: int, max_symbols: int) -> bool:
    """Whether a batch of these sizes is within the bounds: its symbols on either side, and its looks.

    >>> fits(64, 256, 256, max_symbols=16384), fits(1, 3000, 3000, max_symbols=16384)
    (True, False)
    """
    symbols = rows * max(source_steps, target_steps)
    return symbols <= max_symbols and rows * source_steps * target_steps <= LOOKS * max_symbols


def too_long(source_steps: int, target_steps: int, max_symbols: int) -> str:
    """What is wrong with a pair that fits no batch; nothing for one that fits."""
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
    """Runs of at most batch_size sequences that fit one batch; what fits none is on its own.

    Args:
        steps: of the source and of the target, in the order of the sequences.
        batch_size: sequences in a run.
        max_symbols: of a run, on either side, padding included.

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
