"""The loss of a classifier of positions: cross-entropy over a vocabulary, and its derivative.

    p    = softmax(logits)                           one distribution per position
    loss = mean over the positions of -log p[target]
    d_logits = (p - onehot(target)) / N              N positions are counted

With class weights w, a sample weight s of each position and label smoothing ε:

    q    = (1 - ε) w[target] onehot(target) + ε w / V          the target distribution, one row per position
    loss = sum of s · (-q · log p) / sum of s w[target]
    d_logits = s (sum(q) p - q) / sum of s w[target]

The softmax's logarithm is computed as logit - top - log(total), which is exact even where p underflows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.layers.counted import as_mask, check_some
from seqmem.module import Array
from seqmem.validation import as_array, as_floats, as_fraction, as_ids, as_integer, as_weights, check_shape

CALLER = "cross_entropy"


def cross_entropy(
    logits: Array,
    targets: Array,
    mask: Array | None = None,
    *,
    ignore_index: int | None = None,
    class_weights: Array | None = None,
    sample_weights: Array | None = None,
    label_smoothing: float = 0.0,
) -> tuple[Any, Array]:
    """Return the mean cross-entropy of the positions that count, in nats, and its derivative.

    Masked positions are never read: they may have NaN logits and invalid target ids. With weights, the mean
    is the weighted mean, as in torch: the sum of the weighted losses divided by the sum of the weights. Label
    smoothing is that of Szegedy et al. (2016).

    Args:
        logits: unnormalised log-probabilities, (T, B, V), or with any other leading axes.
        targets: the correct ids, integers of the leading shape, from 0 to V - 1 where they count.
        mask: True where a position counts, bool of the leading shape; None if all positions count.
        ignore_index: a target that does not count, such as the id of padding or -100; None for no such id.
        class_weights: (V,) finite, at least 0; the weight of a position with this target.
        sample_weights: of the leading shape, finite, at least 0; the weight of each position. A position of
            weight 0 does not count. To weight whole sequences, pass
            `np.broadcast_to(weights, targets.shape)` with weights (B,).
        label_smoothing: ε in [0, 1), the fraction of a target that is spread evenly over all V ids.

    Returns:
        (loss, d_logits): a float (complex for complex logits), and dloss/dlogits in the shape of the logits,
        float32 for float32 and float64 for integers. Logits that are not finite give a loss that is not
        finite.

    Raises:
        ValueError: for a wrong shape, an id outside the vocabulary, a number out of its range, or no position
            that counts.
        TypeError: for logits that are not numbers, targets that are not integers, a mask that is not bool.

    >>> loss, d_logits = cross_entropy(np.zeros((1, 2, 4)), np.array([[3, -1]]), np.array([[True, False]]))
    >>> print(f"{loss:.4f}", d_logits[0].tolist())
    1.3863 [[0.25, 0.25, 0.25, -0.75], [0.0, 0.0, 0.0, 0.0]]
    >>> loss, d_logits = cross_entropy(np.zeros((2, 4)), np.array([3, -100]), ignore_index=-100)
    >>> print(f"{loss:.4f}")
    1.3863
    """
    logits, targets, mask = _as_inputs(logits, targets, mask, ignore_index)
    smoothing, V = as_fraction(label_smoothing, CALLER, "label_smoothing"), logits.shape[-1]
    weighted = class_weights is not None or sample_weights is not None or smoothing > 0
    if class_weights is not None:
        class_weights = as_weights(
            class_weights, ((V, "the size of the vocabulary"),), CALLER, "class_weights"
        )
    if sample_weights is not None:
        sample_weights = as_weights(sample_weights, _leading(logits), CALLER, "sample_weights", mask)
        mask = sample_weights > 0

    counted = None if mask is None or mask.all() else np.flatnonzero(mask)
    check_some(targets.size if counted is None else counted.size, CALLER)
    rows, ids = logits.reshape(-1, V), targets.reshape(-1)
    shares = None if sample_weights is None else sample_weights.reshape(-1)
    if counted is not None:
        rows, ids = rows[counted], ids[counted]
        shares = None if shares is None else shares[counted]

    # exp underflows to its exact limit; the loss itself shows a logit that is not finite
    with np.errstate(under="ignore", over="ignore", invalid="ignore"):
        if weighted:
            loss, d_rows = _weighted(rows, ids, shares, class_weights, smoothing)
        else:
            loss, d_rows = _plain(rows, ids, None if counted is None else rows)  # never into the input

    if counted is None:
        return loss.item(), d_rows.reshape(logits.shape)
    d_logits = np.zeros_like(logits)
    d_logits.reshape(-1, V)[counted] = d_rows
    return loss.item(), d_logits


def _plain(rows: Array, ids: Array, out: Array | None) -> tuple[Any, Array]:
    """Return the unweighted mean over rows (N, V), and its derivative, in `out` if given."""
    N, each = len(ids), np.arange(len(ids))
    top = rows.real.max(axis=-1, keepdims=True)
    shifted = rows[each, ids].astype(np.result_type(rows, np.float64)) - top[:, 0]  # (N,)
    p = np.subtract(rows, top, out=out)  # (N, V)
    np.exp(p, out=p)
    total = p.sum(axis=-1)
    loss = (np.log(total.astype(shifted.dtype)) - shifted).sum() / N

    p *= (1 / (total * N))[:, None]  # the softmax's own division and the mean's, in one pass
    p[each, ids] -= 1 / N
    return loss, p


def _weighted(
    rows: Array, ids: Array, shares: Array | None, class_weights: Array | None, smoothing: float
) -> tuple[Any, Array]:
    """Return the weighted mean over rows (N, V), and its derivative."""
    N, V = rows.shape
    weights = np.ones(V) if class_weights is None else class_weights  # (V,)
    shares = np.ones(N) if shares is None else shares  # (N,)
    of_target = shares * weights[ids]  # (N,)
    scale = of_target.sum()
    check_some(scale, CALLER)
    wide = np.result_type(rows, np.float64)
    shifted = rows.astype(wide) - rows.real.max(axis=-1, keepdims=True)  # (N, V)
    e = np.exp(shifted)
    total = e.sum(axis=-1, keepdims=True)
    log_p = shifted - np.log(total)

    q = np.zeros((N, V))
    q[np.arange(N), ids] = (1 - smoothing) * of_target
    if smoothing:
        q += (smoothing / V) * shares[:, None] * weights
    q /= scale
    loss = -np.where(q == 0, 0, q * log_p).sum()  # 0 · log 0 is 0
    d_rows = q.sum(axis=-1, keepdims=True) * (e / total) - q
    return loss, d_rows.astype(rows.dtype, copy=False)


def _leading(logits: Array) -> tuple[tuple[int, str], ...]:
    return tuple((size, f"axis {axis} of logits") for axis, size in enumerate(logits.shape[:-1]))


def _as_inputs(
    logits: Any, targets: Any, mask: Any, ignore_index: int | None
) -> tuple[Array, Array, Array | None]:
    """Return logits, ids and mask as arrays; ids that do not count become 0, a mask of all True None."""
    single = getattr(logits, "dtype", None) in (np.float32, np.complex64)
    dtype = np.dtype(np.float32 if single else np.float64)
    logits = as_floats(logits, dtype, ("...", "V"), CALLER, "logits")
    axes = _leading(logits)
    if mask is not None:
        mask = as_mask(mask, axes, CALLER)
    if ignore_index is None and (mask is None or mask.all()):
        return logits, as_ids(targets, logits.shape[-1], axes, CALLER, "targets"), None
    targets = as_array(targets, CALLER, "targets")
    if targets.dtype.kind not in "iu" and targets.size:
        raise TypeError(f"{CALLER}: targets has dtype {targets.dtype}, expected integers")
    check_shape(targets, axes, CALLER, "targets")
    if ignore_index is not None:
        kept = targets != as_integer(ignore_index, CALLER, "ignore_index")
        mask = kept if mask is None else mask & kept
    targets = as_ids(np.where(mask, targets, 0), logits.shape[-1], axes, CALLER, "targets")
    return logits, targets, mask
