"""The decoder's step, and the whole encoder-decoder."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.exercises.exercise import Exercise, Task
from seqmem.exercises.lectures import known
from seqmem.exercises.lectures.numbers import mask, normal, tokens

_EQUATION = """
y_{t-1} = embedding of the token before
C_t     = attention of s_{t-1} over the keys: the state before the step asks
s_t     = gru(s_{t-1}, [y_{t-1} ; C_t])
logits  = s_t @ W + b

params: decoder.embedding.W (V, E), decoder.context.W_q (H, A), .W_k (H, A), .b (A,), .v (A,),
        decoder.cell.W_x (3, E + H, H), .W_h (3, H, H), .b (3, H), decoder.output.W (H, V), .b (V,)
"""
_WHOLE = """
encoder   e_s = embedding of the source's token s;  k_s = gru(e_s, k_{s-1});  s_0 = the last k
decoder   y_{t-1} = embedding of the token before
          C_t = attention of s_{t-1} over k_1, ..., k_S
          s_t = gru(s_{t-1}, [y_{t-1} ; C_t])
          logits_t = s_t @ W + b
loss      mean cross-entropy of the targets that count

params    encoder.embedding.W (V, E), encoder.layer.cell.W_x (3, E, H), .W_h (3, H, H), .b (3, H)
          and the decoder's: embedding.W, context.W_q, .W_k, .b, .v, cell.W_x, .W_h, .b, output.W, .b
"""
_GATES = ("r", "z", "n")
_CELLS = {
    f"{side}.cell.{name}": letters
    for side in ("encoder.layer", "decoder")
    for name, letters in {"W_x": "GIH", "W_h": "GHH", "b": "GH"}.items()
}


def _decoder(rng: np.random.Generator, sizes: dict[str, int]) -> dict[str, Any]:
    E, H, A, V = (sizes[letter] for letter in "EHAV")
    shapes = {
        "context.W_q": (H, A),
        "context.W_k": (H, A),
        "context.b": (A,),
        "context.v": (A,),
        "embedding.W": (V, E),
        "cell.W_x": (3, E + H, H),
        "cell.W_h": (3, H, H),
        "cell.b": (3, H),
        "output.W": (H, V),
        "output.b": (V,),
    }
    return {f"decoder.{name}": normal(rng, shape) for name, shape in shapes.items()}


def _encoder(rng: np.random.Generator, sizes: dict[str, int]) -> dict[str, Any]:
    E, H, V = (sizes[letter] for letter in "EHV")
    shapes = {
        "embedding.W": (V, E),
        "layer.cell.W_x": (3, E, H),
        "layer.cell.W_h": (3, H, H),
        "layer.cell.b": (3, H),
    }
    return {f"encoder.{name}": normal(rng, shape) for name, shape in shapes.items()}


def _step(rng: np.random.Generator, sizes: dict[str, int]) -> dict[str, Any]:
    S, B, H, V = (sizes[letter] for letter in "SBHV")
    return {
        "tokens": tokens(rng, (B,), V),
        "s_prev": normal(rng, (B, H)),
        "keys": normal(rng, (S, B, H)),
        "mask": mask(rng, S, B),
        "params": _decoder(rng, sizes),
    }


def _pair(rng: np.random.Generator, sizes: dict[str, int]) -> dict[str, Any]:
    T, S, B, V = (sizes[letter] for letter in "TSBV")
    return {
        "source": tokens(rng, (S, B), V),
        "inputs": tokens(rng, (T, B), V),
        "targets": tokens(rng, (T, B), V),
        "source_mask": mask(rng, S, B),
        "target_mask": mask(rng, T, B),
        "params": _encoder(rng, sizes) | _decoder(rng, sizes),
    }


def _source(rng: np.random.Generator, sizes: dict[str, int]) -> dict[str, Any]:
    S, B, V = (sizes[letter] for letter in "SBV")
    return {"tokens": tokens(rng, (S, B), V), "mask": mask(rng, S, B), "params": _encoder(rng, sizes)}


def _sequence(rng: np.random.Generator, sizes: dict[str, int]) -> dict[str, Any]:
    one = _step(rng, sizes)
    inputs = {"tokens": tokens(rng, (sizes["T"], sizes["B"]), sizes["V"]), "s0": one.pop("s_prev")}
    return inputs | {name: one[name] for name in ("keys", "mask", "params")}


DECODER_STEP = Exercise(
    "decoder_step",
    "One step of a decoder with attention, forward",
    "Encoder-decoder",
    (Task("decoder_step_forward", _step, ("logits", "weights", "s"), known=known.DECODER_STEP),),
    _EQUATION,
    "Four passes become one: which values each passes to the next, and which state is the query.",
    30,
    (
        "All four parts are given above. In which order do they run, and which inputs does each need?",
        "The state before the step, s_prev, is the query of the attention. The cell reads the previous word "
        "and the context side by side, (B, E + H).",
        "Take the parameters from the dict by their names; call embedding_forward, "
        "additive_attention_forward (with s_prev and mask), gru_before_step_forward and linear_forward. The "
        "cache consists of the four caches, in this order: embedding, attention, gru, output.",
    ),
    (
        "The new state is the query instead of the previous one.",
        "Context and word in the wrong order.",
        "The mask is not passed on.",
    ),
    "None: the definition (Bahdanau, Cho & Bengio, 2015).",
)

DECODER_STEP_BACKWARD = Exercise(
    "decoder_step_backward",
    "One step of a decoder with attention, backward",
    "Encoder-decoder",
    (
        Task(
            "decoder_step_backward",
            _step,
            ("logits", "weights", "s"),
            axes=_CELLS,
            gates=_GATES,
            known=known.DECODER_STEP_BACKWARD,
        ),
    ),
    _EQUATION,
    "The backward pass of composed passes: the caches in reverse order, and a sum wherever a value was used "
    "twice.",
    45,
    (
        "Which two values does the step use twice?",
        "s is used by the logits and by the next step, s_prev by the cell and by the attention. Each "
        "backward pass returns a dict with the names of the arguments of its forward pass.",
        'Call linear_backward, then gru_before_step_backward with d_s plus the "x" of linear_backward. '
        "Split the gradient of the cell's x at E, the width of the embedding, and call "
        'additive_attention_backward and embedding_backward. d_s_prev is the cell\'s "h_prev" plus the '
        'attention\'s "query". Return s_prev, keys and, under "params", a dict with the ten names that are '
        "listed at the top of the file.",
    ),
    (
        "The gradient of s_prev from the cell alone, although s_prev is also the query of the attention.",
        "The d_s that comes from later steps is left out.",
        "The gradients of word and context exchanged, or split at the wrong width.",
    ),
    "The chain rule for a composition; the sum over all uses of a value.",
    given=("decoder_step_forward",),
)

ENCODER_DECODER_BACKWARD = Exercise(
    "encoder_decoder_backward",
    "The whole encoder-decoder, backward",
    "Encoder-decoder",
    (
        Task(
            "encoder_backward",
            _source,
            ("keys", "state"),
            axes=_CELLS,
            gates=_GATES,
            known=known.ENCODER_BACKWARD,
        ),
        Task(
            "decoder_backward",
            _sequence,
            ("logits", "weights", "s"),
            axes=_CELLS,
            gates=_GATES,
            known=known.DECODER_BACKWARD,
        ),
        Task(
            "encoder_decoder_backward",
            _pair,
            ("loss",),
            axes=_CELLS,
            gates=_GATES,
            known=known.ENCODER_DECODER_BACKWARD,
        ),
    ),
    _WHOLE,
    "From the loss to the first word of the source: keys that every step of the decoder uses, and a state "
    "that the encoder passes to the decoder.",
    60,
    (
        "Every step of the decoder uses the same keys. What does that mean for their gradient, and along "
        "which other path does the loss depend on the encoder?",
        "decoder_backward is a loop from the last step to the first, which adds up the gradients of the "
        "keys and of the parameters and passes d_s on. encoder_backward goes back through the GRU and then "
        "the embedding. encoder_decoder_backward goes back through the loss, the decoder and the encoder.",
        "The loss does not depend on the attention weights and the last state of the decoder: pass "
        'np.zeros_like of both. The decoder\'s "keys" and "s0" are the encoder\'s d_keys and d_state. Join '
        "the two dicts of parameters with |.",
    ),
    (
        "= instead of += for the gradient of the keys.",
        "The gradient of the initial state does not reach the encoder's last state.",
        "The loop runs forward.",
    ),
    "Backpropagation through two networks and the connection between them.",
    given=(
        "encoder_forward",
        "decoder_step_forward",
        "decoder_step_backward",
        "decoder_forward",
        "encoder_decoder_forward",
    ),
)


EXERCISES = (DECODER_STEP, DECODER_STEP_BACKWARD, ENCODER_DECODER_BACKWARD)
