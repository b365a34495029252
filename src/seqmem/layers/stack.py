"""Layers on top of each other: each reads the outputs of the layer below (Graves et al., 2013).

hs_0 = layer_0(xs)        hs_k = layer_k(dropout(hs_{k-1}))
"""

from __future__ import annotations

from typing import Any, NamedTuple

from seqmem.initializers import Rng, as_generator
from seqmem.layers.dropout import Dropout, DropoutCache
from seqmem.layers.sequence import Outputs, SequenceLayer, as_branches, as_inputs, check_part
from seqmem.layers.traces import Trace
from seqmem.module import Array, Grads, prefixed
from seqmem.validation import as_cache, as_flag, as_fraction, as_pair, as_upstream

States = tuple[Any, ...]  # one for each layer, the lowest first


class StackCache(NamedTuple):
    """The values that `forward` passes to `backward`."""

    layers: list[Any]  # the layers' caches
    drops: list[DropoutCache]  # between the layers, one less
    outputs: Outputs


class Stack(SequenceLayer[States]):
    """Layers on top of each other, with dropout between them.

    The state is a tuple with the state of each layer, the lowest first: an array or `LSTMState` for a
    `Recurrent`, a `BidirectionalState` for a `Bidirectional`, a tuple for another `Stack`.

    Args:
        *layers: `Recurrent`, `Bidirectional` or `Stack`, the lowest first; the input size of each is the
            output size of the layer below.
        dropout: the probability of zeroing an output of every layer but the last if an `rng` is passed.
        variational: whether every step of a sequence drops the same entries (Gal & Ghahramani, 2016).

    >>> from seqmem.cells import GRUCell, LSTMCell
    >>> from seqmem.layers import Recurrent
    >>> stack = Stack(Recurrent(LSTMCell(3, 4, rng=0)), Recurrent(GRUCell(4, 5, rng=1)), dropout=0.2)
    >>> (hs, final), cache = stack.forward(np.ones((6, 2, 3)), lengths=[6, 4])
    >>> hs.shape, final[0].c.shape, final[1].shape
    ((6, 2, 5), (2, 4), (2, 5))
    >>> (d_xs, d_state), grads = stack.backward((np.ones((6, 2, 5)), None), cache)
    >>> d_xs.shape, list(grads)[3:]
    ((6, 2, 3), ['layers.1.cell.W_x', 'layers.1.cell.W_h', 'layers.1.cell.b'])
    """

    def __init__(self, *layers: SequenceLayer[Any], dropout: float = 0.0, variational: bool = False) -> None:
        name = type(self).__name__
        if not layers:
            raise ValueError(f"{name}: got no layers, expected at least one")
        for k, layer in enumerate(layers):
            check_part(layer, SequenceLayer, name, f"layers[{k}]", layers[0] if k else None)
            if k and layer.input_size != layers[k - 1].output_size:
                raise ValueError(
                    f"{name}: layers[{k}] has input_size {layer.input_size}, expected "
                    f"{layers[k - 1].output_size}: the output size of layers[{k - 1}]"
                )
        self.dropout = as_dropout_between(dropout, len(layers), name)
        self.variational = as_variational(variational, self.dropout, name)
        self.layers = list(layers)
        self.drop = Dropout(self.dropout, variational=variational)

    @property
    def input_size(self) -> int:
        """D, the input size of the lowest layer."""
        return self.layers[0].input_size

    @property
    def output_size(self) -> int:
        """F, the output size of the highest layer."""
        return self.layers[-1].output_size

    @property
    def directions(self) -> frozenset[str]:
        """The order in which the layers read the steps."""
        return frozenset().union(*(layer.directions for layer in self.layers))

    def zero_state(self, batch_size: int) -> States:
        """Return the initial state of B sequences: zeros."""
        return tuple(layer.zero_state(batch_size) for layer in self.layers)

    def forward(
        self,
        xs: Array,
        state: States | None = None,
        *,
        lengths: Any = None,
        rng: Rng = None,
        traced: bool = False,
    ) -> tuple[tuple[Array, States], StackCache]:
        """Run all steps of a batch of sequences, layer by layer.

        Args:
            xs: inputs, (T, B, D).
            state: a tuple with the state of each layer before the first step; None means zeros.
            lengths: (B,) integers from 0 to T in any order; None if every sequence has T steps.
            rng: enables dropout and zoneout.
            traced: whether to keep the pre-activations as well, for `trace`.

        Returns:
            ((hs, final), cache): the outputs of the last layer, (T, B, F), 0 beyond a sequence's length; a
            tuple with the final state of each layer; and the cache for `backward`.

        Raises:
            ValueError, TypeError: for wrong shapes, dtypes or lengths.
        """
        hs, states, lengths = as_inputs(self, xs, state, lengths, self._parts)
        rng = None if rng is None else as_generator(rng)
        caches, drops, finals = [], [], []
        for k, (layer, own) in enumerate(zip(self.layers, states, strict=True)):
            if k:
                hs, drop_cache = self.drop.forward(hs, rng=rng)
                drops.append(drop_cache)
            (hs, final), cache = layer.forward(hs, own, lengths=lengths, rng=rng, traced=traced)
            caches.append(cache)
            finals.append(final)
        T, B, F = hs.shape
        return (hs, tuple(finals)), StackCache(caches, drops, Outputs((T, B, F), hs.dtype))

    def backward(
        self, d_outputs: tuple[Array | None, States | None], cache: StackCache
    ) -> tuple[tuple[Array, States], Grads]:
        """Backpropagate through time and through the layers.

        Args:
            d_outputs: (d_hs, d_final), dLoss/d(outputs); None means zeros.
            cache: the cache that `forward` returned.

        Returns:
            ((d_xs, d_state), grads): gradients of the inputs (T, B, D), of the state of each layer before the
            first step, and of each parameter.
        """
        d_hs, d_finals = self._upstream(d_outputs, cache, "backward")
        grads: Grads = {}
        d_states: list[Any] = []
        for k in reversed(range(len(self.layers))):
            (d_hs, d_state), own = self.layers[k].backward((d_hs, d_finals[k]), cache.layers[k])
            d_states.append(d_state)
            grads = prefixed(f"layers.{k}", own) | grads
            if k:
                (d_hs,), _ = self.drop.backward(d_hs, cache.drops[k - 1])
        return (d_hs, tuple(d_states[::-1])), self.summed(grads)

    def trace(self, cache: StackCache) -> Trace:
        """Return the values at every step, as `Recurrent.trace`: "0.h" for the lowest layer and so on."""
        cache = as_cache(cache, StackCache, f"{type(self).__name__}.trace")
        traces = [layer.trace(own) for layer, own in zip(self.layers, cache.layers, strict=True)]
        return {f"{k}.{name}": rows for k, trace in enumerate(traces) for name, rows in trace.items()}

    def trace_gradients(self, d_outputs: tuple[Array | None, States | None], cache: StackCache) -> Trace:
        """Return the gradients at every step, as `Recurrent.trace_gradients`: "0.h" for the lowest layer."""
        d_hs, d_finals = self._upstream(d_outputs, cache, "trace_gradients")
        trace: Trace = {}
        for k in reversed(range(len(self.layers))):
            layer, upstream = self.layers[k], (d_hs, d_finals[k])
            trace = prefixed(str(k), layer.trace_gradients(upstream, cache.layers[k])) | trace
            if k:
                (d_xs, _), _ = layer.backward(upstream, cache.layers[k])
                (d_hs,), _ = self.drop.backward(d_xs, cache.drops[k - 1])
        return trace

    @property
    def _parts(self) -> tuple[int, str]:
        n = len(self.layers)
        return n, f"a tuple of {n}, the state of each layer"

    def _upstream(self, d_outputs: Any, cache: StackCache, method: str) -> tuple[Array, Any]:
        caller = f"{type(self).__name__}.{method}"
        shape, dtype = as_cache(cache, StackCache, caller).outputs
        d_hs, d_final = as_pair(d_outputs, caller, "d_outputs", "(d_hs, d_final)")
        d_hs = as_upstream(d_hs, shape, dtype, caller, "d_hs")
        return d_hs, as_branches(d_final, self._parts, caller, "d_final")


def as_dropout_between(value: Any, n_layers: int, caller: str) -> float:
    """Return the rate of dropout between layers; raise if there is only one layer."""
    rate = as_fraction(value, caller, "dropout")
    if rate and n_layers == 1:
        raise ValueError(
            f"{caller}: dropout is {rate}, but there is one layer, expected 0: dropout acts between layers"
        )
    return rate


def as_variational(value: Any, rate: float, caller: str) -> bool:
    """Check a variational flag; variational dropout with a rate of 0 is an error."""
    variational = as_flag(value, caller, "variational")
    if variational and not rate:
        raise ValueError(f"{caller}: variational is True, but dropout is 0: nothing is dropped")
    return variational
