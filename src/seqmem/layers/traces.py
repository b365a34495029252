"""What happened at every step, by name: the arrays that the passes themselves computed with."""

from __future__ import annotations

import numpy as np

from seqmem.cells import Cell, State
from seqmem.cells.tape import Tape
from seqmem.module import Array, tree_leaves

Trace = dict[str, Array]


def values_of(cell: Cell, tape: Tape) -> Trace:
    """Gates, further values and states of all N rows, (N, H) each; pre-activations where the tape is traced.

    Names are the cell's own: "i", "f", "o", "g", "c", "tanh_c", "h" of an LSTM, "r", "z", "n", "h" of a GRU,
    "h" of an RNN; "a_i" is the pre-activation of "i", and "a" that of an RNN.
    """
    kept, states = tape
    B = len(cell.output(states)) - kept.shape[1]
    named = dict(zip(cell.kept, kept, strict=False))
    named |= {name: part[B:] for name, part in parts_of(states)}
    rank = {"c": 0, "h": 2}  # gates, then c, then what else is kept, then h
    others = sorted((name for name in named if name not in cell.gates), key=lambda name: rank.get(name, 1))
    values = {name: named[name] for name in (*cell.gates, *others)}
    if len(kept) > len(cell.kept):
        values |= dict(zip(pre_activation_names(cell), cell.pre_activations(kept), strict=True))
    return values


def pre_activation_names(cell: Cell) -> list[str]:
    """ "a_i", ... in the order of the gates; "a" of a cell without gates."""
    return [f"a_{gate}" for gate in cell.gates] or ["a"]


def parts_of(state: State) -> list[tuple[str, Array]]:
    """The named parts of a state: h, and c of an LSTM."""
    return [(name.rpartition(".")[2], part) for name, part in tree_leaves(state, "h")]


def note(seen: Trace, state: State, rows: slice, n_rows: int) -> None:
    """Keep a step's parts of a state among those of all N rows."""
    for name, part in parts_of(state):
        if name not in seen:
            seen[name] = np.zeros((n_rows, part.shape[1]), part.dtype)
        seen[name][rows] = part
