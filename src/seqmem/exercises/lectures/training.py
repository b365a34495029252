"""Around a model: vanishing gradients, clipping, beam search and the gradient check."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmem.checking.catalogue.mistakes import rnn as rnn_mistakes
from seqmem.checking.catalogue.mistakes.record import replaced
from seqmem.exercises.cutting import equation_of, source_in
from seqmem.exercises.exercise import Exercise, Made, Task
from seqmem.exercises.lectures import known
from seqmem.exercises.lectures.numbers import drawn, normal

_RNN = drawn({"xs": "TBD", "h0": "BH", "W_x": "DH", "W_h": "HH", "b": "H", "d_h": "BH"})
_LSTM = drawn({"xs": "TBD", "h0": "BH", "c0": "BH", "W_x": "GDH", "W_h": "GHH", "b": "GH", "d_c": "BH"}, 4)

VANISHING_GRADIENT = Exercise(
    "vanishing_gradient",
    "The vanishing gradient, measured",
    "RNN",
    (
        Task("rnn_gradient_norms", _RNN, ("norms",), has_cache=False, is_timed=False, known=known.RNN_NORMS),
        Task(
            "lstm_gradient_norms", _LSTM, ("norms",), has_cache=False, is_timed=False, known=known.LSTM_NORMS
        ),
    ),
    equation_of("seqmem.reference.measures.vanishing"),
    "How much of a gradient is left after many steps back, in an RNN and in an LSTM.",
    30,
    (
        "The loss is a function of the last state alone. What is the gradient of the state before it?",
        "Run forward and keep the cache of each step; then go back one step at a time. You do not need the "
        "gradients of the weights, only the gradient that a step passes to the previous step.",
        "norms has T + 1 entries: the last is the norm of the given gradient, and norms[t] is the norm of "
        "the gradient that step t passes back. A norm here is np.sqrt((d_h**2).sum()), over batch and "
        "features together. The LSTM passes back both d_h, which starts at 0, and d_c; the norm is that of "
        "d_c.",
    ),
    (
        "The norms in the order of computation, with the last state first.",
        "T entries instead of T + 1: the initial state has a gradient, too.",
        "The gradient of h is dropped in the LSTM.",
    ),
    "||d_h_{t-1}|| <= ||W_h|| · max|tanh'| · ||d_h_t||; along the LSTM's cell path the factor is f.",
    given=("rnn_step_forward", "rnn_step_backward", "lstm_step_forward", "lstm_step_backward"),
)


def _grads(rng: np.random.Generator, sizes: dict[str, int], factor: float) -> dict[str, Any]:
    D, H = sizes["D"], sizes["H"]
    grads = {"W": normal(rng, (D, H)), "U": normal(rng, (H, H)), "b": normal(rng, (H,))}
    norm = float(np.sqrt(sum((grad**2).sum() for grad in grads.values())))
    return {"grads": grads, "max_norm": factor * norm}


def _large(rng: np.random.Generator, sizes: dict[str, int]) -> dict[str, Any]:
    return _grads(rng, sizes, rng.uniform(0.05, 0.12))


def _small(rng: np.random.Generator, sizes: dict[str, int]) -> dict[str, Any]:
    return _grads(rng, sizes, rng.uniform(2, 4))


CLIPPING = Exercise(
    "clip_by_global_norm",
    "Clipping by the global norm",
    "Training",
    (
        Task(
            "clip_by_global_norm",
            _large,
            ("clipped", "norm"),
            has_cache=False,
            kind="clipping",
            is_timed=False,
            second=_small,
        ),
    ),
    equation_of("seqmem.reference.clipping"),
    "All gradients are scaled by one factor, which preserves their direction.",
    15,
    (
        "Should W and b each have a norm of at most max_norm, or all gradients together?",
        "The norm is the root of the sum of the squares of all entries of all arrays. If it is below "
        "max_norm, nothing changes.",
        "scale is max_norm / norm if the norm is larger than max_norm, else 1. Return a new dict of new "
        "arrays grad * scale, and the norm before clipping.",
    ),
    (
        "A separate norm for each array, which changes the direction.",
        "Each entry is limited to max_norm.",
        "Small gradients are scaled up.",
        "grad *= scale, which writes into the arguments.",
        "The norm after clipping is returned.",
    ),
    "None: a scaling (Pascanu, Mikolov & Bengio, 2013).",
)

_STEP = """
def step(token, state):
    state = np.tanh(np.array({W})[token] + state @ np.array({U}))
    scores = state @ np.array({O}) + np.array([0, {end}, 0, 0, 0])
    shifted = scores - scores.max()
    return shifted - np.log(np.exp(shifted).sum()), state
"""
_WORDS, _STATE = 5, 3


def _language(rng: np.random.Generator, sizes: dict[str, int], end: float = 1.0) -> dict[str, Any]:
    """Draw a language whose words depend on all words before, and what to look for in it.

    Args:
        rng: draws it.
        sizes: not used.
        end: the increase of the end token's log-probability.
    """
    shapes = {"W": (_WORDS, _STATE), "U": (_STATE, _STATE), "O": (_STATE, _WORDS)}
    numbers = {name: (2 * rng.standard_normal(shape)).round(6).tolist() for name, shape in shapes.items()}
    return {
        "step": Made(_STEP.format(end=end, **numbers), "step"),
        "state": np.zeros(_STATE),
        "start": 0,
        "end": 1,
        "beam_size": int(rng.integers(2, 5)),
        "max_length": int(rng.integers(4, 7)),
    }


def _endless(rng: np.random.Generator, sizes: dict[str, int]) -> dict[str, Any]:
    return _language(rng, sizes, end=-8.0)  # what is found is cut off at its length


def _found(returned: Any) -> dict[str, Any]:
    """Return the sequences that a search found as one array, -1 behind the end of each, and their scores."""
    pairs = [(list(map(int, tokens)), float(score)) for tokens, score in returned]
    longest = max((len(tokens) for tokens, _ in pairs), default=0)
    rows = [[*tokens, *([-1] * (longest - len(tokens)))] for tokens, _ in pairs]
    return {"tokens": np.array(rows, int), "scores": np.array([score for _, score in pairs])}


BEAM_SEARCH = Exercise(
    "beam_search",
    "Beam search",
    "Search",
    (
        Task(
            "beam_search",
            _language,
            ("found",),
            second=_endless,
            has_cache=False,
            is_timed=False,
            view=_found,
            known=known.BEAM_SEARCH,
        ),
    ),
    equation_of("seqmem.reference.search.beam"),
    "The most probable first word need not begin the most probable sentence.",
    45,
    (
        "Greedy search keeps one prefix of a sentence. What has to be kept for each of several prefixes?",
        "For each prefix, keep its tokens, its score, the last token and the state. At each step, extend "
        "each prefix by each token, and keep the best of all these extensions.",
        "An extension by the end token goes to the list of ended sentences, and from then on the beam has "
        "one place fewer: keep beam_size - len(ended) extensions. Stop when the beam is empty; sentences "
        "that are still in the beam after max_length steps end without the end token. Return (tokens, "
        "score), the best first.",
    ),
    (
        "The best extensions of each prefix, instead of the best of all.",
        "The log-probabilities of one step are compared without those of the steps before.",
        "The log-probability of the end token is left out.",
        "The state of one prefix is used for another.",
    ),
    "The logarithm of a product; the chain rule of probability.",
)

_SHAPES = {"x": "BD", "h_prev": "BH", "W_x": "DH", "W_h": "HH", "b": "H"}
_TINY = {"B": 2, "D": 3, "H": 4}
_FORWARD = Made(source_in("seqmem.reference.rnn", "rnn_step_forward"), "rnn_step_forward")


def _passes(rng: np.random.Generator, sizes: dict[str, int]) -> dict[str, Any]:
    inputs = drawn(_SHAPES)(rng, _TINY)
    return {"forward": _FORWARD, "inputs": inputs, "upstream": (normal(rng, (_TINY["B"], _TINY["H"])),)}


def _two(rng: np.random.Generator, sizes: dict[str, int]) -> dict[str, Any]:
    right = drawn(_SHAPES)(rng, _TINY)
    noise = {name: normal(rng, value.shape) * 10.0 ** rng.integers(-9, 0) for name, value in right.items()}
    return {"gradients": {name: value + noise[name] for name, value in right.items()}, "right": right}


def _mistaken(rng: np.random.Generator, sizes: dict[str, int]) -> dict[str, Any]:
    """Draw a backward pass with a mistake that spoils some gradients and leaves others right."""
    given = _passes(rng, sizes)
    source = source_in("seqmem.reference.rnn", "rnn_step_backward")
    partial = [one for one in rnn_mistakes.MISTAKES if one.line.startswith(("d_W", "d_b", "d_x", "d_h_prev"))]
    fitting = [one for one in partial if one.place == "backward" and _stands_in(source, one.line)]
    (text,) = replaced([source], fitting[int(rng.integers(len(fitting)))])
    backward = Made(text, "rnn_step_backward")
    return {"forward": given["forward"], "backward": backward} | {n: given[n] for n in ("inputs", "upstream")}


def _stands_in(source: str, line: str) -> bool:
    return [one.strip() for one in source.splitlines()].count(line) == 1


def _verdicts(returned: Any) -> dict[str, Any]:
    return {name: name in set(returned) for name in _SHAPES}


GRADIENT_CHECK = Exercise(
    "gradient_check",
    "Your own gradient check",
    "Training",
    (
        Task(
            "numerical_gradient",
            _passes,
            ("gradients",),
            has_cache=False,
            is_timed=False,
            tolerance=1e-7,
            view=dict,
            known=known.NUMERICAL_GRADIENT,
        ),
        Task(
            "relative_errors",
            _two,
            ("errors",),
            has_cache=False,
            is_timed=False,
            view=dict,
            known=known.RELATIVE_ERRORS,
        ),
        Task(
            "wrong_gradients",
            _mistaken,
            ("wrong",),
            has_cache=False,
            is_timed=False,
            view=_verdicts,
            known=known.WRONG_GRADIENTS,
        ),
    ),
    equation_of("seqmem.reference.measures.numerical"),
    "A measurement of a gradient: the change of the loss when one number changes.",
    45,
    (
        "A gradient tells by how much the loss changes when one number changes a little. How can you "
        "measure that without a derivative?",
        "Increase and decrease one entry by the step, run the forward pass for each, and divide the "
        "difference of the losses by twice the step. If there are several outputs, the loss is the sum of "
        "upstream * output over all of them.",
        "np.ndindex(value.shape) iterates over the entries; change a copy. The error of an array is its "
        "largest difference divided by the largest entry of the right array. wrong_gradients runs forward "
        "and backward once, measures, and lists the names whose error is not at most the tolerance.",
    ),
    (
        "A one-sided difference, whose error is proportional to the step, not to its square.",
        "The input is changed and not changed back.",
        "(loss_up - loss_down) / 2 * step: the step belongs in the denominator.",
        "One norm over all arrays, which hides an error in a small array.",
        "error > tolerance, which accepts a NaN.",
    ),
    "Taylor's theorem: the error of the central difference is proportional to step² times the third "
    "derivative.",
)

EXERCISES = (VANISHING_GRADIENT, CLIPPING, BEAM_SEARCH, GRADIENT_CHECK)
