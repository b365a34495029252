"""The contract's promises along the axes: rows of a batch, padding, a sequence cut in two.

Each function takes a `ModuleSubject` and raises AssertionError with the module, the array and the position if
the promise is broken, and NotApplicableError if it does not apply to the module.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from seqmem.cells import Cell
from seqmem.checking.contract.assertions import NotApplicableError, close, same, zero
from seqmem.checking.contract.subject import ModuleSubject, Named
from seqmem.contexts import Context
from seqmem.layers import Dropout, Embedding, Linear
from seqmem.layers.sequence import SequenceLayer
from seqmem.models import (
    AttentionPooling,
    Bridge,
    Decoder,
    Encoder,
    LanguageModel,
    MeanPooling,
    Seq2Seq,
    SequenceClassifier,
    SequenceRegressor,
    SequenceTagger,
)
from seqmem.module import Array, Module
from seqmem.nests import tree_branches, tree_leaves, tree_map

BATCH_AXES: dict[type[Module], tuple[int, ...]] = {  # for each positional input
    Cell: (0, 0),
    SequenceLayer: (1, 0),
    Linear: (-2,),
    Embedding: (-1,),
    Dropout: (-2,),
    Context: (0, 1),
    Bridge: (0,),
    Encoder: (1,),
    Decoder: (1, 0, 1),
    Seq2Seq: (1, 1),
    LanguageModel: (1, 0),
    SequenceRegressor: (1, 0),
    SequenceClassifier: (1,),
    SequenceTagger: (1,),
    MeanPooling: (1,),
    AttentionPooling: (1,),
}


def batch_independence(case: ModuleSubject) -> None:
    """Check that each row of a batch alone gives the same outputs and gradients as in the batch."""
    case = replace(case, options=_without(case.options, "rng"))  # random draws depend on the batch
    axes = _axes_of_inputs(case)
    outputs, cache = case.outputs_and_cache()
    d_inputs, grads = case.d_inputs_and_grads(case.upstream, cache)
    total = case.named_d_inputs(d_inputs) | {f"grads[{key}]": d for key, d in grads.items()}
    shared: Named = {}  # gradients to which all rows contribute
    for row in range(_batch_size(case, axes)):
        what = f"row {row} of the batch alone"
        alone = replace(case, inputs=_rows(case.inputs, axes, row), options=_options_of(case.options, row))
        found, row_cache = alone.outputs_and_cache()
        out_axes = tree_map(lambda whole, part: _batch_axis(whole.shape, part.shape), outputs, found)
        for (name, output), axis in zip(tree_leaves(outputs, "outputs"), _flat(out_axes), strict=True):
            if axis is None:
                raise AssertionError(
                    f"{case.title}, {what}: {name} of shape {output.shape} has no batch axis of its own"
                )
        right = dict(tree_leaves(_rows(outputs, out_axes, row), "outputs"))
        close(case, dict(tree_leaves(found, "outputs")), right, what)
        d_row, row_grads = alone.d_inputs_and_grads(_rows(case.upstream, out_axes, row), row_cache)
        for name, axis, d in _with_axes(alone, d_row, axes):
            if axis is None:
                shared[name] = shared.get(name, 0) + d
            else:
                close(case, {name: d}, {name: np.take(total[name], [row], axis)}, what)
        for key, d in row_grads.items():
            shared[f"grads[{key}]"] = shared.get(f"grads[{key}]", 0) + d
    close(case, shared, {name: total[name] for name in shared}, "the sum over the rows alone")


def _axes_of_inputs(case: ModuleSubject) -> tuple[Any, ...]:
    """Return the batch axis of every array of the inputs."""
    known = (axes for kind, axes in BATCH_AXES.items() if isinstance(case.module, kind))
    axes = case.batch_axes or next(known, None)
    if axes is None:
        raise NotApplicableError("the batch axes of its inputs are unknown: pass batch_axes")
    if len(axes) < len(case.inputs):
        raise ValueError(f"batch_axes is {axes}, expected one for each of {len(case.inputs)} inputs")
    for name, value in case.options.items():
        if name != "lengths" and np.ndim(value):
            raise NotApplicableError(f"the batch axis of option {name} is unknown")
    return tuple(_spread(axis, value) for axis, value in zip(axes, case.inputs, strict=False))


def _batch_size(case: ModuleSubject, axes: tuple[Any, ...]) -> int:
    pairs = zip(tree_leaves(case.inputs, ""), _flat(axes), strict=True)
    try:
        sizes = {array.shape[axis] for (_, array), axis in pairs if axis is not None}
    except IndexError:
        raise NotApplicableError("an input has no axis for a batch") from None
    if len(sizes) != 1 or min(sizes) < 2:
        raise NotApplicableError(f"its batches have sizes {sorted(sizes)}, expected one size of 2 or more")
    return int(min(sizes))


def _options_of(options: Mapping[str, Any], row: int) -> dict[str, Any]:
    """Return the options for a single row, with that row's length."""
    return {key: value[[row]] if np.ndim(value) else value for key, value in options.items()}


def _with_axes(
    case: ModuleSubject, d_inputs: Any, axes: tuple[Any, ...]
) -> Iterator[tuple[str, int | None, Array]]:
    """Yield the inputs' gradients, each with its name and its batch axis."""
    for place, (axis, d_input) in enumerate(zip(axes, d_inputs, strict=False)):
        named = case.named_d_inputs((*(None,) * place, d_input))
        for (name, d), leaf_axis in zip(named.items(), _flat((axis,)), strict=False):
            yield name, leaf_axis, d


def padding(case: ModuleSubject) -> None:
    """Check that values beyond `lengths`, including NaN, have no effect and a gradient of exactly 0."""
    if "lengths" not in inspect.signature(case.module.forward).parameters:
        raise NotApplicableError("its forward pass takes no lengths")
    place = _padded_input(case)
    value = case.inputs[place]
    steps, batch = value.shape[:2]
    lengths = case.options.get("lengths")
    if lengths is None:
        lengths = np.arange(batch) % steps + 1
    beyond = np.arange(steps)[:, None] >= np.asarray(lengths)
    if not beyond.any():
        raise NotApplicableError("no sequence is shorter than the longest")
    name = case.input_names[place]
    fillers = (0.0, np.nan, np.inf, -1e30) if value.dtype.kind == "f" else (value.min(), value.max())
    right: Named = {}
    for filler in fillers:
        filled = value.copy()
        filled[beyond] = filler
        inputs = (*case.inputs[:place], filled, *case.inputs[place + 1 :])
        found = replace(case, inputs=inputs, options={**case.options, "lengths": lengths}).run()
        right, what = right or found, f"{filler} in the padding of {name}"
        same(case, found, right, what)
        if f"d_{name}" in found:
            d = np.where(beyond.reshape(beyond.shape + (1,) * (value.ndim - 2)), found[f"d_{name}"], 0)
            zero(case, {f"d_{name}": d}, what)


def splitting(case: ModuleSubject) -> None:
    """Check that T steps equal the first k steps, followed by the others from the state after those."""
    xs = case.inputs[0]
    if list(inspect.signature(case.module.forward).parameters)[1:2] != ["state"] or np.ndim(xs) < 3:
        raise NotApplicableError("it does not take (xs, state) of several steps")
    if not getattr(case.module, "every_step", True):
        raise NotApplicableError("it returns the last step alone")
    if len(_directions(case.module)) > 1:
        raise NotApplicableError("it reads its input from both ends")
    case = replace(case, options=_without(case.options, "rng"))  # random draws depend on the steps
    steps, lengths = len(xs), case.options.get("lengths")
    if len(case.inputs) != 2 or case.inputs[1] is None or steps < 2:
        raise NotApplicableError("it was given no initial state, or fewer than two steps")
    for given in (None, lengths) if lengths is not None else (None,):
        options = _without(case.options, "lengths") | ({} if given is None else {"lengths": given})
        for k in sorted({1, steps - 1}):
            _split(replace(case, options=options), k)


def _split(case: ModuleSubject, k: int) -> None:
    xs, state = case.inputs
    what, lengths = f"cut in two after step {k}", case.options.get("lengths")
    parts = [slice(None, k), slice(k, None)]
    if "backward" in _directions(case.module):
        parts = parts[::-1]  # the part that is read first
    right, (d_hs, d_running) = case.run(), case.upstream
    cases, caches, hs = [], [], np.zeros_like(case.outputs_and_cache()[0][0])
    for part in parts:
        options = dict(case.options)
        if lengths is not None:
            options["lengths"] = np.clip(np.asarray(lengths) - (part.start or 0), 0, len(xs[part]))
        cases.append(replace(case, inputs=(xs[part], state), options=options))
        (hs[part], state), cache = cases[-1].outputs_and_cache()
        caches.append(cache)
    d_xs, total = np.zeros_like(xs), dict[str, Array]()
    for part, one, cache in reversed(list(zip(parts, cases, caches, strict=True))):
        (d_xs[part], d_running), grads = one.d_inputs_and_grads((d_hs[part], d_running), cache)
        total = {key: total.get(key, 0) + d for key, d in grads.items()}
    got = dict(tree_leaves((hs, state), "outputs")) | case.named_d_inputs((d_xs, d_running))
    close(case, got | {f"grads[{key}]": d for key, d in total.items()}, right, what)


def _directions(module: Module) -> frozenset[str]:
    return module.directions if isinstance(module, SequenceLayer) else frozenset(["forward"])


def _padded_input(case: ModuleSubject) -> int:
    """Return the position of the input to which `lengths` applies."""
    for kind, place in {Context: 1, Decoder: 2}.items():
        if isinstance(case.module, kind):
            return place
    lengths = case.options.get("lengths")
    fits = [
        place
        for place, value in enumerate(case.inputs)
        if isinstance(value, np.ndarray)
        and value.ndim >= 2
        and (lengths is None or (value.shape[1] == len(lengths) and len(value) >= max(lengths)))
    ]
    if not fits or (len(fits) > 1 and 0 not in fits):
        raise NotApplicableError("no input is of shape (T, B, ...) with B the number of lengths")
    return fits[0]


def _without(options: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in options.items() if key != name}


def _spread(axis: Any, value: Any) -> Any:
    """Return a nest like the value, with the given axis at every leaf if only one axis was given."""
    return axis if isinstance(axis, (tuple, list, dict)) else tree_map(lambda _: axis, value)


def _flat(axes: Any) -> list[int | None]:
    """Return the axes of a nest in the order of its leaves, None for a leaf without a batch axis."""
    parts = tree_branches(axes, "")
    return [axes] if parts is None else [axis for _, part in parts for axis in _flat(part)]


def _rows(tree: Any, axes: Any, row: int) -> Any:
    """Return one row of every array; an array without a batch axis is unchanged."""
    return tree_map(lambda array, axis: array if axis is None else np.take(array, [row], axis), tree, axes)


def _batch_axis(whole: tuple[int, ...], row: tuple[int, ...]) -> int | None:
    """Return the only axis whose size became 1, None if there is no such axis."""
    different = [k for k, (one, other) in enumerate(zip(whole, row, strict=False)) if one != other]
    return different[0] if len(different) == 1 and len(whole) == len(row) and row[different[0]] == 1 else None
