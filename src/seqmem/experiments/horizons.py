"""The memory of recurrent networks: the lecture's "Japan … my native language is ___" as an experiment.

A recurrent network (`seqmem.experiments.networks`) reads a text of `seqmem.data.recall` and answers with one
of twelve languages. All kinds have equal numbers of parameters and are trained in the same way, with each of
these courses of training:

    alone     one distance only, a separate network for each: what can be LEARNT from that distance, with no
              shorter distance to start with
    mixed     all distances from the first step, the logarithm of the distance uniform
    growing   the longest distance grows during the first part of training: what can be HELD, once the
              network has learnt it from short distances (a curriculum: Bengio et al., 2009)
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np

from seqmem.data import Batch, recall
from seqmem.experiments.experiment import COURSES, Experiment
from seqmem.experiments.networks import BIASED, KINDS, hidden_size_for, make_reader, start_of
from seqmem.experiments.run_all import Run, run_all
from seqmem.experiments.training import GROWTH, check_integers, check_subset, record_of, train
from seqmem.validation import as_list, as_number, as_path, as_size, check_type

LEADS = 8  # the maximum number of words before the clue's sentence
DRAWS = 12  # batches per test at one distance: the texts of a batch share their phrases' lengths


@dataclass(frozen=True)
class MemorySettings:
    """The settings of `memory_horizon`, which are stored with its results.

    Attributes:
        kinds: some of KINDS.
        starts: the biases that each of the kinds BIASED starts with, in runs of their own: of the LSTM's
            forget gate, of the GRU's update gate. A forget bias b and an update bias -b keep the same share
            of the state at first: sigmoid(b).
        seeds: one run of every kind, start and course per seed, with other weights and texts.
        courses: some of COURSES.
        alone_distances: the distances of the course "alone".
        distances: the distances at which the other courses' networks are tested.
        longest: the longest distance in the other courses' training.
        moves: whether the filler may name other countries (see `seqmem.data.recall`).
        budget: parameters of every network, within 3 %.
        embedding_size: E.
        steps, batch_size: of the courses "mixed" and "growing".
        alone_steps: of the course "alone", with the same batch size.
        learning_rates: of Adam, by kind, decreasing to 0 along a cosine. The defaults are each kind's best of
            0.001, 0.002 and 0.005 in the course "growing", on a seed that no table shows, the LSTM with
            forget bias 1, the GRU with update bias 0. At 0.0005, 0.001 and 0.002, neither RNN was above 72 %
            at any distance in the course "mixed" on that seed, either.
        test_count: texts per test at one distance.
    """

    kinds: tuple[str, ...] = KINDS
    starts: Mapping[str, Sequence[float]] = field(
        default_factory=lambda: {"lstm": (1.0, 2.0), "gru": (-1.0, -2.0), "lstm + attention": (1.0,)}
    )
    seeds: tuple[int, ...] = (0, 1, 2)
    courses: tuple[str, ...] = COURSES
    alone_distances: tuple[int, ...] = (5, 10, 20, 40, 80, 160)
    distances: tuple[int, ...] = (5, 7, 10, 15, 20, 30, 50, 100, 200, 300, 400)
    longest: int = 400
    moves: bool = True
    budget: int = 14_600
    embedding_size: int = 16
    steps: int = 2000
    batch_size: int = 32
    alone_steps: int = 800
    learning_rates: Mapping[str, float] = field(
        default_factory=lambda: {
            "rnn, small start": 5e-3,
            "rnn": 1e-3,
            "lstm": 5e-3,
            "gru": 5e-3,
            "lstm + attention": 5e-3,
        }
    )
    test_count: int = 480

    def __post_init__(self) -> None:
        check_subset(self.kinds, KINDS, "MemorySettings: kinds")
        check_subset(self.courses, COURSES, "MemorySettings: courses")
        _check_starts(self.starts, self.kinds)
        for name in ("seeds", "alone_distances", "distances"):
            check_integers(
                getattr(self, name), 0 if name == "seeds" else recall.SHORTEST, f"MemorySettings: {name}"
            )
        check_integers((self.longest,), recall.SHORTEST, "MemorySettings: longest")
        for name in ("steps", "alone_steps", "batch_size", "test_count", "embedding_size", "budget"):
            as_size(getattr(self, name), "MemorySettings", name)
        check_type(self.learning_rates, Mapping, "MemorySettings", "learning_rates")
        without = [kind for kind in self.kinds if kind not in self.learning_rates]
        if without:
            raise ValueError(f"MemorySettings: learning_rates has none for {without[0]!r}")

    @classmethod
    def quick(cls) -> Self:
        """Return settings with two seeds, two courses and fewer distances: a few minutes on two cores."""
        return cls(seeds=(0, 1), courses=("alone", "growing"), alone_distances=(5, 10, 20, 40, 80))

    @classmethod
    def full(cls) -> Self:
        """Return settings with five seeds, all courses, starts and distances: half an hour on two cores."""
        distances = (5, 7, 10, 15, 20, 30, 50, 100, 200, 300, 400, 800)
        return cls(
            starts={"lstm": (0.0, 1.0, 2.0), "gru": (0.0, -1.0, -2.0), "lstm + attention": (1.0,)},
            seeds=(0, 1, 2, 3, 4),
            alone_distances=(5, 10, 20, 30, 40, 60, 80, 160),
            distances=distances,
        )


def memory_horizon(
    settings: MemorySettings | None = None,
    *,
    executor: Executor | None = None,
    folder: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
) -> Experiment:
    """Measure the accuracy by distance of the clue, for every kind of network and course of training.

    Args:
        settings: None means `MemorySettings.quick()`.
        executor: runs the jobs, any `concurrent.futures.Executor` (of processes, of threads, of a cluster:
            Dask's `client.get_executor()`); None means one process per processor. A script that uses None
            must guard its code with `if __name__ == "__main__":`.
        folder: the folder for finished runs, a JSON file each; a run whose file exists is not run again, so
            an interrupted experiment resumes. None writes nothing.
        progress: as in `fit`: a line on stderr; None shows it on a terminal.

    Returns:
        An Experiment.

    Raises:
        ValueError: for inconsistent settings.

    >>> from concurrent.futures import ThreadPoolExecutor
    >>> settings = MemorySettings(
    ...     kinds=("gru",), seeds=(0,), courses=("mixed",), distances=(5, 6), longest=6, budget=2500, steps=2
    ... )
    >>> with ThreadPoolExecutor(1) as executor:
    ...     experiment = memory_horizon(settings, executor=executor)
    >>> [(row.kind, row.start, row.at) for row in experiment.rows]
    [('gru', 'update bias -1', [5, 6]), ('gru', 'update bias -2', [5, 6])]
    """
    settings = MemorySettings.quick() if settings is None else settings
    check_type(settings, MemorySettings, "memory_horizon", "settings")
    if folder is not None:
        as_path(folder, "memory_horizon", "folder")
    runs = memory_runs(settings)
    records = run_all(
        run_memory, runs, executor=executor, folder=folder, progress=progress, work=_expected_work
    )
    return Experiment("memory horizon", asdict(settings), records)


def memory_runs(settings: MemorySettings) -> list[Run]:
    """Return all runs of the settings, as arguments of `run_memory`."""
    common = {
        "moves": settings.moves,
        "embedding_size": settings.embedding_size,
        "batch_size": settings.batch_size,
        "test_count": settings.test_count,
    }
    runs: list[Run] = []
    for course in settings.courses:
        for seed in settings.seeds:
            for kind, bias in _kinds_and_biases(settings):
                own = {
                    "kind": kind,
                    "bias": bias,
                    "course": course,
                    "seed": seed,
                    "hidden_size": hidden_size_for(kind, settings.budget, settings.embedding_size),
                    "learning_rate": settings.learning_rates[kind],
                    **common,
                }
                if course == "alone":
                    steps = {"steps": settings.alone_steps}
                    runs += [{**own, **steps, "longest": d, "tested": [d]} for d in settings.alone_distances]
                else:
                    steps = {"steps": settings.steps, "longest": settings.longest}
                    runs.append({**own, **steps, "tested": list(settings.distances)})
    return sorted(runs, key=_expected_work, reverse=True)  # longest first, so that no worker idles at the end


def run_memory(run: Run) -> dict[str, Any]:
    """Train and test one network; except for `seconds`, the record depends on the run alone."""
    weights, texts, tests = np.random.SeedSequence(run["seed"]).spawn(3)
    reader = make_reader(run["kind"], run["embedding_size"], run["hidden_size"], weights, run["bias"])

    def batches(rng: np.random.Generator) -> Iterator[Batch]:
        for step in range(run["steps"]):
            distance = _draw_distance(run, step / run["steps"], rng)
            yield _recall_batch(run["batch_size"], distance, run["moves"], rng)

    losses = train(reader, batches, run, texts)
    rng = np.random.default_rng(tests)
    size = math.ceil(run["test_count"] / DRAWS)
    accuracy = []
    for distance in run["tested"]:
        drawn = [_recall_batch(size, distance, run["moves"], rng) for _ in range(DRAWS)]
        right = [reader.forward(batch.source)[0][0].argmax(axis=1) == batch.targets[0] for batch in drawn]
        accuracy.append(float(np.mean(right)))
    return {"start": start_of(run["kind"], run["bias"]), **record_of(reader, run, accuracy, losses)}


def _kinds_and_biases(settings: MemorySettings) -> list[tuple[str, float | None]]:
    """Return every kind with each of its starts; None for a kind that has no bias to start with."""
    found: list[tuple[str, float | None]] = []
    for kind in settings.kinds:
        biases = settings.starts[kind] if kind in BIASED else (None,)
        found += [(kind, None if bias is None else float(bias)) for bias in biases]
    return found


def _check_starts(starts: Mapping[str, Sequence[float]], kinds: Sequence[str]) -> None:
    """Raise unless every kind that needs them has biases to start with, all different."""
    check_type(starts, Mapping, "MemorySettings", "starts")
    check_subset(tuple(starts) or BIASED, BIASED, "MemorySettings: starts")
    for kind in kinds:
        if kind not in BIASED:
            continue
        if kind not in starts:
            raise ValueError(f"MemorySettings: starts has none for {kind!r}")
        biases = as_list(starts[kind], "MemorySettings", f"starts[{kind!r}]", "biases")
        found = {as_number(bias, "MemorySettings", f"starts[{kind!r}]") for bias in biases}
        if not found or len(found) < len(biases):
            raise ValueError(f"MemorySettings: starts[{kind!r}] is {biases}, expected different biases")


def _draw_distance(run: Run, fraction: float, rng: np.random.Generator) -> int:
    """Draw the distance of a training batch, after the given fraction of the steps."""
    shortest, longest = recall.SHORTEST, run["longest"]
    if run["course"] == "alone":
        return int(longest)
    part = min(1.0, fraction / GROWTH) if run["course"] == "growing" else 1.0
    return round(shortest * (longest / shortest) ** (part * rng.random()))


def _recall_batch(size: int, distance: int, moves: bool, rng: np.random.Generator) -> Batch:
    lead = int(rng.integers(LEADS + 1))
    tokens, answers = recall.make_recall(size, distance, rng, lead=lead, moves=moves)
    lengths = np.full(size, len(tokens))
    return Batch(tokens, lengths, tokens[:0], answers[None], np.ones((1, size), bool))


def _expected_work(run: Run) -> float:
    """Return the expected work in arbitrary units, for the order of the runs and the progress line."""
    longest, course = run["longest"], run["course"]
    mean = longest if course == "alone" else longest / max(1.0, math.log(longest / recall.SHORTEST))
    size = 0.4 if run["kind"] == "rnn" else 1.0
    return float(run["steps"] * size * (mean + 10))
