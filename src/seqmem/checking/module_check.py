"""Every promise of the protocol as a named check, for the library's modules and for users' modules.

check_module(cell)                        a cell, or another kind that the library knows
check_module(module, x, batch_axes=(0,))  any other module, with explicit inputs
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from seqmem.checking.contract import axes, memory, promises
from seqmem.checking.contract.assertions import NotApplicableError, UnprovenError, floats_mapped, watched
from seqmem.checking.contract.subject import ModuleSubject
from seqmem.checking.exposing import exposing_inputs, with_exposing_params
from seqmem.checking.gradient_check import UNPROVEN, gradcheck
from seqmem.checking.report import SideEffect
from seqmem.module import Module
from seqmem.validation import as_count, as_flag, as_texts


class ContractCheck(NamedTuple):
    """One promise of the protocol, and the function that checks it."""

    name: str
    promise: str  # one sentence
    function: Callable[[ModuleSubject], None]  # raises AssertionError, or NotApplicableError


def _check(name: str, function: Callable[[ModuleSubject], None]) -> ContractCheck:
    promise = str(function.__doc__).removeprefix("Check that ")
    return ContractCheck(name, promise[:1].upper() + promise[1:], function)


def gradients(case: ModuleSubject) -> None:
    """Check that the backward pass agrees with the complex step."""
    case.run()  # raises here what a pass raises, under that pass's name
    inputs = case.inputs
    if case.module.dtype is None:  # the dtype follows the inputs, and float64 shows more
        inputs = floats_mapped(lambda array: array.astype(np.float64), inputs)
    try:
        report = gradcheck(case.module, *inputs, seed=case.seed, **case.options)
    except TypeError as error:
        raise AssertionError(f"{case.title}: {error}") from error
    if report.verdict == "cannot tell":
        raise UnprovenError(f"{UNPROVEN}\n{report}")
    if not report.passed:
        raise AssertionError(str(report))


CONTRACT_CHECKS: tuple[ContractCheck, ...] = (
    _check("gradients", gradients),
    _check("shapes", promises.shapes),
    _check("purity", memory.purity),
    _check("repeatable", promises.repeatable),
    _check("own arrays", memory.own_arrays),
    _check("linear", promises.linear),
    _check("None is zero", promises.none_is_zero),
    _check("strides", memory.strides),
    _check("read-only", memory.read_only_inputs),
    _check("batch independence", axes.batch_independence),
    _check("padding", axes.padding),
    _check("splitting", axes.splitting),
    _check("complex-clean", promises.complex_clean),
    _check("dtypes", promises.dtypes),
    _check("copies", promises.copies),
)


_PURE = ("purity", "read-only")  # the promises that a side effect breaks
LISTED = "with strict=False, side effects are listed"


@dataclass(frozen=True)
class Checked:
    """The result of `check_module`; printable.

    >>> print(Checked(("gradients", "shapes"), {"padding": "its forward pass takes no lengths"}))
    passed    gradients
    passed    shapes
    left out  padding: its forward pass takes no lengths
    """

    passed: tuple[str, ...]  # names of the checks that were run, all of which passed
    left_out: Mapping[str, str]  # the reasons, by name, why others were not run
    side_effects: tuple[SideEffect, ...] = ()  # of right passes; empty if side effects are errors

    def __str__(self) -> str:
        lines = [f"passed    {name}" for name in self.passed]
        lines += [f"left out  {name}: {reason}" for name, reason in self.left_out.items()]
        return "\n".join(lines + [f"side effect  {one}" for one in self.side_effects])


def check_module(
    module: Module,
    *inputs: Any,
    checks: Iterable[str] | None = None,
    seed: int = 0,
    batch_axes: tuple[Any, ...] | None = None,
    strict: bool = True,
    **options: Any,
) -> Checked:
    """Run the contract checks on a module, which test the promises of the protocol.

    Args:
        module: a subclass of `seqmem.module.Module`.
        *inputs: the positional inputs of its forward pass. Give all axes different sizes, and the batch at
            least 2. Without any, a copy of the module with random parameters is checked on random inputs;
            this works for the library's own modules and for subclasses of `Cell` and the like.
        checks: names of checks in `CONTRACT_CHECKS` to run; None for all.
        seed: seed of all random draws.
        batch_axes: for each input the batch axis, None for an input that all rows share: (1, 0) for xs
            (T, B, D) and a state (B, H). Known for the library's own kinds of module.
        strict: whether a promise is broken if a pass writes to its arguments or uses up its cache; if False,
            this is listed in `side_effects`, and the other promises are checked on copies.
        **options: keyword options of the forward pass. An `rng` must be a seed.

    Returns:
        A `Checked`: the names of the checks that passed, and the reasons why others were left out.

    Raises:
        AssertionError: if a promise is broken, or these inputs cannot show that the gradients are right;
            the message lists every such check with its promise and its finding.
        TypeError: if the module is not a Module, no inputs are known for it, or `rng` is not a seed.
        ValueError: for an unknown check name, or too few batch_axes.

    >>> from seqmem.cells import LSTMCell
    >>> checked = check_module(LSTMCell(2, 5, rng=0), checks=["gradients", "purity", "padding"])
    >>> checked.passed
    ('gradients', 'purity')
    >>> checked.left_out
    {'padding': 'its forward pass takes no lengths'}
    """
    if checks is not None:
        checks = as_texts(checks, "check_module", "checks")
    case = _case(module, inputs, options, as_count(seed, "check_module", "seed"), batch_axes)
    found = () if as_flag(strict, "check_module", "strict") else _side_effects(case)
    case = replace(case, sparing=bool(found))
    passed: list[str] = []
    broken: list[tuple[ContractCheck, str]] = []
    unproven: list[tuple[ContractCheck, str]] = []
    chosen = _chosen(checks)
    left_out = {check.name: LISTED for check in chosen if found and check.name in _PURE}
    for check in chosen:
        if check.name in left_out:
            continue
        fresh = copy.deepcopy((case.inputs, case.options))  # a check may change its inputs
        try:
            sparing = case.sparing and check.name != "own arrays"  # copies never share memory
            check.function(replace(case, inputs=fresh[0], options=fresh[1], sparing=sparing))
            passed.append(check.name)
        except NotApplicableError as reason:
            left_out[check.name] = str(reason)
        except UnprovenError as error:
            unproven.append((check, str(error)))
        except AssertionError as error:
            broken.append((check, str(error)))
    if broken or unproven:
        name, n = type(module).__name__, len(broken) + len(unproven) + len(passed)
        what = f"breaks {len(broken)}" if broken else f"was not shown to keep {len(unproven)}"
        lines = [f"{name} {what} of {n} promises of the protocol"]
        lines += [
            f"- {check.name}: {check.promise}\n    " + "\n    ".join(message.splitlines())
            for check, message in broken + unproven
        ]
        raise AssertionError("\n".join(lines))
    return Checked(tuple(passed), left_out, found)


def _side_effects(case: ModuleSubject) -> tuple[SideEffect, ...]:
    try:
        passes = watched(case)
    except AssertionError:  # the checks report what was raised
        return ()
    from seqmem.checking.contract.side_effects import side_effects  # most checks do not need it

    return side_effects(passes, passes.findings)


def _case(
    module: Module,
    inputs: tuple[Any, ...],
    options: dict[str, Any],
    seed: int,
    batch_axes: tuple[Any, ...] | None,
) -> ModuleSubject:
    if not isinstance(module, Module):
        raise TypeError(
            f"check_module: module is of type {type(module).__name__}, expected a subclass of Module"
        )
    if isinstance(options.get("rng"), np.random.Generator):
        raise TypeError("check_module: rng is a Generator, expected a seed: every pass must draw the same")
    if not inputs:
        rng = np.random.default_rng(seed)
        if exposing_inputs.dispatch(type(module)) is exposing_inputs.dispatch(object):
            raise TypeError(
                f"check_module: no inputs are known for a {type(module).__name__}; "
                "pass them: check_module(module, x, ...)"
            )
        module = with_exposing_params(module, rng)
        inputs, drawn = exposing_inputs(module, rng)
        options = drawn | options
    while inputs and inputs[-1] is None:  # the same as left out
        inputs = inputs[:-1]
    options = {key: np.asarray(v) if isinstance(v, list) else v for key, v in options.items()}
    return ModuleSubject(module, inputs, options, seed, batch_axes, asserting=True)


def _chosen(names: Iterable[str] | None) -> list[ContractCheck]:
    known = {check.name: check for check in CONTRACT_CHECKS}
    chosen = list(known if names is None else names)
    for name in chosen:
        if name not in known:
            raise ValueError(f"check_module: checks has {name!r}, expected some of {sorted(known)}")
    return [known[name] for name in chosen]
