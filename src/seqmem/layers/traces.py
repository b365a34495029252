"""The values and gradients at every step, by name: the very arrays of the forward and backward pass."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.cells import Cell
from seqmem.cells.tape import Record, Tape
from seqmem.module import Array

Trace = dict[str, Array]


def values_of(cell: Cell[Any], tape: Tape) -> Trace:
    """Return gates, further values and states of all N rows, (N, H) each, and traced pre-activations.

    The names are the cell's own: "i", "f", "o", "g", "c", "tanh_c", "h" for an LSTM, "r", "z", "n", "h" for a
    GRU, "h" for an RNN; "a_i" is the pre-activation of "i", and "a" the pre-activation of an RNN.
    """
    gates, kept, fields, _, traced = tape.layout[:5]
    rank = {"c": 0, "h": 2}  # gates, then c, then the other values, then h
    others = sorted((*kept, *fields), key=lambda name: rank.get(name, 1))
    values = {name: tape.array(name) for name in (*gates, *others)}
    if traced:
        values |= zip(pre_activation_names(cell), cell.true_pre_activations(tape), strict=True)
    return values


def gradients_of(cell: Cell[Any], back: Tape, record: Record) -> Trace:
    """Return the gradients of states and pre-activations of all N rows, (N, H) each."""
    fields = back.layout.fields
    parts = [list(part) for part in zip(*reversed(record), strict=True)] or [[] for _ in fields]
    empty = np.zeros((0, cell.hidden_size), back.room.dtype)
    values = {name: np.concatenate([empty, *part]) for name, part in zip(fields, parts, strict=True)}
    names = pre_activation_names(cell)
    return values | {name: back.array(f"d_{name}") for name in names}


def pre_activation_names(cell: Cell[Any]) -> list[str]:
    """Return "a_i", ... in the order of the gates; "a" for a cell without gates."""
    return [f"a_{gate}" for gate in cell.gates] or ["a"]
