"""Assertions of the contract checks: comparisons that report the position, and findings to raise."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from seqmem.checking.contract.conduct import ROUNDING, Finding, Watched, difference, watch
from seqmem.checking.contract.subject import ModuleSubject, Named
from seqmem.module import Array
from seqmem.nests import tree_map


class NotApplicableError(Exception):
    """Raised, with the reason, by a contract check that does not apply to a module."""


class UnprovenError(AssertionError):
    """Raised by a contract check that found nothing wrong but could not show that everything is right."""


def floats_mapped(function: Callable[[Array], Array], tree: Any) -> Any:
    """Return a nest with a function applied to its floating-point arrays; integers and booleans stay."""
    return tree_map(lambda array: function(array) if array.dtype.kind == "f" else array, tree)


def watched(subject: ModuleSubject) -> Watched:
    """Watch a module's passes; the same seed gives the same upstream gradient."""
    return watch(subject, subject.stream(0), anyway=True)


def kept(subject: ModuleSubject, findings: Iterable[Finding]) -> None:
    """Raise the first finding about a promise, if there is one."""
    for finding in findings:
        raise AssertionError(f"{subject.title}: {finding.place}")


def same(subject: ModuleSubject, got: Named, right: Named, what: str) -> None:
    """Raise unless both have the same arrays with exactly the same numbers, where NaN equals NaN."""
    for name, one, other in _pairs(subject, got, right, what):
        different = (one != other) & ~((one != one) & (other != other))
        if one.dtype != other.dtype or np.any(different):
            raise AssertionError(f"{subject.title}, {what}: {difference(name, one, other, different)}")


def close(subject: ModuleSubject, got: Named, right: Named, what: str) -> None:
    """Raise unless both have the same arrays with the same numbers, up to rounding errors."""
    eps = float(np.finfo(subject.dtype).eps)
    for name, one, other in _pairs(subject, got, right, what):
        largest = max(1.0, float(np.max(np.abs(other), initial=0.0)))
        different = ~(np.abs(one - other) <= ROUNDING * eps * largest)
        if np.any(different):
            raise AssertionError(f"{subject.title}, {what}: {difference(name, one, other, different)}")


def zero(subject: ModuleSubject, got: Named, what: str) -> None:
    """Raise unless every number is exactly 0."""
    for name, array in got.items():
        if np.any(array != 0):
            place = difference(name, array, np.zeros_like(array), array != 0)
            raise AssertionError(f"{subject.title}, {what}: {place}")


def _pairs(subject: ModuleSubject, got: Named, right: Named, what: str) -> Iterable[tuple[str, Array, Array]]:
    """Pair the arrays of two runs; raise unless they have the same names and shapes."""
    if set(got) != set(right):
        odd = sorted(set(got) ^ set(right))
        raise AssertionError(
            f"{subject.title}, {what}: {', '.join(odd)} were returned in one run and not in the other"
        )
    for name, array in right.items():
        if got[name].shape != array.shape:
            raise AssertionError(f"{subject.title}, {what}: {difference(name, got[name], array)}")
    return [(name, got[name], array) for name, array in right.items()]
