"""The lecture's comparison table, with measurements from this machine."""

from __future__ import annotations

import json
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from seqmem.cells import Cell, GRUCell, LSTMCell, RNNCell
from seqmem.contexts import AdditiveAttention
from seqmem.experiments.experiment import Experiment
from seqmem.experiments.networks import KINDS
from seqmem.insight.folding import WIDTH, fold_lines, fold_table
from seqmem.layers import Recurrent
from seqmem.module import Array
from seqmem.validation import as_size, check_type

COLUMNS = ("RNN", "LSTM", "GRU", "LSTM + attention")
_COURSES = {  # of the memory experiment, as columns
    "alone": "one distance only",
    "mixed": "all distances at once",
    "growing": "from near to far",
}

_WORDS = {  # from the lecture, column by column
    "long-range memory": ("vanishes", "cell state", "update gate", "all encoder states"),
    "mechanism": (
        "h only",
        "C and h, 3 gates and a candidate",
        "h, two gates",
        "LSTM and a weighted context",
    ),
    "parameters": ("few", "many", "moderate", "many, and the scorer's"),
    "very long sequences": ("no", "yes", "yes", "best"),
    "context vector": ("h", "h", "h", "one C_t per step"),
    "typical tasks": (
        "short text classification",
        "tagging, language models",
        "the same as LSTM",
        "translation, summarisation",
    ),
    "superseded by": ("LSTM, GRU", "transformers, partly", "transformers, partly", "self-attention"),
}

_LOST = "Memory lost: the first distance, in words from clue to blank, with fewer than 90 % right"

CHOICE = (
    (
        "RNN",
        "for a handful of steps, and to see why the others exist; its initial weights decide what it learns.",
    ),
    ("GRU", "for quick prototypes, little data, real time: one state, a quarter fewer parameters."),
    ("LSTM", "for long sequences and much data; its cell state is separate from its output."),
    (
        "LSTM + attention",
        "when the output looks back at an input of any length: translation, summarisation.",
    ),
    ("GRU or LSTM?", "Neither wins everywhere: try both with equal numbers of parameters, and validate."),
)


@dataclass(frozen=True)
class Shape:
    """The sizes at which step times are measured.

    Attributes:
        T, B, D, H: steps, batch, input features, hidden units.
        A: width of the attention's scorer.
        dtype: "float32" or "float64".
    """

    T: int = 50
    B: int = 32
    D: int = 128
    H: int = 128
    A: int = 64
    dtype: str = "float32"


@dataclass(frozen=True)
class Comparison:
    """The measured table; print it, or read the figures, column by column in the order of COLUMNS.

    Attributes:
        shape: the measured sizes.
        parameters: numbers of parameters with one bias per gate, as here.
        parameters_two_biases: the same with two biases per gate, as in torch and cuDNN.
        state_floats: floats that one sequence carries from step to step; with attention, including all T
            states, which remain accessible.
        milliseconds: the median time of a forward and backward pass.
        horizon: the table of the distances at which the memory was lost, as text: a row for each network and
            start, below a row of titles; None if not measured.
    """

    shape: Shape
    parameters: tuple[int, ...]
    parameters_two_biases: tuple[int, ...]
    state_floats: tuple[int, ...]
    milliseconds: tuple[float, ...]
    horizon: tuple[tuple[str, ...], ...] | None

    @property
    def gru_to_lstm(self) -> float:
        """The GRU's parameters divided by the LSTM's: exactly 3/4 with one bias per gate."""
        return self.parameters[COLUMNS.index("GRU")] / self.parameters[COLUMNS.index("LSTM")]

    @property
    def gru_to_lstm_two_biases(self) -> float:
        """The same ratio with two biases per gate in both: also 3/4."""
        return self.parameters_two_biases[2] / self.parameters_two_biases[1]

    def __str__(self) -> str:
        return comparison_text(self)

    def to_json(self) -> str:
        """Return the figures as JSON."""
        return json.dumps({"columns": COLUMNS, **asdict(self), "gru_to_lstm": self.gru_to_lstm}, indent=1)


def comparison(
    memory: Experiment | None = None, *, shape: Shape | None = None, repeats: int = 7
) -> Comparison:
    """Return the lecture's table with new measurements.

    Args:
        memory: the result of `memory_horizon`, for the table of what is remembered; None leaves it out, with
            a note.
        shape: the sizes; None means `Shape()`. The last state attends once to all T states.
        repeats: the number of timed passes, of which the median is taken, after one untimed pass.

    Returns:
        A Comparison.

    Raises:
        ValueError: if repeats is below 1, or the experiment is not about the memory horizon.

    >>> table = comparison(shape=Shape(T=4, B=2, D=128, H=128), repeats=1)
    >>> table.parameters[:3], table.gru_to_lstm
    ((32896, 131584, 98688), 0.75)
    """
    repeats = as_size(repeats, "comparison", "repeats")
    shape = Shape() if shape is None else shape
    check_type(shape, Shape, "comparison", "shape")
    D, H, A = shape.D, shape.H, shape.A
    if memory is not None:
        check_type(memory, Experiment, "comparison", "memory")
    if memory is not None and memory.title != "memory horizon":
        raise ValueError(f"comparison: memory has the title {memory.title!r}, expected 'memory horizon'")
    cells: list[Cell[Any]] = [kind(D, H, rng=0, dtype=shape.dtype) for kind in (RNNCell, LSTMCell, GRUCell)]
    attention = AdditiveAttention(H, H, A, rng=0, dtype=shape.dtype)
    counts = [sum(param.size for param in module.params.values()) for module in (*cells, attention)]
    extra = [cell.n_gates * H for cell in cells]  # the second bias of each gate
    states = [sum(part.size for part in _parts(cell)) for cell in cells]
    steps = [_step(cell, shape) for cell in cells] + [_step(cells[1], shape, attention)]
    return Comparison(
        shape,
        (*counts[:3], counts[1] + counts[3]),
        (
            *(count + more for count, more in zip(counts[:3], extra, strict=True)),
            counts[1] + extra[1] + counts[3],
        ),
        (*states, states[1] + shape.T * H),
        tuple(_medians(steps, repeats)),
        None if memory is None else _horizons(memory),
    )


def comparison_text(table: Comparison, width: int = WIDTH) -> str:
    """Return the table in `width` columns: the lecture's words, then the measurements."""
    s = table.shape
    rnn, lstm = table.parameters[0], table.parameters[1]
    figures: dict[str, tuple[str, ...]] = {
        f"  at D = {s.D}, H = {s.H}": tuple(f"{count:,}" for count in table.parameters),
        "  times the RNN's": tuple(f"{count / rnn:.2f}" for count in table.parameters),
        "  of the LSTM's": tuple(f"{count / lstm:.0%}" for count in table.parameters),
        "  with two biases a gate": tuple(f"{count:,}" for count in table.parameters_two_biases),
    }
    speed = {
        "training step, ms": tuple(f"{value:.1f}" for value in table.milliseconds),
        "  of the LSTM's time": tuple(f"{value / table.milliseconds[1]:.0%}" for value in table.milliseconds),
        "state, floats": tuple(f"{count:,}" for count in table.state_floats),
    }
    rows: list[tuple[str, tuple[str, ...]]] = []
    for name, words in _WORDS.items():
        rows.append((name, words))
        if name == "parameters":
            rows += [*figures.items(), *speed.items()]
    lines = fold_table([("", *COLUMNS), *((name, *cells) for name, cells in rows)], width)
    notes = [fold_lines(note, width) for note in _notes(table)]
    if table.horizon is not None:
        lines += ["", fold_lines(_LOST, width), *fold_table(table.horizon, width)]
    choice = fold_table([("  " + kind, when) for kind, when in CHOICE], width)
    lines += ["", *notes, "", "When to choose which", *choice]
    return "\n".join(lines)


def _notes(table: Comparison) -> list[str]:
    s, lstm = table.shape, table.parameters[1]
    ratio = "exactly 3/4" if table.gru_to_lstm == 0.75 else f"{table.gru_to_lstm:.4f}"
    keras, after = table.parameters_two_biases[2] / lstm, (table.parameters[2] + s.H) / lstm
    notes = [
        f"GRU to LSTM: {ratio} of the parameters with one bias per gate, or with two in both cells (torch, "
        f"cuDNN). The ratio differs if only the GRU has two biases, {keras:.4f} (Keras), or a second bias in "
        f'the candidate only, {after:.4f} (here with reset="after").',
        f"A training step is a forward and a backward pass at T, B, D, H = {s.T}, {s.B}, {s.D}, {s.H} in "
        f"{s.dtype}, the median on this machine; with attention, the last state attends once to all "
        f"{s.T} states, with a scorer of width {s.A}. The state is what one sequence carries from step to "
        f"step; with attention, all states remain accessible, so it grows with T, {s.T} here.",
    ]
    if table.horizon is None:
        notes.append(
            "Memory horizon: not measured here, it takes minutes: `python -m seqmem memory --quick --json > "
            "memory.json`, then `compare --memory memory.json` (memory_horizon in Python)."
        )
    else:
        notes.append(
            "The RNN starts with small recurrent weights, or with orthogonal ones, which keep the norm of a "
            "gradient. Forget bias b and update bias -b keep the same share of the state at first."
        )
    return notes


def _horizons(memory: Experiment) -> tuple[tuple[str, ...], ...]:
    """Return a row for each network and start, with a column for each course, below a row of titles."""
    courses = [course for course in _COURSES if course in memory.courses]
    found: dict[tuple[str, str], dict[str, str]] = {}
    for row in sorted(memory.rows, key=lambda row: KINDS.index(row.kind)):
        lost = f"not up to {row.at[-1]}" if row.below is None else f"at {row.below}"
        found.setdefault((row.network, row.start), {})[row.course] = lost
    titles = ("network", "start", *(_COURSES[course] for course in courses))
    cells = ((*key, *(lost.get(course, "-") for course in courses)) for key, lost in found.items())
    return (titles, *cells)


def _parts(cell: Cell[Any]) -> tuple[Array, ...]:
    state = cell.zero_state(1)
    return state if isinstance(state, tuple) else (state,)


def _step(cell: Cell[Any], shape: Shape, attention: AdditiveAttention | None = None) -> Callable[[], Any]:
    """Return a function that runs one forward and backward pass."""
    rng = np.random.default_rng(0)
    layer = Recurrent(cell)
    xs = rng.standard_normal((shape.T, shape.B, shape.D)).astype(shape.dtype)
    upstream = rng.standard_normal((shape.B, shape.H)).astype(shape.dtype)

    def step() -> None:
        (hs, _), cache = layer.forward(xs)
        d_hs = np.zeros_like(hs)
        if attention is None:
            d_hs[-1] = upstream
        else:
            _, look = attention.forward(hs[-1], hs)
            (d_query, d_keys), _ = attention.backward((upstream, None), look)
            d_hs += d_keys
            d_hs[-1] += d_query
        layer.backward((d_hs, None), cache)

    return step


def _medians(steps: list[Callable[[], Any]], repeats: int) -> list[float]:
    """Return the median time of each function in milliseconds, timed in turn to share disturbances."""
    times: list[list[float]] = [[] for _ in steps]
    for round_ in range(repeats + 1):
        for step, own in zip(steps, times, strict=True):
            start = time.perf_counter()
            step()
            if round_:
                own.append(1000 * (time.perf_counter() - start))
    return [statistics.median(own) if own else math.nan for own in times]
