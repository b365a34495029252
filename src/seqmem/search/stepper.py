"""Stepper: the questions that a search asks of a decoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from seqmem.contexts.context import Memory
from seqmem.module import Array


class Decoding(Protocol):
    """B sequences being decoded, one step at a time."""

    def step(self, tokens: Array, /) -> tuple[Array, Array]:
        """Feed a token to each sequence, (B,): the logits of the next one (B, V), and the weights (B, S)."""

    def keep(self, rows: Array, /) -> None:
        """Go on with some of the sequences, in that order; a row may be kept several times."""


class Decodes(Protocol):
    """A decoder, to a search."""

    def start(self, initial: Sequence[Array], memory: Memory, n_steps: int, /) -> Decoding:
        """Begin to decode step by step.

        Args:
            initial: the parts of the state before the first step, (B, H) each.
            memory: what the context looks at.
            n_steps: how many steps there will be, at most.
        """
