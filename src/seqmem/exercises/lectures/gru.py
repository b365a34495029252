"""The gated recurrent unit of the lecture: one step and its derivative."""

from __future__ import annotations

from seqmem.exercises.cutting import equation_of
from seqmem.exercises.exercise import Exercise, Task
from seqmem.exercises.lectures.numbers import drawn

_GATES = ("r", "z", "n")
_STEP = {"x": "BD", "h_prev": "BH", "W_x": "GDH", "W_h": "GHH", "b": "GH"}
_EQUATION = equation_of("seqmem.reference.gru_before")

GRU_STEP_FORWARD = Exercise(
    "gru_step_forward",
    "One step of a GRU, forward",
    "GRU",
    (Task("gru_before_step_forward", drawn(_STEP, 3), ("h",), kind="gru_step", axes=_STEP, gates=_GATES),),
    _EQUATION,
    "One state, two gates: what the candidate sees of the past, and how much of it is written.",
    25,
    (
        "The candidate sees a part of h_prev. Which part, and must it be known before the product or after?",
        "Here the reset gate stands before the product: (r * h_prev) @ W_h[2]. z = 1 writes the candidate, "
        "z = 0 keeps the state.",
        "x @ W_x + b[:, None] is (3, B, H), a row for each gate. r and z add h_prev @ W_h[0] and h_prev @ "
        "W_h[1]; the candidate n, a tanh, adds (r * h_prev) @ W_h[2]. The cache is (x, h_prev, W_x, W_h, r, "
        "z, n, reset_h).",
    ),
    (
        "z and 1 - z exchanged: another convention, which a gradient check does not notice.",
        "The reset gate behind the product, as cuDNN, torch and Keras have it.",
        "The reset gate left out of the candidate.",
    ),
    "None: the definition of the cell (Cho et al., 2014; Chung et al., 2014).",
    given=("sigmoid",),
    example=("lstm_step_forward",),
)

GRU_STEP_BACKWARD = Exercise(
    "gru_step_backward",
    "One step of a GRU, backward",
    "GRU",
    (Task("gru_before_step_backward", drawn(_STEP, 3), ("h",), kind="gru_step", axes=_STEP, gates=_GATES),),
    _EQUATION,
    "A state that is used four times: its gradient is a sum of four.",
    45,
    (
        "Count the places of the forward pass in which h_prev stands. How many gradients does it collect?",
        "From h come the gradients of z, of n and of h_prev itself. n leads to reset_h, and reset_h to r "
        "and, once more, to h_prev. z and r have a product with h_prev each.",
        "d_z = d_h * (n - h_prev), d_n = d_h * z, and (1 - z) * d_h goes to h_prev directly. Then n, with "
        "reset_h in the place of h_prev for its W_h; d_r = d_reset_h * h_prev and d_reset_h * r to h_prev. "
        "For z and r as for the gates of an LSTM. Add up the four.",
    ),
    (
        "The direct path (1 - z) * d_h is left out, or taken without d_h.",
        "h_prev in place of r * h_prev in the gradient of the candidate's weights.",
        "The path through the reset gate is left out.",
        "z and 1 - z exchanged.",
    ),
    "The product rule for (1 - z) * h_prev + z * n; the sum over all uses of h_prev.",
    given=("gru_before_step_forward",),
    example=("lstm_step_forward", "lstm_step_backward"),
)

EXERCISES = (GRU_STEP_FORWARD, GRU_STEP_BACKWARD)
