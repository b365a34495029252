"""How much noise a recurrent layer has between its steps, drawn anew for each pass (cells/noise.py)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from seqmem.cells import Cell
from seqmem.cells.noise import QUIET, Noise
from seqmem.cells.tape import fields_of
from seqmem.initializers import Rng, as_generator
from seqmem.layers.packing import Packing
from seqmem.module import Array
from seqmem.validation import as_fraction


class Rates(NamedTuple):
    """Of recurrent dropout, and of zoneout on h and on c."""

    recurrent_dropout: float = 0.0
    zoneout_h: float = 0.0
    zoneout_c: float = 0.0

    def draw(self, shape: tuple[int, int, int], packing: Packing, dtype: np.dtype[Any], rng: Rng) -> Noise:
        """Draw the noise of a pass over N rows of B sequences, (N, B, H); without an rng, its expectation.

        Recurrent dropout is then nothing, and zoneout keeps its rate of the old state.
        """
        if not any(self):
            return QUIET
        N, B, H = shape
        generator = None if rng is None else as_generator(rng)
        first = rows = None
        if self.recurrent_dropout and generator is not None:
            kept = generator.random((B, H), np.float32) >= self.recurrent_dropout
            first = (kept / (1 - self.recurrent_dropout)).astype(dtype)[packing.batch]
            steps = (first[: run.n] for run in packing.runs for _ in range(run.n_steps))
            rows = np.concatenate([first[:0], *steps])
        zones: dict[str, Array] = {}
        for field, rate in (("h", self.zoneout_h), ("c", self.zoneout_c)):
            if rate:
                drawn = rate if generator is None else generator.random((N, H), np.float32) < rate
                zones[field] = np.asarray(drawn).astype(dtype)
        return Noise(rows, first, zones)


def as_rates(rates: Rates, cell: Cell[Any], caller: str) -> Rates:
    """Check rates at the public border; zoneout of a state that the cell lacks is an error: it cannot act."""
    found = Rates(*(as_fraction(rate, caller, name) for name, rate in zip(Rates._fields, rates, strict=True)))
    for field, rate in (("h", found.zoneout_h), ("c", found.zoneout_c)):
        if rate and field not in fields_of(cell.state_type):
            name = type(cell).__name__
            raise ValueError(
                f"{caller}: zoneout_{field} is {rate}, expected 0: the state of a {name} has no {field}"
            )
    return found
