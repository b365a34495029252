"""The loss of a sequence model: cross-entropy over a vocabulary, and its derivative.

    p    = softmax(logits)                           one distribution per position
    loss = mean over the positions of -log p[target]
    d_logits = (p - onehot(target)) / N              N positions are counted

The softmax's logarithm is taken as logit - top - log(total), which is exact where p itself is 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.module import Array
from seqmem.validation import as_array, as_floats, as_ids, check_shape


def cross_entropy(logits: Array, targets: Array, mask: Array | None = None) -> tuple[Any, Array]:
    """Mean cross-entropy of the unmasked positions in nats, and its derivative.

    What is under the mask is never read: NaN logits and impossible target ids may stand there.

    Args:
        logits: unnormalised log-probabilities, (T, B, V), or with any other leading axes.
        targets: the right ids, integers of the leading shape, from 0 to V - 1 where they count.
        mask: True where a position counts, bool of the leading shape; None when all of them count.

    Returns:
        (loss, d_logits): a float (complex for complex logits), and dloss/dlogits in the shape of the logits,
        float32 for float32 and float64 for integers. Logits that are not finite give a loss that is not.

    Raises:
        ValueError: for a wrong shape, an id outside the vocabulary, or no position to take the mean of.
        TypeError: for logits that are not numbers, targets that are not integers, a mask that is not bool.

    >>> loss, d_logits = cross_entropy(np.zeros((1, 2, 4)), np.array([[3, -1]]), np.array([[True, False]]))
    >>> print(f"{loss:.4f}", d_logits[0].tolist())
    1.3863 [[0.25, 0.25, 0.25, -0.75], [0.0, 0.0, 0.0, 0.0]]
    """
    logits, targets, counted = _as_inputs(logits, targets, mask)
    V, N = logits.shape[-1], targets.size if counted is None else counted.size
    if N == 0:
        raise ValueError("cross_entropy: mean of nothing: no position is left to take the mean over")
    rows, ids = logits.reshape(-1, V), targets.reshape(-1)
    if counted is not None:
        rows, ids = rows[counted], ids[counted]
    each = np.arange(N)

    # exp underflows to its exact limit; a logit that is not finite is reported by the loss itself
    with np.errstate(under="ignore", over="ignore", invalid="ignore"):
        top = rows.real.max(axis=-1, keepdims=True)
        shifted = rows[each, ids].astype(np.result_type(rows, np.float64)) - top[:, 0]  # (N,)
        p = np.subtract(rows, top, out=None if counted is None else rows)  # (N, V); never into the input
        np.exp(p, out=p)
        total = p.sum(axis=-1)
        loss = (np.log(total.astype(shifted.dtype)) - shifted).sum() / N

        p *= (1 / (total * N))[:, None]  # the softmax's own division and the mean's, in one pass
        p[each, ids] -= 1 / N

    if counted is None:
        return loss.item(), p.reshape(logits.shape)
    d_logits = np.zeros_like(logits)
    d_logits.reshape(-1, V)[counted] = p
    return loss.item(), d_logits


def _as_inputs(logits: Any, targets: Any, mask: Any) -> tuple[Array, Array, Array | None]:
    """The logits and ids as arrays, and the flat indices of the positions that count; None for all."""
    caller = "cross_entropy"
    single = getattr(logits, "dtype", None) in (np.float32, np.complex64)
    dtype = np.dtype(np.float32 if single else np.float64)
    logits = as_floats(logits, dtype, ("...", "V"), caller, "logits")
    axes = tuple((size, f"axis {axis} of logits") for axis, size in enumerate(logits.shape[:-1]))
    if mask is None:
        return logits, as_ids(targets, logits.shape[-1], axes, caller, "targets"), None
    mask, targets = as_array(mask, caller, "mask"), as_array(targets, caller, "targets")
    if mask.dtype != np.bool_:
        raise TypeError(f"{caller}: mask has dtype {mask.dtype}, expected bool")
    check_shape(mask, axes, caller, "mask")
    if targets.dtype.kind not in "iu" and targets.size:
        raise TypeError(f"{caller}: targets has dtype {targets.dtype}, expected integers")
    check_shape(targets, axes, caller, "targets")
    targets = as_ids(np.where(mask, targets, 0), logits.shape[-1], axes, caller, "targets")
    return logits, targets, None if mask.all() else np.flatnonzero(mask)
