"""The search for passes to check in a user's file."""

from __future__ import annotations

import ast
import inspect
import math
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seqmem.checking.calling.values import Value
from seqmem.checking.catalogue.check_kind import check_kind
from seqmem.checking.catalogue.kinds import KINDS
from seqmem.checking.gradient_check import gradcheck, gradcheck_functions
from seqmem.checking.reading.candidates import (
    Candidate,
    candidates,
    is_clipping,
    of_class,
    returns_both,
)
from seqmem.checking.reading.loading import definitions
from seqmem.checking.report import Report
from seqmem.checking.submissions.verdict import Options, UnguessedError, judge
from seqmem.module import Module

SEARCHING = 0.5  # fraction of a file's time, after which mistakes are no longer searched, only checks are run


class Passes(NamedTuple):
    """The passes that a file offers under one name, with the function that creates their inputs."""

    name: str
    forward: Callable[..., Any]
    backward: Callable[..., Any] | None
    inputs: Callable[..., Any] | None


class Offer(NamedTuple):
    """Something in a file that can be checked."""

    name: str
    line: int
    check: Callable[[], Report]


def check_names(
    names: dict[str, Any], name: str, like: str, seed: int, options: Options | None = None
) -> Report:
    """Check the passes that a file's names offer.

    Args:
        names: the file's global names.
        name: the passes to check: a pair NAME_forward and NAME_backward or any usual pair of names, a class
            with both as methods, a Module, or a function that also returns its gradients; "" if there is only
            one possibility.
        like: a name of `KINDS`; "" to use the forward pass's own results.
        seed: seed of the test values.
        options: the user's other options.

    Raises:
        LookupError: if there is nothing of that name, or several possibilities and no name.
        UnguessedError: if the way to call it cannot be found out.
    """
    options = (options or Options())._replace(like=like, seed=seed)
    found = offers(names, name, options)
    if len(found) > 1:
        raise LookupError(
            f"which one? The file defines {', '.join(one.name for one in found)}: say FILE.py:{found[0].name}"
        )
    return found[0].check()


def offers(names: dict[str, Any], name: str, options: Options) -> list[Offer]:
    """Return the passes that a file offers under a name, or all of them.

    Raises:
        LookupError: if there are none.
    """
    if options.pair is not None:
        return [_offer(_pair(names, *options.pair), names, options)]
    module = _module(names, name) if name else None
    if module is not None:
        return [Offer(name, 0, lambda: _of_module(module, names, name, options))]
    said = _said(names, name)
    if said is not None:
        return [Offer(said.name, _line(said.forward), lambda: _with_inputs(said, options))]
    if options.like == "clipping" and inspect.isfunction(names.get(name)):
        return [Offer(name, 0, lambda: check_kind(names[name], None, "clipping", options.seed))]
    found = candidates(names)
    if name:
        chosen = [one for one in found if name in one.aliases][:1] or list(_of_name(names, name))
        chosen = chosen or list(_with_neighbour(names, name))
        if not chosen:
            raise LookupError(_absent(names, name))
        return [_offer(chosen[0], names, options)]
    listed = [_offer(one, names, options) for one in found] or list(_imported(names, options))
    if not listed:
        raise LookupError(
            "there is nothing to check: expected functions forward and backward, NAME_forward and "
            f"NAME_backward or the like, or a class with both. The file defines {_listed(names)}"
        )
    return listed


def options_of(order: dict[str, Any]) -> Options:
    """Return the options of an order, as `run_apart` sends it.

    Raises:
        ValueError: for an invalid value.
    """
    values: dict[str, Value] = {}
    for name, text in order.get("inputs", {}).items():
        values[name] = _shape(name, text)
    for name, text in order.get("sets", {}).items():
        try:
            values[name] = Value("is", (), ast.literal_eval(text))
        except (ValueError, SyntaxError, RecursionError):
            raise ValueError(
                f"--set {name}={text}: expected a number, a text in quotes, a list or a dict"
            ) from None
    pair = order.get("pair") or None
    return Options(
        order["like"],
        order["seed"],
        values,
        frozenset(order.get("excluded", ())),
        (str(pair[0]), str(pair[1])) if pair else None,
        bool(order.get("verbose")),
        time.monotonic() + SEARCHING * order.get("seconds", math.inf),
    )


def _shape(name: str, text: str) -> Value:
    """Return the value of an --inputs argument: 3x4 numbers, 3x4<7 integers below 7."""
    sizes, _, below = text.partition("<")
    found = re.fullmatch(r"\d+(x\d+)*", sizes)
    if not found or (below and not below.isdigit()) or not all(map(int, sizes.split("x"))):
        raise ValueError(f"--inputs {name}={text}: expected a shape as 3x4, or 3x4<7 for integers below 7")
    shape = tuple(map(int, sizes.split("x")))
    return Value("index", shape, int(below)) if below else Value("float", shape)


def _offer(one: Candidate, names: dict[str, Any], options: Options) -> Offer:
    return Offer(one.name, _line(one.forward), lambda: _judged(one, names, options))


def _judged(one: Candidate, names: dict[str, Any], options: Options) -> Report:
    """Return a candidate's report; a pass that is called like its kind needs no guess."""
    if options.like and one.owner is None and (one.backward is not None or options.like == "clipping"):
        try:
            return check_kind(one.forward, one.backward, options.like, options.seed)
        except ValueError:
            return judge(one, names, options)
    return judge(one, names, options)


def _pair(names: dict[str, Any], forward: str, backward: str) -> Candidate:
    """Return the two functions, or methods of one class, that the user named.

    Raises:
        LookupError: if there is no such function.
    """
    owner_name, _, method = forward.rpartition(".")
    owner = names.get(owner_name) if owner_name else None
    if isinstance(owner, type):
        both = [inspect.getattr_static(owner, one.rpartition(".")[2], None) for one in (forward, backward)]
        functions = [getattr(one, "__func__", one) for one in both]
    else:
        functions = [names.get(forward), names.get(backward)]
    for name, function in zip((forward, backward), functions, strict=True):
        if not inspect.isfunction(function):
            raise LookupError(f"there is no function {name}. The file defines {_listed(names)}")
    owned = owner if isinstance(owner, type) else None
    return Candidate(owner_name or method, functions[0], functions[1], owned)


def _of_name(names: dict[str, Any], name: str) -> Iterator[Candidate]:
    """Yield candidates of that name that the file does not define itself."""
    thing = names.get(name)
    owner = thing if isinstance(thing, type) else type(thing) if hasattr(thing, "forward") else None
    if owner is not None and owner is not type:
        found = of_class(owner)
        if found is not None:
            yield found._replace(name=name)
    pair = _named_pair(names, name)
    if pair is not None:
        yield Candidate(name, *pair)
    if inspect.isfunction(thing) and (is_clipping(thing) or returns_both(thing)):
        yield Candidate(name, thing, None)


def _named_pair(names: dict[str, Any], name: str) -> tuple[Callable[..., Any], Callable[..., Any]] | None:
    forward, backward = names.get(f"{name}_forward"), names.get(f"{name}_backward")
    return (forward, backward) if callable(forward) and callable(backward) else None


def _with_neighbour(names: dict[str, Any], name: str) -> Iterator[Candidate]:
    """Yield the pair whose backward pass is in the file, and whose forward pass is in one beside it."""
    stem = name.removesuffix("_backward")
    backward, path = names.get(f"{stem}_backward"), Path(str(names.get("__file__", "")))
    if not inspect.isfunction(backward) or not path.is_file():
        return
    for other in sorted(path.parent.glob("*.py")):
        text = other.read_text(encoding="utf-8", errors="replace") if other != path else ""
        if re.search(rf"^def {re.escape(stem)}_forward\b", text, re.M):
            beside = definitions(other)
            names |= {key: value for key, value in beside.items() if key not in names}
            yield Candidate(stem, beside[f"{stem}_forward"], backward)
            return


def _imported(names: dict[str, Any], options: Options) -> Iterator[Offer]:
    """Yield pairs that a file only imports, if it defines none itself."""
    for name in names:
        stem = name.removesuffix("_forward")
        pair = _named_pair(names, stem) if stem != name else None
        if pair is not None:
            yield _offer(Candidate(stem, *pair), names, options)
    if inspect.isfunction(names.get("forward")) and inspect.isfunction(names.get("backward")):
        yield _offer(Candidate("forward", names["forward"], names["backward"]), names, options)


def _line(function: Any) -> int:
    code = getattr(function, "__code__", None)
    return code.co_firstlineno if code else 0


def _said(names: dict[str, Any], name: str) -> Passes | None:
    """Return a pass whose file has a function that creates its inputs."""
    if not name:
        stems = [
            n.removesuffix("_forward")
            for n in names
            if n.endswith("_forward") and f"{n.removesuffix('_forward')}_backward" in names
        ]
        if callable(names.get("forward")) and callable(names.get("backward")):
            inputs = names.get("inputs", names.get("forward_inputs"))
            return (
                Passes("forward", names["forward"], names["backward"], inputs) if callable(inputs) else None
            )
        if len(stems) != 1:
            return None
        name = stems[0]
    inputs = names.get(f"{name}_inputs", names.get("inputs"))
    if not callable(inputs):
        return None
    pair = _named_pair(names, name)
    if pair is not None:
        return Passes(name, *pair, inputs)
    thing = names.get(name)
    if isinstance(thing, type):
        thing = thing()
    if callable(getattr(thing, "forward", None)) and callable(getattr(thing, "backward", None)):
        return Passes(name, thing.forward, thing.backward, inputs)  # type: ignore[union-attr]
    return None


def _with_inputs(found: Passes, options: Options) -> Report:
    if options.like or found.inputs is None:
        return check_kind(found.forward, found.backward, options.like, options.seed)
    takes = bool(inspect.signature(found.inputs).parameters)
    inputs = found.inputs(*[np.random.default_rng(options.seed)] * takes)
    assert found.backward is not None
    return gradcheck_functions(found.forward, found.backward, inputs, seed=options.seed)


def _module(names: dict[str, Any], name: str) -> Module | None:
    """Return the Module of that name, newly created if the name is a class."""
    thing = names.get(name)
    if isinstance(thing, type) and issubclass(thing, Module):
        thing = thing()
    return thing if isinstance(thing, Module) else None


def _of_module(module: Module, names: dict[str, Any], name: str, options: Options) -> Report:
    inputs = names.get(f"{name}_inputs")
    given = inputs(np.random.default_rng(options.seed)) if inputs else ()
    return gradcheck(module, *(given if isinstance(given, tuple) else (given,)), seed=options.seed)


def _absent(names: dict[str, Any], name: str) -> str:
    if inspect.isfunction(names.get(name)):
        return (
            f"{name} has no backward function: write {name}_backward, name the two with --pair "
            "FORWARD,BACKWARD, or add --like clipping"
        )
    return (
        f"there is no {name}: expected functions {name}_forward and {name}_backward or the like, or an "
        f"object {name} with methods forward and backward. The file defines {_listed(names)}"
    )


def _listed(names: dict[str, Any]) -> str:
    own = [name for name, value in names.items() if inspect.isfunction(value) or isinstance(value, type)]
    return ", ".join(own[:10]) or "no functions"


__all__ = ["KINDS", "Offer", "Options", "UnguessedError", "check_names", "offers", "options_of"]
