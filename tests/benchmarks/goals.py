"""What seqmem must reach with one thread, and figures of more than one contest that are worth knowing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.contests import (
    BEAM,
    BOTH,
    CELL,
    CONTESTS,
    EAGER,
    FLOOR,
    FUSED,
    HIPS,
    LARGEST,
    LAYER_SHAPES,
    MODEL_SIZES,
    ONNX,
    name_of,
)


class Goal(NamedTuple):
    """A row of the table of goals: one figure made of the rows that it selects."""

    work: str
    contests: tuple[str, ...]
    figure: str  # one of the contests' figures
    other: str | None
    how: str  # "geometric mean", "worst" or "only"
    must: float | None = None  # None: for information
    aim: float | None = None


def layer_goals() -> list[Goal]:
    """The goals of the recurrent layers, and of a single step."""
    mean, worst = "geometric mean", "worst"
    lstm, gru, rnn = (of_shapes(kind) for kind in ("lstm", "gru", "rnn"))
    step = "single LSTMCell step, batch 1, D = H = 64, against torch's"
    return [
        Goal("LSTM layer against fused torch", lstm, BOTH, FUSED["lstm"], mean, 1.0, 1.15),
        Goal("LSTM layer against fused torch", lstm, BOTH, FUSED["lstm"], worst, 0.8, 0.95),
        Goal("GRU layer against fused torch", gru, BOTH, FUSED["gru"], mean, 2.0, 2.3),
        Goal("RNN layer against fused torch", rnn, BOTH, FUSED["rnn"], mean, 2.0, 2.3),
        Goal("LSTM layer against HIPS autograd", lstm, BOTH, HIPS, worst, 4, 8),
        Goal("LSTM layer, floor / ours", of_shapes("lstm", LARGEST), BOTH, FLOOR, worst, 0.85, 0.9),
        Goal("LSTM forward against onnxruntime", inference("lstm"), "forward", ONNX, mean, 0.45, 0.5),
        Goal("GRU forward against onnxruntime", inference("gru"), "forward", ONNX, mean),
        Goal(f"{step}, forward", ("step",), "forward", CELL, "only", 0.8, 1.2),
        Goal(f"{step}, forward + backward", ("step",), BOTH, CELL, "only"),
    ]


def of_shapes(kind: str, shapes: Sequence[tuple[int, ...]] = LAYER_SHAPES) -> tuple[str, ...]:
    """The contests of a layer in single precision."""
    return tuple(name_of(kind, "float32", shape) for shape in shapes)


def inference(kind: str) -> tuple[str, ...]:
    """Its contests of the forward pass alone."""
    return tuple(name_of("inference", name) for name in of_shapes(kind))


def model_goals() -> list[Goal]:
    """The goals of the encoder-decoder."""
    full, readout = (
        tuple(name_of("training", "float32", kind, sizes) for sizes in MODEL_SIZES)
        for kind in ("full", "readout")
    )
    step, greedy, beam = "training step", "greedy decoding", f"beam search, beam {BEAM}"
    training, decoding = f"encoder-decoder, {step} against eager torch", f"{greedy} against eager torch"
    return [
        Goal(training, full, step, EAGER, "geometric mean", 1.8, 2.2),
        Goal(f"{training}, batch 1", full[:1], step, EAGER, "only", 4.0, 5.0),
        Goal(f"{training}, [s; y; C] read out", readout, step, EAGER, "geometric mean"),
        Goal(f"{decoding}, batch 1", ("decoding/batch 1",), greedy, EAGER, "only", 3.5, 4.5),
        Goal(f"{decoding}, batch 64", ("decoding/batch 64",), greedy, EAGER, "only", 2.0, 3.0),
        Goal(f"{beam} against eager torch, batch 16", ("beam/batch 16",), beam, EAGER, "only", 1.5, 3.0),
    ]


def task_goals() -> list[Goal]:
    """The goals of layers on top of each other and of a classifier."""
    stack, classifier = (
        tuple(contest.name for contest in CONTESTS if contest.name.startswith(f"{kind}/"))
        for kind in ("stack", "classifier")
    )
    mean, step = "geometric mean", "training step"
    both = "bidirectional LSTM of 2 layers against torch"
    return [
        Goal(both, stack, BOTH, FUSED["lstm"], mean, 0.9, 1.2),
        Goal("classifier, training step against torch", classifier, step, EAGER, mean, 0.9, 1.2),
    ]


def import_goals() -> list[Goal]:
    """The goals of imports; of every name too, so that a package that imports late does not gain by it."""
    how = ("whole process", "numpy", "only")
    return [
        Goal("import seqmem / import numpy, at most", ("import/package",), *how, 1.3, 1.1),
        Goal("all public names / import numpy, at most", ("import/every name",), *how, 1.6, 1.3),
        Goal("from seqmem import gradcheck / import numpy, at most", ("import/gradcheck",), *how, 1.6, 1.3),
    ]


KEPT = tuple(contest.name for contest in CONTESTS if contest.name.startswith("kept"))
GOALS = [
    *layer_goals(),
    *model_goals(),
    *task_goals(),
    *import_goals(),
    Goal("time per step, T = 10,000 / T = 100, at most", ("long",), BOTH, "T = 100", "only", 1.3, 1.1),
    Goal("LSTM, floats kept for backward per (t, b, h), at most", KEPT, "kept", None, "worst", 8, 6),
]


def goals_with(threads: int) -> list[Goal]:
    """All goals; with more threads than one their figures are for information."""
    return list(GOALS) if threads == 1 else [goal._replace(must=None, aim=None) for goal in GOALS]
