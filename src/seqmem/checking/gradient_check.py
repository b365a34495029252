"""The check of a backward pass against the derivative of its forward pass: two entry points, one check."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from seqmem.checking.contract.printing import first_lines
from seqmem.checking.contract.subject import FunctionSubject, ModuleSubject
from seqmem.checking.exposing import exposing_inputs, with_exposing_params
from seqmem.checking.gradients.check import check
from seqmem.checking.gradients.measured import SECONDS
from seqmem.checking.report import Report
from seqmem.module import Module
from seqmem.validation import as_count, as_flag, as_rate, as_text, check_callable

UNPROVEN = "no gradient was found wrong, but these inputs cannot show that all of them are right"


def gradcheck(
    module: Module,
    *inputs: Any,
    seed: int = 0,
    tolerance: float | None = None,
    max_elements: int = 20_000,
    seconds: float = SECONDS,
    **options: Any,
) -> Report:
    """Compare a module's backward pass with the derivative of its forward pass.

    Args:
        module: a subclass of `seqmem.module.Module` that follows its protocol.
        *inputs: the positional inputs of its forward pass. Without any, a copy of the module with parameters
            that expose mistakes is checked on inputs that do; this works for the library's own modules.
        seed: seed of all random draws; the report gives it.
        tolerance: the largest error of a right gradient, relative to the largest entry of its array; None
            means 4096 rounding errors of the module's dtype (9e-13 in float64). If derivatives are computed
            by differences, their measured error bar is added.
        max_elements: up to this many numbers in parameters and inputs, every number is compared; above it,
            random directions of each array, and single entries if a direction is wrong.
        seconds: the approximate processor time for comparing every number. For arrays that would take longer,
            random directions are compared, and the report says so.
        **options: keyword options of the forward pass. An `rng` must be a seed here, so that every pass draws
            the same numbers.

    Returns:
        A `Report`: the verdict, a row for each array, the positions of wrong entries, and the cause if it is
        certain. It passes if every number is right; `side_effects` lists what a pass changes or uses up.

    Raises:
        TypeError: if the module is not a Module, no inputs are known for it, or `rng` is not a seed.

    >>> from seqmem.cells import LSTMCell
    >>> gradcheck(LSTMCell(2, 5, rng=0)).passed
    True
    """
    if not isinstance(module, Module):
        raise TypeError(
            f"gradcheck: module is of type {type(module).__name__}, expected a subclass of Module; "
            "for functions, use gradcheck_functions(forward, backward, inputs)"
        )
    if isinstance(options.get("rng"), np.random.Generator):
        raise TypeError("gradcheck: rng is a Generator, expected a seed: every pass must draw the same")
    check_settings(seed, tolerance, max_elements, "gradcheck", seconds)
    rng = np.random.default_rng(seed)
    if not inputs:
        module = with_exposing_params(module, rng)
        inputs, drawn = exposing_inputs(module, rng)
        options = drawn | options
    with first_lines() as notes:
        subject = ModuleSubject(module, inputs, options)
        report = check(subject, seed, tolerance, max_elements, seconds=seconds)
        if report.verdict == "wrong":
            from seqmem.checking.catalogue.of_modules import name_mistake  # only needed for a mistake

            report = name_mistake(module, report)
    return replace(report, notes=(*report.notes, *notes))


def gradcheck_functions(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    inputs: dict[str, Any] | tuple[Any, ...] | None = None,
    *,
    like: str | None = None,
    seed: int = 0,
    tolerance: float | None = None,
    max_elements: int = 20_000,
    seconds: float = SECONDS,
) -> Report:
    """Compare a backward function with the derivative of a forward function; neither needs seqmem.

    Args:
        forward: called with the inputs by name, or by position if they are a tuple; returns (out, cache),
            or several outputs and the cache. Outputs may be nested in tuples, lists and dicts.
        backward: called with (d_out, cache), d_out in the structure of out; returns the gradients in the
            order of the inputs, or in a dict under the inputs' names, with or without a leading d.
        inputs: the arrays at which to check; floats have gradients, integers have none. Different sizes and
            non-zero numbers expose the most mistakes. None with `like`, which provides inputs.
        like: the kind of function: "lstm_step", "gru_sequence", "attention" and so on (see `KINDS`). The
            layout of the arrays is recognised, and mistakes of the catalogue are named.
        seed, tolerance, max_elements, seconds: as in `gradcheck`.

    Returns:
        A `Report`.

    Raises:
        ValueError: if neither or both of `inputs` and `like` are given.

    >>> def forward(x, w):
    ...     return x @ w, (x, w)
    >>> def backward(d_y, cache):
    ...     x, w = cache
    ...     return d_y @ w.T, x.T @ d_y / len(x)
    >>> rng = np.random.default_rng(0)
    >>> inputs = {"x": rng.normal(size=(3, 2)), "w": rng.normal(size=(2, 4))}
    >>> report = gradcheck_functions(forward, backward, inputs)
    >>> report.verdict, [row.name for row in report.rows if row.verdict == "wrong"]
    ('wrong', ['w'])
    >>> report.causes[0].message
    'w: 1/3 of the right gradient; 3 is the length of axis 0 of x'
    """
    caller = "gradcheck_functions"
    for name, function in (("forward", forward), ("backward", backward)):
        if function is None:
            raise TypeError(f"{caller}: {name} is None, expected a function")
        check_callable(function, caller, name)
    check_settings(seed, tolerance, max_elements, caller, seconds)
    if like is not None:
        as_text(like, caller, "like")
        if inputs is not None:
            raise ValueError(
                "gradcheck_functions: both inputs and like were passed; like provides its own inputs"
            )
        from seqmem.checking.catalogue.check_kind import check_kind

        with first_lines() as notes:
            report = check_kind(forward, backward, like, seed, tolerance, max_elements, seconds)
        return replace(report, notes=(*report.notes, *notes))
    if inputs is None:
        raise ValueError("gradcheck_functions: neither inputs nor like was passed: expected one of them")
    if not isinstance(inputs, (dict, tuple, list)):
        raise TypeError(f"{caller}: inputs is of type {type(inputs).__name__}, expected a tuple or a dict")
    _check_call(forward, inputs)
    with first_lines() as notes:
        subject = FunctionSubject(forward, backward, inputs)
        report = check(subject, seed, tolerance, max_elements, seconds=seconds)
    return replace(report, notes=(*report.notes, *notes))


def _check_call(forward: Callable[..., Any], inputs: Any) -> None:
    """Raise if a function cannot be called with the given inputs."""
    named = isinstance(inputs, dict)
    try:
        signature = inspect.signature(forward)
    except (TypeError, ValueError):  # a function written in C may have no signature
        return
    try:
        signature.bind(*(() if named else inputs), **(inputs if named else {}))
    except TypeError as error:
        raise TypeError(f"gradcheck_functions: inputs do not fit forward{signature}: {error}") from None


def check_settings(seed: Any, tolerance: Any, max_elements: Any, caller: str, seconds: Any = 0.0) -> None:
    """Raise for invalid settings of a check."""
    as_count(seed, caller, "seed")
    if tolerance is not None:
        as_rate(tolerance, caller, "tolerance")
    as_count(max_elements, caller, "max_elements")
    as_rate(seconds, caller, "seconds")


def assert_gradients(*arguments: Any, strict: bool = True, **options: Any) -> None:
    """Assert that `gradcheck` of a module, or `gradcheck_functions` of two functions, finds no mistake.

    Args:
        *arguments: the arguments of `gradcheck` or `gradcheck_functions`.
        strict: whether a side effect of passes whose numbers are right is an error as well.
        **options: the options of `gradcheck` or `gradcheck_functions`.

    Raises:
        AssertionError: with the whole report, unless the verdict is "right"; if nothing is wrong but not
            everything could be tested, the message says so first.

    >>> from seqmem.layers import Linear
    >>> assert_gradients(Linear(3, 2, rng=0))
    """
    strict = as_flag(strict, "assert_gradients", "strict")
    is_module = bool(arguments) and isinstance(arguments[0], Module)
    if len(arguments) == 1 and not is_module and "backward" not in options:
        came = type(arguments[0]).__name__
        raise TypeError(f"assert_gradients: module is of type {came}, expected a Module, or two functions")
    report = (gradcheck if is_module else gradcheck_functions)(*arguments, **options)
    if report.verdict == "cannot tell":
        raise AssertionError(f"{UNPROVEN}\n{report}")
    if not report.passed or (strict and report.side_effects):
        raise AssertionError(str(report))
