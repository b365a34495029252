"""Two layers on the same sequence, one from each end (Schuster & Paliwal, 1997).

hs[t] = [forward_hs[t] ; backward_hs[t]]        (T, B, F + G)
"""

from __future__ import annotations

from typing import Any, Generic, NamedTuple

import numpy as np

from seqmem.cells.tape import S
from seqmem.initializers import Rng, as_generator
from seqmem.layers.recurrent import Recurrent, RecurrentCache
from seqmem.layers.sequence import Outputs, SequenceLayer, as_branches, as_inputs, check_part
from seqmem.layers.traces import Trace
from seqmem.module import Array, Grads, prefixed
from seqmem.validation import as_cache, as_pair, as_upstream

PARTS = (2, "BidirectionalState(forward, backward)")


class BidirectionalState(NamedTuple, Generic[S]):
    """The states of both directions."""

    forward: S  # after the last step
    backward: S  # after the first step, which this direction reads last


class BidirectionalCache(NamedTuple, Generic[S]):
    """The values that `forward` passes to `backward`."""

    forward: RecurrentCache[S]
    backward: RecurrentCache[S]
    outputs: Outputs


class Bidirectional(SequenceLayer[BidirectionalState[S]], Generic[S]):
    """Reads a sequence from both ends (Schuster & Paliwal, 1997) and concatenates both outputs.

    Args:
        forward_layer: a `Recurrent` that reads from the first step to the last.
        backward_layer: a `Recurrent` with reverse=True and the same input size. The hidden size may differ.

    >>> from seqmem.cells import LSTMCell
    >>> ahead, back = Recurrent(LSTMCell(3, 4, rng=0)), Recurrent(LSTMCell(3, 4, rng=1), reverse=True)
    >>> layer = Bidirectional(ahead, back)
    >>> (hs, final), cache = layer.forward(np.ones((5, 2, 3)), lengths=[5, 3])
    >>> hs.shape, final.forward.h.shape, final.backward.c.shape
    ((5, 2, 8), (2, 4), (2, 4))
    >>> (d_xs, d_state), grads = layer.backward((np.ones((5, 2, 8)), None), cache)
    >>> d_xs.shape, len(grads)
    ((5, 2, 3), 6)
    """

    def __init__(self, forward_layer: Recurrent[S], backward_layer: Recurrent[S]) -> None:
        check_part(forward_layer, Recurrent, "Bidirectional", "forward_layer")
        check_part(backward_layer, Recurrent, "Bidirectional", "backward_layer", forward_layer)
        for name, layer, reverse in (
            ("forward_layer", forward_layer, False),
            ("backward_layer", backward_layer, True),
        ):
            if layer.reverse != reverse:
                raise ValueError(
                    f"Bidirectional: {name} has reverse={layer.reverse}, expected reverse={reverse}"
                )
        if backward_layer.input_size != forward_layer.input_size:
            raise ValueError(
                f"Bidirectional: backward_layer has input_size {backward_layer.input_size}, expected "
                f"{forward_layer.input_size}: that of forward_layer"
            )
        self.forward_layer, self.backward_layer = forward_layer, backward_layer

    @property
    def input_size(self) -> int:
        """D."""
        return self.forward_layer.input_size

    @property
    def output_size(self) -> int:
        """The sum of the hidden sizes of both directions."""
        return self.forward_layer.output_size + self.backward_layer.output_size

    @property
    def directions(self) -> frozenset[str]:
        """Both directions."""
        return self.forward_layer.directions | self.backward_layer.directions

    def zero_state(self, batch_size: int) -> BidirectionalState[S]:
        """Return the initial state of B sequences: zeros."""
        return BidirectionalState(
            self.forward_layer.zero_state(batch_size), self.backward_layer.zero_state(batch_size)
        )

    def forward(
        self,
        xs: Array,
        state: BidirectionalState[S] | None = None,
        *,
        lengths: Any = None,
        rng: Rng = None,
        traced: bool = False,
    ) -> tuple[tuple[Array, BidirectionalState[S]], BidirectionalCache[S]]:
        """Run all steps of a batch of sequences.

        Args:
            xs: inputs, (T, B, D).
            state: the initial states of the two directions; None means zeros. The backward direction starts
                at each sequence's last step.
            lengths: (B,) integers from 0 to T in any order; None if every sequence has T steps.
            rng: enables dropout and zoneout, if a layer has them.
            traced: whether to keep the pre-activations as well, for `trace`.

        Returns:
            ((hs, final), cache): outputs (T, B, F + G), the forward direction's first, 0 beyond a sequence's
            length; the final states of the two directions; and the cache for `backward`.

        Raises:
            ValueError, TypeError: for wrong shapes, dtypes or lengths.
        """
        xs, (first, second), lengths = as_inputs(self, xs, state, lengths, PARTS)
        rng = None if rng is None else as_generator(rng)
        (ahead, final), cache = self.forward_layer.forward(xs, first, lengths=lengths, rng=rng, traced=traced)
        (back, final_back), cache_back = self.backward_layer.forward(
            xs, second, lengths=lengths, rng=rng, traced=traced
        )
        hs = np.concatenate([ahead, back], axis=2)
        outputs = Outputs((len(xs), xs.shape[1], self.output_size), hs.dtype)
        return (hs, BidirectionalState(final, final_back)), BidirectionalCache(cache, cache_back, outputs)

    def backward(
        self,
        d_outputs: tuple[Array | None, BidirectionalState[S] | None],
        cache: BidirectionalCache[S],
    ) -> tuple[tuple[Array, BidirectionalState[S]], Grads]:
        """Backpropagate through time in both directions.

        Args:
            d_outputs: (d_hs, d_final), dLoss/d(outputs); None means zeros.
            cache: the cache that `forward` returned.

        Returns:
            ((d_xs, d_state), grads): the sum of both directions' gradients of the inputs (T, B, D), the
            gradients of the initial states, and of each parameter.
        """
        d_ahead, d_back = self._upstreams(d_outputs, cache, "backward")
        (d_xs, d_first), grads = self.forward_layer.backward(d_ahead, cache.forward)
        (d_xs_back, d_second), grads_back = self.backward_layer.backward(d_back, cache.backward)
        d_xs += d_xs_back
        grads = prefixed("forward_layer", grads) | prefixed("backward_layer", grads_back)
        return (d_xs, BidirectionalState(d_first, d_second)), self.summed(grads)

    def trace(self, cache: BidirectionalCache[S]) -> Trace:
        """Return the values at every step, as `Recurrent.trace`: "forward.h", "backward.h" and so on."""
        cache = as_cache(cache, BidirectionalCache, "Bidirectional.trace")
        ahead, back = self.forward_layer.trace(cache.forward), self.backward_layer.trace(cache.backward)
        return prefixed("forward", ahead) | prefixed("backward", back)

    def trace_gradients(
        self, d_outputs: tuple[Array | None, BidirectionalState[S] | None], cache: BidirectionalCache[S]
    ) -> Trace:
        """Return the gradients at every step, as `Recurrent.trace_gradients`: "forward.h" and so on."""
        d_ahead, d_back = self._upstreams(d_outputs, cache, "trace_gradients")
        ahead = self.forward_layer.trace_gradients(d_ahead, cache.forward)
        back = self.backward_layer.trace_gradients(d_back, cache.backward)
        return prefixed("forward", ahead) | prefixed("backward", back)

    def _upstreams(
        self, d_outputs: Any, cache: BidirectionalCache[S], method: str
    ) -> tuple[tuple[Array, S | None], tuple[Array, S | None]]:
        """Return the upstream gradient of each direction's outputs."""
        caller = f"Bidirectional.{method}"
        shape, dtype = as_cache(cache, BidirectionalCache, caller).outputs
        d_hs, d_final = as_pair(d_outputs, caller, "d_outputs", "(d_hs, d_final)")
        d_hs = as_upstream(d_hs, shape, dtype, caller, "d_hs")
        d_first, d_second = as_branches(d_final, PARTS, caller, "d_final")
        F = self.forward_layer.output_size
        return (d_hs[..., :F], d_first), (d_hs[..., F:], d_second)
