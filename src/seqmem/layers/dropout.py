"""Dropout (Srivastava et al., 2014), rescaled during training so that inference needs no change.

Variational dropout (Gal & Ghahramani, 2016) draws one `keep` for all steps of a sequence.

y = x * keep / (1 - rate),    keep[...] = 0 with probability rate, else 1

`Rates` draws the noise between the steps of a recurrent layer, which cells/noise.py applies.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from seqmem.cells import Cell
from seqmem.cells.noise import QUIET, Noise
from seqmem.cells.tape import fields_of
from seqmem.initializers import Rng, as_generator
from seqmem.layers.packing import Packing
from seqmem.module import Array, Grads, Module
from seqmem.validation import as_cache, as_flag, as_floats, as_fraction, as_upstream, working_dtype


class DropoutCache(NamedTuple):
    """The values that `forward` passes to `backward`."""

    scale: Array | None  # keep / (1 - rate), of the shape of x or of one step; None if nothing was dropped
    shape: tuple[int, ...]  # of the output
    dtype: np.dtype[Any]


class Dropout(Module):
    """A layer that zeroes random entries of its input if an `rng` is passed, and otherwise does nothing.

    Args:
        rate: the probability of a zero, at least 0 and below 1.
        variational: whether the same entries are zeroed at every step, which is the first axis.

    >>> layer = Dropout(0.5)
    >>> y, cache = layer.forward(np.ones(4), rng=0)
    >>> y
    array([2., 2., 2., 0.])
    >>> layer.forward(np.ones(4))[0]
    array([1., 1., 1., 1.])
    """

    def __init__(self, rate: float, *, variational: bool = False) -> None:
        self.rate = as_fraction(rate, "Dropout", "rate")
        self.variational = as_flag(variational, "Dropout", "variational")

    def forward(self, x: Array, *, rng: Rng = None) -> tuple[Array, DropoutCache]:
        """Return y of x's shape, with entries dropped at random; without `rng`, y is x itself."""
        x = as_floats(x, working_dtype(None, x), ("...",), "Dropout.forward", "x")
        scale = self.scale(x.shape, x.real.dtype, rng)
        return times(x, scale), DropoutCache(scale, x.shape, x.dtype)

    def scale(self, shape: tuple[int, ...], dtype: np.dtype[Any], rng: Rng) -> Array | None:
        """Draw the factor keep / (1 - rate) of an x of this shape; return None if nothing is dropped.

        With `variational`, the factor has a single step.
        """
        if rng is None or self.rate == 0:
            return None
        shape = (1, *shape[1:]) if self.variational else shape
        keep = as_generator(rng).random(shape, np.float32) >= self.rate
        return keep.astype(dtype) / (1 - self.rate)

    def backward(self, d_y: Array | None, cache: DropoutCache) -> tuple[tuple[Array], Grads]:
        """Return ((d_x,), {}) from d_y."""
        cache = as_cache(cache, DropoutCache, "Dropout.backward")
        d_y = as_upstream(d_y, cache.shape, cache.dtype, "Dropout.backward", "d_y")
        return (times(d_y, cache.scale),), {}


def times(x: Array, scale: Array | None) -> Array:
    """Return x * scale; without a scale, x itself."""
    if scale is None:
        return x
    with np.errstate(under="ignore"):  # a product that underflows is 0, its exact limit
        return np.multiply(x, scale)


class Rates(NamedTuple):
    """The rates of recurrent dropout, and of zoneout on h and on c."""

    recurrent_dropout: float = 0.0
    zoneout_h: float = 0.0
    zoneout_c: float = 0.0

    def draw(self, shape: tuple[int, int, int], packing: Packing, dtype: np.dtype[Any], rng: Rng) -> Noise:
        """Draw the noise of a pass; without an rng, return its expectation.

        In expectation, recurrent dropout has no effect, and zoneout keeps the share `rate` of the old state.

        Args:
            shape: N rows, B sequences, H units.
            packing: the order of the rows.
            dtype: the dtype of the pass, a real one.
            rng: None, or the seed or generator of the noise.
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
    """Return checked rates; zoneout on a part of the state that the cell does not have is an error."""
    found = Rates(*(as_fraction(rate, caller, name) for name, rate in zip(Rates._fields, rates, strict=True)))
    for field, rate in (("h", found.zoneout_h), ("c", found.zoneout_c)):
        if rate and field not in fields_of(cell.state_type):
            name = type(cell).__name__
            raise ValueError(
                f"{caller}: zoneout_{field} is {rate}, expected 0: the state of a {name} has no {field}"
            )
    return found
