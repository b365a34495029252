"""What layers that run over sequences share, so that they can be put on top of each other."""

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

    `Recurrent`, `Bidirectional` and `Stack` are such layers, and each may contain others. Its state is a nest
    of the states of its cells.
    """

    @property
    @abstractmethod
    def input_size(self) -> int:
        """D."""

    @property
    @abstractmethod
    def output_size(self) -> int:
        """F: the hidden size, of both directions together."""

    @property
    @abstractmethod
    def directions(self) -> frozenset[str]:
        """In which order it reads the steps: "forward", "backward" or both."""

    @abstractmethod
    def zero_state(self, batch_size: int) -> S:
        """The state of B sequences that have seen nothing."""

    @abstractmethod
    def forward(
        self, xs: Array, state: S | None = None, *, lengths: Any = None, rng: Rng = None, traced: bool = False
    ) -> tuple[tuple[Array, S], Any]:
        """All steps of a batch of sequences: ((hs, final), cache)."""

    @abstractmethod
    def backward(self, d_outputs: tuple[Array | None, S | None], cache: Any) -> tuple[tuple[Array, S], Grads]:
        """Backpropagation through time: ((d_xs, d_state), grads)."""

    @abstractmethod
    def trace(self, cache: Any) -> Trace:
        """What happened at every step of a forward pass, by name."""

    @abstractmethod
    def trace_gradients(self, d_outputs: tuple[Array | None, S | None], cache: Any) -> Trace:
        """The gradients at every step of a backward pass, by name."""


class Inputs(NamedTuple):
    """What a forward pass was given, checked."""

    xs: Array  # (T, B, D) in the working dtype
    states: Sequence[Any]  # one for each part of the layer
    lengths: Array | None


class Outputs(NamedTuple):
    """What the upstream gradient of a layer's outputs must look like."""

    shape: tuple[int, int, int]  # T, B, F
    dtype: np.dtype[Any]


def as_inputs(
    layer: SequenceLayer[Any], xs: Any, state: Any, lengths: Any, expected: tuple[int, str]
) -> Inputs:
    """Check what goes into a layer of several parts, at the public border.

    Args:
        layer: the layer.
        xs: (T, B, D).
        state: the state of each part, or None.
        lengths: (B,) or None.
        expected: how many parts there are, and what a state of theirs is called.
    """
    caller = f"{type(layer).__name__}.forward"
    states = as_branches(state, expected, caller, "state")
    dtype = working_dtype(layer.dtype, xs, *(leaf for _, leaf in tree_leaves(tuple(states), "state")))
    axes: tuple[Axis, ...] = ("T", "B", (layer.input_size, "input_size"))
    xs = as_floats(xs, dtype, axes, caller, "xs")
    return Inputs(xs, states, as_lengths(lengths, xs.shape[1], xs.shape[0], caller))


def as_branches(value: Any, expected: tuple[int, str], caller: str, name: str) -> Sequence[Any]:
    """Return the parts of a state at the public border; None stands for a part of None each.

    Raises:
        TypeError: for something that is no tuple of so many parts.
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
    """Raise unless a part of a layer is a layer, and its parameters have the dtype of the first part's."""
    check_type(layer, kind, caller, name)
    if first is not None and layer.dtype != first.dtype:
        raise ValueError(
            f"{caller}: {name} has dtype {layer.dtype}, expected {first.dtype}: that of the first layer"
        )
