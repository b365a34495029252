"""The reader of a task's inputs, by a cell's name: an encoder of tokens, or a layer of features."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from seqmem.initializers import Rng, as_generator
from seqmem.layers.multilayer import layer_of
from seqmem.layers.sequence import SequenceLayer
from seqmem.models.encoder import Encoder, make_cell
from seqmem.validation import as_size


def token_encoder(
    vocab_size: int,
    embedding_size: int,
    hidden_size: int,
    *,
    cell: str,
    num_layers: int = 1,
    bidirectional: bool = False,
    dropout: float = 0.0,
    embedding_std: float = 1.0,
    rng: Rng = None,
    dtype: npt.DTypeLike,
) -> Encoder:
    """Return an encoder of tokens."""
    return Encoder(
        vocab_size,
        embedding_size,
        hidden_size,
        cell=cell,
        num_layers=num_layers,
        bidirectional=bidirectional,
        embedding_std=embedding_std,
        dropout=dropout,
        rng=rng,
        dtype=dtype,
    )


def feature_layer(
    input_size: int,
    hidden_size: int,
    *,
    cell: str,
    num_layers: int = 1,
    bidirectional: bool = False,
    dropout: float = 0.0,
    rng: Rng = None,
    dtype: npt.DTypeLike,
    caller: str,
) -> SequenceLayer[Any]:
    """Return a recurrent layer of features; dropout is between its layers."""
    rng = as_generator(rng)
    as_size(num_layers, caller, "num_layers")
    first = make_cell(cell, input_size, hidden_size, rng, dtype, caller)
    between = dropout if num_layers > 1 else 0.0
    return layer_of(first, num_layers, bidirectional=bidirectional, dropout=between, rng=rng)
