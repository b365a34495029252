"""The LSTM: one step, its derivative, and the derivative of a sequence."""

from __future__ import annotations

from seqmem.exercises.cutting import equation_of
from seqmem.exercises.exercise import Exercise, Task
from seqmem.exercises.lectures.numbers import drawn

_GATES = ("i", "f", "o", "g")
_WEIGHTS = {"W_x": "GDH", "W_h": "GHH", "b": "GH"}
_STEP = {"x": "BD", "h_prev": "BH", "c_prev": "BH"} | _WEIGHTS
_SEQUENCE = {"xs": "TBD", "h0": "BH", "c0": "BH"} | _WEIGHTS
_EQUATION = equation_of("seqmem.reference.lstm")


LSTM_STEP_FORWARD = Exercise(
    "lstm_step_forward",
    "One step of an LSTM, forward",
    "LSTM",
    (Task("lstm_step_forward", drawn(_STEP, 4), ("h", "c"), kind="lstm_step", axes=_STEP, gates=_GATES),),
    _EQUATION,
    "The gates decide what to keep, what to write and what to show, and compute these three decisions from "
    "x and h_prev.",
    25,
    (
        "The step of an RNN has one pre-activation. How many are there here, and what is each of them for?",
        "With W_x (4, D, H), x @ W_x computes all four at once, (4, B, H); the bias needs an axis for the "
        "batch. The first three are sigmoids, and the candidate g is a tanh.",
        "Compute a from x, h_prev and b[:, None]; i, f, o, g from the four blocks of a; c from f, c_prev, i "
        "and g; h from o and tanh(c). The cache is (x, h_prev, c_prev, W_x, W_h, i, f, o, g, tanh_c).",
    ),
    (
        "The gates in an order other than i, f, o, g.",
        "A sigmoid for the candidate g, which may be negative.",
        "h without the tanh of c.",
        "The bias (4, H) added without an axis for the batch.",
    ),
    "None: the definition of the cell (Hochreiter & Schmidhuber, 1997; Gers et al., 2000).",
    given=("sigmoid",),
    example=("rnn_step_forward",),
)

LSTM_STEP_BACKWARD = Exercise(
    "lstm_step_backward",
    "One step of an LSTM, backward",
    "LSTM",
    (Task("lstm_step_backward", drawn(_STEP, 4), ("h", "c"), kind="lstm_step", axes=_STEP, gates=_GATES),),
    _EQUATION,
    "A variable that is used twice collects two gradients, and every gate has a derivative of its own.",
    45,
    (
        "c is used twice: by the next step and by the h of this step. What does that mean for its gradient?",
        "h = o * tanh_c gives the gradients of o and of tanh_c. Add the part of c that comes through tanh_c "
        "to d_c. Only then does c = f * c_prev + i * g give the gradients of f, c_prev, i and g.",
        "In terms of its value s, the derivative of a sigmoid is s * (1 - s); that of tanh is 1 - g**2. "
        "Stack the four d_a in the order of the gates, (4, B, H). Then continue as in the RNN, with "
        "W.transpose(0, 2, 1), and with sums over the gates for x and h_prev.",
    ),
    (
        "The d_c that comes from the next step is left out, or doubled.",
        "The derivative of the tanh in h is left out.",
        "The gradient of f uses c instead of c_prev.",
        "The derivative of a gate's sigmoid is left out, or taken twice.",
        "The gates are stacked in an order other than that in which they were unpacked.",
    ),
    "Two products and a sum by the product rule; the gradient of x is a sum over the gates.",
    given=("lstm_step_forward",),
    example=("rnn_step_forward", "rnn_step_backward"),
)

LSTM_BACKWARD = Exercise(
    "lstm_backward",
    "An LSTM through time, backward",
    "LSTM",
    (
        Task(
            "lstm_backward",
            drawn(_SEQUENCE, 4),
            ("hs", "h", "c"),
            kind="lstm_sequence",
            axes=_SEQUENCE,
            gates=_GATES,
        ),
    ),
    _EQUATION,
    "Two gradients are carried from step to step: that of h and that of c.",
    45,
    (
        "Compare with the RNN through time above: which gradient does the next step pass back here that it "
        "did not pass back there?",
        "In the loop, add d_hs[t] to d_h, call lstm_step_backward with d_h and d_c, and pass both on.",
        'hold_backward of d_h and of d_c gives "new", which goes into the step, and "prev", which bypasses '
        'it. Pass on the sum of "prev" and the step\'s h_prev, and likewise for c_prev.',
    ),
    (
        "The carried gradient of c is dropped: the LSTM then forgets like an RNN.",
        "The gradient of the final c, given from outside, is ignored.",
        "Weights: = instead of +=.",
        "d_hs[t] is added to the gradient of c.",
    ),
    "Backpropagation through time with two states; the constant error carousel.",
    given=("lstm_forward",),
    example=("rnn_forward", "rnn_backward"),
)

EXERCISES = (LSTM_STEP_FORWARD, LSTM_STEP_BACKWARD, LSTM_BACKWARD)
