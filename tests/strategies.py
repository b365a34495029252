"""Strategies for the library's own modules: each with what goes in and the gradients of what comes out.

Whatever is random in a test comes from a drawn seed, and no parameter, bias or state is left at zero.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from seqmem import (
    AdditiveAttention,
    BilinearAttention,
    Decoder,
    DotProductAttention,
    Encoder,
    FixedContext,
    Recurrent,
)
from seqmem.checking.contract.subject import random_like
from seqmem.checking.strategies import (
    CELLS,
    A,
    B,
    D,
    E,
    H,
    K,
    Q,
    S,
    T,
    V,
    cells,
    exposed,
    kinds,
    lengths,
    random_state,
    rngs,
    seeds,
)
from seqmem.checking.strategies import layers as any_layers
from seqmem.contexts import Context
from seqmem.layers.sequence import SequenceLayer
from seqmem.module import Array, Module

__all__ = ["CELLS", "D", "kinds", "random_like", "seeds"]  # with what is defined here


any_cell = cells()


class Recurrence(NamedTuple):
    """A layer, what goes in, and the gradients of what comes out."""

    layer: Recurrent
    xs: Array  # (T, B, D)
    state: Any
    lengths: Array  # (B,)
    d_hs: Array  # (T, B, H)
    d_final: Any


@st.composite
def recurrences(
    draw: st.DrawFn,
    T: Any = T,
    B: Any = B,
    full: bool = False,
    reverse: Sequence[bool] = (False, True),
    cells: Any = any_cell,
) -> Recurrence:
    """A cell of any kind run over sequences of unequal lengths, or of T steps each when `full`."""
    cell, steps, batch, rng = draw(cells), draw(T), draw(B), draw(rngs)
    layer = Recurrent(cell, reverse=draw(st.sampled_from(reverse)))
    return Recurrence(
        layer,
        rng.uniform(-1, 1, (steps, batch, cell.input_size)),
        random_state(cell, batch, rng),
        np.full(batch, steps) if full else draw(lengths(steps, batch)),
        rng.uniform(-1, 1, (steps, batch, cell.hidden_size)),
        random_state(cell, batch, rng),
    )


class Layered(NamedTuple):
    """A layer of any depth, either or both ways, what goes in, and the gradients of what comes out."""

    layer: SequenceLayer
    xs: Array  # (T, B, D)
    state: Any
    lengths: Array  # (B,)
    d_hs: Array  # (T, B, F)
    d_final: Any


@st.composite
def layered(draw: st.DrawFn, T: Any = T, B: Any = B, layers: Any = None) -> Layered:
    """A layer, of any form unless `layers` draws it, run over sequences of unequal lengths."""
    layer = draw(any_layers() if layers is None else layers)
    steps, batch, rng = draw(T), draw(B), draw(rngs)
    return Layered(
        layer,
        rng.uniform(-1, 1, (steps, batch, layer.input_size)),
        random_state(layer, batch, rng),
        draw(lengths(steps, batch)),
        rng.uniform(-1, 1, (steps, batch, layer.output_size)),
        random_state(layer, batch, rng),
    )


context_kinds = st.sampled_from(["additive", "fixed", "dot product", "bilinear"])


@st.composite
def contexts(draw: st.DrawFn, Q: Any = Q, K: Any = K, kinds: Any = context_kinds) -> tuple[Context, int, int]:
    """Any context but none, with a query size and a key size that fit it."""
    query_size, key_size = draw(Q), draw(K)
    kind = draw(kinds)
    if kind == "fixed":
        return FixedContext(), query_size, key_size
    if kind == "dot product":
        size = draw(st.sampled_from([None, query_size]))
        return DotProductAttention(size, scaled=draw(st.booleans())), query_size, query_size
    if kind == "bilinear":
        return exposed(BilinearAttention(query_size, key_size), draw(rngs)), query_size, key_size
    return exposed(AdditiveAttention(query_size, key_size, draw(A)), draw(rngs)), query_size, key_size


any_context = contexts()
additive = contexts(kinds=st.just("additive"))
inner_products = contexts(kinds=st.sampled_from(["dot product", "bilinear"]))


class Look(NamedTuple):
    """A context, what goes in, and the gradients of what comes out."""

    context: Context
    query: Array  # (B, Q)
    keys: Array  # (S, B, K)
    lengths: Array  # (B,)
    d_context: Array  # (B, K)
    d_weights: Array  # (B, S)


@st.composite
def looks(draw: st.DrawFn, S: Any = S, contexts: Any = any_context) -> Look:
    """A context, any one by default, asked about keys of which some are padding."""
    context, query_size, key_size = draw(contexts)
    positions, batch, rng = draw(S), draw(B), draw(rngs)
    return Look(
        context,
        rng.uniform(-1, 1, (batch, query_size)),
        rng.uniform(-1, 1, (positions, batch, key_size)),
        draw(lengths(positions, batch)),
        rng.uniform(-1, 1, (batch, key_size)),
        rng.uniform(-1, 1, (batch, positions)),
    )


depths = st.sampled_from([1, 1, 1, 2, 3])


class Encoding(NamedTuple):
    """An encoder, what goes in, and the gradients of what comes out."""

    encoder: Encoder
    tokens: Array  # (S, B)
    lengths: Array  # (B,)
    d_hs: Array  # (S, B, H)
    d_final: Any


@st.composite
def encodings(draw: st.DrawFn, deep: bool = True) -> Encoding:
    """An encoder of any cell, reading sources of unequal lengths; of one layer unless `deep`."""
    cell, positions, batch, rng = draw(cells()), draw(S), draw(B), draw(rngs)
    options = {"num_layers": draw(depths) if deep else 1, "bidirectional": deep and draw(st.booleans())}
    encoder = exposed(Encoder(draw(V), cell.input_size, cell.hidden_size, cell=cell, **options), rng)
    return Encoding(
        encoder,
        rng.integers(encoder.vocab_size, size=(positions, batch)),
        draw(lengths(positions, batch)),
        rng.uniform(-1, 1, (positions, batch, encoder.output_size)),
        random_state(encoder, batch, rng),
    )


readouts = st.sampled_from(["state", "all"])


class Decoding(NamedTuple):
    """A decoder, what goes in, and the gradients of what comes out."""

    decoder: Decoder
    tokens: Array  # (T, B)
    state: Any
    keys: Array  # (S, B, K)
    lengths: Array  # (B,)
    d_logits: Array  # (T, B, V)
    d_weights: Array  # (T, B, S)


@st.composite
def decodings(draw: st.DrawFn, T: Any = T, deep: bool = True) -> Decoding:
    """A decoder of any cell, context and readout, fed T tokens and shown keys of which some are padding.

    It has one layer unless `deep`.
    """
    width, size, steps, batch, positions, rng = draw(E), draw(H), draw(T), draw(B), draw(S), draw(rngs)
    context, _, key_size = draw(contexts(Q=st.just(size)))
    cell = CELLS[draw(kinds)](width + key_size, size)
    options = {"context": context, "key_size": key_size, "cell": cell, "readout": draw(readouts)}
    options["num_layers"] = draw(depths) if deep else 1
    decoder = exposed(Decoder(draw(V), width, size, **options), rng)
    return Decoding(
        decoder,
        rng.integers(decoder.vocab_size, size=(steps, batch)),
        random_state(decoder, batch, rng),
        rng.uniform(-1, 1, (positions, batch, key_size)),
        draw(lengths(positions, batch)),
        rng.uniform(-1, 1, (steps, batch, decoder.vocab_size)),
        rng.uniform(-1, 1, (steps, batch, positions)),
    )


def grad_shapes(module: Module) -> dict[str, tuple[int, ...]]:
    """What the gradients of a module's parameters must look like."""
    return {name: param.shape for name, param in module.params.items()}
