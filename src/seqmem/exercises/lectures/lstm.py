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
    "Gates: what is kept, what is written and what is shown are three decisions, taken from x and h_prev.",
    25,
    (
        "An RNN's step has one pre-activation. How many are there here, and what are they for?",
        "x @ W_x with W_x (4, D, H) is all four at once, (4, B, H); the bias needs an axis for the batch. "
        "The first three are sigmoids, the candidate g is a tanh.",
        "a from x, h_prev and b[:, None]; i, f, o, g from its four rows; c from f, c_prev, i and g; h from o "
        "and tanh(c). The cache is (x, h_prev, c_prev, W_x, W_h, i, f, o, g, tanh_c).",
    ),
    (
        "The gates in another order than i, f, o, g.",
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
        "c is used twice: by the next step, and by this step's h. What does that mean for its gradient?",
        "From h = o * tanh_c come the gradients of o and of tanh_c; the latter is added to d_c. Only then "
        "come f, c_prev, i and g from c = f * c_prev + i * g.",
        "The derivative of a sigmoid in terms of its value s is s * (1 - s), of tanh 1 - g**2. Stack the "
        "four d_a in the order of the gates, (4, B, H); then as in the RNN, with W.transpose(0, 2, 1), and "
        "sums over the gates for x and h_prev.",
    ),
    (
        "The d_c that comes from the next step is left out, or doubled.",
        "The derivative of the tanh in h is left out.",
        "The gradient of f taken with c in place of c_prev.",
        "The derivative of a gate's sigmoid is left out, or taken twice.",
        "The gates stacked in another order than they were unpacked.",
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
        "Compare with the RNN through time above: what does the next step hand back that it did not there?",
        "In the loop: add d_hs[t] to d_h; lstm_step_backward takes both d_h and d_c; hand both on.",
        'hold_backward of d_h and of d_c gives "new", which goes into the step, and "prev", which goes past '
        'it: what is handed on is "prev" plus the step\'s h_prev, and likewise for c_prev.',
    ),
    (
        "The carried gradient of c is dropped: the LSTM then forgets like an RNN.",
        "The gradient of the final c, given from outside, is ignored.",
        "Weights: = where += belongs.",
        "d_hs[t] added to the gradient of c.",
    ),
    "Backpropagation through time with two states; the constant error carousel.",
    given=("lstm_forward",),
    example=("rnn_forward", "rnn_backward"),
)

EXERCISES = (LSTM_STEP_FORWARD, LSTM_STEP_BACKWARD, LSTM_BACKWARD)
