"""Inputs that expose mistakes.

A wrong backward pass can look right on special inputs: with T = 1, square shapes, zero states or zero biases,
whole terms of the derivative vanish. So all sizes differ, states and biases are not zero, lengths are
unequal, tokens occur twice, and weights have a standard deviation of 0.8.
"""

from __future__ import annotations

import copy
from functools import singledispatch
from typing import Any, TypeVar

import numpy as np

from seqmem.cells import Cell
from seqmem.contexts import Context, DotProductAttention
from seqmem.layers import Dropout, Embedding, Linear, Recurrent
from seqmem.layers.sequence import SequenceLayer
from seqmem.models import (
    AttentionPooling,
    Bridge,
    Decoder,
    Encoder,
    LanguageModel,
    MeanPooling,
    Seq2Seq,
    SequenceClassifier,
    SequenceRegressor,
    SequenceTagger,
)
from seqmem.models.reading import Reader, layer_of
from seqmem.module import Array, Module, named_modules
from seqmem.nests import tree_map
from seqmem.validation import check_type

Inputs = tuple[tuple[Any, ...], dict[str, Any]]  # positional inputs, keyword options
AnyModule = TypeVar("AnyModule", bound=Module)

T, B, S = 4, 3, 6  # steps, batch, source positions
DRAWS = 1000  # seeds to try until dropout keeps some entry


def with_exposing_params(module: AnyModule, rng: np.random.Generator) -> AnyModule:
    """Return a copy with normal parameters, including biases, of standard deviation 0.8.

    Args:
        module: any module; it is not changed.
        rng: draws the parameters.
    """
    check_type(module, Module, "with_exposing_params", "module")
    check_type(rng, np.random.Generator, "with_exposing_params", "rng")
    other = copy.deepcopy(module)
    for param in other.params.values():
        param[...] = 0.8 * rng.standard_normal(param.shape)
    return other


@singledispatch
def exposing_inputs(module: Module, rng: np.random.Generator) -> Inputs:
    """Return positional inputs and options for a module's forward pass.

    Args:
        module: a module of the library; `exposing_inputs.register` adds another class.
        rng: draws the inputs.

    Raises:
        TypeError: for an unknown kind of module.
    """
    raise TypeError(
        f"gradcheck: no inputs are known for a {type(module).__name__}; pass them: gradcheck(module, x, ...)"
    )


@exposing_inputs.register(Cell)
def _(module: Cell, rng: np.random.Generator) -> Inputs:  # type: ignore[type-arg]
    return (_normal(module, rng, B, module.input_size), _state(module, rng)), {}


@exposing_inputs.register(SequenceLayer)
def _(module: SequenceLayer, rng: np.random.Generator) -> Inputs:  # type: ignore[type-arg]
    xs = _normal(module, rng, T, B, module.input_size)
    return (xs, *_states(module, rng)), {"lengths": _lengths(T)}


@exposing_inputs.register(Linear)
def _(module: Linear, rng: np.random.Generator) -> Inputs:
    return (_normal(module, rng, T, B, module.input_size),), {}


@exposing_inputs.register(Embedding)
def _(module: Embedding, rng: np.random.Generator) -> Inputs:
    return (_tokens(rng, T, module.vocab_size),), {}


@exposing_inputs.register(Dropout)
def _(module: Dropout, rng: np.random.Generator) -> Inputs:
    check_type(rng, np.random.Generator, "exposing_inputs", "rng")
    xs = rng.standard_normal((T, B, 5))
    seeds = [int(seed) for seed in rng.integers(1 << 31, size=DRAWS)]
    lets_through = (seed for seed in seeds if module.forward(np.ones_like(xs), rng=seed)[0].any())
    return (xs,), {"rng": next(lets_through, seeds[0])}  # if everything is dropped, all gradients are zero


@exposing_inputs.register(Context)
def _(module: Context, rng: np.random.Generator) -> Inputs:
    query = _normal(module, rng, B, module.query_size or 5)
    keys = _normal(module, rng, S, B, module.key_size or 7)
    return (query, keys), {"lengths": _lengths(S)}


@exposing_inputs.register(DotProductAttention)
def _(module: DotProductAttention, rng: np.random.Generator) -> Inputs:
    width = module.size or 5
    return (_normal(module, rng, B, width), _normal(module, rng, S, B, width)), {"lengths": _lengths(S)}


@exposing_inputs.register(Bridge)
def _(module: Bridge, rng: np.random.Generator) -> Inputs:
    return (tree_map(lambda size: _normal(module, rng, B, size), module.source),), {}


@exposing_inputs.register(Encoder)
def _(module: Encoder, rng: np.random.Generator) -> Inputs:
    return (_tokens(rng, S, module.vocab_size),), {"lengths": _lengths(S)}


@exposing_inputs.register(Decoder)
def _(module: Decoder, rng: np.random.Generator) -> Inputs:
    tokens = _tokens(rng, T, module.vocab_size)
    keys = _normal(module, rng, S, B, module.key_size)
    return (tokens, _state(module, rng), keys), {"lengths": _lengths(S)}


@exposing_inputs.register(Seq2Seq)
def _(module: Seq2Seq, rng: np.random.Generator) -> Inputs:
    source = _tokens(rng, S, module.encoder.vocab_size)
    return (source, _tokens(rng, T, module.decoder.vocab_size)), {"lengths": _lengths(S)}


@exposing_inputs.register(MeanPooling)
@exposing_inputs.register(AttentionPooling)
def _(module: MeanPooling | AttentionPooling, rng: np.random.Generator) -> Inputs:
    size = module.input_size if isinstance(module, AttentionPooling) else 5
    return (_normal(module, rng, T, B, size),), {"lengths": _lengths(T)}


@exposing_inputs.register(SequenceClassifier)
@exposing_inputs.register(SequenceTagger)
def _(module: SequenceClassifier | SequenceTagger, rng: np.random.Generator) -> Inputs:
    return (_read(module.encoder, rng),), {"lengths": _lengths(T)}


@exposing_inputs.register(LanguageModel)
@exposing_inputs.register(SequenceRegressor)
def _(module: LanguageModel | SequenceRegressor, rng: np.random.Generator) -> Inputs:
    inputs = _read(module.encoder, rng)
    return (inputs, *_states(layer_of(module.encoder), rng)), {"lengths": _lengths(T)}


def _read(encoder: Reader, rng: np.random.Generator) -> Array:
    if isinstance(encoder, Encoder):
        return _tokens(rng, T, encoder.vocab_size)
    return _normal(encoder, rng, T, B, layer_of(encoder).input_size)


def _states(layer: SequenceLayer[Any], rng: np.random.Generator) -> tuple[Any, ...]:
    """Return a state to pass, or nothing if the layer has a learned state, which it would replace."""
    learned = any(isinstance(one, Recurrent) and one.learned_state for _, one in named_modules(layer))
    return () if learned else (_state(layer, rng),)


def _normal(module: Module, rng: np.random.Generator, *shape: int) -> Array:
    check_type(rng, np.random.Generator, "exposing_inputs", "rng")
    return rng.standard_normal(shape).astype(module.dtype or np.float64)


def _state(module: Cell[Any] | SequenceLayer[Any] | Decoder, rng: np.random.Generator) -> Any:
    check_type(rng, np.random.Generator, "exposing_inputs", "rng")
    return tree_map(lambda zeros: _normal(module, rng, *zeros.shape), module.zero_state(B))


def _tokens(rng: np.random.Generator, length: int, vocab_size: int) -> Array:
    check_type(rng, np.random.Generator, "exposing_inputs", "rng")
    tokens = rng.integers(vocab_size, size=(length, B))
    tokens[-1] = tokens[0]  # the gradients of a repeated token must add up
    return tokens


def _lengths(longest: int) -> Array:
    return np.array([longest - 2, longest, 1])
