"""How many mutants of the library's own passes the checker catches, and which change nothing."""

from __future__ import annotations

import inspect
import re
import textwrap
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from seqmem.cells import Cell, GRUCell, LSTMCell, LSTMState, RNNCell
from seqmem.checking.draw import Inputs, exposing_inputs, with_exposing_params
from seqmem.checking.engine import check
from seqmem.checking.mutants import mutants
from seqmem.checking.planted import with_method
from seqmem.checking.subject import ModuleSubject
from seqmem.layers import AdditiveAttention, Embedding, FixedContext, Linear, Recurrent
from seqmem.models import Bridge, Decoder
from seqmem.module import Array, Module, tree_map


class Place(NamedTuple):
    """Methods of which mutants are made, and modules that run through all their lines."""

    owner: type[Module]
    methods: tuple[str, ...]
    makes: tuple[Callable[[], Module], ...]


@dataclass(frozen=True)
class Mutation:
    """What became of the mutants; printable."""

    caught: int  # found wrong, stopped by an error, or refused because nothing can be compared
    same: tuple[str, ...]  # known to compute what the original does
    silent: tuple[str, ...]  # found right, and nobody knows why

    def __str__(self) -> str:
        total = self.caught + len(self.same) + len(self.silent)
        return (
            f"the library's passes with one place changed, {total} mutants: {self.caught} caught, "
            f"{len(self.same)} that change nothing, {len(self.silent)} not caught"
        )


def _decoder() -> Module:
    return Decoder(6, 3, 5, context=AdditiveAttention(5, 4, 7, rng=1), rng=0)


def _fixed_decoder() -> Module:
    return Decoder(6, 3, 5, cell="gru", readout="all", rng=0)


def _attention() -> Module:
    return AdditiveAttention(3, 4, 5, rng=0)


def _recurrent(cell: Callable[..., Cell[Any]], **options: str) -> Callable[[], Module]:
    return lambda: Recurrent(cell(2, 5, rng=0, **options))


def _bridge(source_size: int, target_size: int, *types: type) -> Callable[[], Module]:
    source_type, target_type = types
    return lambda: Bridge(source_size, target_size, source_type=source_type, target_type=target_type, rng=0)


BRIDGES = (
    _bridge(3, 4, LSTMState, np.ndarray),
    _bridge(3, 4, np.ndarray, LSTMState),
    _bridge(3, 3, LSTMState, LSTMState),
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
    Place(Bridge, ("forward", "backward"), BRIDGES),
    Place(Recurrent, ("forward", "_backward"), (LSTM, GRU)),
    Place(Decoder, ("forward", "_backward"), (_decoder, _fixed_decoder)),
)

SAME = {  # a line, and what it becomes: why that computes the same
    (
        "a, h = (self.pre_activations(kept), kept[:1])",
        "a, h = (self.pre_activations(kept), kept[:2])",
    ): "the gradients are the same; the pre-activations of a traced pass are not",
    (
        "keys = np.where(valid[:, :, None], keys, 0)",
        "keys = np.where(valid[:, :, None], keys, 1)",
    ): "padding has the weight 0, whatever it is",
    (
        "d_weights = np.where(memory.valid, d_weights, 0)",
        "d_weights = np.where(memory.valid, d_weights, 1)",
    ): "padding has the weight 0, whatever it is",
    (
        "d_context = np.where(memory.valid.any(axis=1, keepdims=True), d_context, 0)",
        "d_context = np.where(memory.valid.any(axis=1, keepdims=True), d_context, 1)",
    ): "in a row of length 0 every weight is 0",
    (
        "grads['W_q'] += queries.T @ np.concatenate([d_look.d_a_query for d_look in d_looks])",
        "grads['W_q'][...] = queries.T @ np.concatenate([d_look.d_a_query for d_look in d_looks])",
    ): "it was 0",
    (
        "return (state_of(self.target_type, parts), BridgeCache(shape, parts[0].dtype, None, None))",
        "return (state_of(self.target_type, parts), BridgeCache(shape, parts[1].dtype, None, None))",
    ): "both parts have one dtype",
    (
        "note(seen, cell.total_gradient(running, d_a[:, now]), now, len(xs))",
        "pass",
    ): "the gradients are the same; the traces of trace_gradients are not",
    (
        "note(seen, cell.total_gradient(d_state, d_a[:, now]), now, T * B)",
        "pass",
    ): "the gradients are the same; the traces of trace_gradients are not",
    (
        "note(seen, cell.total_gradient(d_state, d_a[:, now]), now, T * B)",
        "note(seen, cell.total_gradient(d_state, d_a[:, now]), now, T + B)",
    ): "the gradients are the same; the traces of trace_gradients are not",
}


def mutation(places: tuple[Place, ...] = PLACES) -> Mutation:
    """Make every mutant, and let the checker look at it.

    Raises:
        RuntimeError: when the checker refuses an original: then what it says of mutants means nothing.
    """
    known = {(_plain(line), _plain(becomes)) for line, becomes in SAME}
    caught, same, silent = 0, [], []
    for place, method in _methods(places):
        original = textwrap.dedent(inspect.getsource(getattr(place.owner, method)))
        if _is_caught(place, method, original):
            raise RuntimeError(f"{place.owner.__name__}.{method} is not found right as it is")
        for mutant in mutants(getattr(place.owner, method)):
            told = f"{place.owner.__name__}.{method}: {mutant.line} -> {mutant.becomes}"
            if _is_caught(place, method, mutant.source):
                caught += 1
            elif (_plain(mutant.line), _plain(mutant.becomes)) in known:
                same.append(told)
            else:
                silent.append(told)
    return Mutation(caught, tuple(same), tuple(silent))


def _methods(places: tuple[Place, ...]) -> list[tuple[Place, str]]:
    return [(place, method) for place in places for method in place.methods]


def _is_caught(place: Place, method: str, source: str) -> bool:
    """Whether a method with this text is found wrong, or stops, in any of the modules that run through it."""
    seed = zlib.crc32(source.encode())  # numbers of its own: what np.empty finds in memory is another's
    return any(
        _verdict(make, place.owner, method, source, inputs_of, seed) != "right"
        for make in place.makes
        for inputs_of in [_exposing, *_more(make())]
    )


@np.errstate(all="ignore")  # a mutant may divide by anything
def _verdict(
    make: Callable[[], Module],
    owner: type[Module],
    method: str,
    source: str,
    inputs_of: Callable[[Any, np.random.Generator], Inputs],
    seed: int,
) -> str:
    rng = np.random.default_rng(seed)
    try:
        module = with_exposing_params(with_method(make(), owner, method, source), rng)
        inputs, options = inputs_of(module, rng)
        return check(ModuleSubject(module, inputs, options), seed).verdict
    except Exception as error:  # noqa: BLE001 - a mutant may do anything
        return type(error).__name__


def _exposing(module: Module, rng: np.random.Generator) -> Inputs:
    return exposing_inputs(module, rng)


def _more(module: Module) -> list[Callable[[Any, np.random.Generator], Inputs]]:
    """Inputs that run through lines that others do not."""
    if isinstance(module, Recurrent):
        return [_alone, _hardly_any]
    return [_alone] if isinstance(module, Decoder) else []


def _alone(module: Module, rng: np.random.Generator) -> Inputs:
    """The first sequence alone, all of it."""
    inputs, _ = exposing_inputs(module, rng)
    return tree_map(_first, inputs), {}


def _first(array: Array) -> Array:
    """A batch of one: the batch is the first axis of a state, the second of everything else."""
    return array[:1] if array.ndim == 2 and array.dtype.kind == "f" else array[:, :1]


def _hardly_any(module: Module, rng: np.random.Generator) -> Inputs:
    """Most sequences empty, and the pass traced."""
    inputs, _ = exposing_inputs(module, rng)
    return inputs, {"lengths": [2, 0, 0], "traced": True}


def _plain(line: str) -> str:
    """Without what `ast.unparse` writes in one Python and not in another."""
    return re.sub(r"[\s()]", "", line)
