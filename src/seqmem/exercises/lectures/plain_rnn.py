"""The plain recurrent network: one step, its derivative, and the derivative through time."""

from __future__ import annotations

from seqmem.exercises.cutting import equation_of
from seqmem.exercises.exercise import Exercise, Task
from seqmem.exercises.lectures.numbers import drawn

_WEIGHTS = {"W_x": "DH", "W_h": "HH", "b": "H"}
_STEP = {"x": "BD", "h_prev": "BH"} | _WEIGHTS
_SEQUENCE = {"xs": "TBD", "h0": "BH"} | _WEIGHTS
_EQUATION = equation_of("seqmem.reference.rnn")

RNN_STEP_FORWARD = Exercise(
    "rnn_step_forward",
    "One step of an RNN, forward",
    "RNN",
    (Task("rnn_step_forward", drawn(_STEP), ("h",), kind="rnn_step", axes=_STEP),),
    _EQUATION,
    "A state that is computed from an input and from the state before it.",
    15,
    (
        "Which two things does the new state depend on, and which shape has each of them?",
        "Each of x and h_prev is multiplied by a matrix of its own, from the right; each product is (B, H).",
        "First the pre-activation a, a sum of two products and a bias; then h, of a alone; then the cache, "
        "which holds what the backward pass will need: the inputs, the weights and h.",
    ),
    (
        "Multiplying from the left: the batch is the first axis here, so x @ W_x, not W_x @ x.",
        "A product entry by entry (*) where a matrix product (@) is meant: square sizes hide it.",
        "Returning the state alone: the cache goes with it.",
    ),
    "None: the definition of the cell.",
)

RNN_STEP_BACKWARD = Exercise(
    "rnn_step_backward",
    "One step of an RNN, backward",
    "RNN",
    (Task("rnn_step_backward", drawn(_STEP), ("h",), kind="rnn_step", axes=_STEP),),
    _EQUATION,
    "The chain rule, line by line from the last to the first, and the gradient of a matrix product.",
    30,
    (
        "Walk through the forward pass from its last line to its first. What does the last line compute, and "
        "from what?",
        "Two lines forward are two steps back: first d_a from d_h, then five gradients from d_a. The shape "
        "of each gradient is that of what it belongs to, and only one product gives that shape.",
        "The derivative of tanh in terms of its value h is 1 - h**2. For y = x @ W the gradients are "
        "x.T @ d_y and d_y @ W.T; the bias is added to every row, so its gradient is a sum over the rows.",
    ),
    (
        "The derivative of tanh taken at h, not written in h: 1 - tanh(h)**2.",
        "h in place of h_prev in the gradient of W_h.",
        "A missing transpose where a matrix is square.",
        "The mean over the batch where the sum belongs.",
    ),
    "The chain rule for y = x @ W (lecture: the matrix product), tanh' = 1 - tanh².",
    given=("rnn_step_forward",),
)

RNN_BACKWARD = Exercise(
    "rnn_backward",
    "An RNN through time, backward",
    "RNN",
    (
        Task(
            "rnn_backward",
            drawn(_SEQUENCE),
            ("hs", "h"),
            kind="rnn_sequence",
            axes=_SEQUENCE,
        ),
    ),
    _EQUATION,
    "Backpropagation through time: a state is used twice, and weights are used at every step.",
    45,
    (
        "hs[t] leaves the network at step t, and the state goes on to step t + 1. How many gradients meet at "
        "the state of step t?",
        "Run over the steps from the last to the first. At each: add what comes from outside to what comes "
        "from the next step, go back through one step, add to the sums of the weights, hand on.",
        'With every position valid, mask is True throughout and hold_backward passes d_h on as "new". d_h '
        "starts as the gradient of the last state; += for W_x, W_h and b; d_xs[t] is written, not added to.",
    ),
    (
        "The gradient that comes back from step t + 1 is dropped, or added twice.",
        "Weights: = where += belongs, so that one step alone counts.",
        "The loop runs forward in time.",
        "The gradient of the final state, given from outside, is ignored.",
    ),
    "The sum over all uses of a variable; backpropagation through time (Werbos, 1990).",
    given=("rnn_forward",),
    example=("rnn_step_forward", "rnn_step_backward"),
)

EXERCISES = (RNN_STEP_FORWARD, RNN_STEP_BACKWARD, RNN_BACKWARD)
