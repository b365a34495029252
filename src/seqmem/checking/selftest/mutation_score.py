"""The number of mutants of the library's own passes that the checker catches."""

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
    """The fate of the mutants; printable."""

    caught: int  # found wrong, stopped by an error, or rejected because nothing can be compared
    right: tuple[str, ...]  # known to have right gradients in spite of the change
    silent: tuple[str, ...]  # found right for no known reason

    def __str__(self) -> str:
        total = self.caught + len(self.right) + len(self.silent)
        return (
            f"the library's passes with one place changed, {total} mutants: {self.caught} caught, "
            f"{len(self.right)} whose gradients are right, {len(self.silent)} not caught"
        )


def mutation(places: tuple[Place, ...] = PLACES) -> Mutation:
    """Create every mutant and check it.

    Raises:
        RuntimeError: if the checker rejects an original, because the mutants' results would be meaningless.
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
    """Return whether there is a known reason why a mutant's gradients are right."""
    known = {(_plain(line), _plain(becomes)) for line, becomes in RIGHT}
    return not known.isdisjoint(
        (_plain(mutant.line), becomes) for becomes in (_plain(mutant.becomes), ANYTHING)
    )


def _methods(places: tuple[Place, ...]) -> list[tuple[Place, str]]:
    return [(place, method) for place in places for method in place.methods]


def _is_caught(place: Place, method: str, source: str) -> bool:
    """Return whether a method with this text is found wrong or fails in any of its modules."""
    seed = zlib.crc32(source.encode())  # separate numbers, because np.empty returns the memory of others
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
    """Return functions for inputs that run through otherwise unused lines."""
    if isinstance(module, Recurrent):
        return [_alone, _without_lengths, _most_empty, _one_short, _two, _with_noise]
    return [_alone] if isinstance(module, (Cell, Decoder)) else []


def _with_noise(module: Module, rng: np.random.Generator) -> Inputs:
    """Return inputs with a seed, which enables recurrent dropout."""
    inputs, options = exposing_inputs(module, rng)
    return inputs, options | {"rng": 3}


def _alone(module: Module, rng: np.random.Generator) -> Inputs:
    """Return the first sequence alone, in full length."""
    inputs, _ = exposing_inputs(module, rng)
    return tree_map(_first, inputs), {}


def _first(array: Array) -> Array:
    """Return a batch of one: the batch axis of a state is the first, of everything else the second."""
    return array[:1] if array.ndim == 2 and array.dtype.kind == "f" else array[:, :1]


def _without_lengths(module: Module, rng: np.random.Generator) -> Inputs:
    return exposing_inputs(module, rng)[0], {}


def _most_empty(module: Module, rng: np.random.Generator) -> Inputs:
    """Return inputs with mostly empty sequences and a traced pass."""
    return exposing_inputs(module, rng)[0], {"lengths": [2, 0, 0], "traced": True}


def _one_short(module: Module, rng: np.random.Generator) -> Inputs:
    return exposing_inputs(module, rng)[0], {"lengths": [1, 4, 4]}


def _two(module: Module, rng: np.random.Generator) -> Inputs:
    """Return the first two sequences, in full length."""
    inputs, _ = exposing_inputs(module, rng)
    return tree_map(lambda array: array[:2] if array.ndim == 2 else array[:, :2], inputs), {}


def _plain(line: str) -> str:
    """Return a line without the parts that `ast.unparse` writes differently in different Python versions."""
    return re.sub(r"[\s()]", "", line)
