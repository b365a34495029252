"""The contract's promises about memory: arguments are not written to, and results have their own memory.

Each function takes a `ModuleSubject` and raises AssertionError with the module, the array and the position if
the promise is broken.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from seqmem.checking.contract import conduct
from seqmem.checking.contract.assertions import kept, same, watched
from seqmem.checking.contract.subject import ModuleSubject
from seqmem.module import Array
from seqmem.nests import tree_leaves, tree_map


def purity(case: ModuleSubject) -> None:
    """Check that inputs, options, parameters, upstream gradients and the cache are never written to."""
    kept(case, conduct.purity(watched(case)))


def own_arrays(case: ModuleSubject) -> None:
    """Check that a gradient shares no memory with an input, parameter, output or other gradient."""
    kept(case, conduct.own_memory(watched(case)))


def unaligned(array: Array) -> Array:
    """Return a copy that starts at an odd address."""
    memory = np.zeros(array.nbytes + 1, np.uint8)[1:]
    memory[:] = np.frombuffer(array.tobytes(), np.uint8)
    return memory.view(array.dtype).reshape(array.shape)


def strided(array: Array) -> Array:
    """Return a copy with other values between any two numbers."""
    wide = np.full((*array.shape, 2), 77, array.dtype)
    wide[..., 0] = array
    return wide[..., 0]


def reversed_(array: Array) -> Array:
    """Return a copy whose strides are negative."""
    backwards = (slice(None, None, -1),) * array.ndim
    return array[backwards].copy()[backwards]


def read_only(array: Array) -> Array:
    """Return a read-only copy."""
    array = array.copy()
    array.flags.writeable = False
    return array


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "Fortran-ordered": lambda array: array.copy(order="F"),
    "transposed": lambda array: np.moveaxis(np.moveaxis(array, 0, -1).copy(), -1, 0) if array.ndim else array,
    "strided": strided,
    "reversed": reversed_,
    "big-endian": lambda array: array.astype(array.dtype.newbyteorder(">")),
    "unaligned": unaligned,
}


def strides(case: ModuleSubject) -> None:
    """Check that the memory layout of the arguments does not change a bit of the results."""
    for name, layout in LAYOUTS.items():
        _laid_out(case, layout, f"{name} inputs (np.ascontiguousarray copies them in order)")


def read_only_inputs(case: ModuleSubject) -> None:
    """Check that read-only inputs and upstream gradients give the same results."""
    _laid_out(case, read_only, "read-only inputs")


def _laid_out(case: ModuleSubject, layout: Callable[[Array], Array], what: str) -> None:
    right = case.run()
    options = {
        key: layout(value) if isinstance(value, np.ndarray) else value for key, value in case.options.items()
    }
    other = replace(case, inputs=tree_map(layout, case.inputs), options=options)
    upstream = tree_map(layout, case.upstream)
    lent = dict(tree_leaves((other.inputs, upstream), "")) | {
        key: value for key, value in options.items() if isinstance(value, np.ndarray)
    }
    before = {name: array.tobytes() for name, array in lent.items()}
    outputs, cache = other.outputs_and_cache()
    got = dict(tree_leaves(outputs, "outputs")) | other.gradients(upstream, cache)
    same(case, got, right, what)
    if {name: array.tobytes() for name, array in lent.items()} != before:
        raise AssertionError(f"{case.title}, {what}: they were written to")
