"""The interface through which a search uses a decoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from seqmem.contexts.context import Memory
from seqmem.module import Array


class Decoding(Protocol):
    """B sequences being decoded step by step."""

    def step(self, tokens: Array, /) -> tuple[Array, Array]:
        """Feed each sequence a token (B,); return the next token's logits (B, V) and the weights (B, S)."""

    def keep(self, rows: Array, /) -> None:
        """Continue with the given rows, in that order; a row may occur several times."""

    def reorder(self, rows: Array, /) -> None:
        """Continue with the states of the given rows; each row keeps its own memory, so the sources match."""


class Decodes(Protocol):
    """A decoder that a search can use."""

    def start(self, initial: Sequence[Array], memory: Memory, n_steps: int, /) -> Decoding:
        """Begin to decode step by step.

        Args:
            initial: the parts of the state before the first step, (B, H) each.
            memory: the context's memory.
            n_steps: the maximum number of steps.
        """
