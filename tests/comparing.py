"""Are two nests of arrays the same: bit for bit, or to rounding?"""

from collections.abc import Mapping
from typing import Any

import numpy as np

ROUNDING = 1e-11


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


def assert_close(got: Any, right: Any, tolerance: float = ROUNDING) -> None:
    """The same places and shapes, and numbers that differ by rounding, relative to an array's largest."""
    got, right = leaves(got), leaves(right)
    assert sorted(got) == sorted(right)
    for name in right:
        size = max(1.0, float(np.max(np.abs(right[name]), initial=0.0)))
        assert got[name].shape == right[name].shape, name
        np.testing.assert_allclose(got[name], right[name], rtol=0, atol=tolerance * size, err_msg=name)


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
