"""Finding what to check in a file that somebody wrote."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from seqmem.checking.catalogue.check_kind import check_kind
from seqmem.checking.catalogue.kinds import KINDS
from seqmem.checking.gradient_check import gradcheck, gradcheck_functions
from seqmem.checking.report import Report
from seqmem.module import Module


class Passes(NamedTuple):
    """What a file offers under one name."""

    name: str
    forward: Callable[..., Any]
    backward: Callable[..., Any] | None
    inputs: Callable[..., Any] | None


def check_names(names: dict[str, Any], name: str, like: str, seed: int) -> Report:
    """Check what a file's names offer.

    Args:
        names: the file's global names.
        name: what to check: a pair NAME_forward and NAME_backward, an object with both as methods, a Module,
            a function; "" for the only thing there is.
        like: a name of `KINDS`; "" to go by `name`.
        seed: of the numbers that are tried.

    Raises:
        LookupError: when there is nothing of that name, or nothing says at which inputs to check.
    """
    module = _module(names, name)
    if module is not None:
        inputs = names.get(f"{name}_inputs")
        given = inputs(np.random.default_rng(seed)) if inputs else ()
        return gradcheck(module, *(given if isinstance(given, tuple) else (given,)), seed=seed)
    found = _named(names, name) if name else _only(names)
    kind = like or _kind(found.name)
    if found.backward is None and kind != "clipping":
        raise LookupError(
            f"{found.name} has no backward function: write {found.name}_backward, or say --like clipping"
        )
    if kind or found.backward is None:
        return check_kind(found.forward, found.backward, kind, seed)
    if found.inputs is None:
        raise LookupError(
            f"at which inputs should {found.name} be checked? Say --like ({', '.join(KINDS)}), or write a "
            f"function {found.name}_inputs(rng) that returns them as a dict, or a tuple for a Module"
        )
    inputs = found.inputs(*[np.random.default_rng(seed)] * bool(inspect.signature(found.inputs).parameters))
    return gradcheck_functions(found.forward, found.backward, inputs, seed=seed)


def _module(names: dict[str, Any], name: str) -> Module | None:
    """The Module of that name, made anew when the name is a class's."""
    thing = names.get(name)
    if isinstance(thing, type) and issubclass(thing, Module):
        thing = thing()
    return thing if isinstance(thing, Module) else None


def _named(names: dict[str, Any], name: str) -> Passes:
    forward, backward = names.get(f"{name}_forward"), names.get(f"{name}_backward")
    inputs = names.get(f"{name}_inputs", names.get("inputs"))
    if callable(forward) and callable(backward):
        return Passes(name, forward, backward, inputs)
    thing = names.get(name)
    if isinstance(thing, type):
        thing = thing()
    if callable(getattr(thing, "forward", None)) and callable(getattr(thing, "backward", None)):
        return Passes(name, thing.forward, thing.backward, inputs)  # type: ignore[union-attr]
    if inspect.isfunction(thing):
        return Passes(name, thing, None, inputs)
    raise LookupError(
        f"there is no {name}: expected functions {name}_forward and {name}_backward, or an object {name} "
        f"with methods forward and backward. The file defines {_listed(names)}"
    )


def _only(names: dict[str, Any]) -> Passes:
    if callable(names.get("forward")) and callable(names.get("backward")):
        return Passes("forward", names["forward"], names["backward"], names.get("inputs"))
    stems = [
        name.removesuffix("_forward")
        for name, value in names.items()
        if name.endswith("_forward")
        and callable(value)
        and f"{name.removesuffix('_forward')}_backward" in names
    ]
    if len(stems) == 1:
        return _named(names, stems[0])
    if stems:
        raise LookupError(f"which one? The file defines {', '.join(stems)}: say FILE.py:{stems[0]}")
    raise LookupError(
        "there is nothing to check: expected functions forward and backward, or NAME_forward and "
        f"NAME_backward. The file defines {_listed(names)}"
    )


def _kind(name: str) -> str:
    """What a name says that it is like: lstm_step, lstm_cell, lstm."""
    name = name.lower()
    candidates = (name, f"{name}_sequence", name.removesuffix("_cell") + "_step", name.removesuffix("_loss"))
    return next((candidate for candidate in candidates if candidate in KINDS), "")


def _listed(names: dict[str, Any]) -> str:
    own = [name for name, value in names.items() if inspect.isfunction(value) or isinstance(value, type)]
    return ", ".join(own[:10]) or "no functions"
