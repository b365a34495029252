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
    "One state and two gates, which decide how much of the past the candidate sees, and how much of the "
    "candidate is written.",
    25,
    (
        "The candidate sees a part of h_prev. Which gate decides on that part, and does it act before or "
        "after the product?",
        "Here the reset gate acts before the product: (r * h_prev) @ W_h[2]. z = 1 writes the candidate, "
        "and z = 0 keeps the state.",
        "x @ W_x + b[:, None] is (3, B, H), one block for each gate. r and z add h_prev @ W_h[0] and h_prev "
        "@ W_h[1]; the candidate n, a tanh, adds (r * h_prev) @ W_h[2]. The cache is (x, h_prev, W_x, W_h, "
        "r, z, n, reset_h).",
    ),
    (
        "z and 1 - z exchanged: another convention, which a gradient check does not notice.",
        "The reset gate after the product, as in cuDNN, torch and Keras.",
        "The candidate without the reset gate.",
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
    "A state that is used four times has a gradient that is a sum of four terms.",
    45,
    (
        "Count the uses of h_prev in the forward pass. How many gradients does it collect?",
        "h gives the gradients of z, of n and of h_prev itself. n leads to reset_h, and reset_h leads to r "
        "and, once more, to h_prev. z and r each depend on a product with h_prev.",
        "d_z = d_h * (n - h_prev), d_n = d_h * z, and (1 - z) * d_h goes to h_prev directly. Then go back "
        "through n, whose W_h is multiplied by reset_h instead of h_prev: d_r = d_reset_h * h_prev, and "
        "d_reset_h * r goes to h_prev. Treat z and r like the gates of an LSTM. Add the four gradients of "
        "h_prev.",
    ),
    (
        "The direct path (1 - z) * d_h is left out, or taken without d_h.",
        "h_prev instead of r * h_prev in the gradient of the candidate's weights.",
        "The path through the reset gate is left out.",
        "z and 1 - z exchanged.",
    ),
    "The product rule for (1 - z) * h_prev + z * n; the sum over all uses of h_prev.",
    given=("gru_before_step_forward",),
    example=("lstm_step_forward", "lstm_step_backward"),
)

EXERCISES = (GRU_STEP_FORWARD, GRU_STEP_BACKWARD)
