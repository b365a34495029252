"""What is measured: contests between seqmem and what users would pick instead."""

from __future__ import annotations

from typing import Any, NamedTuple

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
STACK_SHAPES = ((20, 1, 16, 16), (20, 32, 32, 64), (50, 32, 64, 128))  # T, B, D, H of each direction
CLASSIFIER_SIZES = (  # B, T, E, H, V, C
    (1, 40, 32, 64, 1000, 5),
    (32, 40, 32, 64, 1000, 5),
    (32, 60, 64, 128, 5000, 5),
)
DECODING_SIZES = tuple((B, 25, 40, 64, 128, 128, 60) for B in (1, 64))
BEAM = 5
BEAM_SIZES = (16, 25, 40, 64, 128, 128, 60)
LONG, SHORT = (10_000, 4, 32, 32), (100, 4, 32, 32)
CHECKED = (5, 3, 32, 36)  # 9936 parameters
SINGLE = (1, 1, 64, 64)  # one step of one sequence
CALLS = 100  # of a single step: one alone is as short as looking at the clock
DTYPES = ("float32", "float64")
BOTH = "forward + backward"
LAYERS = (("lstm", "LSTM"), ("gru", "GRU"), ("rnn", "RNN"))

PACKAGES = {  # what each subject needs
    "ours": ("seqmem",),
    "imports": ("numpy",),
    "floor": ("numpy",),
    "torch_fused": ("torch",),
    "torch_cells": ("torch",),
    "torch_eager": ("torch",),
    "hips_autograd": ("autograd",),
    "onnx_runtime": ("onnxruntime", "onnx"),
}
OURS = {"seqmem": "ours"}
FUSED = {"lstm": "torch nn.LSTM", "gru": "torch nn.GRU", "rnn": "torch nn.RNN"}
CELLS, HIPS, FLOOR, EAGER = "torch nn.LSTMCell loop", "HIPS autograd", "the floor", "eager torch"
ONNX, CELL = "onnxruntime", "torch nn.LSTMCell"


class Job(NamedTuple):
    """What one process does."""

    subject: str  # a file of subjects/
    task: str  # a function in it
    kind: str = ""  # of the layer; of a model "full" or "unequal" lengths, or "readout" of all with full ones
    shape: tuple[int, ...] = ()
    dtype: str = ""
    gauge: str = "seconds"  # or "bytes": the peak memory that running it adds
    per: int = 1  # what a figure is divided by: steps, tokens, calls
    source: str = ""  # the folder that an older seqmem is imported from


class Contest(NamedTuple):
    """Jobs that are measured in turn, ours first."""

    name: str  # for --only
    work: str
    shape: str
    jobs: dict[str, Job]  # by the name of the subject in the table
    unit: str = "ms"
    at_most: bool = False  # the ratio is ours / other and should be small, instead of other / ours and large


def name_of(*parts: object) -> str:
    """A contest's name: lstm/float32/20,1,16,16."""
    return "/".join(text(part) if isinstance(part, tuple) else str(part) for part in parts)


def text(shape: tuple[int, ...]) -> str:
    """20,1,16,16"""
    return ",".join(map(str, shape))


def jobs_of(subjects: dict[str, str], *what: Any, gauge: str = "seconds", per: int = 1) -> dict[str, Job]:
    """The same for several subjects: task, kind, shape and dtype."""
    return {label: Job(subject, *what, gauge=gauge, per=per) for label, subject in subjects.items()}


def layer_contests() -> list[Contest]:
    """LSTM, GRU (reset after) and RNN layers, forward and forward + backward."""
    found = []
    for dtype in DTYPES:
        for kind, title in LAYERS:
            subjects = OURS | {FUSED[kind]: "torch_fused", FLOOR: "floor"}
            if kind == "lstm":
                subjects |= {CELLS: "torch_cells", HIPS: "hips_autograd"}
            for shape in LAYER_SHAPES:
                jobs = jobs_of(subjects, "layer", kind, shape, dtype)
                found.append(Contest(name_of(kind, dtype, shape), f"{title} {dtype}", text(shape), jobs))
    return found


def inference_contests() -> list[Contest]:
    """The forward pass alone, beside what a trained layer would be deployed with; and a single step."""
    found = []
    for kind, title in LAYERS[:2]:
        for shape in LAYER_SHAPES:
            jobs = jobs_of(OURS | {ONNX: "onnx_runtime"}, "inference", kind, shape, "float32")
            name = name_of("inference", kind, "float32", shape)
            found.append(Contest(name, f"{title} float32, inference", text(shape), jobs))
    jobs = jobs_of(OURS | {CELL: "torch_cells"}, "step", "lstm", SINGLE, "float32", per=CALLS)
    found.append(Contest("step", "LSTMCell float32, a single step", text(SINGLE), jobs, unit="µs"))
    return found


def model_contests() -> list[Contest]:
    """Whole training steps, greedy decoding and beam search."""
    found = []
    subjects = OURS | {EAGER: "torch_eager"}
    kinds = {"full": "", "unequal": ", unequal lengths", "readout": ", [s; y; C] read out"}
    for dtype in DTYPES:
        for kind, detail in kinds.items():
            for sizes in MODEL_SIZES[1:] if kind == "unequal" else MODEL_SIZES:
                jobs = jobs_of(subjects, "training", kind, sizes, dtype)
                work = f"encoder-decoder {dtype}{detail}"
                found.append(Contest(name_of("training", dtype, kind, sizes), work, text(sizes), jobs))
    for sizes in DECODING_SIZES:
        jobs = jobs_of(subjects, "decoding", "full", sizes, "float32", per=sizes[0] * sizes[2])
        name = name_of("decoding", f"batch {sizes[0]}")
        found.append(Contest(name, "encoder-decoder float32", text(sizes), jobs, unit="tokens/s"))
    jobs = jobs_of(subjects, "beam", "full", BEAM_SIZES, "float32", per=BEAM_SIZES[0] * BEAM_SIZES[2])
    name = name_of("beam", f"batch {BEAM_SIZES[0]}")
    found.append(Contest(name, "encoder-decoder float32", text(BEAM_SIZES), jobs, unit="tokens/s"))
    return found


def task_contests() -> list[Contest]:
    """A bidirectional LSTM of two layers, and a training step of a classifier."""
    found = []
    for shape in STACK_SHAPES:
        jobs = jobs_of(OURS | {FUSED["lstm"]: "torch_fused"}, "stack", "lstm", shape, "float32")
        work = "LSTM float32, 2 layers, both directions"
        found.append(Contest(name_of("stack", "float32", shape), work, text(shape), jobs))
    for sizes in CLASSIFIER_SIZES:
        jobs = jobs_of(OURS | {EAGER: "torch_eager"}, "classifier", "lstm", sizes, "float32")
        name = name_of("classifier", "float32", sizes)
        found.append(Contest(name, "classifier float32", text(sizes), jobs))
    return found


def import_contests() -> list[Contest]:
    """What it costs that a name of seqmem is there, beside NumPy, which it needs."""
    statements = {
        "package": ("import seqmem", "seqmem"),
        "every name": ("from seqmem import *", "every_name"),
        "gradcheck": ("from seqmem import gradcheck", "gradcheck"),
    }
    found = []
    for name, (statement, task) in statements.items():
        jobs = {"seqmem": Job("imports", task), "numpy": Job("imports", "numpy")}
        found.append(Contest(name_of("import", name), statement, "", jobs, at_most=True))
    return found


def other_contests() -> list[Contest]:
    """Long sequences, memory, the gradient check."""
    steps = {
        f"{label}T = {shape[0]:,}": Job("ours", "layer", "lstm", shape, "float32", per=shape[0])
        for label, shape in (("seqmem, ", LONG), ("", SHORT))
    }
    found = [Contest("long", "LSTM float32, time per step", text(LONG), steps, unit="µs", at_most=True)]
    for shape in ((100, 32, 64, 128), LARGEST[-1]):
        jobs = jobs_of(OURS, "kept", "lstm", shape, "float32")
        work = "LSTM float32, kept for backward per (t, b, h)"
        found.append(Contest(name_of("kept", shape), work, text(shape), jobs, unit="floats", at_most=True))
    for shape in LARGEST:
        subjects = OURS | {FUSED["lstm"]: "torch_fused"}
        jobs = jobs_of(subjects, "layer", "lstm", shape, "float32", gauge="bytes")
        found.append(Contest(name_of("peak", shape), "LSTM float32", text(shape), jobs, unit="MB"))
    jobs = jobs_of(OURS, "gradcheck", "lstm", CHECKED, "float64")
    work = "LSTM float64, 9936 parameters, every element"
    found.append(Contest("gradcheck", work, text(CHECKED), jobs, unit="s"))
    return found


CONTESTS = [
    *layer_contests(),
    *inference_contests(),
    *model_contests(),
    *task_contests(),
    *import_contests(),
    *other_contests(),
]
