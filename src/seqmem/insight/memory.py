"""How far back can it remember? The lecture's "Japan … my native language is ___" as an experiment.

A recurrent network reads a text of `seqmem.data.recall` and answers with one of twelve languages:

    hs = cell over the embedded words             (S, B, H)
    C  = attention of hs[S - 1] over all hs       (B, H), with attention only
    logits = [hs[S - 1] ; C] @ W + b              (B, N)

RNN, LSTM, GRU and LSTM with attention have hidden sizes that make their numbers of parameters agree. The RNN
comes twice: with the orthogonal recurrent matrix that the library starts all its cells with (Saxe et al.,
2014), which keeps a gradient's norm at first, and with small random numbers, uniform within ±1/√H, the
commonest start elsewhere. All are trained in the same way, for each of these courses of training:

    alone     one distance only, each with a network of its own: what can be LEARNT from so far back, when the
              gradient has nothing nearer to begin with
    mixed     all distances from the first step, the logarithm of the distance uniform
    growing   the longest distance grows along the first part of the training: what can be HELD, once
              the network has learnt it from near by (a curriculum: Bengio et al., 2009)

`bottleneck` asks the same of an encoder-decoder that copies or reverses symbols: how many fit through a fixed
context (Cho et al., 2014), and how many an attention reads (Bahdanau et al., 2015)?

Every run is a function of its settings: runs go through any `concurrent.futures.Executor`, and those whose
file is already in the folder are not run again.
"""

from __future__ import annotations

import contextlib
import json
import math
import multiprocessing
import os
import statistics
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from seqmem.cells import Cell, LSTMCell, LSTMState
from seqmem.data import recall
from seqmem.data.vocabulary import END, START
from seqmem.initializers import Rng, as_generator
from seqmem.layers import AdditiveAttention, Embedding, Linear, Recurrent, cross_entropy
from seqmem.layers.context import ContextCache
from seqmem.layers.embedding import EmbeddingCache
from seqmem.layers.linear import LinearCache
from seqmem.layers.recurrent import RecurrentCache
from seqmem.models import Batch, Decoder, Encoder, Seq2Seq
from seqmem.models.encoder import make_cell
from seqmem.module import Array, Grads, Module, prefixed
from seqmem.training import Adam, cosine_decay, fit
from seqmem.training.progress import make_progress
from seqmem.validation import as_ids, as_pair, as_size

KINDS = ("rnn, small start", "rnn", "lstm", "gru", "lstm + attention")
COURSES = ("alone", "mixed", "growing")
TASKS = ("copy", "reverse")
CONTEXTS = ("fixed context", "attention")
GROWTH = 0.6  # the part of a growing course after which the longest distance is reached
ENOUGH = 0.9  # accuracy below which the memory counts as lost
ATTENTION_SIZE = 16
LEADS = 8  # up to so many words come before the clue's sentence
DRAWS = 12  # a test at one distance consists of so many batches: a batch's texts share their phrases' lengths

Run = Mapping[str, Any]


class ReaderCache(NamedTuple):
    """What `forward` hands to `backward`."""

    embedding: EmbeddingCache
    layer: RecurrentCache
    look: ContextCache | None  # None without attention
    output: LinearCache


class Reader(Module):
    """Reads token sequences and scores N answers after the last token.

    Args:
        vocab_size: V.
        n_answers: N.
        embedding_size: E.
        hidden_size: H.
        cell: "lstm", "gru", "rnn", or a cell of input size E and hidden size H.
        attention_size: width of an additive scorer (Bahdanau et al., 2015) with which the last state looks
            at all states; 0 for no attention.
        rng: seed or generator of the first weights.
        dtype: float64 or float32.

    >>> reader = Reader(10, 3, 4, 5, attention_size=6, rng=0)
    >>> (logits, weights), cache = reader.forward(np.array([[5, 6], [7, 8]]))
    >>> logits.shape, weights.shape
    ((2, 3), (2, 2))
    """

    def __init__(
        self,
        vocab_size: int,
        n_answers: int,
        embedding_size: int,
        hidden_size: int,
        *,
        cell: str | Cell = "lstm",
        attention_size: int = 0,
        rng: Rng = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        rng = as_generator(rng)
        H = hidden_size
        self.vocab_size, self.n_answers = vocab_size, n_answers
        self.embedding_size, self.hidden_size, self.attention_size = embedding_size, H, attention_size
        self.embedding = Embedding(vocab_size, embedding_size, rng=rng, dtype=dtype)
        self.layer = Recurrent(make_cell(cell, embedding_size, H, rng, dtype, "Reader"))
        self.attention = None
        if attention_size:
            self.attention = AdditiveAttention(H, H, attention_size, rng=rng, dtype=dtype)
        self.output = Linear(2 * H if attention_size else H, n_answers, rng=rng, dtype=dtype)

    @property
    def cell(self) -> Cell:
        """The cell of every step."""
        return self.layer.cell

    def forward(self, tokens: Array) -> tuple[tuple[Array, Array | None], ReaderCache]:
        """Read B sequences of S tokens each.

        Args:
            tokens: (S, B), S at least 1, integers from 0 to V - 1.

        Returns:
            ((logits, weights), cache): (B, N); (B, S), None without attention; and what `backward` needs.

        Raises:
            ValueError, TypeError: for no tokens, tokens outside the vocabulary or a wrong shape.
        """
        tokens = as_ids(tokens, self.vocab_size, ("S", "B"), "Reader.forward", "tokens")
        if len(tokens) == 0:
            raise ValueError("Reader.forward: tokens has no step, expected at least one to read")
        xs, embedding_cache = self.embedding.forward(tokens)
        (hs, _), layer_cache = self.layer.forward(xs)
        features, weights, look = hs[-1], None, None
        if self.attention is not None:
            (context, weights), look = self.attention.forward(hs[-1], hs)
            features = np.concatenate([features, context], axis=1)
        logits, output_cache = self.output.forward(features)
        return (logits, weights), ReaderCache(embedding_cache, layer_cache, look, output_cache)

    def backward(
        self, d_outputs: tuple[Array | None, Array | None], cache: ReaderCache
    ) -> tuple[tuple[None], Grads]:
        """(d_logits, d_weights), None for zeros, to ((None,), grads)."""
        d_logits, d_weights = as_pair(d_outputs, "Reader.backward", "d_outputs", "(d_logits, d_weights)")
        H = self.hidden_size
        (d_features,), output_grads = self.output.backward(d_logits, cache.output)
        d_h, d_hs, grads = d_features[:, :H], None, prefixed("output", output_grads)
        if self.attention is not None and cache.look is not None:
            upstream = (d_features[:, H:], d_weights)
            (d_query, d_hs), attention_grads = self.attention.backward(upstream, cache.look)
            d_h = d_h + d_query
            grads = prefixed("attention", attention_grads) | grads
        d_final: Any = LSTMState(d_h, None) if isinstance(self.cell, LSTMCell) else d_h  # type: ignore[arg-type]
        (d_xs, _), layer_grads = self.layer.backward((d_hs, d_final), cache.layer)
        _, embedding_grads = self.embedding.backward(d_xs, cache.embedding)
        return (None,), prefixed("embedding", embedding_grads) | prefixed("layer", layer_grads) | grads

    def loss_and_grads(self, batch: Batch, rng: Any = None) -> tuple[float, Grads]:
        """Mean cross-entropy of the answers in nats, and its gradient by every parameter.

        Args:
            batch: its source is what is read, its targets (1, B) are the answers; nothing else is used.
            rng: not used: nothing is random.
        """
        (logits, _), cache = self.forward(batch.source)
        loss, d_logits = cross_entropy(logits, batch.targets[0])
        _, grads = self.backward((d_logits, None), cache)
        return loss, grads


@dataclass(frozen=True)
class MemorySettings:
    """What `memory_horizon` does; a plain value that is stored with its results.

    Attributes:
        kinds: some of KINDS.
        seeds: each gives a run of every kind and course: its weights and its texts.
        courses: some of COURSES.
        alone: the distances of the course "alone".
        tested: the distances at which the other courses' networks are tested.
        longest: the longest distance that they are trained on.
        moves: let the filler name other countries (see `seqmem.data.recall`).
        budget: parameters of every network, within 3 %.
        embedding_size: E.
        steps, batch_size: of the courses "mixed" and "growing".
        alone_steps: of the course "alone", of equal batches.
        learning_rates: Adam's, by kind; a cosine takes it down to 0. The defaults are each kind's best of
            0.001, 0.002 and 0.005 in the course "growing", on a seed that no table shows. At 0.0005, 0.001
            and 0.002 neither RNN was above 72 % at any distance in the course "mixed" on that seed either.
        examples: texts of a test at one distance.
    """

    kinds: tuple[str, ...] = KINDS
    seeds: tuple[int, ...] = (0, 1, 2)
    courses: tuple[str, ...] = COURSES
    alone: tuple[int, ...] = (5, 10, 20, 40, 80, 160)
    tested: tuple[int, ...] = (5, 7, 10, 15, 20, 30, 50, 100, 200, 300, 400)
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
    examples: int = 480

    def __post_init__(self) -> None:
        _check_subset(self.kinds, KINDS, "MemorySettings: kinds")
        _check_subset(self.courses, COURSES, "MemorySettings: courses")
        for name in ("seeds", "alone", "tested"):
            _check_integers(
                getattr(self, name), 0 if name == "seeds" else recall.SHORTEST, f"MemorySettings: {name}"
            )
        _check_integers((self.longest,), recall.SHORTEST, "MemorySettings: longest")
        for name in ("steps", "alone_steps", "batch_size", "examples", "embedding_size", "budget"):
            as_size(getattr(self, name), "MemorySettings", name)
        without = [kind for kind in self.kinds if kind not in self.learning_rates]
        if without:
            raise ValueError(f"MemorySettings: learning_rates has none for {without[0]!r}")

    @classmethod
    def quick(cls) -> Self:
        """Two seeds, two courses and fewer distances: a few minutes on two cores."""
        return cls(seeds=(0, 1), courses=("alone", "growing"), alone=(5, 10, 20, 40, 80))

    @classmethod
    def full(cls) -> Self:
        """Five seeds, all courses, and tests beyond the distances trained on: half an hour on two cores."""
        tested = (5, 7, 10, 15, 20, 30, 50, 100, 200, 300, 400, 800)
        return cls(seeds=(0, 1, 2, 3, 4), alone=(5, 10, 20, 30, 40, 60, 80, 160), tested=tested)


@dataclass(frozen=True)
class BottleneckSettings:
    """What `bottleneck` does; a plain value that is stored with its results.

    Attributes:
        contexts: some of CONTEXTS.
        seeds: each gives a run of every context.
        task: "copy" or "reverse".
        symbols: how many different ones there are.
        longest: sources of 1 to so many symbols are trained on, growing along the first part of it.
        tested: the lengths tested.
        budget: parameters of every model, within 3 %.
        embedding_size: E.
        steps, batch_size, learning_rate: of the training, with Adam and a cosine.
        examples: sources of a test at one length.
    """

    contexts: tuple[str, ...] = CONTEXTS
    seeds: tuple[int, ...] = (0, 1, 2)
    task: str = "reverse"
    symbols: int = 10
    longest: int = 30
    tested: tuple[int, ...] = (2, 4, 6, 8, 10, 15, 20, 25, 30)
    budget: int = 40_000
    embedding_size: int = 16
    steps: int = 3000
    batch_size: int = 32
    learning_rate: float = 5e-3
    examples: int = 200

    def __post_init__(self) -> None:
        _check_subset(self.contexts, CONTEXTS, "BottleneckSettings: contexts")
        _check_subset((self.task,), TASKS, "BottleneckSettings: task")
        _check_integers(self.seeds, 0, "BottleneckSettings: seeds")
        _check_integers(self.tested, 1, "BottleneckSettings: tested")
        for name in ("symbols", "longest", "steps", "batch_size", "examples", "embedding_size", "budget"):
            as_size(getattr(self, name), "BottleneckSettings", name)

    @classmethod
    def quick(cls) -> Self:
        """Two seeds, shorter sources and fewer steps: a few minutes on two cores."""
        return cls(seeds=(0, 1), longest=16, tested=(2, 4, 6, 8, 10, 12, 14, 16), steps=1500)

    @classmethod
    def full(cls) -> Self:
        """Three seeds: about ten minutes on two cores."""
        return cls()


class Row(NamedTuple):
    """Accuracies of one kind of model over its seeds, at each distance or length."""

    kind: str
    course: str
    at: list[int]  # distances or lengths, ascending
    accuracy: list[list[float]]  # for each of them, one of every seed
    parameters: int

    @property
    def means(self) -> list[float]:
        """The mean over the seeds at each distance."""
        return [statistics.fmean(values) for values in self.accuracy]

    @property
    def below(self) -> int | None:
        """The first distance at which the mean is below 90 %; None when there is none."""
        return _first_below(self.at, self.means)

    @property
    def reach(self) -> int:
        """The last distance before that one, up to which the mean is 90 % or more; 0 when there is none."""
        return max((at for at in self.at if self.below is None or at < self.below), default=0)

    @property
    def below_by_seed(self) -> list[int | None]:
        """The same for each seed by itself."""
        return [_first_below(self.at, values) for values in zip(*self.accuracy, strict=True)]


@dataclass(frozen=True)
class Experiment:
    """The result of `memory_horizon` or `bottleneck`: settings, and a record of each run; printable.

    Attributes:
        title: what was done.
        settings: with which settings, as a dict.
        records: each run's settings and what came out: "at", "accuracy", "parameters", "loss", "seconds".
    """

    title: str
    settings: Mapping[str, Any]
    records: Sequence[Mapping[str, Any]]

    @property
    def rows(self) -> list[Row]:
        """The records put together: one row for each kind and course, seeds side by side."""
        groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
        for record in self.records:
            groups.setdefault((record["kind"], record["course"]), []).append(record)
        rows = []
        for (kind, course), records in groups.items():
            found: dict[int, list[float]] = {}
            for record in sorted(records, key=lambda record: record["seed"]):
                for at, accuracy in zip(record["at"], record["accuracy"], strict=True):
                    found.setdefault(at, []).append(accuracy)
            ats = sorted(found)
            rows.append(Row(kind, course, ats, [found[at] for at in ats], records[0]["parameters"]))
        return rows

    def row(self, kind: str, course: str) -> Row | None:
        """The row of a kind and a course, or None."""
        return next((row for row in self.rows if (row.kind, row.course) == (kind, course)), None)

    def accuracy(self, course: str) -> dict[str, dict[int, list[float]]]:
        """By kind and distance, the accuracy of each seed: what `plot_memory_horizon` draws."""
        rows = [row for row in self.rows if row.course == course]
        return {row.kind: dict(zip(row.at, row.accuracy, strict=True)) for row in rows}

    def __str__(self) -> str:
        return experiment_text(self)

    def to_json(self) -> str:
        """All of it as JSON; `from_json` reads it back."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `to_json` wrote, or the memory experiment of what `memory_command` wrote as JSON.

        Raises:
            ValueError: for anything else.
        """
        found = json.loads(text)
        if isinstance(found, dict) and set(found) == {"memory", "bottleneck"}:
            found = found["memory"]
        names = {"title", "settings", "records"}
        if not isinstance(found, dict) or set(found) != names:
            raise ValueError(f"Experiment.from_json: expected an object of {sorted(names)}")
        return cls(**found)


def memory_horizon(
    settings: MemorySettings | None = None,
    *,
    executor: Executor | None = None,
    folder: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
) -> Experiment:
    """Accuracy against the clue's distance for every kind of network and course of training.

    Args:
        settings: `MemorySettings.quick()` when None.
        executor: where the runs are submitted, any `concurrent.futures.Executor` (of processes, of threads,
            of a cluster: Dask's `client.get_executor()`); one process for each processor when None. A script
            that leaves it None has its own code under `if __name__ == "__main__":`.
        folder: where each finished run is written, a JSON file each; a run whose file is there is not
            run again, so an interrupted experiment resumes. None writes nothing.
        progress: as in `fit`: a line on stderr; None shows it on a terminal.

    Returns:
        An Experiment.

    Raises:
        ValueError: for settings that do not fit together.

    >>> from concurrent.futures import ThreadPoolExecutor
    >>> settings = MemorySettings(
    ...     kinds=("gru",), seeds=(0,), courses=("mixed",), tested=(5, 6), longest=6, budget=2500, steps=2
    ... )
    >>> with ThreadPoolExecutor(1) as executor:
    ...     experiment = memory_horizon(settings, executor=executor)
    >>> [(row.kind, row.course, row.at) for row in experiment.rows]
    [('gru', 'mixed', [5, 6])]
    """
    settings = MemorySettings.quick() if settings is None else settings
    runs = memory_runs(settings)
    records = run_all(run_memory, runs, executor=executor, folder=folder, progress=progress)
    return Experiment("memory horizon", asdict(settings), records)


def bottleneck(
    settings: BottleneckSettings | None = None,
    *,
    executor: Executor | None = None,
    folder: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
) -> Experiment:
    """Whole sequences reproduced without a mistake, by length: fixed context against attention.

    Args:
        settings: `BottleneckSettings.quick()` when None.
        executor, folder, progress: as in `memory_horizon`.

    Returns:
        An Experiment; "at" are source lengths, "accuracy" is the part of whole sequences that are right.
    """
    settings = BottleneckSettings.quick() if settings is None else settings
    records = run_all(
        run_bottleneck, bottleneck_runs(settings), executor=executor, folder=folder, progress=progress
    )
    return Experiment("bottleneck", asdict(settings), records)


def memory_runs(settings: MemorySettings) -> list[Run]:
    """Every run of the settings: what `run_memory` is to be called with."""
    common = {
        "moves": settings.moves,
        "embedding_size": settings.embedding_size,
        "batch_size": settings.batch_size,
        "examples": settings.examples,
    }
    runs: list[Run] = []
    for course in settings.courses:
        for seed in settings.seeds:
            for kind in settings.kinds:
                own = {
                    "kind": kind,
                    "course": course,
                    "seed": seed,
                    "hidden_size": hidden_size_for(kind, settings.budget, settings.embedding_size),
                    "learning_rate": settings.learning_rates[kind],
                    **common,
                }
                if course == "alone":
                    steps = {"steps": settings.alone_steps}
                    runs += [{**own, **steps, "longest": d, "tested": [d]} for d in settings.alone]
                else:
                    steps = {"steps": settings.steps, "longest": settings.longest}
                    runs.append({**own, **steps, "tested": list(settings.tested)})
    return sorted(runs, key=_expected_work, reverse=True)  # the long ones first: no worker is left waiting


def bottleneck_runs(settings: BottleneckSettings) -> list[Run]:
    """Every run of the settings: what `run_bottleneck` is to be called with."""
    common = asdict(settings)
    common = {name: common[name] for name in common.keys() - {"contexts", "seeds", "budget"}}
    return [
        {
            "kind": kind,
            "course": settings.task,
            "seed": seed,
            "hidden_size": bottleneck_hidden_size(kind, settings),
            **common,
            "tested": list(settings.tested),
        }
        for seed in settings.seeds
        for kind in settings.contexts
    ]


def run_memory(run: Run) -> dict[str, Any]:
    """Train and test one network; the record is a function of the run alone, `seconds` excepted."""
    weights, texts, tests = np.random.SeedSequence(run["seed"]).spawn(3)
    kind, cell_name = run["kind"], _cell_name(run["kind"])
    reader = Reader(
        len(recall.VOCABULARY),
        len(recall.LANGUAGES),
        run["embedding_size"],
        run["hidden_size"],
        cell=cell_name,
        attention_size=ATTENTION_SIZE if kind == "lstm + attention" else 0,
        rng=weights,
        dtype=np.float32,
    )
    if kind == "rnn, small start":
        _start_small(reader.cell, np.random.default_rng(weights.spawn(1)[0]))

    def batches(rng: np.random.Generator) -> Iterator[Batch]:
        for step in range(run["steps"]):
            distance = _draw_distance(run, step / run["steps"], rng)
            yield _recall_batch(run["batch_size"], distance, run["moves"], rng)

    losses = _train(reader, batches, run, texts)
    rng = np.random.default_rng(tests)
    size = math.ceil(run["examples"] / DRAWS)
    accuracy = []
    for distance in run["tested"]:
        drawn = [_recall_batch(size, distance, run["moves"], rng) for _ in range(DRAWS)]
        right = [reader.forward(batch.source)[0][0].argmax(axis=1) == batch.targets[0] for batch in drawn]
        accuracy.append(float(np.mean(right)))
    return _record(reader, run, accuracy, losses)


def run_bottleneck(run: Run) -> dict[str, Any]:
    """Train and test one encoder-decoder; the record is a function of the run alone, `seconds` excepted."""
    weights, texts, tests = np.random.SeedSequence(run["seed"]).spawn(3)
    model = _make_seq2seq(
        run["kind"], run["symbols"], run["embedding_size"], run["hidden_size"], np.random.default_rng(weights)
    )

    def batches(rng: np.random.Generator) -> Iterator[Batch]:
        for step in range(run["steps"]):
            top = max(1, round(run["longest"] * min(1.0, step / run["steps"] / GROWTH)))
            yield _symbols_batch(run, run["batch_size"], int(rng.integers(1, top + 1)), rng)

    losses = _train(model, batches, run, texts)
    rng = np.random.default_rng(tests)
    accuracy = []
    for length in run["tested"]:
        batch = _symbols_batch(run, run["examples"], length, rng)
        found = model.generate(batch.source, max_length=length + 1)
        targets = batch.targets[:-1].T.tolist()  # without the end
        accuracy.append(float(np.mean([one.tokens == row for one, row in zip(found, targets, strict=True)])))
    return _record(model, run, accuracy, losses)


def run_all(
    function: Callable[[Run], dict[str, Any]],
    runs: Sequence[Run],
    *,
    executor: Executor | None = None,
    folder: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
) -> list[dict[str, Any]]:
    """The record of every run, in the order of the runs; those already in the folder are read.

    A file is written under another name and then renamed, so an interruption leaves none half written; a file
    that cannot be read or belongs to other settings is replaced.

    Args:
        function: of a run, picklable: a module's own function.
        runs: what it is called with, each a mapping with "kind", "course", "seed" and whatever else.
        executor, folder, progress: as in `memory_horizon`.

    Raises:
        Whatever a run raises, once those that are running have ended and have been written.
    """
    place = None if folder is None else Path(folder)
    paths = [None if place is None else place / _file_name(function, run) for run in runs]
    if place is not None:
        place.mkdir(parents=True, exist_ok=True)
    stored = [_read_record(path, run) for path, run in zip(paths, runs, strict=True)]
    records = {index: record for index, record in enumerate(stored) if record is not None}
    missing = [index for index in range(len(runs)) if index not in records]
    shown, work = make_progress(progress), [_expected_work(run) for run in runs]
    try:
        with contextlib.ExitStack() as stack:
            if missing and executor is None:
                executor = stack.enter_context(_own_processes(len(missing)))
            for index, record in _finished(executor, function, runs, missing):
                records[index] = record
                _write_record(paths[index], runs[index], record)
                part = sum(work[done] for done in records) / sum(work)
                shown.show(part, f"run {len(records)}/{len(runs)}  {_name(runs[index])}", last=True)
    finally:
        shown.close()
    return [records[index] for index in range(len(runs))]


def _finished(
    executor: Any, function: Callable[[Run], dict[str, Any]], runs: Sequence[Run], wanted: Sequence[int]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The wanted runs' records as they come; after a failure those still running, and then the failure."""
    futures: dict[Future[dict[str, Any]], int] = {
        executor.submit(function, dict(runs[index])): index for index in wanted
    }
    failure: BaseException | None = None
    try:
        for future in as_completed(futures):
            if future.cancelled():
                continue
            error = future.exception()
            if error is None:
                yield futures[future], future.result()
            else:
                failure = failure or error
                _cancel(futures)
    finally:
        _cancel(
            futures
        )  # an interrupted experiment leaves nothing in the queue; a finished one has none there
    if failure is not None:
        raise failure


def _cancel(futures: Iterable[Future[dict[str, Any]]]) -> None:
    for future in futures:
        future.cancel()


def parameters_of(kind: str, hidden_size: int, embedding_size: int) -> int:
    """The number of parameters of a network of `run_memory`.

    >>> parameters_of("gru", 50, 16)
    12214
    """
    V, N, E, H, A = len(recall.VOCABULARY), len(recall.LANGUAGES), embedding_size, hidden_size, ATTENTION_SIZE
    gates = {"rnn": 1, "gru": 3, "lstm": 4}[_cell_name(kind)]
    attention = kind == "lstm + attention"
    scorer = (2 * H * A + 2 * A) if attention else 0
    return V * E + gates * (E + H + 1) * H + scorer + (H * (1 + attention) + 1) * N


def hidden_size_for(kind: str, budget: int, embedding_size: int) -> int:
    """The hidden size that comes nearest to a budget of parameters.

    Raises:
        ValueError: when the nearest is more than 3 % away.

    >>> {kind: hidden_size_for(kind, 14_500, 16) for kind in KINDS}
    {'rnn, small start': 100, 'rnn': 100, 'lstm': 48, 'gru': 56, 'lstm + attention': 43}
    """
    return _nearest(lambda H: parameters_of(kind, H, embedding_size), budget, f"MemorySettings: a {kind}")


def bottleneck_hidden_size(kind: str, settings: BottleneckSettings) -> int:
    """The hidden size of encoder and decoder that comes nearest to the budget of parameters."""
    V, E, A = settings.symbols + 4, settings.embedding_size, ATTENTION_SIZE

    def parameters(H: int) -> int:
        scorer = (2 * H * A + 2 * A) if kind == "attention" else 0
        return 2 * V * E + 4 * (E + H + 1) * H + 4 * (E + 2 * H + 1) * H + scorer + (H + 1) * V

    return _nearest(parameters, settings.budget, f"BottleneckSettings: {kind}")


def experiment_text(experiment: Experiment) -> str:
    """An experiment as text: accuracies in per cent with their spread over the seeds, then what follows."""
    rows = experiment.rows
    kinds, courses = [*KINDS, *CONTEXTS], [*COURSES, *TASKS]
    blocks = []
    for course in sorted({row.course for row in rows}, key=courses.index):
        own = sorted((row for row in rows if row.course == course), key=lambda row: kinds.index(row.kind))
        blocks.append("\n".join(_course_lines(course, own, experiment.settings.get("longest"))))
    settings = "; ".join(f"{name} {_plain(value)}" for name, value in experiment.settings.items())
    blocks.append("\n".join(findings(experiment)))
    blocks.append(textwrap.fill(f"Settings: {settings}", 100, subsequent_indent="  "))
    return "\n\n".join(blocks)


def findings(experiment: Experiment) -> list[str]:
    """What the figures say about the lecture's: an RNN remembers 5-10 words, an LSTM hundreds."""
    if experiment.title != "memory horizon":
        return [f"{row.kind}: {_reach(row)}." for row in experiment.rows]
    found = []
    for course in COURSES:
        for kind, name, figure, least, most in (
            ("rnn, small start", "an RNN that starts with small weights", "5-10 words", 5, 10),
            ("rnn", "an RNN that starts orthogonal", "5-10 words", 5, 10),
            ("lstm", "an LSTM", "hundreds", 100, None),
        ):
            row = experiment.row(kind, course)
            if row is not None:
                verdict = _verdict(row, least, most)
                found.append(
                    f"{_COURSE_WORDS[course]}, {name} {_reach(row)}: the lecture's {figure} {verdict}."
                )
    learnt, held = (experiment.row("rnn, small start", course) for course in ("alone", "growing"))
    if learnt is not None and held is not None and learnt.below is not None and held.reach > learnt.reach:
        found.append(
            f"The same plain RNN holds a clue over {held.reach} words once near ones have taught it to: what "
            f"fails beyond {learnt.reach} is the learning, for want of a gradient, not the memory."
        )
    return found


def memory_command(
    *,
    quick: bool = True,
    lags: Sequence[int] | None = None,
    seeds: Sequence[int] | None = None,
    folder: str | os.PathLike[str] | None = None,
    executor: Executor | None = None,
    progress: bool | None = None,
    as_json: bool = False,
) -> str:
    """What `python -m seqmem memory` prints: both experiments, as text or as JSON.

    Args:
        quick: the quick settings rather than the full ones.
        lags: the distances to test, instead of the settings' own; the longest is trained on too.
        seeds: the seeds, instead of the settings' own.
        folder: where finished runs are kept, so that the command resumes.
        executor, progress: as in `memory_horizon`.
        as_json: JSON with all settings and records instead of tables: {"memory": ..., "bottleneck": ...}.
    """
    memory = asdict(MemorySettings.quick() if quick else MemorySettings.full())
    length = asdict(BottleneckSettings.quick() if quick else BottleneckSettings.full())
    if lags is not None:
        memory |= {
            "tested": tuple(sorted(lags)),
            "alone": tuple(sorted(lags)),
            "longest": max(lags, default=0),
        }
    if seeds is not None:
        memory["seeds"] = length["seeds"] = tuple(seeds)
    first = memory_horizon(MemorySettings(**memory), executor=executor, folder=folder, progress=progress)
    second = bottleneck(BottleneckSettings(**length), executor=executor, folder=folder, progress=progress)
    if as_json:
        return json.dumps({"memory": asdict(first), "bottleneck": asdict(second)}, indent=1)
    return "\n\n".join([str(first), str(second)])


_COURSE_TITLES = {
    "alone": "ALONE: trained at one distance only, a network for each",
    "mixed": "MIXED: trained on all distances from the first step",
    "growing": "GROWING: trained on near distances first, then on farther ones",
    "copy": "COPY: whole sequences without a mistake",
    "reverse": "REVERSE: whole sequences without a mistake",
}
_COURSE_WORDS = {
    "alone": "Trained at one distance only",
    "mixed": "Trained on all distances at once",
    "growing": "Trained from near to far",
}


def _course_lines(course: str, rows: Sequence[Row], longest: int | None) -> list[str]:
    """A course's table, and where each kind falls below 90 %."""
    what = "symbols of the source" if course in TASKS else "words from the clue to the blank"
    trained = "" if course == "alone" or longest is None else f"; trained up to {longest}"
    seeds = len(rows[0].accuracy[0])
    lines = [
        f"{_COURSE_TITLES[course]}{trained}",
        f"mean (worst) of {seeds} seeds in %, by {what}",
        f"{'':18}{'parameters':>11}" + "".join(f"{at:>11}" for at in rows[0].at),
    ]
    for row in rows:
        cells = [
            f"{100 * mean:.0f} {f'({100 * min(values):.0f})':>5}"
            for mean, values in zip(row.means, row.accuracy, strict=True)
        ]
        lines.append(f"{row.kind:18}{row.parameters:>11,}" + "".join(f"{cell:>11}" for cell in cells))
    lines.append("")
    for row in rows:
        last = row.at[-1]
        by_seed = ", ".join(_below_text(below, last) for below in row.below_by_seed)
        lines.append(f"{row.kind:18} below 90 %: {_below_text(row.below, last)}  (each seed: {by_seed})")
    return lines


def _plain(value: Any) -> str:
    """A setting without brackets and quotes."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {part}" for name, part in value.items())
    return ", ".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)


def _first_below(at: Sequence[int], values: Sequence[float]) -> int | None:
    return next((place for place, value in zip(at, values, strict=True) if value < ENOUGH), None)


def _below_text(below: int | None, last: int) -> str:
    return f"not up to {last}" if below is None else f"from {below}"


def _reach(row: Row) -> str:
    if row.below is None:
        return f"stays at 90 % or more up to {row.reach}, the farthest tested"
    if row.reach == 0:
        return f"is below 90 % even at {row.below}, the nearest tested"
    return f"reaches {row.reach} and is below 90 % at {row.below}"


def _verdict(row: Row, least: int, most: int | None) -> str:
    """Whether the reach lies where the lecture's figure would have it."""
    if most is not None and row.reach > most:
        return "do not hold: it is more"
    if row.below is None and (most is not None or row.reach < least):
        return "can neither be shown nor refuted by so short a test"
    return "hold" if row.reach >= least else "do not hold: it is less"


def _cell_name(kind: str) -> str:
    return kind.replace(",", " ").split()[0]


def _start_small(cell: Cell, rng: np.random.Generator) -> None:
    """Recurrent weights uniform within ±1/√H, as torch starts them: their spectral radius is about 0.58."""
    H = cell.hidden_size
    cell.W_h[...] = rng.uniform(-1, 1, cell.W_h.shape) / np.sqrt(H)


def _draw_distance(run: Run, fraction: float, rng: np.random.Generator) -> int:
    """The distance of a training batch, of which a part of the steps is done."""
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


def _symbols_batch(run: Run, size: int, length: int, rng: np.random.Generator) -> Batch:
    source = rng.integers(4, 4 + run["symbols"], size=(length, size))
    answer = source[::-1] if run["task"] == "reverse" else source
    inputs = np.concatenate([np.full((1, size), START), answer])
    targets = np.concatenate([answer, np.full((1, size), END)])
    return Batch(source, np.full(size, length), inputs, targets, np.ones(targets.shape, bool))


def _make_seq2seq(kind: str, symbols: int, E: int, H: int, rng: np.random.Generator) -> Seq2Seq:
    V, dtype = symbols + 4, np.float32
    attention = AdditiveAttention(H, H, ATTENTION_SIZE, rng=rng, dtype=dtype) if kind == "attention" else None
    encoder = Encoder(V, E, H, rng=rng, dtype=dtype)
    return Seq2Seq(encoder, Decoder(V, E, H, context=attention, rng=rng, dtype=dtype), rng=rng)


def _train(model: Any, batches: Callable[..., Iterator[Batch]], run: Run, seed: Any) -> dict[str, float]:
    """The one protocol for all: Adam, gradients clipped at norm 1, a cosine down to 0."""

    class Epoch:
        """One epoch, whose length the schedule needs to know."""

        def __len__(self) -> int:
            return int(run["steps"])

        def __call__(self, rng: np.random.Generator) -> Iterator[Batch]:
            return batches(rng)

    optimizer = Adam(run["learning_rate"])
    history = fit(
        model, Epoch(), optimizer, epochs=1, max_norm=1.0, schedule=cosine_decay, rng=seed, progress=False
    )
    return {"loss": history.loss[-1], "seconds": history.seconds[-1]}


def _record(model: Module, run: Run, accuracy: list[float], losses: Mapping[str, float]) -> dict[str, Any]:
    return {
        **{name: run[name] for name in ("kind", "course", "seed", "hidden_size", "longest")},
        "parameters": sum(param.size for param in model.params.values()),
        "at": list(run["tested"]),
        "accuracy": [round(value, 4) for value in accuracy],
        "loss": round(losses["loss"], 4),
        "seconds": round(losses["seconds"], 1),
    }


def _nearest(parameters: Callable[[int], int], budget: int, what: str) -> int:
    H = 1
    while parameters(H + 1) <= budget:
        H += 1
    H = min((H, H + 1), key=lambda size: abs(parameters(size) - budget))
    if abs(parameters(H) - budget) > 0.03 * budget:
        found = parameters(H)
        raise ValueError(f"{what} of nearest size has {found} parameters, expected {budget} within 3 %")
    return H


def _expected_work(run: Run) -> float:
    """In arbitrary units, for the order of the runs and for the progress line."""
    longest, course = run["longest"], run["course"]
    mean = longest if course == "alone" else longest / max(1.0, math.log(longest / recall.SHORTEST))
    size = 0.4 if run["kind"] == "rnn" else 1.0
    return float(run["steps"] * size * (mean + 10))


def _check_subset(names: Sequence[str], known: Sequence[str], what: str) -> None:
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        came = repr(unknown[0]) if unknown else "empty"
        raise ValueError(f"{what} is {came}, expected some of {', '.join(known)}")


def _check_integers(values: Sequence[int], least: int, what: str) -> None:
    if not values:
        raise ValueError(f"{what} is empty, expected at least one integer")
    for value in values:
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            raise ValueError(f"{what} holds {value!r}, expected integers of at least {least}")


@contextlib.contextmanager
def _own_processes(most: int) -> Iterator[Executor]:
    """A process for each processor, each with one BLAS thread: they would hinder one another.

    A library reads these variables as it is loaded, so they are set while the processes start, and only where
    the user has not.
    """
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    added = [name for name in names if name not in os.environ]
    os.environ.update(dict.fromkeys(added, "1"))
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(min(most, available), mp_context=context) as executor:
            try:
                yield executor
            except BaseException:
                executor.shutdown(wait=False, cancel_futures=True)  # Ctrl-C does not wait for what is queued
                raise
    finally:
        for name in added:
            os.environ.pop(name, None)


def _name(run: Run) -> str:
    longest = f", {run['longest']} words" if run["course"] == "alone" else ""
    return f"{run['kind']}, {run['course']}{longest}, seed {run['seed']}"


def _file_name(function: Callable[..., Any], run: Run) -> str:
    text = f"{function.__name__} {run['kind']} {run['course']} {run['longest']} seed {run['seed']}"
    return "".join(letter if letter.isalnum() else "-" for letter in text.replace(" + ", "-")) + ".json"


def _read_record(path: Path | None, run: Run) -> dict[str, Any] | None:
    """What was stored for this very run; None when there is nothing, or something else."""
    if path is None:
        return None
    try:
        stored = json.loads(path.read_text("utf-8"))
        return dict(stored["record"]) if stored["run"] == json.loads(json.dumps(dict(run))) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_record(path: Path | None, run: Run, record: dict[str, Any]) -> None:
    if path is None:
        return
    unfinished = path.with_suffix(f".{os.getpid()}.part")
    unfinished.write_text(json.dumps({"run": dict(run), "record": record}, indent=1), "utf-8")
    os.replace(unfinished, path)
