"""The capacity of a fixed context: an encoder-decoder copies or reverses symbols.

`bottleneck` measures how many symbols fit through a fixed context (Cho et al., 2014), compared with attention
(Bahdanau et al., 2015). Both models have equal numbers of parameters, and both are trained on short sources
first, then on longer ones.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from seqmem.contexts import AdditiveAttention
from seqmem.data import Batch
from seqmem.data.vocabulary import END, START
from seqmem.experiments.experiment import CONTEXTS, TASKS, Experiment
from seqmem.experiments.run_all import Run, run_all
from seqmem.experiments.training import (
    ATTENTION_SIZE,
    EMBEDDING_STD,
    GROWTH,
    check_integers,
    check_subset,
    nearest_size,
    record_of,
    train,
)
from seqmem.models import Decoder, Encoder, Seq2Seq
from seqmem.validation import as_path, as_size, check_type


@dataclass(frozen=True)
class BottleneckSettings:
    """The settings of `bottleneck`, which are stored with its results.

    Attributes:
        contexts: some of CONTEXTS.
        seeds: one run of every context per seed.
        task: "copy" or "reverse".
        symbols: the number of different symbols.
        longest: the longest source in training; the length grows up to it during the first part of training.
        lengths: the lengths to test.
        budget: parameters of every model, within 3 %.
        embedding_size: E.
        steps, batch_size, learning_rate: of the training, with Adam and a cosine schedule.
        test_count: sources per test of one length.
    """

    contexts: tuple[str, ...] = CONTEXTS
    seeds: tuple[int, ...] = (0, 1, 2)
    task: str = "reverse"
    symbols: int = 10
    longest: int = 30
    lengths: tuple[int, ...] = (2, 4, 6, 8, 10, 15, 20, 25, 30)
    budget: int = 40_000
    embedding_size: int = 16
    steps: int = 3000
    batch_size: int = 32
    learning_rate: float = 5e-3
    test_count: int = 200

    def __post_init__(self) -> None:
        check_subset(self.contexts, CONTEXTS, "BottleneckSettings: contexts")
        check_subset((self.task,), TASKS, "BottleneckSettings: task")
        check_integers(self.seeds, 0, "BottleneckSettings: seeds")
        check_integers(self.lengths, 1, "BottleneckSettings: lengths")
        for name in ("symbols", "longest", "steps", "batch_size", "test_count", "embedding_size", "budget"):
            as_size(getattr(self, name), "BottleneckSettings", name)

    @classmethod
    def quick(cls) -> Self:
        """Return settings with two seeds, shorter sources and fewer steps: a few minutes on two cores."""
        return cls(seeds=(0, 1), longest=16, lengths=(2, 4, 6, 8, 10, 12, 14, 16), steps=1500)

    @classmethod
    def full(cls) -> Self:
        """Return settings with three seeds: about ten minutes on two cores."""
        return cls()


def bottleneck(
    settings: BottleneckSettings | None = None,
    *,
    executor: Executor | None = None,
    folder: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
) -> Experiment:
    """Measure how many whole sequences are reproduced without a mistake, by length and context.

    Args:
        settings: None means `BottleneckSettings.quick()`.
        executor, folder, progress: as in `memory_horizon`.

    Returns:
        An Experiment; "at" are source lengths, "accuracy" is the fraction of sequences without a mistake.
    """
    settings = BottleneckSettings.quick() if settings is None else settings
    check_type(settings, BottleneckSettings, "bottleneck", "settings")
    if folder is not None:
        as_path(folder, "bottleneck", "folder")
    records = run_all(
        run_bottleneck, bottleneck_runs(settings), executor=executor, folder=folder, progress=progress
    )
    return Experiment("bottleneck", asdict(settings), records)


def bottleneck_runs(settings: BottleneckSettings) -> list[Run]:
    """Return all runs of the settings, as arguments of `run_bottleneck`."""
    common = asdict(settings)
    common = {name: common[name] for name in common.keys() - {"contexts", "seeds", "budget", "lengths"}}
    return [
        {
            "kind": kind,
            "course": settings.task,
            "seed": seed,
            "hidden_size": bottleneck_hidden_size(kind, settings),
            **common,
            "tested": list(settings.lengths),
        }
        for seed in settings.seeds
        for kind in settings.contexts
    ]


def run_bottleneck(run: Run) -> dict[str, Any]:
    """Train and test one encoder-decoder; except for `seconds`, the record depends on the run alone."""
    weights, texts, tests = np.random.SeedSequence(run["seed"]).spawn(3)
    model = _make_seq2seq(
        run["kind"], run["symbols"], run["embedding_size"], run["hidden_size"], np.random.default_rng(weights)
    )

    def batches(rng: np.random.Generator) -> Iterator[Batch]:
        for step in range(run["steps"]):
            top = max(1, round(run["longest"] * min(1.0, step / run["steps"] / GROWTH)))
            yield _symbols_batch(run, run["batch_size"], int(rng.integers(1, top + 1)), rng)

    losses = train(model, batches, run, texts)
    rng = np.random.default_rng(tests)
    accuracy = []
    for length in run["tested"]:
        batch = _symbols_batch(run, run["test_count"], length, rng)
        found = model.generate(batch.source, max_length=length + 1)
        targets = batch.targets[:-1].T.tolist()  # without the end token
        accuracy.append(float(np.mean([one.tokens == row for one, row in zip(found, targets, strict=True)])))
    return record_of(model, run, accuracy, losses)


def bottleneck_hidden_size(kind: str, settings: BottleneckSettings) -> int:
    """Return the hidden size of encoder and decoder whose parameter count is nearest to the budget."""
    V, E, A = settings.symbols + 4, settings.embedding_size, ATTENTION_SIZE

    def parameters(H: int) -> int:
        scorer = (2 * H * A + 2 * A) if kind == "attention" else 0
        return 2 * V * E + 4 * (E + H + 1) * H + 4 * (E + 2 * H + 1) * H + scorer + (H + 1) * V

    return nearest_size(parameters, settings.budget, f"BottleneckSettings: {kind}")


def _symbols_batch(run: Run, size: int, length: int, rng: np.random.Generator) -> Batch:
    source = rng.integers(4, 4 + run["symbols"], size=(length, size))
    answer = source[::-1] if run["task"] == "reverse" else source
    inputs = np.concatenate([np.full((1, size), START), answer])
    targets = np.concatenate([answer, np.full((1, size), END)])
    return Batch(source, np.full(size, length), inputs, targets, np.ones(targets.shape, bool))


def _make_seq2seq(kind: str, symbols: int, E: int, H: int, rng: np.random.Generator) -> Seq2Seq:
    V, dtype = symbols + 4, np.float32
    attention = AdditiveAttention(H, H, ATTENTION_SIZE, rng=rng, dtype=dtype) if kind == "attention" else None
    encoder = Encoder(V, E, H, embedding_std=EMBEDDING_STD, rng=rng, dtype=dtype)
    decoder = Decoder(V, E, H, context=attention, embedding_std=EMBEDDING_STD, rng=rng, dtype=dtype)
    return Seq2Seq(encoder, decoder, rng=rng)
