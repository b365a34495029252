"""The memory of a pass: for every value that a step leaves behind, one block of rows.

What decides its form is time: a third of a pass can go into coming by its memory (docs/performance.md).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from seqmem.module import Array

State = Any  # the array h (B, H), or a named tuple of such arrays


class Tape(NamedTuple):
    """What N rows of steps leave behind for the backward pass."""

    # (K, N, H): pre-activations, then the gates in their place, in the first G blocks, and further values. Of
    # a traced pass G blocks more, where the pre-activations stay.
    kept: Array
    states: State  # (B + N, H) each: the initial state's B rows, then the state after every row


def keep_freed_memory() -> None:
    """Let the process keep the memory that a pass frees, for the next pass.

    glibc returns the top of its heap to the operating system as soon as it exceeds twice the largest block
    that was ever freed. A pass frees a dozen of one size, so the next would come by all their pages anew. To
    have freed a large block once, of which no page was touched, is all it takes (mallopt(3), the dynamic mmap
    threshold; more than 32 MiB does not count). Elsewhere, or with these bounds in the environment, it does
    nothing.
    """
    np.empty(31 << 20, np.uint8)


keep_freed_memory()


def empty_blocks(n_blocks: int, n_rows: int, hidden_size: int, dtype: Any, batch_size: int) -> Array:
    """(n_blocks, n_rows, H) in one piece, uninitialised.

    Each block is contiguous, as products over all rows want it. With one sequence alone the blocks of a row
    lie side by side instead: all that a step touches is then one piece.
    """
    if batch_size == 1:
        return np.empty((n_rows, n_blocks, hidden_size), dtype).swapaxes(0, 1)
    return np.empty((n_blocks, n_rows, hidden_size), dtype)
