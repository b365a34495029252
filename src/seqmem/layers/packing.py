"""Sequences of unequal lengths as rows without padding.

The batch is sorted by length, longest first, and the steps are stored one after the other. The sequences
that have a step t are then a prefix of the batch, and step t is one contiguous block of rows:

    lengths 1, 3, 2      step 0: rows of b = 1, 2, 0      step 1: b = 1, 2      step 2: b = 1

Padding is never read, so it cannot have an effect and costs no time. A reversed layer reads each sequence
from the sequence's own end: only the index changes, not the loop.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seqmem.cells.tape import Run
from seqmem.module import Array

Index = slice | Array


class Packing(NamedTuple):
    """The origin of each of N rows: a slice if the order is unchanged, otherwise an index array."""

    batch: Index  # (B,) the batch sorted by length
    rows: Index  # (N,) the index of each packed row among the T·B padded rows
    before: Array | None  # (N,) the tape's index of the state before each row; None if it is B rows above
    final: Index  # (B,) the index of each sequence's final state, in the caller's order
    runs: list[Run]  # in order; the steps of a run have the same sequences

    def pack(self, padded: Array) -> Array:
        """Convert (T, B, F) to (N, F)."""
        return padded.reshape(-1, padded.shape[-1])[self.rows]

    def unpack(self, rows: Array, shape: tuple[int, int]) -> Array:
        """Convert (N, F) to (T, B, F), with zeros in the padding."""
        if isinstance(self.rows, slice):  # the tape of a single sequence is not contiguous
            return np.ascontiguousarray(rows).reshape(*shape, rows.shape[-1])
        padded = np.zeros((shape[0] * shape[1], rows.shape[-1]), rows.dtype)
        padded[self.rows] = rows
        return padded.reshape(*shape, rows.shape[-1])

    def unsort(self, values: Array) -> Array:
        """Convert (B, F) from the packed order to the caller's order."""
        if isinstance(self.batch, slice):
            return values
        unsorted = np.empty_like(values)
        unsorted[self.batch] = values
        return unsorted


def pack(T: int, B: int, lengths: Array | None = None, reverse: bool = False) -> Packing:
    """Lay out the rows of B sequences of up to T steps; if lengths is None, all have T steps."""
    if lengths is None and not reverse:
        runs = [Run(0, T, B, 0)]
        return Packing(slice(None), slice(None), None, slice(T * B, (T + 1) * B), runs)
    if lengths is None:
        rows = np.arange(T * B).reshape(T, B)[::-1].reshape(-1)
        return Packing(slice(None), rows, None, slice(T * B, (T + 1) * B), [Run(0, T, B, 0)])
    T = int(lengths.max(initial=0))  # the length of the longest sequence
    batch = np.argsort(-lengths, kind="stable")
    rank = np.argsort(batch, kind="stable")
    running = (lengths[None, :] > np.arange(T)[:, None]).sum(axis=1)  # (T,) sequences that have a step t
    start = np.concatenate([[0], np.cumsum(running)])  # (T + 1,) first row of each step
    time = np.repeat(np.arange(T), running)
    place = np.arange(start[-1]) - start[time]  # the row's position within its step
    source = batch[place]
    read = lengths[source] - 1 - time if reverse else time
    before = np.where(time == 0, place, B + start[time - 1] + place)
    last = np.maximum(lengths - 1, 0)
    final = np.where(lengths == 0, rank, B + start[last] + rank)
    starts, runs = start.tolist(), []
    for t, n in enumerate(running.tolist()):
        state = B + starts[t - 1] if t else 0  # the index of the first state before step t
        if runs and n == runs[-1].n and state == runs[-1].before + runs[-1].n_steps * n:
            runs[-1] = runs[-1]._replace(n_steps=runs[-1].n_steps + 1)
        else:
            runs.append(Run(starts[t], 1, n, state))
    return Packing(batch, read * B + source, before, final, runs)
