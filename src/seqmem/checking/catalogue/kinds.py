"""Kinds of functions: those that have a reference pass and a catalogue of mistakes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from seqmem.checking.catalogue.mistakes import attention as attention_mistakes
from seqmem.checking.catalogue.mistakes import clipping as clipping_mistakes
from seqmem.checking.catalogue.mistakes import cross_entropy as cross_entropy_mistakes
from seqmem.checking.catalogue.mistakes import embedding as embedding_mistakes
from seqmem.checking.catalogue.mistakes import gru_after as gru_after_mistakes
from seqmem.checking.catalogue.mistakes import gru_before as gru_before_mistakes
from seqmem.checking.catalogue.mistakes import lstm as lstm_mistakes
from seqmem.checking.catalogue.mistakes import rnn as rnn_mistakes
from seqmem.checking.catalogue.mistakes.record import Mistake, mistaken, passes_of
from seqmem.checking.exposing import B, S, T
from seqmem.module import Array
from seqmem.reference import (
    attention,
    clipping,
    cross_entropy,
    embedding,
    gru_after,
    gru_before,
    lstm,
    rnn,
)

D, H, K, A, V = 7, 5, 8, 5, 11  # with T, B and S, all sizes that meet differ: axes cannot be confused

Arrays = dict[str, Any]


class Problem(NamedTuple):
    """Inputs of a reference pass, and an upstream gradient for each of its outputs."""

    inputs: Arrays
    upstream: Arrays


class Kind(NamedTuple):
    """A kind of function."""

    name: str
    title: str
    reference: ModuleType
    mistakes: tuple[Mistake, ...]
    outputs: tuple[str, ...]  # the results of its forward pass before the cache
    draw: Callable[[np.random.Generator], Arrays]
    gates: tuple[str, ...] = ()
    is_step: bool = False  # one step of a sequence pass, with x for xs and h_prev for h0

    def problem(self, seed: int, absent: Iterable[str] = (), steps: int = T) -> Problem:
        """Return inputs that expose mistakes, the same for the same seed.

        Args:
            seed: seed of the numbers.
            absent: inputs that a function does not have: zeros, or a mask of all True.
            steps: T, if the pass has steps.
        """
        rng = np.random.default_rng(seed)
        inputs = self.draw(rng)
        for name in absent:
            inputs[name] = np.ones_like(inputs[name]) if name == "mask" else np.zeros_like(inputs[name])
        if "xs" in inputs:
            inputs["xs"] = _normal(rng, (steps, B, D)) if steps != T else inputs["xs"]
        outputs, _ = self.run(inputs)
        return Problem(inputs, {name: _normal(rng, np.shape(value)) for name, value in outputs.items()})

    def run(
        self, inputs: Arrays, upstream: Arrays | None = None, mistakes: tuple[Mistake, ...] = ()
    ) -> tuple[Arrays, Arrays]:
        """Return the reference's outputs and gradients, optionally with mistakes in its passes."""
        forward, backward = mistaken(self.reference, mistakes) if mistakes else passes_of(self.reference)
        outputs, cache = self.call(forward, self.as_sequence(inputs))
        gradients: Arrays = {}
        if upstream is not None and backward is not None:
            upstreams = [upstream.get(name, np.zeros_like(value)) for name, value in outputs.items()]
            gradients = backward(*upstreams, cache)
        return self.as_step(outputs), self.as_step(gradients)

    def call(self, forward: Callable[..., Any], inputs: Arrays) -> tuple[Arrays, Any]:
        """Return a reference's outputs by name, and its cache; None if nothing is differentiated."""
        if not self.is_differentiated:
            given = {name: inputs[name] for name in self.outputs}
            clipped, _ = forward(given, **{name: inputs[name] for name in inputs if name not in given})
            return clipped, None
        *outputs, cache = forward(**inputs)
        return dict(zip(self.outputs, outputs, strict=True)), cache

    @property
    def is_differentiated(self) -> bool:
        """True if the reference has a backward pass."""
        return passes_of(self.reference).backward is not None

    def as_step(self, values: Arrays) -> Arrays:
        """Return a sequence pass's outputs or gradients for its only step; unchanged unless it is a step."""
        if not self.is_step:
            return values
        return {
            _STEP_NAMES.get(name, name): value[0] if name == "xs" else value
            for name, value in values.items()
            if name != "hs"
        }

    def as_sequence(self, inputs: Arrays) -> Arrays:
        """Return the inputs of a step as inputs of a sequence of one step; unchanged unless it is a step."""
        if not self.is_step:
            return inputs
        names = {own: name for name, own in _STEP_NAMES.items()}
        whole = {names.get(name, name): value for name, value in inputs.items()}
        return whole | {"xs": whole["xs"][None]}


_STEP_NAMES = {"xs": "x", "h0": "h_prev", "c0": "c_prev"}


def _normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return np.asarray(0.8 * rng.standard_normal(shape))


def _recurrent(rng: np.random.Generator, n_gates: int, states: str, is_step: bool, **more: int) -> Arrays:
    gates = (n_gates,) if n_gates else ()
    inputs = {"x": _normal(rng, (B, D))} if is_step else {"xs": _normal(rng, (T, B, D))}
    inputs |= {f"{state}_prev" if is_step else f"{state}0": _normal(rng, (B, H)) for state in states}
    inputs |= {"W_x": _normal(rng, (*gates, D, H)), "W_h": _normal(rng, (*gates, H, H))}
    return inputs | {"b": _normal(rng, (*gates, H))} | {name: _normal(rng, (n,)) for name, n in more.items()}


def _attention(rng: np.random.Generator) -> Arrays:
    shapes = {"query": (B, D), "keys": (S, B, K), "W_q": (D, A), "W_k": (K, A), "b": (A,), "v": (A,)}
    return {name: _normal(rng, shape) for name, shape in shapes.items()}


def _embedding(rng: np.random.Generator) -> Arrays:
    # tokens that occur twice in a step, twice in a sequence, both, once, and never
    tokens = np.array([[1, 2, 1], [3, 1, 0], [2, 5, 5], [1, 2, 4]])
    others = np.concatenate([[0], 1 + rng.permutation(D - 1)])
    return {"W": _normal(rng, (D, H)), "tokens": others[tokens]}


def _cross_entropy(rng: np.random.Generator) -> Arrays:
    mask = np.ones((T, B), bool)
    mask[2:, 1] = mask[3:, 2] = False
    return {"logits": 2 * _normal(rng, (T, B, V)), "targets": rng.integers(V, size=(T, B)), "mask": mask}


def _clipping(rng: np.random.Generator) -> Arrays:
    shapes = {"W": (D, H), "U": (H, H), "b": (H,)}
    return {name: _normal(rng, shape) for name, shape in shapes.items()} | {"max_norm": 1.5}


def _both(
    name: str,
    title: str,
    reference: ModuleType,
    mistakes: Any,
    gates: tuple[str, ...],
    states: str,
    **draw: Any,
) -> list[Kind]:
    """Return the kinds of a recurrent pass over a sequence and of its single step."""
    return [
        Kind(
            f"{name}_{'step' if is_step else 'sequence'}",
            f"{'one step' if is_step else 'a sequence'} of {title}",
            reference,
            mistakes.MISTAKES,
            ("hs", *states),
            partial(_recurrent, n_gates=len(gates), states=states, is_step=is_step, **draw),
            gates,
            is_step,
        )
        for is_step in (True, False)
    ]


_ALL = [
    *_both("rnn", "an RNN", rnn, rnn_mistakes, (), states="h"),
    *_both("lstm", "an LSTM", lstm, lstm_mistakes, ("i", "f", "o", "g"), states="hc"),
    *_both("gru", "a GRU", gru_before, gru_before_mistakes, ("r", "z", "n"), states="h"),
    *_both(
        "gru_after", "a reset-after GRU", gru_after, gru_after_mistakes, ("r", "z", "n"), states="h", b_hn=H
    ),
    Kind(
        "attention",
        "additive attention",
        attention,
        attention_mistakes.MISTAKES,
        ("context", "weights"),
        _attention,
    ),
    Kind("embedding", "an embedding", embedding, embedding_mistakes.MISTAKES, ("y",), _embedding),
    Kind(
        "cross_entropy",
        "the mean cross-entropy",
        cross_entropy,
        cross_entropy_mistakes.MISTAKES,
        ("loss",),
        _cross_entropy,
    ),
    Kind(
        "clipping",
        "clipping by the global norm",
        clipping,
        clipping_mistakes.MISTAKES,
        ("W", "U", "b"),
        _clipping,
    ),
]
KINDS = {kind.name: kind for kind in _ALL}


def as_kind(name: str) -> Kind:
    """Return the kind of that name.

    Raises:
        ValueError: for an unknown name.
    """
    if name not in KINDS:
        raise ValueError(f"like is {name!r}, expected one of {', '.join(KINDS)}")
    return KINDS[name]
