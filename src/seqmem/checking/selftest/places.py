"""The functions from which mutants are made, and the mutants whose gradients are right."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

from seqmem.cells import Cell, GRUCell, LSTMCell, RNNCell, gru, names, tape
from seqmem.cells.tape import Run, Tape
from seqmem.checking.selftest.altered import text_of, with_text
from seqmem.checking.selftest.demanding_cell import DemandingCell
from seqmem.contexts import AdditiveAttention, FixedContext
from seqmem.layers import Dropout, Embedding, Linear, Recurrent, dropout, packing
from seqmem.layers.packing import Packing
from seqmem.models import Bridge, Decoder
from seqmem.models.bridge import form_of
from seqmem.models.stepper import Stepper
from seqmem.module import Module


class Place(NamedTuple):
    """Methods from which mutants are made, and modules that run through all their lines."""

    owner: type | ModuleType  # a class, or a file with functions
    methods: tuple[str, ...]
    makes: tuple[Callable[[], Module], ...]


def _decoder(name: str = "lstm", **options: Any) -> Callable[[], Module]:
    return lambda: Decoder(6, 3, 5, cell=name, context=AdditiveAttention(5, 4, 7, rng=1), rng=0, **options)


def _demanding_decoder() -> Module:
    return Decoder(6, 3, 5, key_size=4, cell=DemandingCell(7, 5, rng=2), readout="all", rng=0)


def _fixed_decoder() -> Module:
    return Decoder(6, 3, 5, cell="gru", rng=0)


def _tied_decoder() -> Module:
    decoder = Decoder(6, 5, 5, key_size=4, rng=0)
    decoder.tie("output.W", "embedding.W", transposed=True)
    return decoder


def _attention() -> Module:
    return AdditiveAttention(3, 4, 5, rng=0)


def _recurrent(kind: Callable[..., Cell[Any]], **options: str) -> Callable[[], Module]:
    return lambda: Recurrent(kind(2, 5, rng=0, **options))


def _reversed() -> Module:
    return Recurrent(LSTMCell(2, 5, rng=0), reverse=True)


def _noisy() -> Module:
    return Recurrent(LSTMCell(2, 5, rng=0), recurrent_dropout=0.4)


def _learned() -> Module:
    return Recurrent(LSTMCell(2, 5, rng=0), learned_state=True)


def _tied_layer() -> Module:
    return Recurrent(_tied_cell())  # type: ignore[arg-type]


def _step(kind: Callable[..., Cell[Any]]) -> Callable[[], Module]:
    return lambda: kind(7, 5, rng=0)  # fewer rows than input features


def _tied_cell() -> Module:
    tied = RNNCell(5, 5, rng=0)
    tied.tie("W_h", "W_x")
    return tied


def _in_blocks() -> Module:
    """Return a layer whose local derivatives are computed a few steps at a time."""
    return with_text(DEMANDING(), Cell, "_blocks", text_of(Cell, "_blocks"), {"BLOCK_BYTES": 1 << 9})


def _gate_by_gate() -> Module:
    """Return a layer whose gradient of x is summed gate by gate."""
    return with_text(LSTM(), Cell, "gradients", text_of(Cell, "gradients"), {"CACHED_BYTES": 0})


def _bridge(source: Any, target: Any) -> Callable[[], Module]:
    return lambda: Bridge(source, target, rng=0)


BRIDGES = (
    _bridge(form_of(LSTMCell(1, 3)), 4),
    _bridge((2, 3), form_of(LSTMCell(1, 4))),
    _bridge(form_of(LSTMCell(1, 3)), form_of(LSTMCell(1, 3))),
    _bridge((2, 3, 2), (1, 2, 4)),
)
STEP = ("step", "local_derivatives", "step_backward")
LSTM, GRU, RNN, DEMANDING = (_recurrent(kind) for kind in (LSTMCell, GRUCell, RNNCell, DemandingCell))
GRU_AFTER = _recurrent(GRUCell, reset="after")
DECODERS = (
    *(_decoder(), _fixed_decoder, _tied_decoder, _decoder("rnn", readout="all"), _demanding_decoder),
    _decoder("gru", num_layers=3),
)
PLACES = (
    Place(LSTMCell, STEP, (LSTM,)),
    Place(GRUCell, tuple(f"_{method}" for method in (*STEP, "collect")), (GRU,)),
    Place(GRUCell, tuple(f"_{method}_after" for method in (*STEP, "collect")), (GRU_AFTER,)),
    Place(gru, ("_sigmoid", "_mix"), (GRU,)),
    Place(RNNCell, STEP, (RNN, _recurrent(RNNCell, activation="relu"))),
    Place(Cell, ("forward", "backward"), (_step(LSTMCell), _step(DemandingCell), _tied_cell)),
    Place(Cell, ("project", "gradients"), (LSTM, RNN, _gate_by_gate, DEMANDING, _step(LSTMCell), _noisy)),
    Place(Cell, ("tape", "back_tape", "_other", "run", "steps_back"), (DEMANDING, _step(LSTMCell))),
    Place(Cell, ("collect", "given"), (LSTM,)),
    Place(names, ("layout_of",), (LSTM, RNN, DEMANDING)),
    Place(Cell, ("_blocks",), (_in_blocks,)),
    Place(Cell, ("way_in", "way_back"), (_decoder(), _demanding_decoder)),
    Place(tape, ("multiplying", "transposing"), (LSTM, _decoder(), _decoder("rnn"))),
    Place(tape, ("products", "weight_gradient"), (GRU, _step(LSTMCell))),
    Place(names, ("products_of", "constants_of"), (GRU, GRU_AFTER, DEMANDING)),
    Place(tape, ("in_parts", "empty_blocks"), (LSTM, GRU_AFTER)),
    Place(Tape, ("__init__", "rows", "steps"), (LSTM, RNN, DEMANDING)),
    Place(Run, ("cut",), (_in_blocks,)),
    Place(names, ("_place", "gate_index", "_shifted", "halves"), (LSTM, RNN, GRU_AFTER, DEMANDING)),
    Place(packing, ("pack",), (LSTM, _reversed, _in_blocks)),
    Place(Packing, ("pack", "unpack", "unsort"), (LSTM,)),
    Place(Recurrent, ("forward", "_backward"), (LSTM, GRU, _noisy, _learned, _tied_layer)),
    Place(AdditiveAttention, ("project", "step", "step_backward", "collect"), (_attention, _decoder())),
    Place(FixedContext, ("project", "collect"), (FixedContext, _fixed_decoder)),
    Place(Embedding, ("backward",), (lambda: Embedding(7, 3, rng=0),)),
    Place(Linear, ("forward", "backward"), (lambda: Linear(3, 2, rng=0),)),
    Place(Module, ("summed",), (_tied_decoder,)),
    Place(dropout, ("times",), (lambda: Dropout(0.5),)),
    Place(Bridge, ("forward", "backward"), BRIDGES),
    Place(Stepper, ("take",), DECODERS),
    Place(Decoder, ("forward", "_backward"), DECODERS),
)

ANYTHING = ""  # if every change of a line has the same reason
TIME = "a matter of time: the numbers are the same"
UNKNOWN = "no cell here asks for what there is not"
SPARE = "blocks that nothing uses"
TWO_AXES = "rows have two axes"
RIGHT = {  # a line, and what it becomes: why its gradients are right
    (
        "if scale is None:",
        "if scale is not None:",
    ): "another layer, which drops nothing; its gradient is right",
    ("if taken % STEPS_BETWEEN == 0:", ANYTHING): TIME,
    ("flush(running, smallest)", ANYTHING): TIME,
    ("taken += 1", ANYTHING): TIME,
    ("smallest, taken = (smallest_kept(back.room.dtype), 0)", ANYTHING): TIME,
    ("ifo *= half", "ifo[...] = half"): "the gates are 1: another cell, whose gradient is right",
    ("out *= half", "out[...] = half"): "the gates are 1: another cell, whose gradient is right",
    (
        "c += np.multiply(i, g, out=h)",
        "c += np.multiply(i, g, out=tanh_c)",
    ): "either is written to below",
    ("if W.ndim == 3 and batch_size == 1:", ANYTHING): TIME,
    ("if W.ndim == 2 or (batch_size == 1 and pays):", ANYTHING): TIME,
    ("if self.n_gates * features[:, columns].nbytes <= CACHED_BYTES:", ANYTHING): TIME,
    (
        "if scale is None or len(x) < W.shape[-2]:",
        "if scale is None or len(x) <= W.shape[-2]:",
    ): TIME,
    ("if scale is None or len(x) < W.shape[-2]:", "if scale is None or len(x) < W.shape[2]:"): TIME,
    (
        "most = max(1, BLOCK_BYTES // (len(back.back) * self.hidden_size * back.back.itemsize))",
        ANYTHING,
    ): TIME,
    ("size = max(1, most // max(1, run.n))", ANYTHING): TIME,
    ("left -= piece.stop - piece.rows", ANYTHING): TIME,
    ("if left < 0 and block:", "if left <= 0 and block:"): TIME,
    ("if left < 0 and block:", "if left < 1 and block:"): TIME,
    ("block, left = ([], most - (piece.stop - piece.rows))", ANYTHING): TIME,
    ("first_a = 0", "first_a = 1"): "each row of gates is computed from its own pre-activations all the same",
    (
        "n_gates, n_a = (len(gates), max(1, len(gates)))",
        "n_gates, n_a = (len(gates), max(2, len(gates)))",
    ): SPARE,
    (
        "first_state = (n_a if traced else 0) + n_gates + len(kept_blocks)",
        "first_state = (n_a if traced else 0) - n_gates + len(kept_blocks)",
    ): "the only cells here have no gates",
    (
        "first_state = (n_a if traced else 0) + n_gates + len(kept_blocks)",
        "first_state = (n_a if traced else 1) + n_gates + len(kept_blocks)",
    ): SPARE,
    (
        "other_kept, other_local = (tuple((one for one in own if one[1] != 'BH')) for own in (kept, local))",
        "other_kept, other_local = (tuple((one for one in own if one[0] != 'BH')) for own in (kept, local))",
    ): SPARE,
    (
        "if runs and n == runs[-1].n and (state == runs[-1].before + runs[-1].n_steps * n):",
        "if runs and n != runs[-1].n and (state == runs[-1].before + runs[-1].n_steps * n):",
    ): TIME,
    (
        "if runs and n == runs[-1].n and (state == runs[-1].before + runs[-1].n_steps * n):",
        "if runs and n == runs[-1].n and (state == runs[-1].before - runs[-1].n_steps * n):",
    ): TIME,
    (
        "return x.T * d_a if len(x) == 1 else np.matmul(x.T, d_a)",
        "return x.T * d_a if len(x) == 0 else np.matmul(x.T, d_a)",
    ): TIME,
    ("if run.n_steps == 1:", "if run.n_steps == 0:"): TIME,
    ("raise unknown_name(name, names, self.layout, self.back is not None, further)", ANYTHING): UNKNOWN,
    ("further = [*self.other, *given, 'recurrent' if self.back is None else 'through']", ANYTHING): UNKNOWN,
    ("if len(names) <= len(given) and all((name in given for name in names)):", ANYTHING): UNKNOWN,
    ("if batch_size == 1:", ANYTHING): TIME,
    (
        "step_backward = self._recording(names, record)",
        "step_backward = names",
    ): "only trace_gradients asks for a record",
    (
        "if lengths is None and (not reverse):",
        "if lengths is not None and (not reverse):",
    ): "a layer that runs over its padding, whose gradient is right",
    (
        "return Packing(batch, read * B + source, before, final, runs)",
        "return Packing(batch, read * B - source, before, final, runs)",
    ): "a layer that reads other steps, whose gradient is right",
    (
        "read = lengths[source] - 1 - time if reverse else time",
        "read = lengths[source] - 2 - time if reverse else time",
    ): "a layer that reads other steps, whose gradient is right",
    (
        "return Packing(slice(None), slice(None), None, slice(T * B, (T + 1) * B), runs)",
        "return Packing(slice(None), slice(None), None, slice(T * B, (T + 2) * B), runs)",
    ): "there is nothing behind (T + 1) * B",
    (
        "return Packing(slice(None), rows, None, slice(T * B, (T + 1) * B), [Run(0, T, B, 0)])",
        "return Packing(slice(None), rows, None, slice(T * B, (T + 2) * B), [Run(0, T, B, 0)])",
    ): "there is nothing behind (T + 1) * B",
    (
        "rows = np.arange(T * B).reshape(T, B)[::-1].reshape(-1)",
        "rows = np.arange(T * B).reshape(T, B)[::1].reshape(-1)",
    ): "a layer that reads the other way, whose gradient is right",
    (
        "runs[-1] = runs[-1]._replace(n_steps=runs[-1].n_steps + 1)",
        "runs[-1] = runs[-1]._replace(n_steps=runs[1].n_steps + 1)",
    ): "right for the lengths drawn here; tests/layers/test_packing.py has others",
    ("T = int(lengths.max(initial=0))", "T = int(lengths.max(initial=1))"): "a step of no sequence",
    (
        "return padded.reshape(*shape, rows.shape[-1])",
        "return padded.reshape(*shape, rows.shape[1])",
    ): TWO_AXES,
    (
        "return np.ascontiguousarray(rows).reshape(*shape, rows.shape[-1])",
        "return np.ascontiguousarray(rows).reshape(*shape, rows.shape[1])",
    ): TWO_AXES,
    (
        "padded = np.zeros((shape[0] * shape[1], rows.shape[-1]), rows.dtype)",
        "padded = np.zeros((shape[0] * shape[1], rows.shape[1]), rows.dtype)",
    ): TWO_AXES,
    (
        "keys = np.where(valid[:, :, None], keys, 0)",
        "keys = np.where(valid[:, :, None], keys, 1)",
    ): "padding has the weight 0, whatever it is",
    (
        "d_weights = np.where(memory.valid, d_weights, 0)",
        "d_weights = np.where(memory.valid, d_weights, 1)",
    ): "padding has the weight 0, whatever it is",
    (
        "d_context = np.where(memory.valid.any(axis=1, keepdims=True), d_context, 0)",
        "d_context = np.where(memory.valid.any(axis=1, keepdims=True), d_context, 1)",
    ): "in a row of length 0 every weight is 0",
    (
        "grads['W_q'] += queries.T @ np.concatenate([d_look.d_a_query for d_look in d_looks])",
        "grads['W_q'][...] = queries.T @ np.concatenate([d_look.d_a_query for d_look in d_looks])",
    ): "it was 0",
    (
        "return (of_leaves(self.target, parts), BridgeCache(B, parts[0].dtype, None, None))",
        "return (of_leaves(self.target, parts), BridgeCache(B, parts[1].dtype, None, None))",
    ): "all parts have one dtype",
    ("B = len(parts[0])", "B = len(parts[1])"): "all parts have one batch size",
    (
        "rng = None if rng is None else as_generator(rng)",
        "rng = None if rng is not None else as_generator(rng)",
    ): "these decoders have no dropout",
    (
        "used = part if learned else part[:0]",
        "used = part if learned else part[:1]",
    ): "a gradient of zeros cannot be told right: tests/layers/test_noise.py shows it",
    (
        "upper.append(UpperBack(*own, d_own, d_hs, run, records[k + 1]))",
        ANYTHING,
    ): "records are what trace_gradients shows",
}
