"""Are two nests of arrays the same: bit for bit, or to rounding?

How far rounding may carry a number is `rounding`: rounding errors in a row times the size of what is rounded.
No order of addition is assumed, so it holds for any number of threads and any kernel of BLAS.

A sum of n terms is off by at most n·u·Σ|term| in whatever order it is taken, u = eps / 2 (Higham, Accuracy
and Stability of Numerical Algorithms, 2002, chapter 4); sums that feed one another add up their n. Two
results may both be off, hence n·eps. In long sums roundings go up as often as down: more than λ·√n·u·Σ|term|
is reached with a probability of about 2·exp(-λ²/2) (Higham & Mary, 2019), 3e-14 for λ = 8. A dropped term or
factor is far larger than either.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

LAMBDA = 8.0

# The longest way through the small models that the tests draw: up to 6 steps of a source and 5 of a target,
# at each no more than 20 terms and 10 functions, forward and backward, is 660; then a sum over 5 steps, 4
# rows and 5 positions.
TERMS = 1024


def eps_of(dtype: Any) -> float:
    """The distance from 1 to the next number."""
    return float(np.finfo(dtype).eps)


def rounding(dtype: Any, terms: float, size: Any = 1.0) -> Any:
    """How far apart two results may be that are the same but for rounding.

    Args:
        dtype: in which both are computed, or the less precise one.
        terms: rounded operations in a row: the lengths of all sums on the way to the result, added up.
        size: of what is added, a number or an array: Σ|term|, or the result's largest entry where the terms
            do not cancel.
    """
    return eps_of(dtype) * min(terms, LAMBDA * math.sqrt(terms)) * size


# For a gradient check, which measures against an array's own largest entry, down to a thousandth of the
# largest of all: that may be the difference of terms 16 times as large, as where attention is nearly even.
ROUNDING = rounding(np.float64, TERMS, size=16)


def leaves(tree: Any, name: str = "") -> dict[str, Any]:
    """The arrays of a nest of mappings, tuples and lists by their place in it; None has no arrays."""
    if tree is None:
        return {}
    if isinstance(tree, Mapping):
        branches = tree.items()
    elif isinstance(tree, (tuple, list)):
        branches = enumerate(tree)
    else:
        return {name: np.asarray(tree)}
    return {
        key: leaf for place, branch in branches for key, leaf in leaves(branch, f"{name}/{place}").items()
    }


def assert_same(got: Any, right: Any) -> None:
    """The same places, dtypes, shapes and numbers, to the last bit."""
    got, right = leaves(got), leaves(right)
    assert list(got) == list(right)
    for name in right:
        assert got[name].dtype == right[name].dtype, name
        np.testing.assert_array_equal(got[name], right[name], err_msg=name, strict=True)


def assert_close(got: Any, right: Any, tolerance: float | None = None, *, terms: int = TERMS) -> None:
    """The same places and shapes, and numbers that differ by the rounding of so many terms.

    The size is an array's largest entry, or 1, which is the size of what goes in. A `tolerance` relative to
    it stands for what is no rounding; then the caller says what it is.
    """
    got, right = leaves(got), leaves(right)
    assert sorted(got) == sorted(right)
    for name in right:
        size = max(1.0, float(np.max(np.abs(right[name]), initial=0.0)))
        bound = rounding(coarser(got[name], right[name]), terms) if tolerance is None else tolerance
        assert got[name].shape == right[name].shape, name
        np.testing.assert_allclose(got[name], right[name], rtol=0, atol=bound * size, err_msg=name)


def coarser(*arrays: Any) -> np.dtype[Any]:
    """The least precise floating dtype among them, float64 where there are none."""
    dtypes = [np.asarray(array).dtype for array in arrays]
    return max((dtype for dtype in dtypes if dtype.kind in "fc"), key=eps_of, default=np.dtype(np.float64))


def all_zero(tree: Any) -> bool:
    """Whether every number is exactly 0; NaN is not."""
    return all((leaf == 0).all() for leaf in leaves(tree).values())


def all_finite(tree: Any) -> bool:
    """Whether no number is NaN or infinite."""
    return all(np.isfinite(leaf).all() for leaf in leaves(tree).values())


def assert_right_where_tested(report: Any) -> None:
    """Every gradient that the inputs reach is right; what is drawn may be empty, padded or dropped."""
    told = [row.verdict for row in report.rows if "not put to the test" not in row.note]
    assert report.verdict != "wrong", report
    assert set(told) <= {"right"}, report
    assert report.passed or len(told) < len(report.rows), report
