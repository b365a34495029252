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
        "On which two arrays does the new state depend, and what is the shape of each?",
        "x and h_prev are each multiplied by their own matrix, from the right; each product is (B, H).",
        "First compute the pre-activation a, a sum of two products and a bias, then h from a. The cache "
        "holds the values that the backward pass needs: the inputs, the weights and h.",
    ),
    (
        "Multiplying from the left: the batch is the first axis here, so x @ W_x, not W_x @ x.",
        "An entry-by-entry product (*) instead of a matrix product (@): square sizes hide the mistake.",
        "Returning only the state, without the cache.",
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
        "Go through the forward pass from its last line to its first. What does the last line compute, and "
        "from which values?",
        "Two lines forward make two steps backward: first d_a from d_h, then five gradients from d_a. Each "
        "gradient has the shape of its array, and only one product gives that shape.",
        "The derivative of tanh in terms of its value h is 1 - h**2. For y = x @ W the gradients are "
        "x.T @ d_y and d_y @ W.T; the bias is added to every row, so its gradient is a sum over the rows.",
    ),
    (
        "The derivative of tanh taken at h, 1 - tanh(h)**2, instead of being written in terms of h, 1 - "
        "h**2.",
        "h instead of h_prev in the gradient of W_h.",
        "A missing transpose, which square matrices hide.",
        "The mean over the batch instead of the sum.",
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
        "Loop over the steps from the last to the first. At each step, add d_hs[t] to the gradient that "
        "comes from the next step, go back through one step, add to the gradients of the weights, and pass "
        "the gradient of the state on.",
        'With every position valid, mask is True throughout and hold_backward passes d_h on as "new". d_h '
        "starts as the gradient of the last state; += for W_x, W_h and b; d_xs[t] is written, not added to.",
    ),
    (
        "The gradient that comes back from step t + 1 is dropped, or added twice.",
        "Weights: = instead of +=, so that only one step counts.",
        "The loop runs forward in time.",
        "The gradient of the final state, given from outside, is ignored.",
    ),
    "The sum over all uses of a variable; backpropagation through time (Werbos, 1990).",
    given=("rnn_forward",),
    example=("rnn_step_forward", "rnn_step_backward"),
)

EXERCISES = (RNN_STEP_FORWARD, RNN_STEP_BACKWARD, RNN_BACKWARD)
