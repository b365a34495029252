"""Names of mistakes in modules: the library's own kinds, run on a reference pass's numbers."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from seqmem.cells import Cell, GRUCell, LSTMCell, RNNCell
from seqmem.cells.tape import fields_of, parts_of
from seqmem.checking.catalogue.check_kind import with_names
from seqmem.checking.catalogue.kinds import Arrays, Kind, Problem, as_kind
from seqmem.checking.catalogue.recognise import Found, KnownResults
from seqmem.checking.exposing import T
from seqmem.checking.report import Report
from seqmem.contexts import AdditiveAttention
from seqmem.layers import Embedding, Recurrent
from seqmem.module import Array, Module


def name_mistake(module: Module, report: Report) -> Report:
    """Return a report on a library module, or a subclass, with the catalogue's explanation."""
    kind = _kind_of(module)
    if report.verdict != "wrong" or kind is None:
        return report
    rng = np.random.default_rng(report.seed)
    found: list[Found | None] = []
    try:
        for steps in (T, T + 2):  # one agreement may be chance
            inputs, run = _of_module(module, kind, steps)
            outputs, _ = kind.run(inputs)
            upstream = {name: rng.standard_normal(np.shape(out)) for name, out in outputs.items()}
            known = KnownResults(kind, Problem(inputs, upstream))
            values, gradients = run(upstream)
            mistakes = known.forward_mistake(values)
            if mistakes == ():
                mistakes = known.backward_mistakes({n: g for n, g in gradients.items() if g is not None})
            found.append(mistakes)
    except Exception:  # noqa: BLE001 - a broken module may do anything: its mistake has no name
        return report
    return with_names(report, found[0] if found[0] == found[1] else None, kind.is_step)


def _kind_of(module: Module) -> Kind | None:
    ending = "sequence" if isinstance(module, Recurrent) else "step"
    name = _family_of(module.cell if isinstance(module, Recurrent) and not module.reverse else module)
    if name is None:
        return None
    return as_kind(f"{name}_{ending}" if isinstance(module, (Cell, Recurrent)) else name)


@functools.singledispatch
def _family_of(module: Any) -> str | None:
    """Return the name of a module's kind in the reference passes."""
    return None


_family_of.register(RNNCell, lambda cell: "rnn" if cell.activation == "tanh" else None)
_family_of.register(LSTMCell, lambda cell: "lstm")
_family_of.register(GRUCell, lambda cell: "gru" if cell.reset == "before" else "gru_after")
_family_of.register(AdditiveAttention, lambda attention: "attention")
_family_of.register(Embedding, lambda embedding: "embedding")


def _of_module(
    module: Any, kind: Kind, steps: int = T
) -> tuple[Arrays, Callable[[Arrays], tuple[Arrays, Arrays]]]:
    """Return a module's problem in the reference's arrays, and a function that runs the module on it."""
    rng = np.random.default_rng(steps)
    twin = module.astype(np.float64)

    def normal(*shape: int) -> Array:
        return 0.8 * rng.standard_normal(shape)

    if kind.name == "embedding":
        tokens = rng.integers(module.vocab_size, size=(steps, 3))
        tokens[-1] = tokens[0]

        def embed(upstream: Arrays) -> tuple[Arrays, Arrays]:
            y, cache = twin.forward(tokens)
            return {"y": y}, twin.backward(upstream["y"], cache)[1]

        return {**twin.params, "tokens": tokens}, embed
    if kind.name == "attention":
        query, keys = normal(3, module.query_size), normal(6, 3, module.key_size)

        def attend(upstream: Arrays) -> tuple[Arrays, Arrays]:
            (context, weights), cache = twin.forward(query, keys)
            (d_query, d_keys), grads = twin.backward((upstream["context"], upstream["weights"]), cache)
            return {"context": context, "weights": weights}, {"query": d_query, "keys": d_keys, **grads}

        return {"query": query, "keys": keys, **twin.params}, attend

    cell: Cell[Any] = twin.cell if isinstance(twin, Recurrent) else twin
    x = normal(3, cell.input_size) if kind.is_step else normal(steps, 3, cell.input_size)
    fields = fields_of(cell.state_type)
    states = [normal(3, cell.hidden_size) for _ in fields]
    names = ("x", *(f"{f}_prev" for f in fields)) if kind.is_step else ("xs", *(f"{f}0" for f in fields))
    inputs = dict(zip(names, (x, *states), strict=True)) | cell.params
    state = cell.of_parts(states)

    def run(upstream: Arrays) -> tuple[Arrays, Arrays]:
        outputs, cache = twin.forward(x, state)
        final = outputs if kind.is_step else outputs[1]
        values = dict(zip(fields, parts_of(final), strict=True))
        given = cell.of_parts([upstream[field] for field in fields])
        if not kind.is_step:
            values["hs"], given = outputs[0], (upstream["hs"], given)
        (d_x, d_state), grads = twin.backward(given, cache)
        plain = {name.removeprefix("cell."): grad for name, grad in grads.items()}
        return values, dict(zip(names, (d_x, *parts_of(d_state)), strict=True)) | plain

    return inputs, run
