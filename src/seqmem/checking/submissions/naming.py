"""The name of a mistake: one of the catalogue, or the line to change."""

from __future__ import annotations

import inspect
import keyword
import math
import re
import time
from dataclasses import replace
from typing import Any

import numpy as np

from seqmem.checking.calling.flat import Flat, flat
from seqmem.checking.calling.trial import Plan
from seqmem.checking.catalogue.check_kind import causes_in
from seqmem.checking.catalogue.kinds import KINDS
from seqmem.checking.catalogue.layouts import says_nothing
from seqmem.checking.contract.conduct import FAULTS
from seqmem.checking.reading.candidates import Candidate
from seqmem.checking.reading.loading import patience
from seqmem.checking.repairs.search import Repair
from seqmem.checking.repairs.words import causes_of
from seqmem.checking.report import Cause, Report

NAMING = 20.0  # seconds for naming a mistake


def named(
    plan: Plan,
    names: dict[str, Any],
    excluded: frozenset[str],
    report: Report,
    seed: int = 0,
    until: float = math.inf,
) -> Report:
    """Return a wrong pass's report with the name of its mistake, if there is one.

    Args:
        plan: the way to call the pass.
        names: the file's definitions.
        excluded: inputs to ignore.
        report: the report without a name.
        seed: seed of the numbers.
        until: the value of `time.monotonic` after which no search for a line starts.
    """
    candidate = plan.call.candidate
    by_name = _named(candidate, plan, excluded, report, seed)
    if by_name is not None:
        return by_name
    if time.monotonic() > until:
        return report
    made = flat(plan, excluded)
    try:
        path = candidate.forward.__code__.co_filename
        found = Repair(made.forward, made.backward, dict(made.inputs), names, path, seed).found()
    except Exception:  # noqa: BLE001 - changed code of a user may fail in any way
        return report
    return replace(report, causes=(*causes_of(found), *_faults(report))) if found is not None else report


def _named(
    candidate: Candidate, plan: Plan, excluded: frozenset[str], report: Report, seed: int
) -> Report | None:
    """Return the report with the catalogue's name for the mistake, if there is one."""
    whole = flat(plan, excluded, everything=True)
    for kind in _kinds(candidate, whole):
        made = _of_kind(plan, whole, kind, excluded)
        try:
            with patience(NAMING), np.errstate(all="ignore"):
                causes = causes_in(*_renamed(made), kind, seed)
        except Exception:  # noqa: BLE001 - the pass is not of this kind
            continue
        if causes:
            return replace(report, causes=(*causes, *_faults(report)))
    return None


def _of_kind(plan: Plan, whole: Flat, kind: str, excluded: frozenset[str]) -> Flat:
    """Return the pass of the inputs that a kind may have; others, which affect no gradient, are fixed."""
    others = {
        name
        for name in whole.inputs
        if name in whole.without and says_nothing(KINDS[kind], _known(name, list(whole.inputs)))
    }
    return flat(plan, excluded | others, everything=True) if others else whole


def _renamed(made: Flat) -> tuple[Any, Any]:
    """Return the two functions with the catalogue's names: W and U are the weights of x and of h."""
    own = list(made.inputs)
    names = {name: _known(name, own) for name in own}
    back = {known: name for name, known in names.items()}

    def forward(**arrays: Any) -> Any:
        return made.forward(**{back[name]: array for name, array in arrays.items()})

    def backward(d_out: Any, cache: Any) -> dict[str, Any]:
        return {names[name]: value for name, value in made.backward(d_out, cache).items()}

    kind = inspect.Parameter.KEYWORD_ONLY
    forward.__signature__ = inspect.Signature([inspect.Parameter(name, kind) for name in back])  # type: ignore[attr-defined]
    forward.__qualname__ = made.forward.__qualname__
    return forward, backward


def _known(name: str, names: list[str]) -> str:
    short = re.sub(r"\W|^self\.", "", name.replace("self.", ""))
    if {"W", "U"} <= set(names):
        short = {"W": "Wx", "U": "Wh"}.get(short, short)
    found = {"enc": "keys", "X": "x", "state": "h", "h_below": "h", "c_below": "c", "Xt": "x"}.get(
        short, short
    )
    return found if found.isidentifier() and not keyword.iskeyword(found) else f"p{abs(hash(name))}"


def _faults(report: Report) -> list[Cause]:
    return [cause for cause in report.causes if cause.code in FAULTS]


def _kinds(candidate: Candidate, made: Flat) -> list[str]:
    """Return the kinds that a pass may have, by its names."""
    said = f"{candidate.name} {candidate.forward.__qualname__}".lower()
    names = {name.lower().replace("_", "") for name in made.inputs}
    gates = {name[-1] for name in names if re.match(r"^[wb][a-z]$", name)}
    found = [stem for stem in ("lstm", "gru", "rnn") if stem in said]
    if not found:
        found = ["lstm"] * ({"f", "i", "o"} <= gates) + ["gru"] * ({"z", "r"} <= gates) + ["rnn"]
    kinds = [kind for stem in found for kind in KINDS if kind.startswith(stem)]
    words = {"attention": ("attention", "attend", "bahdanau", "align"), "embedding": ("embed",)}
    words["cross_entropy"] = ("softmax", "entropy", "loss")
    others = [kind for kind, marks in words.items() if any(mark in said for mark in marks)]
    return others + kinds
