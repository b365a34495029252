"""A trace as a tidy table: one row per number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from seqmem.module import Array
from seqmem.validation import as_floats, check_type


def trace_table(trace: Mapping[str, Array]) -> Array:
    """Return a trace, or the gradients of a trace, as one structured array for table programs.

    Args:
        trace: the result of `trace` or `trace_gradients`, (T, B, H) by name, or (T, B, S) for weights.

    Returns:
        A structured array with the fields quantity, step, row, unit and value; `row` is the index of the
        sequence in the batch, `unit` the index of a hidden unit, or of a source position for attention
        weights. `pandas.DataFrame(table)` and `numpy.savetxt` accept it directly.

    >>> table = trace_table({"f": np.array([[[0.5, 0.25]]]), "c": np.array([[[2.0, 3.0]]])})
    >>> [row.item() for row in table]
    [('f', 0, 0, 0, 0.5), ('f', 0, 0, 1, 0.25), ('c', 0, 0, 0, 2.0), ('c', 0, 0, 1, 3.0)]
    """
    trace = as_trace(trace, "trace_table")
    width = max((len(name) for name in trace), default=1)
    fields = [("quantity", f"U{width}"), ("step", int), ("row", int), ("unit", int), ("value", float)]
    parts = []
    for name, values in trace.items():
        part = np.empty(values.size, fields)
        part["quantity"], part["value"] = name, values.ravel()
        part["step"], part["row"], part["unit"] = (axis.ravel() for axis in np.indices(values.shape))
        parts.append(part)
    return np.concatenate(parts) if parts else np.empty(0, fields)


def as_trace(trace: Any, caller: str) -> dict[str, Array]:
    """Return a trace whose arrays are numbers with three axes."""
    check_type(trace, Mapping, caller, "trace")
    axes, dtype = ("T", "B", "units"), np.dtype(np.float64)
    return {
        str(name): as_floats(values, dtype, axes, caller, f"trace[{name!r}]")
        for name, values in trace.items()
    }
