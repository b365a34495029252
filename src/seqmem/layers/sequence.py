"""The common base class of layers that run over sequences, so that they can be stacked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Generic, NamedTuple

import numpy as np

from seqmem.cells.tape import S
from seqmem.initializers import Rng
from seqmem.layers.traces import Trace
from seqmem.module import Array, Grads, Module
from seqmem.nests import tree_leaves
from seqmem.validation import Axis, as_floats, as_lengths, check_type, with_hint, working_dtype


class SequenceLayer(Module, ABC, Generic[S]):
    """A layer from xs (T, B, D) to hs (T, B, F) that carries a state over the steps.

    `Recurrent`, `Bidirectional` and `Stack` are such layers, and each may contain others. The state is a nest
    of the states of the cells.
    """

    @property
    @abstractmethod
    def input_size(self) -> int:
        """The input size D."""

    @property
    @abstractmethod
    def output_size(self) -> int:
        """The output size F: the hidden size, or the sum of both directions' hidden sizes."""

    @property
    @abstractmethod
    def directions(self) -> frozenset[str]:
        """The order in which the layer reads the steps: "forward", "backward" or both."""

    @abstractmethod
    def zero_state(self, batch_size: int) -> S:
        """Return the initial state of B sequences: zeros."""

    @abstractmethod
    def forward(
        self, xs: Array, state: S | None = None, *, lengths: Any = None, rng: Rng = None, traced: bool = False
    ) -> tuple[tuple[Array, S], Any]:
        """Run all steps of a batch of sequences; return ((hs, final), cache)."""

    @abstractmethod
    def backward(self, d_outputs: tuple[Array | None, S | None], cache: Any) -> tuple[tuple[Array, S], Grads]:
        """Backpropagate through time; return ((d_xs, d_state), grads)."""

    @abstractmethod
    def trace(self, cache: Any) -> Trace:
        """Return the values at every step of a forward pass, by name."""

    @abstractmethod
    def trace_gradients(self, d_outputs: tuple[Array | None, S | None], cache: Any) -> Trace:
        """Return the gradients at every step of a backward pass, by name."""


class Inputs(NamedTuple):
    """The checked arguments of a forward pass."""

    xs: Array  # (T, B, D) in the working dtype
    states: Sequence[Any]  # one for each part of the layer
    lengths: Array | None


class Outputs(NamedTuple):
    """The form of the upstream gradient of a layer's outputs."""

    shape: tuple[int, int, int]  # T, B, F
    dtype: np.dtype[Any]


def as_inputs(
    layer: SequenceLayer[Any], xs: Any, state: Any, lengths: Any, expected: tuple[int, str]
) -> Inputs:
    """Check the arguments of a layer with several parts.

    Args:
        layer: the layer.
        xs: (T, B, D).
        state: the state of each part, or None.
        lengths: (B,) or None.
        expected: the number of parts, and the name of their common state.
    """
    caller = f"{type(layer).__name__}.forward"
    states = as_branches(state, expected, caller, "state")
    dtype = working_dtype(layer.dtype, xs, *(leaf for _, leaf in tree_leaves(tuple(states), "state")))
    axes: tuple[Axis, ...] = ("T", "B", (layer.input_size, "input_size"))
    xs = as_floats(xs, dtype, axes, caller, "xs")
    return Inputs(xs, states, as_lengths(lengths, xs.shape[1], xs.shape[0], caller))


def as_branches(value: Any, expected: tuple[int, str], caller: str, name: str) -> Sequence[Any]:
    """Check a state from a caller and return its parts; None means None for each part.

    Raises:
        TypeError: unless the state is a tuple with that number of parts.
    """
    n, what = expected
    if value is None:
        return (None,) * n
    parts = isinstance(value, (tuple, list))
    came = f"has {len(value)} parts" if parts else f"is of type {type(value).__name__}"
    error = TypeError(f"{caller}: {name} {came}, expected {what}")
    hinted = with_hint(error, value)
    if hinted is not error or not parts or len(value) != n:
        raise hinted from None
    return value


def check_part(
    layer: SequenceLayer[Any], kind: type, caller: str, name: str, first: SequenceLayer[Any] | None = None
) -> None:
    """Raise unless a part of a layer is a layer whose parameters have the dtype of the first part."""
    check_type(layer, kind, caller, name)
    if first is not None and layer.dtype != first.dtype:
        raise ValueError(
            f"{caller}: {name} has dtype {layer.dtype}, expected {first.dtype}: that of the first layer"
        )
