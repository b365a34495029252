"""What is measured: contests between seqmem and what users would pick instead, and what each must reach."""

from __future__ import annotations

from typing import NamedTuple

LAYER_SHAPES = (  # T, B, D, H
    (20, 1, 16, 16),
    (50, 1, 64, 64),
    (20, 32, 32, 64),
    (50, 32, 64, 128),
    (50, 64, 128, 256),
    (400, 16, 64, 128),
    (30, 128, 256, 256),
    (100, 64, 256, 512),
)
LARGEST = ((50, 64, 128, 256), (30, 128, 256, 256), (100, 64, 256, 512))  # by multiplications
MODEL_SIZES = (  # B, S, T, E, H, A, V
    (1, 20, 10, 32, 64, 64, 40),
    (32, 20, 10, 32, 64, 64, 40),
    (64, 25, 12, 64, 128, 128, 60),
    (64, 20, 20, 128, 256, 256, 2000),
)
DECODING_SIZES = tuple((B, 25, 40, 64, 128, 128, 60) for B in (1, 64))
LONG, SHORT = (10_000, 4, 32, 32), (100, 4, 32, 32)
CHECKED = (5, 3, 32, 36)  # 9936 parameters
DTYPES = ("float32", "float64")
BOTH = "forward + backward"

PACKAGE = {  # what each subject needs
    "ours": "seqmem",
    "imports": "numpy",
    "floor": "numpy",
    "torch_fused": "torch",
    "torch_cells": "torch",
    "torch_eager": "torch",
    "hips_autograd": "autograd",
}
FUSED = {"lstm": "torch nn.LSTM", "gru": "torch nn.GRU", "rnn": "torch nn.RNN"}
CELLS, HIPS, FLOOR, EAGER = "torch nn.LSTMCell loop", "HIPS autograd", "the floor", "eager torch"


class Job(NamedTuple):
    """What one process does."""

    subject: str  # a file of subjects/
    task: str  # a function in it
    kind: str = ""  # of the layer, or "full" or "unequal" lengths
    shape: tuple[int, ...] = ()
    dtype: str = ""
    gauge: str = "seconds"  # or "bytes": the peak memory that running it adds
    per: int = 1  # what a figure is divided by: steps, tokens


class Contest(NamedTuple):
    """Jobs that are measured in turn, ours first."""

    name: str  # for --only
    work: str
    shape: str
    jobs: dict[str, Job]  # by the name of the subject in the table
    unit: str = "ms"
    at_most: bool = False  # the ratio is ours / other and should be small, instead of other / ours and large


class Goal(NamedTuple):
    """A row of the table of goals: one figure made of the rows that it selects."""

    work: str
    contests: tuple[str, ...]
    figure: str  # one of the contests' figures
    other: str | None
    how: str  # "geometric mean", "worst" or "only"
    must: float
    aim: float | None = None


def name_of(*parts: object) -> str:
    """A contest's name: lstm/float32/20,1,16,16."""
    return "/".join(text(part) if isinstance(part, tuple) else str(part) for part in parts)


def text(shape: tuple[int, ...]) -> str:
    """20,1,16,16"""
    return ",".join(map(str, shape))


def layer_contests() -> list[Contest]:
    """LSTM, GRU (reset after) and RNN layers, forward and forward + backward."""
    found = []
    for dtype in DTYPES:
        for kind, title in (("lstm", "LSTM"), ("gru", "GRU"), ("rnn", "RNN")):
            subjects = {"seqmem": "ours", FUSED[kind]: "torch_fused", FLOOR: "floor"}
            if kind == "lstm":
                subjects |= {CELLS: "torch_cells", HIPS: "hips_autograd"}
            for shape in LAYER_SHAPES:
                jobs = {
                    label: Job(subject, "layer", kind, shape, dtype) for label, subject in subjects.items()
                }
                found.append(Contest(name_of(kind, dtype, shape), f"{title} {dtype}", text(shape), jobs))
    return found


def model_contests() -> list[Contest]:
    """Whole training steps, and greedy decoding."""
    found = []
    for dtype in DTYPES:
        for kind in ("full", "unequal"):
            for sizes in MODEL_SIZES if kind == "full" else MODEL_SIZES[1:]:
                jobs = versus_eager_torch("training", kind, sizes, dtype)
                lengths = "" if kind == "full" else ", unequal lengths"
                work = f"encoder-decoder {dtype}{lengths}"
                found.append(Contest(name_of("training", dtype, kind, sizes), work, text(sizes), jobs))
    for sizes in DECODING_SIZES:
        jobs = versus_eager_torch("decoding", "full", sizes, "float32", per=sizes[0] * sizes[2])
        name = name_of("decoding", f"batch {sizes[0]}")
        found.append(Contest(name, "encoder-decoder float32", text(sizes), jobs, unit="tokens/s"))
    return found


def versus_eager_torch(
    task: str, kind: str, sizes: tuple[int, ...], dtype: str, per: int = 1
) -> dict[str, Job]:
    """The same task for seqmem and for eager torch."""
    return {
        label: Job(subject, task, kind, sizes, dtype, per=per)
        for label, subject in (("seqmem", "ours"), (EAGER, "torch_eager"))
    }


def other_contests() -> list[Contest]:
    """Import time, long sequences, memory, the gradient check."""
    package = {label: Job("imports", label) for label in ("seqmem", "numpy")}
    names = package | {"seqmem": Job("imports", "every_name")}
    steps = {
        f"{label}T = {shape[0]:,}": Job("ours", "layer", "lstm", shape, "float32", per=shape[0])
        for label, shape in (("seqmem, ", LONG), ("", SHORT))
    }
    found = [
        Contest("import/package", "import seqmem", "", package, at_most=True),
        Contest("import/every name", "from seqmem import *", "", names, at_most=True),
        Contest("long", "LSTM float32, time per step", text(LONG), steps, unit="µs", at_most=True),
    ]
    for shape in ((100, 32, 64, 128), LARGEST[-1]):
        kept = {"seqmem": Job("ours", "kept", "lstm", shape, "float32")}
        work = "LSTM float32, kept for backward per (t, b, h)"
        found.append(Contest(name_of("kept", shape), work, text(shape), kept, unit="floats", at_most=True))
    for shape in LARGEST:
        jobs = {
            label: Job(subject, "layer", "lstm", shape, "float32", gauge="bytes")
            for label, subject in (("seqmem", "ours"), (FUSED["lstm"], "torch_fused"))
        }
        found.append(Contest(name_of("peak", shape), "LSTM float32", text(shape), jobs, unit="MB"))
    check = {"seqmem": Job("ours", "gradcheck", "lstm", CHECKED, "float64")}
    work = "LSTM float64, 9936 parameters, every element"
    found.append(Contest("gradcheck", work, text(CHECKED), check, unit="s"))
    return found


CONTESTS = [*layer_contests(), *model_contests(), *other_contests()]


def layer_goals() -> list[Goal]:
    """The goals of the recurrent layers."""

    def contests(kind: str, shapes: tuple[tuple[int, ...], ...] = LAYER_SHAPES) -> tuple[str, ...]:
        return tuple(name_of(kind, "float32", shape) for shape in shapes)

    lstm, torch = contests("lstm"), FUSED["lstm"]
    return [
        Goal("LSTM layer against fused torch", lstm, BOTH, torch, "geometric mean", 0.75, 1.0),
        Goal("LSTM layer against fused torch", lstm, BOTH, torch, "worst", 0.5),
        *(
            Goal(
                f"{kind.upper()} layer against fused torch",
                contests(kind),
                BOTH,
                FUSED[kind],
                "geometric mean",
                0.75,
                1.0,
            )
            for kind in ("gru", "rnn")
        ),
        Goal("LSTM layer against HIPS autograd", lstm, BOTH, HIPS, "worst", 4, 8),
        Goal("LSTM layer, floor / ours", contests("lstm", LARGEST), BOTH, FLOOR, "worst", 0.7, 0.85),
    ]


def model_goals() -> list[Goal]:
    """The goals of the encoder-decoder."""
    training = tuple(name_of("training", "float32", "full", sizes) for sizes in MODEL_SIZES)
    step, decoding = "training step", "greedy decoding"
    work = "encoder-decoder, training step against eager torch"
    return [
        Goal(work, training, step, EAGER, "geometric mean", 1.2, 2.0),
        Goal(f"{work}, batch 1", training[:1], step, EAGER, "only", 2.5),
        Goal(
            "greedy decoding against eager torch, batch 1",
            ("decoding/batch 1",),
            decoding,
            EAGER,
            "only",
            2,
            4,
        ),
        Goal(
            "greedy decoding against eager torch, batch 64",
            ("decoding/batch 64",),
            decoding,
            EAGER,
            "only",
            1.2,
            2,
        ),
    ]


IMPORT = ("whole process", "numpy", "only", 1.3, 1.1)  # a package that imports late must not gain by it
GOALS = [
    *layer_goals(),
    *model_goals(),
    Goal("import seqmem / import numpy, at most", ("import/package",), *IMPORT),
    Goal("from seqmem import * / import numpy, at most", ("import/every name",), *IMPORT),
    Goal("time per step, T = 10,000 / T = 100, at most", ("long",), BOTH, "T = 100", "only", 1.3, 1.1),
    Goal(
        "LSTM, floats kept for backward per (t, b, h), at most",
        tuple(contest.name for contest in CONTESTS if contest.name.startswith("kept")),
        "kept",
        None,
        "worst",
        8,
        6,
    ),
]
