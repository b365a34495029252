"""What reads the inputs of a task, by a cell's name: an encoder of tokens, or a layer of features."""

from __future__ import annotations

import inspect
from typing import Any

import numpy.typing as npt

from seqmem.initializers import Rng, as_generator
from seqmem.layers import Stack
from seqmem.layers.multilayer import layers_of
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
    more: dict[str, Any] = {"num_layers": num_layers, "bidirectional": bidirectional}
    known = inspect.signature(Encoder).parameters
    return Encoder(
        vocab_size,
        embedding_size,
        hidden_size,
        cell=cell,
        embedding_std=embedding_std,
        dropout=dropout,
        rng=rng,
        dtype=dtype,
        **{name: value for name, value in more.items() if name in known},
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
    layers = layers_of(
        lambda size: make_cell(cell, size, hidden_size, rng, dtype, caller),
        input_size,
        num_layers,
        bidirectional=bidirectional,
    )
    return Stack(*layers, dropout=dropout if num_layers > 1 else 0.0)
