"""Arrays in any layout of memory give the numbers of their contiguous copies, and are never written to."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from test_protocol import WITH_FLOATS, drawn

from seqmem.nests import tree_leaves, tree_map


class Subclass(np.ndarray):
    """An array of another class, with nothing of its own."""


def unaligned(array: Any) -> Any:
    """The numbers a byte away from where the processor likes them."""
    room = np.zeros(array.nbytes + 1, np.uint8)
    moved = room[1:].view(array.dtype).reshape(array.shape)
    moved[...] = array
    return moved


def strided(array: Any) -> Any:
    """Every other number of a larger array, from its end to its beginning."""
    room = np.full(tuple(2 * size for size in array.shape), np.nan, array.dtype)
    view = room[tuple(slice(None, None, -2) for _ in array.shape)]
    view[...] = array
    return view


def read_only(array: Any) -> Any:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "big endian": lambda array: array.astype(array.dtype.newbyteorder(">")),
    "Fortran": np.asfortranarray,
    "transposed": lambda array: array.T.copy().T,
    "strided, backward": strided,
    "unaligned": unaligned,
    "read-only": read_only,
    "a subclass": lambda array: array.view(Subclass),
    "a record's field": lambda array: np.rec.fromarrays([array, array])["f0"],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", WITH_FLOATS)
def test_a_layout_gives_the_same_and_stays_as_it_is(name: str, layout: str) -> None:
    def laid(tree: Any) -> Any:
        return tree_map(lambda array: LAYOUTS[layout](array) if array.dtype.kind == "f" else array, tree)

    def run(inputs: Any, upstream: Any) -> Any:
        outputs, cache = case.module.forward(*inputs, **case.options)
        return outputs, case.module.backward(upstream, cache)

    case = drawn(name)
    right = run(case.inputs, case.upstream)
    inputs, upstream = laid(case.inputs), laid(case.upstream)
    found = run(inputs, upstream)
    for (place, one), (_, other) in zip(tree_leaves(found, ""), tree_leaves(right, ""), strict=True):
        if other is None:
            assert one is None
            continue
        assert type(one) is np.ndarray, place
        assert one.dtype == other.dtype, place
        np.testing.assert_array_equal(one, other, err_msg=place)
    for given, kept in ((inputs, case.inputs), (upstream, case.upstream)):
        for (place, one), (_, other) in zip(tree_leaves(given, ""), tree_leaves(kept, ""), strict=True):
            if other is not None:
                np.testing.assert_array_equal(one, other, err_msg=place)
