"""Recurrent cells: one step, its derivative, and their parameters."""

from seqmem.cells.cell import Cell, GateWeights
from seqmem.cells.gru import GRUCell
from seqmem.cells.lstm import LSTMCell, LSTMState
from seqmem.cells.rnn import RNNCell
from seqmem.cells.tape import State

__all__ = ["Cell", "GRUCell", "GateWeights", "LSTMCell", "LSTMState", "RNNCell", "State"]
