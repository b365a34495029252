"""How many mutants of the library's own passes the checker catches, and which are right all the same."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqmem.cells import Cell
from seqmem.checking.contract.subject import ModuleSubject
from seqmem.checking.exposing import Inputs, exposing_inputs, with_exposing_params
from seqmem.checking.gradients.check import check
from seqmem.checking.selftest.altered import text_of, with_text
from seqmem.checking.selftest.mutants import Mutant, mutants
from seqmem.checking.selftest.places import ANYTHING, PLACES, RIGHT, Place
from seqmem.layers import Recurrent
from seqmem.models import Decoder
from seqmem.module import Array, Module
from seqmem.nests import tree_map


@dataclass(frozen=True)
class Mutation:
    """What became of the mutants; printable."""

    caught: int  # found wrong, stopped by an error, or refused because nothing can be compared
    right: tuple[str, ...]  # known to have right gradients all the same
    silent: tuple[str, ...]  # found right, and nobody knows why

    def __str__(self) -> str:
        total = self.caught + len(self.right) + len(self.silent)
        return (
            f"the library's passes with one place changed, {total} mutants: {self.caught} caught, "
            f"{len(self.right)} whose gradients are right, {len(self.silent)} not caught"
        )


def mutation(places: tuple[Place, ...] = PLACES) -> Mutation:
    """Make every mutant, and let the checker look at it.

    Raises:
        RuntimeError: when the checker refuses an original: then what it says of mutants means nothing.
    """
    caught, right, silent = 0, [], []
    for place, method in _methods(places):
        original = text_of(place.owner, method)
        if _is_caught(place, method, original):
            raise RuntimeError(f"{place.owner.__name__}.{method} is not found right as it is")
        for mutant in mutants(getattr(place.owner, method)):
            told = f"{place.owner.__name__}.{method}: {mutant.line} -> {mutant.becomes}"
            if _is_caught(place, method, mutant.source):
                caught += 1
            elif is_known(mutant):
                right.append(told)
            else:
                silent.append(told)
    return Mutation(caught, tuple(right), tuple(silent))


def is_known(mutant: Mutant) -> bool:
    """Whether there is a reason why a mutant's gradients are right."""
    known = {(_plain(line), _plain(becomes)) for line, becomes in RIGHT}
    return not known.isdisjoint(
        (_plain(mutant.line), becomes) for becomes in (_plain(mutant.becomes), ANYTHING)
    )


def _methods(places: tuple[Place, ...]) -> list[tuple[Place, str]]:
    return [(place, method) for place in places for method in place.methods]


def _is_caught(place: Place, method: str, source: str) -> bool:
    """Whether a method with this text is found wrong, or stops, in any of the modules that run through it."""
    seed = zlib.crc32(source.encode())  # numbers of its own: what np.empty finds in memory is another's
    return any(
        _verdict(make, place, method, source, inputs_of, seed) != "right"
        for make in place.makes
        for inputs_of in [_exposing, *_more(make())]
    )


@np.errstate(all="ignore")  # a mutant may divide by anything
def _verdict(
    make: Callable[[], Module],
    place: Place,
    method: str,
    source: str,
    inputs_of: Callable[[Any, np.random.Generator], Inputs],
    seed: int,
) -> str:
    rng = np.random.default_rng(seed)
    try:
        module = with_exposing_params(with_text(make(), place.owner, method, source), rng)
        inputs, options = inputs_of(module, rng)
        return check(ModuleSubject(module, inputs, options), seed, max_elements=0, explained=False).verdict
    except Exception as error:  # noqa: BLE001 - a mutant may do anything
        return type(error).__name__


def _exposing(module: Module, rng: np.random.Generator) -> Inputs:
    return exposing_inputs(module, rng)


def _more(module: Module) -> list[Callable[[Any, np.random.Generator], Inputs]]:
    """Inputs that run through lines that others do not."""
    if isinstance(module, Recurrent):
        return [_alone, _without_lengths, _most_empty, _one_short, _two]
    return [_alone] if isinstance(module, (Cell, Decoder)) else []


def _alone(module: Module, rng: np.random.Generator) -> Inputs:
    """The first sequence alone, all of it."""
    inputs, _ = exposing_inputs(module, rng)
    return tree_map(_first, inputs), {}


def _first(array: Array) -> Array:
    """A batch of one: the batch is the first axis of a state, the second of everything else."""
    return array[:1] if array.ndim == 2 and array.dtype.kind == "f" else array[:, :1]


def _without_lengths(module: Module, rng: np.random.Generator) -> Inputs:
    return exposing_inputs(module, rng)[0], {}


def _most_empty(module: Module, rng: np.random.Generator) -> Inputs:
    """Most sequences empty, and the pass traced."""
    return exposing_inputs(module, rng)[0], {"lengths": [2, 0, 0], "traced": True}


def _one_short(module: Module, rng: np.random.Generator) -> Inputs:
    return exposing_inputs(module, rng)[0], {"lengths": [1, 4, 4]}


def _two(module: Module, rng: np.random.Generator) -> Inputs:
    """The first two sequences, all of them."""
    inputs, _ = exposing_inputs(module, rng)
    return tree_map(lambda array: array[:2] if array.ndim == 2 else array[:, :2], inputs), {}


def _plain(line: str) -> str:
    """Without what `ast.unparse` writes in one Python and not in another."""
    return re.sub(r"[\s()]", "", line)
