"""The memory of a pass: for every value that a step leaves behind, one block of rows.

What decides its form is time: of a pass at T, B, D, H = 50, 32, 64, 128 a third went into memory before.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from seqmem.module import Array

State = Any  # the array h (B, H), or a named tuple of such arrays

# glibc returns the top of its heap to the operating system as soon as it exceeds twice the largest block that
# was ever freed. A pass frees a dozen of one size, so the next pass would come by all their pages anew. To
# have freed a large one, of which no page was touched, is all it takes (mallopt(3), the dynamic mmap
# threshold; more than 32 MiB does not count). Elsewhere, or with these bounds in the environment, it does
# nothing.
np.empty(31 << 20, np.uint8)


class Tape(NamedTuple):
    """What N rows of steps leave behind for the backward pass."""

    kept: Array  # (K, N, H): x's pre-activations in the first G blocks, then the gates and further values
    states: State  # (B + N, H) each: the initial state's B rows, then the state after every row


def empty_blocks(n_blocks: int, n_rows: int, hidden_size: int, dtype: Any, batch_size: int) -> Array:
    """(n_blocks, n_rows, H) in one piece, uninitialised.

    Each block is contiguous, as products over all rows want it. With one sequence alone the blocks of a row
    lie side by side instead: all that a step touches is then one piece.
    """
    if batch_size == 1:
        return np.empty((n_rows, n_blocks, hidden_size), dtype).swapaxes(0, 1)
    return np.empty((n_blocks, n_rows, hidden_size), dtype)
