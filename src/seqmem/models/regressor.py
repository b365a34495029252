"""Numbers from a sequence: those of the next steps, or one prediction at every step.

hs, final   = encoder(inputs, state)
many-to-one     predictions = dropout(last output) @ W + b      (horizon, B, K)
every step      predictions = dropout(hs) @ W + b               (T, B, K)
loss        = mean squared, absolute or Huber error of the targets that count
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np

from seqmem.cells import State
from seqmem.data.batch import SequenceBatch
from seqmem.initializers import Rng, as_generator
from seqmem.layers import Dropout, Linear
from seqmem.layers.dropout import DropoutCache
from seqmem.layers.linear import LinearCache
from seqmem.layers.regression_losses import huber_loss, mae_loss, mse_loss
from seqmem.models.reading import (
    ReadCache,
    Reader,
    check_reader,
    dtype_of,
    last_output,
    layer_of,
    read,
    read_backward,
    with_last_output,
)
from seqmem.module import Array, Grads, Module, prefixed
from seqmem.validation import (
    as_cache,
    as_choice,
    as_flag,
    as_fraction,
    as_pair,
    as_size,
    as_upstream,
    check_type,
)

LOSSES = {"squared": mse_loss, "absolute": mae_loss, "huber": huber_loss}


class SequenceRegressorCache(NamedTuple):
    """The values that `forward` passes to `backward`."""

    read: ReadCache
    drop: DropoutCache
    output: LinearCache
    shape: tuple[int, ...]  # of the predictions
    dtype: np.dtype[Any]


class SequenceRegressor(Module):
    """Predicts numbers from sequences.

    Args:
        encoder: an `Encoder` for tokens, or a recurrent layer for features.
        output_size: K, the numbers per prediction.
        horizon: the number of steps to predict from the last output (the direct strategy: all steps in one
            prediction, not one fed into the next).
        every_step: whether to predict at each step instead, from the output of the step; the horizon is then
            1.
        error: the errors in the loss: "squared", "absolute" or "huber".
        dropout: the probability of zeroing the encoder's outputs if an `rng` is passed.
        rng: seed or generator for the output's initial weights.

    >>> from seqmem.cells import LSTMCell
    >>> from seqmem.layers import Recurrent
    >>> model = SequenceRegressor(Recurrent(LSTMCell(3, 4, rng=0)), 2, horizon=7, rng=1)
    >>> (predictions, final), cache = model.forward(np.ones((12, 5, 3)))
    >>> predictions.shape
    (7, 5, 2)
    """

    def __init__(
        self,
        encoder: Reader,
        output_size: int = 1,
        *,
        horizon: int = 1,
        every_step: bool = False,
        error: Literal["squared", "absolute", "huber"] = "squared",
        dropout: float = 0.0,
        rng: Rng = None,
    ) -> None:
        caller = "SequenceRegressor"
        check_reader(encoder, caller)
        self.encoder, self.output_size = encoder, as_size(output_size, caller, "output_size")
        self.horizon = as_size(horizon, caller, "horizon")
        self.every_step = as_flag(every_step, caller, "every_step")
        if every_step and horizon != 1:
            raise ValueError(f"{caller}: horizon is {horizon}, expected 1 with every_step=True")
        self.error = as_choice(error, tuple(LOSSES), caller, "error")
        self.dropout = as_fraction(dropout, caller, "dropout")
        self.drop = Dropout(self.dropout)
        self.output = Linear(
            layer_of(encoder).output_size, self.horizon * self.output_size, rng=rng, dtype=dtype_of(encoder)
        )

    def forward(
        self, inputs: Array, state: State | None = None, *, lengths: Any = None, rng: Rng = None
    ) -> tuple[tuple[Array, State], SequenceRegressorCache]:
        """Predict.

        Args:
            inputs: (T, B) tokens, or (T, B, D) features.
            state: the state before the first step; None means zeros.
            lengths: (B,) integers from 0 to T; None if every sequence has T steps.
            rng: enables dropout.

        Returns:
            ((predictions, final), cache): (horizon, B, K), or (T, B, K) with `every_step`; the state after
            each sequence's last step; and the cache for `backward`.

        Raises:
            ValueError, TypeError: for wrong shapes, dtypes or lengths, or tokens outside the vocabulary.
        """
        rng = None if rng is None else as_generator(rng)
        (hs, final), read_cache = read(self.encoder, inputs, state, lengths, rng, "SequenceRegressor.forward")
        # a copy, because the final state is an output that the caller may change
        shown = hs if self.every_step else last_output(layer_of(self.encoder), final).copy()
        dropped, drop_cache = self.drop.forward(shown, rng=rng)
        y, output_cache = self.output.forward(dropped)
        if not self.every_step:  # (B, horizon K)
            y = y.reshape(len(y), self.horizon, self.output_size).swapaxes(0, 1).copy()
        return (y, final), SequenceRegressorCache(read_cache, drop_cache, output_cache, y.shape, y.dtype)

    def backward(
        self, d_outputs: tuple[Array | None, State | None], cache: SequenceRegressorCache
    ) -> tuple[tuple[Array | None, State], Grads]:
        """Return ((d_inputs, d_state), grads) from (d_predictions, d_final or None); None for tokens."""
        caller = "SequenceRegressor.backward"
        cache = as_cache(cache, SequenceRegressorCache, caller)
        d_y, d_final = as_pair(d_outputs, caller, "d_outputs", "(d_predictions, d_final)")
        d_y = as_upstream(d_y, cache.shape, cache.dtype, caller, "d_predictions")
        if not self.every_step:
            d_y = d_y.swapaxes(0, 1).reshape(d_y.shape[1], -1)
        (d_dropped,), output_grads = self.output.backward(d_y, cache.output)
        (d_shown,), _ = self.drop.backward(d_dropped, cache.drop)
        d_hs = d_shown if self.every_step else None
        if not self.every_step:
            d_final = with_last_output(layer_of(self.encoder), d_final, d_shown)
        d_read, grads = read_backward(self.encoder, (d_hs, d_final), cache.read)
        return d_read, self.summed(prefixed("encoder", grads) | prefixed("output", output_grads))

    def loss_and_grads(self, batch: SequenceBatch, rng: Rng = None) -> tuple[float, Grads]:
        """Return the mean error of the targets that count, and its gradients.

        Args:
            batch: sequences with targets (horizon, B, K), or (T, B, K) with `every_step`; (B,) and (B, K) are
                taken for a horizon of 1.
            rng: enables dropout.
        """
        loss, grads, _ = self.loss_grads_and_state(batch, None, rng)
        return loss, grads

    def loss_grads_and_state(
        self, batch: SequenceBatch, state: State | None, rng: Rng = None
    ) -> tuple[float, Grads, State]:
        """Run `loss_and_grads` from a constant state and return the final state: for truncated BPTT.

        Args:
            batch: as for `loss_and_grads`.
            state: the final state of the previous window; None means zeros.
            rng: enables dropout.
        """
        check_type(batch, SequenceBatch, "SequenceRegressor.loss_and_grads", "batch")
        (y, final), cache = self.forward(batch.inputs, state, lengths=batch.lengths, rng=rng)
        loss, d_y = self._loss(y, batch)
        _, grads = self.backward((d_y, None), cache)
        return loss, grads, final

    def loss(self, batch: SequenceBatch) -> float:
        """Return the mean error of the targets that count, without dropout."""
        check_type(batch, SequenceBatch, "SequenceRegressor.loss", "batch")
        (y, _), _ = self.forward(batch.inputs, lengths=batch.lengths)
        return float(self._loss(y, batch)[0])

    def _loss(self, y: Array, batch: SequenceBatch) -> tuple[Any, Array]:
        targets, mask, weights = batch.targets, batch.mask, batch.weights
        if np.ndim(mask) == 1:  # one target for each sequence
            if np.ndim(targets) == 1:
                targets = targets[:, None]
            targets, mask = targets[None], mask[None]
            weights = None if weights is None else weights[None]
        return LOSSES[self.error](y, targets, mask, sample_weights=weights)
