"""The common part of all models of one sequence: tokens or features, read from a state.

    tokens (T, B)         an Encoder: embedding, dropout, recurrent layer
    features (T, B, D)    a recurrent layer alone

Either gives hs (T, B, F) and the state after each sequence's last step.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from seqmem.cells.tape import parts_of
from seqmem.initializers import Rng, as_generator
from seqmem.layers import Bidirectional, BidirectionalState, Recurrent, Stack
from seqmem.layers.dropout import DropoutCache
from seqmem.layers.embedding import EmbeddingCache
from seqmem.layers.sequence import SequenceLayer
from seqmem.models.encoder import Encoder
from seqmem.module import Array, Grads, prefixed
from seqmem.validation import Axis, as_floats, as_ids, as_lengths, working_dtype

Reader = Encoder | SequenceLayer[Any]


class ReadCache(NamedTuple):
    """The values that `read` passes to `read_backward`."""

    embedding: EmbeddingCache | None  # None for a layer that reads features
    drop: DropoutCache | None
    layer: Any


def check_reader(encoder: Any, caller: str) -> None:
    """Raise unless a value is an Encoder or a recurrent layer."""
    if not isinstance(encoder, (Encoder, SequenceLayer)):
        came = type(encoder).__name__
        raise TypeError(
            f"{caller}: encoder is of type {came}, expected an Encoder for tokens or a recurrent layer for "
            "features"
        )


def layer_of(encoder: Reader) -> SequenceLayer[Any]:
    """Return the recurrent layer of an encoder or a layer."""
    return encoder.layer if isinstance(encoder, Encoder) else encoder


def dtype_of(encoder: Reader) -> np.dtype[Any]:
    """Return the dtype of the parameters."""
    dtype = layer_of(encoder).dtype
    return np.dtype(np.float64) if dtype is None else dtype


def last_output(layer: SequenceLayer[Any], final: Any) -> Array:
    """Return a layer's output at its final state, (B, F): h, of both ends side by side."""
    if isinstance(layer, Stack):
        return last_output(layer.layers[-1], final[-1])
    if isinstance(layer, Bidirectional):
        ahead = last_output(layer.forward_layer, final.forward)
        return np.concatenate([ahead, last_output(layer.backward_layer, final.backward)], axis=1)
    h: Array = parts_of(final)[0]
    return h


def with_last_output(layer: SequenceLayer[Any], d_final: Any, d_last: Array) -> Any:
    """Return the gradient of a final state whose `last_output` has the additional gradient d_last.

    Args:
        layer: the layer of the state.
        d_final: the gradient over all other paths; None means zeros.
        d_last: (B, F).
    """
    if isinstance(layer, Stack):
        n = len(layer.layers)
        *lower, top = (None,) * n if d_final is None else d_final
        return (*lower, with_last_output(layer.layers[-1], top, d_last))
    if isinstance(layer, Bidirectional):
        ahead, back = (None, None) if d_final is None else d_final
        F = layer.forward_layer.output_size
        return BidirectionalState(
            with_last_output(layer.forward_layer, ahead, d_last[:, :F]),
            with_last_output(layer.backward_layer, back, d_last[:, F:]),
        )
    if not isinstance(layer, Recurrent):
        raise TypeError(f"the last output of a {type(layer).__name__} is not known")
    if d_final is None:
        return layer.cell.of_output(d_last)
    h, *others = parts_of(d_final)
    return layer.cell.of_parts([d_last if h is None else h + d_last, *others])


def read(
    encoder: Reader, inputs: Array, state: Any, lengths: Any, rng: Rng, caller: str
) -> tuple[tuple[Array, Any], ReadCache]:
    """Read a batch of sequences.

    Args:
        encoder: an Encoder, or a layer.
        inputs: (T, B) token ids for an Encoder, (T, B, D) features for a layer.
        state: the state before the first step; None means zeros.
        lengths: (B,) integers from 0 to T; None if every sequence has T steps.
        rng: enables dropout.
        caller: the function name for messages.

    Returns:
        ((hs, final), cache): (T, B, F), the state after each sequence's last step, and what
        `read_backward` needs.
    """
    rng = None if rng is None else as_generator(rng)
    if not isinstance(encoder, Encoder):
        axes: tuple[Axis, ...] = ("T", "B", (encoder.input_size, "input_size"))
        xs = as_floats(inputs, working_dtype(encoder.dtype, inputs), axes, caller, "inputs")
        outputs, cache = encoder.forward(xs, state, lengths=lengths, rng=rng)
        return outputs, ReadCache(None, None, cache)
    tokens = as_ids(inputs, encoder.vocab_size, ("T", "B"), caller, "inputs")
    T, B = tokens.shape
    lengths = as_lengths(lengths, B, T, caller)
    if lengths is not None:  # even an added zero may change the rounding of a token's sum
        tokens = np.where(np.arange(T)[:, None] < lengths, tokens, 0)
    embedded, embedding_cache = encoder.embedding.forward(tokens)
    xs, drop_cache = encoder.drop.forward(embedded, rng=rng)
    outputs, layer_cache = encoder.layer.forward(xs, state, lengths=lengths, rng=rng)
    return outputs, ReadCache(embedding_cache, drop_cache, layer_cache)


def read_backward(
    encoder: Reader, d_outputs: tuple[Array | None, Any], cache: ReadCache
) -> tuple[tuple[Array | None, Any], Grads]:
    """Backpropagate through `read`.

    Args:
        encoder: the encoder or layer.
        d_outputs: (d_hs, d_final); None means zeros.
        cache: the cache that `read` returned.

    Returns:
        ((d_inputs, d_state), grads): None for tokens, and gradients by every name, ties not summed.
    """
    layer = layer_of(encoder)
    (d_xs, d_state), grads = layer.backward(d_outputs, cache.layer)
    if not isinstance(encoder, Encoder) or cache.embedding is None or cache.drop is None:
        return (d_xs, d_state), grads
    (d_embedded,), _ = encoder.drop.backward(d_xs, cache.drop)
    _, embedding_grads = encoder.embedding.backward(d_embedded, cache.embedding)
    return (None, d_state), prefixed("embedding", embedding_grads) | prefixed("layer", grads)
