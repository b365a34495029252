"""Recurrent cells: one step, its derivative, and their parameters."""

from seqmem.cells.cell import Cell, GateWeights
from seqmem.cells.gru import GRUCell
from seqmem.cells.layer_norm_lstm import LayerNormLSTMCell
from seqmem.cells.lstm import LSTMCell, LSTMState
from seqmem.cells.peephole_lstm import PeepholeLSTMCell
from seqmem.cells.rnn import RNNCell
from seqmem.cells.tape import State

__all__ = [
    "Cell",
    "GRUCell",
    "GateWeights",
    "LSTMCell",
    "LSTMState",
    "LayerNormLSTMCell",
    "PeepholeLSTMCell",
    "RNNCell",
    "State",
]
