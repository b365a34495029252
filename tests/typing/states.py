"""What a type checker knows of states: read by pyright and mypy, never run.

A line that must be an error says which, in both checkers' words; where no error comes, that is one.
"""

from typing import assert_type

import numpy as np

from seqmem import GRUCell, LSTMCell, LSTMState, Recurrent, RNNCell
from seqmem.cells import Cell
from seqmem.cells.cell import StepCache
from seqmem.layers.recurrent import RecurrentCache
from seqmem.module import Array, Grads

xs = np.ones((5, 2, 3))

# A cell's state is of its own type, wherever it comes from.
lstm, gru, rnn = LSTMCell(3, 4), GRUCell(3, 4), RNNCell(3, 4)
assert_type(lstm.zero_state(2), LSTMState)
assert_type(gru.zero_state(2), Array)
assert_type(lstm.forward(xs[0]), tuple[LSTMState, StepCache])
state, cache = lstm.forward(xs[0], lstm.zero_state(2))
(d_x, d_prev), grads = lstm.backward(state, cache)
assert_type(d_x, Array)
assert_type(d_prev, LSTMState)
assert_type(grads, Grads)
assert_type(d_prev.c, Array)
assert_type(rnn.forward(xs[0])[0], Array)
assert_type(lstm.output(state), Array)
assert_type(lstm.of_output(state.h), LSTMState)

# So is a layer's, which takes it from its cell.
layer = Recurrent(lstm)
assert_type(layer, Recurrent[LSTMState])
(hs, final), passed = layer.forward(xs, lengths=[5, 3])
assert_type(hs, Array)
assert_type(final, LSTMState)
assert_type(final.c, Array)
assert_type(passed, RecurrentCache[LSTMState])
(d_xs, d_state), _ = layer.backward((hs, final), passed)
assert_type(d_state, LSTMState)
layer.backward((None, None), passed)
(gru_hs, gru_final), gru_passed = Recurrent(gru, reverse=True).forward(xs, gru.zero_state(2))
assert_type(gru_final, Array)

# What a state lacks is an error, and so is a state of another cell.
final.nonsense  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
d_prev.nonsense  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
gru_final.c  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
lstm.forward(xs[0], gru.zero_state(2))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
layer.forward(xs, gru_final)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
layer.backward((hs, gru_final), passed)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
layer.backward((hs, final), gru_passed)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

# Options go by keyword alone.
layer.forward(xs, None, [5, 3])  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


class Own(Cell[LSTMState]):
    """A user's cell."""

    state_type = LSTMState


def ends_in(own: Own) -> LSTMState:
    """The state that a layer of a user's cell ends in."""
    (_, last), _ = Recurrent(own).forward(xs)
    return last
