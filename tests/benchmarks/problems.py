"""The numbers that every subject computes with: drawn once from a seed, in seqmem's layout and names."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

GATES = {"lstm": 4, "gru": 3, "rnn": 1}  # the GRU is the reset-after one, the only one that torch has
START, END = 1, 2
LEARNING_RATE, MAX_NORM = 1e-3, 1.0


class LayerProblem(NamedTuple):
    """One recurrent layer, its input and the upstream gradients of all that it returns."""

    kind: str
    W_x: np.ndarray  # (G, D, H)
    W_h: np.ndarray  # (G, H, H)
    b: np.ndarray  # (G, H)
    b_hn: np.ndarray | None  # (H,) of the GRU
    xs: np.ndarray  # (T, B, D)
    d_hs: np.ndarray  # (T, B, H)
    d_final: list[np.ndarray]  # (B, H) each: h, and c of the LSTM
    initial: list[np.ndarray]  # (B, H) each: the state before a single step; sequences start from zeros

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """T, B, D, H."""
        return (*self.xs.shape, self.W_h.shape[-1])


def layer_problem(kind: str, shape: tuple[int, ...], dtype: str) -> LayerProblem:
    """Weights within ±1/sqrt(H), as torch starts them; everything else standard normal."""
    T, B, D, H = shape
    G, rng = GATES[kind], np.random.default_rng(7)
    n_parts = 2 if kind == "lstm" else 1

    def weights(*axes: int) -> np.ndarray:
        return rng.uniform(-(H**-0.5), H**-0.5, axes).astype(dtype)

    def normal(*axes: int) -> np.ndarray:
        return rng.standard_normal(axes).astype(dtype)

    return LayerProblem(
        kind=kind,
        W_x=weights(G, D, H),
        W_h=weights(G, H, H),
        b=weights(G, H),
        b_hn=weights(H) if kind == "gru" else None,
        xs=normal(T, B, D),
        d_hs=normal(T, B, H),
        d_final=[normal(B, H) for _ in range(n_parts)],
        initial=[normal(B, H) for _ in range(n_parts)],
    )


class TranslationProblem(NamedTuple):
    """An LSTM encoder, additive attention and an LSTM decoder, and a batch to train them on."""

    sizes: tuple[int, ...]  # B, S, T, E, H, A, V
    params: dict[str, np.ndarray]  # by seqmem's names
    source: np.ndarray  # (S, B)
    source_lengths: np.ndarray  # (B,)
    inputs: np.ndarray  # (T, B)
    targets: np.ndarray  # (T, B)
    mask: np.ndarray  # (T, B)
    readout: str  # "state", or "all" for [s; y; C]


def translation_problem(
    sizes: tuple[int, ...], dtype: str, unequal: bool = False, readout: str = "state"
) -> TranslationProblem:
    """The model with random weights and a batch of random tokens.

    Args:
        sizes: B, S, T, E, H, A, V.
        dtype: of the parameters.
        unequal: sources and targets uniform between half and full length, instead of all full.
        readout: what the decoder's logits are computed from.
    """
    B, S, T, E, H, A, V = sizes
    rng = np.random.default_rng(8)
    shapes = {
        "encoder.embedding.W": (V, E),
        "encoder.layer.cell.W_x": (4, E, H),
        "encoder.layer.cell.W_h": (4, H, H),
        "encoder.layer.cell.b": (4, H),
        "decoder.context.W_q": (H, A),
        "decoder.context.W_k": (H, A),
        "decoder.context.b": (A,),
        "decoder.context.v": (A,),
        "decoder.embedding.W": (V, E),
        "decoder.cell.W_x": (4, E + H, H),
        "decoder.cell.W_h": (4, H, H),
        "decoder.cell.b": (4, H),
        "decoder.output.W": (H + E + H if readout == "all" else H, V),
        "decoder.output.b": (V,),
    }
    params = {}
    for name, shape in shapes.items():
        scale = shape[-2] ** -0.5 if len(shape) > 1 else 0.1
        if "embedding" in name or name in ("decoder.context.W_k", "decoder.context.v"):
            # Keys that differ, attention that is far from even: the scorer's gradients are no differences of
            # equals, whose rounding would look like a disagreement.
            scale = 1.0
        params[name] = rng.uniform(-scale, scale, shape).astype(dtype)

    def lengths(full: int) -> np.ndarray:
        drawn = rng.integers(full // 2, full + 1, B)
        drawn[0] = full  # a batch is as long as its longest row
        return drawn if unequal else np.full(B, full)

    source_lengths, target_lengths = lengths(S), lengths(T)
    source, inputs, targets = (rng.integers(3, V, (steps, B)) for steps in (S, T, T))
    inputs[0] = START
    mask = np.arange(T)[:, None] < target_lengths
    return TranslationProblem(sizes, params, source, source_lengths, inputs, targets, mask, readout)


class StackProblem(NamedTuple):
    """A bidirectional LSTM of two layers, its input and the upstream gradient of its outputs."""

    shape: tuple[int, ...]  # T, B, D, H
    params: dict[str, np.ndarray]  # by seqmem's names
    xs: np.ndarray  # (T, B, D)
    d_hs: np.ndarray  # (T, B, 2H)


def stack_problem(shape: tuple[int, ...], dtype: str) -> StackProblem:
    """Weights within ±1/sqrt(H), everything else standard normal."""
    T, B, D, H = shape
    rng = np.random.default_rng(9)
    params = {}
    for k, width in enumerate((D, 2 * H)):
        for direction in ("forward", "backward"):
            for name, axes in (("W_x", (4, width, H)), ("W_h", (4, H, H)), ("b", (4, H))):
                drawn = rng.uniform(-(H**-0.5), H**-0.5, axes)
                params[f"layers.{k}.{direction}_layer.cell.{name}"] = drawn.astype(dtype)
    xs, d_hs = (rng.standard_normal((T, B, width)).astype(dtype) for width in (D, 2 * H))
    return StackProblem(shape, params, xs, d_hs)


class ClassifierProblem(NamedTuple):
    """An embedding, an LSTM and a class from its last output, and a batch to train them on."""

    sizes: tuple[int, ...]  # B, T, E, H, V, C
    params: dict[str, np.ndarray]  # by seqmem's names
    tokens: np.ndarray  # (T, B), all sequences full
    targets: np.ndarray  # (B,)


def classifier_problem(sizes: tuple[int, ...], dtype: str) -> ClassifierProblem:
    """The model with random weights and a batch of random tokens."""
    B, T, E, H, V, C = sizes
    rng = np.random.default_rng(10)
    shapes = {
        "encoder.embedding.W": (V, E),
        "encoder.layer.cell.W_x": (4, E, H),
        "encoder.layer.cell.W_h": (4, H, H),
        "encoder.layer.cell.b": (4, H),
        "output.W": (H, C),
        "output.b": (C,),
    }
    params = {}
    for name, shape in shapes.items():
        scale = 1.0 if "embedding" in name else H**-0.5
        params[name] = rng.uniform(-scale, scale, shape).astype(dtype)
    return ClassifierProblem(sizes, params, rng.integers(4, V, (T, B)), rng.integers(C, size=B))


def without_end(problem: TranslationProblem) -> TranslationProblem:
    """The same with an end token that never wins, so that a search always takes all its steps."""
    b = problem.params["decoder.output.b"].copy()
    b[END] = -1e9
    return problem._replace(params=problem.params | {"decoder.output.b": b})
