"""How many mutants of the library's own passes the checker catches, and which change nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from seqmem.cells import Cell, GRUCell, LSTMCell, RNNCell
from seqmem.checking.draw import exposing_inputs, with_exposing_params
from seqmem.checking.engine import check
from seqmem.checking.mutants import Mutant, mutants
from seqmem.checking.planted import with_method
from seqmem.checking.subject import ModuleSubject
from seqmem.layers import AdditiveAttention, Embedding, FixedContext, Linear, Recurrent
from seqmem.models import Bridge, Decoder
from seqmem.module import Module


class Place(NamedTuple):
    """Methods of which mutants are made, and modules that run through all their lines."""

    owner: type[Module]
    methods: tuple[str, ...]
    makes: tuple[Callable[[], Module], ...]


@dataclass(frozen=True)
class Mutation:
    """What became of the mutants; printable."""

    wrong: int  # the verdict, with the array
    refused: int  # stopped by an error, or nothing could be compared
    same: tuple[str, ...]  # known to compute what the original does
    silent: tuple[str, ...]  # found right, and nobody knows why

    @property
    def total(self) -> int:
        """How many were tried."""
        return self.wrong + self.refused + len(self.same) + len(self.silent)

    def __str__(self) -> str:
        return (
            f"the library's passes with one place changed, {self.total} mutants: {self.wrong} found wrong, "
            f"{self.refused} stopped with an error or refused, {len(self.same)} that change nothing, "
            f"{len(self.silent)} not caught"
        )


def _decoder() -> Module:
    return Decoder(6, 3, 5, context=AdditiveAttention(5, 4, 7, rng=1), rng=0)


def _fixed_decoder() -> Module:
    return Decoder(6, 3, 5, cell="gru", rng=0)


def _attention() -> Module:
    return AdditiveAttention(3, 4, 5, rng=0)


def _recurrent(cell: Callable[..., Cell], **options: str) -> Callable[[], Module]:
    return lambda: Recurrent(cell(2, 5, rng=0, **options))


def _bridge(source_size: int, target_size: int, source_parts: int, target_parts: int) -> Callable[[], Module]:
    return lambda: Bridge(
        source_size, target_size, source_parts=source_parts, target_parts=target_parts, rng=0
    )


STEP = ("step", "local_derivatives", "step_backward")
LSTM, GRU, RNN = (_recurrent(cell) for cell in (LSTMCell, GRUCell, RNNCell))
PLACES = (
    Place(LSTMCell, STEP, (LSTM,)),
    Place(GRUCell, (*STEP, "collect", "collect_W_h"), (GRU, _recurrent(GRUCell, reset="after"))),
    Place(RNNCell, STEP, (RNN,)),
    Place(Cell, ("project", "collect"), (LSTM,)),
    Place(AdditiveAttention, ("project", "step", "step_backward", "collect"), (_attention, _decoder)),
    Place(FixedContext, ("project", "collect"), (FixedContext, _fixed_decoder)),
    Place(Embedding, ("backward",), (lambda: Embedding(7, 3, rng=0),)),
    Place(Linear, ("forward", "backward"), (lambda: Linear(3, 2, rng=0),)),
    Place(Bridge, ("forward", "backward"), (_bridge(3, 4, 2, 1), _bridge(3, 4, 1, 2), _bridge(3, 3, 2, 2))),
    Place(Recurrent, ("forward", "_backward"), (LSTM, GRU)),
    Place(Decoder, ("forward", "_backward"), (_decoder, _fixed_decoder)),
)

SAME = {  # a line that a mutant has: why it computes the same
    "i, f, o, g, tanh_c = kept[:6]": "there are five blocks",
    "a, h = (self.pre_activations(kept), kept[:2])": "there is one block",
    "np.subtract(1, kept[:2] ** 2, out=local)": "there is one block",
    "keys = np.where(valid[:, :, None], keys, 1)": "padding has the weight 0, whatever it is",
    "d_weights = np.where(memory.valid, d_weights, 1)": "padding has the weight 0, whatever it is",
    "d_context = np.where(memory.valid.any(axis=1, keepdims=True), d_context, 1)": "every weight is 0 there",
    "grads['W_q'][...] = queries.T @ np.concatenate([d_look.d_a_query for d_look in d_looks])": "it was 0",
    "return (_joined(parts), BridgeCache(shape, parts[1].dtype, None, None))": "both parts have one dtype",
    "if n != now.stop + now.start:": "the view is made anew more often than it must be",
    "note(seen, cell.total_gradient(running, d_a[:, now]), now, len(xs))": "only traces come there",
    "note(seen, cell.total_gradient(d_state, d_a[:, now]), now, T * B)": "only traces come there",
    "W_context_T = W_context_T.reshape(-1, self.key_size)": "only one sequence alone comes there",
}


def mutation(places: tuple[Place, ...] = PLACES) -> Mutation:
    """Make every mutant, and let the checker look at it."""
    same = set(map(_plain, SAME))
    fates: dict[str, list[str]] = {"wrong": [], "refused": [], "same": [], "right": []}
    for place, method, mutant in _all(places):
        fate = "right"
        for make in place.makes:
            if fate == "right":
                fate = _fate(make, place.owner, method, mutant)
        if fate == "right" and not same.isdisjoint(map(_plain, (mutant.line, mutant.becomes))):
            fate = "same"
        fates[fate].append(f"{place.owner.__name__}.{method}: {mutant.line} -> {mutant.becomes}")
    return Mutation(len(fates["wrong"]), len(fates["refused"]), tuple(fates["same"]), tuple(fates["right"]))


def _plain(line: str) -> str:
    """Without what `ast.unparse` writes in one Python and not in another."""
    return re.sub(r"[\s()]", "", line)


def _all(places: tuple[Place, ...]) -> Iterator[tuple[Place, str, Mutant]]:
    for place in places:
        for method in place.methods:
            for mutant in mutants(getattr(place.owner, method)):
                yield place, method, mutant


@np.errstate(all="ignore")  # a mutant may divide by anything
def _fate(make: Callable[[], Module], owner: type[Module], method: str, mutant: Mutant) -> str:
    rng = np.random.default_rng(0)
    try:
        module = with_exposing_params(with_method(make(), owner, method, mutant.source), rng)
        inputs, options = exposing_inputs(module, rng)
        verdict = check(ModuleSubject(module, inputs, options)).verdict
    except Exception:  # noqa: BLE001 - a mutant may do anything
        return "refused"
    return "refused" if verdict == "cannot tell" else verdict
