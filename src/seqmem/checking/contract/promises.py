"""The contract's promises about a single run: the form of the results, and what must not affect them.

Each function takes a `ModuleSubject` and raises AssertionError with the module, the array and the position if
the promise is broken, and NotApplicableError if it does not apply to the module.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from seqmem.checking.contract import conduct
from seqmem.checking.contract.assertions import (
    NotApplicableError,
    close,
    floats_mapped,
    kept,
    same,
    watched,
    zero,
)
from seqmem.checking.contract.subject import ModuleSubject, inputs_taken, random_like
from seqmem.module import Array
from seqmem.nests import tree_branches, tree_leaves, tree_like, tree_map


def shapes(case: ModuleSubject) -> None:
    """Check that a gradient has the structure, shape and dtype of its array."""
    outputs, cache = case.outputs_and_cache()
    d_inputs, grads = case.d_inputs_and_grads(case.upstream, cache)
    if set(grads) != set(case.module.params):
        odd = sorted(set(grads) ^ set(case.module.params))
        raise AssertionError(
            f"{case.title}: grads and params differ in {', '.join(odd)}, expected the same keys"
        )
    for key, param in case.module.params.items():
        _fits(case, f"grads[{key}]", grads[key], param, case.dtype)
    if not isinstance(d_inputs, tuple):
        raise AssertionError(f"{case.title}: d_inputs is a {type(d_inputs).__name__}, expected a tuple")
    most = max(len(case.inputs), inputs_taken(case.module))
    if not len(case.inputs) <= len(d_inputs) <= most:
        raise AssertionError(
            f"{case.title}: d_inputs has {len(d_inputs)} entries, expected {len(case.inputs)}: one per input"
        )
    for name, value, d_value in zip(case.input_names, case.inputs, d_inputs, strict=False):
        _fits_nest(case, f"d_{name}", d_value, value)
    for name, output in tree_leaves(outputs, "outputs"):
        if output.dtype != case.dtype:
            raise AssertionError(f"{case.title}: {name} has dtype {output.dtype}, expected {case.dtype}")


def _fits_nest(case: ModuleSubject, name: str, d_value: Any, value: Any) -> None:
    if value is None:  # None means zeros, whose gradient has a form that only the module knows
        return
    parts = tree_branches(value, name)
    if parts is not None:
        if type(d_value) is not type(value) or len(d_value) != len(value):
            raise AssertionError(
                f"{case.title}: {name} is {type(d_value).__name__}, "
                f"expected {type(value).__name__} of {len(value)}, as the input"
            )
        d_parts = d_value.values() if isinstance(d_value, dict) else d_value
        for (own, part), d_part in zip(parts, d_parts, strict=True):
            _fits_nest(case, own, d_part, part)
    elif not (d_value is None and value.dtype.kind in "iub"):
        _fits(case, name, d_value, value, case.dtype)


def _fits(case: ModuleSubject, name: str, d_value: Any, value: Array, dtype: np.dtype[Any]) -> None:
    if not isinstance(d_value, np.ndarray):
        raise AssertionError(f"{case.title}: {name} is {type(d_value).__name__}, expected an array")
    if (d_value.shape, d_value.dtype) != (value.shape, dtype):
        raise AssertionError(
            f"{case.title}: {name} has shape {d_value.shape} and dtype {d_value.dtype}, "
            f"expected {value.shape} and {dtype}"
        )


def repeatable(case: ModuleSubject) -> None:
    """Check that the same pass again gives the same bits, even after a run on other inputs."""
    right = copy.deepcopy(case.run())  # copies, because a module may return the same array every time
    same(case, case.run(), right, "the same run again")
    kept(case, conduct.repeatability(watched(case)))
    _, cache = case.outputs_and_cache()
    first = copy.deepcopy(case.gradients(case.upstream, cache))
    flipped = {
        key: value[::-1] if isinstance(value, np.ndarray) and value.ndim else value
        for key, value in case.options.items()
    }
    rng = case.stream(1)
    turned = tree_map(lambda array: array[::-1] if array.ndim else array, case.inputs)
    other = replace(case, inputs=floats_mapped(lambda a: random_like(a, rng), turned), options=flipped)
    other.d_inputs_and_grads(other.upstream, other.outputs_and_cache()[1])
    same(case, case.gradients(case.upstream, cache), first, "backward after another forward")
    same(case, case.run(), right, "the same run after another")


def linear(case: ModuleSubject) -> None:
    """Check that the backward pass is linear in the upstream gradient."""
    kept(case, conduct.linearity(watched(case), slack=0.0))


def none_is_zero(case: ModuleSubject) -> None:
    """Check that None means an upstream gradient of zeros, as a whole and at each position."""
    _, cache = case.outputs_and_cache()
    zeros = tree_map(np.zeros_like, case.upstream)
    of_zeros = case.gradients(zeros, cache)
    zero(case, of_zeros, "an upstream gradient of zeros")
    same(case, case.gradients(None, cache), of_zeros, "None as the upstream gradient")
    for place in _places(case.upstream):
        what = "None as the upstream gradient outputs" + "".join(f"[{k}]" for k in place)
        for upstream in (zeros, case.upstream):
            right = case.gradients(_with(upstream, place, np.zeros_like), cache)
            close(case, case.gradients(_with(upstream, place, lambda _: None), cache), right, what)


def _places(tree: Any) -> Iterator[tuple[int, ...]]:
    for k, (_, branch) in enumerate(tree_branches(tree, "") or ()):
        yield (k,)
        yield from ((k, *place) for place in _places(branch))


def _with(tree: Any, place: tuple[int, ...], function: Callable[[Any], Any]) -> Any:
    """Return the nest with a function applied to the arrays at one position; a branch becomes None."""
    if not place:
        return None if function(np.zeros(())) is None else tree_map(function, tree)
    parts = [part for _, part in tree_branches(tree, "") or ()]
    parts[place[0]] = _with(parts[place[0]], place[1:], function)
    return tree_like(tree, parts)


def complex_clean(case: ModuleSubject) -> None:
    """Check that complex inputs or parameters give complex results with the real run's real part."""
    real, cache = case.outputs_and_cache()
    right = dict(tree_leaves(real, "outputs"))
    wide = np.result_type(case.dtype, np.complex64)
    as_complex = replace(case, inputs=floats_mapped(lambda a: a.astype(wide), case.inputs))
    runs: list[tuple[str, ModuleSubject, str]] = []
    if any(np.iscomplexobj(a) for _, a in tree_leaves(as_complex.inputs, "")):
        runs.append(("complex inputs", as_complex, "d_"))
    if case.module.params:
        runs.append(("complex parameters", replace(case, module=case.module.astype(wide)), "grads["))
    if not runs:
        raise NotApplicableError("it has neither parameters nor floating-point inputs")
    for what, run, concerned in runs:
        with warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            outputs, _ = run.outputs_and_cache()
        got = dict(tree_leaves(outputs, "outputs"))
        for place, (name, output) in enumerate(got.items()):
            if not np.iscomplexobj(output) and _depends(case, place, concerned, cache):
                raise AssertionError(
                    f"{case.title}, {what}: {name} has dtype {output.dtype}, expected {wide}"
                )
        close(case, {name: np.real(output) for name, output in got.items()}, right, what)


def _depends(case: ModuleSubject, place: int, concerned: str, cache: Any) -> bool:
    """Return whether an output, counted in the order of the leaves, depends on the complex arrays.

    An output that does not, such as weights that depend on the lengths alone, may stay real.
    """
    leaves = iter(range(len(list(tree_leaves(case.upstream, "")))))
    alone = tree_map(lambda d: d if next(leaves) == place else np.zeros_like(d), case.upstream)
    found = case.gradients(alone, cache)
    return any(array.any() for name, array in found.items() if name.startswith(concerned))


def dtypes(case: ModuleSubject) -> None:
    """Check that float32 parameters and inputs give float32 outputs and gradients."""
    single = replace(
        case,
        module=case.module.astype(np.float32),
        inputs=floats_mapped(lambda array: array.astype(np.float32), case.inputs),
    )
    for name, array in single.run().items():
        if array.dtype != np.float32:
            raise AssertionError(f"{case.title} in float32: {name} has dtype {array.dtype}, expected float32")


def copies(case: ModuleSubject) -> None:
    """Check that a deep copy, and a module built from `config` with the same parameters, agree."""
    right, before = case.run(), {key: param.copy() for key, param in case.module.params.items()}
    try:
        twin = type(case.module)(*case.module.positional, **case.module.config)
    except Exception as error:
        raise AssertionError(
            f"{case.title}: type(m)(**m.config) raised {type(error).__name__}: {error}"
        ) from error
    found = {key: (param.shape, param.dtype) for key, param in twin.params.items()}
    expected = {key: (param.shape, param.dtype) for key, param in before.items()}
    if found != expected:
        raise AssertionError(
            f"{case.title}: type(m)(**m.config) has the parameters {found}, expected {expected}"
        )
    for key, param in twin.params.items():
        param[...] = before[key]
    same(case, replace(case, module=twin).run(), right, "type(m)(**m.config) with the same parameters")
    deep = copy.deepcopy(case.module)
    same(case, replace(case, module=deep).run(), right, "a deep copy")
    for key, param in deep.params.items():
        param.fill(np.nan)
        same(case, {key: case.module.params[key]}, {key: before[key]}, "a deep copy shares its parameters")
    same(case, case.run(), right, "after its deep copy was changed")
