"""A trace as a tidy table: one row for each number."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from seqmem.module import Array


def trace_table(trace: Mapping[str, Array]) -> Array:
    """A trace, or the gradients of one, as one structured array that any table program reads.

    Args:
        trace: what `trace` or `trace_gradients` returned, (T, B, H) by name, or (T, B, S) for weights.

    Returns:
        A structured array with the fields quantity, step, sequence, unit and value; `unit` is the source
        position for attention weights. `pandas.DataFrame(table)` and `numpy.savetxt` take it as it is.

    >>> table = trace_table({"f": np.array([[[0.5, 0.25]]]), "c": np.array([[[2.0, 3.0]]])})
    >>> [row.item() for row in table]
    [('f', 0, 0, 0, 0.5), ('f', 0, 0, 1, 0.25), ('c', 0, 0, 0, 2.0), ('c', 0, 0, 1, 3.0)]
    """
    width = max((len(name) for name in trace), default=1)
    fields = [("quantity", f"U{width}"), ("step", int), ("sequence", int), ("unit", int), ("value", float)]
    parts = []
    for name, values in trace.items():
        part = np.empty(values.size, fields)
        part["quantity"], part["value"] = name, values.ravel()
        part["step"], part["sequence"], part["unit"] = (axis.ravel() for axis in np.indices(values.shape))
        parts.append(part)
    return np.concatenate(parts) if parts else np.empty(0, fields)
