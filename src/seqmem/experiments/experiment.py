"""The results of an experiment: its records as tables, and a comparison with the lecture's figures."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Self

from seqmem.experiments.networks import KINDS
from seqmem.insight.folding import WIDTH, fold_lines, fold_table
from seqmem.validation import as_text

COURSES = ("alone", "mixed", "growing")
CONTEXTS = ("fixed context", "attention")
TASKS = ("copy", "reverse")
ENOUGH = 0.9  # accuracy below which the memory counts as lost

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


_LECTURE = {  # a kind in words, and the lecture's figure for it: in words, at least, at most
    "rnn, small start": ("an RNN that starts with small weights", "5-10 words", 5, 10),
    "rnn": ("an RNN that starts orthogonal", "5-10 words", 5, 10),
    "gru": ("a GRU", "hundreds", 100, None),
    "lstm": ("an LSTM", "hundreds", 100, None),
}


class Row(NamedTuple):
    """Accuracies of one kind of model over its seeds, at each distance or length."""

    kind: str
    start: str  # how the models of this kind start, such as "forget bias 1"; "" where no start is told apart
    course: str
    at: list[int]  # distances or lengths, ascending
    accuracy: list[list[float]]  # for each of them, one per seed
    parameters: int

    @property
    def network(self) -> str:
        """The kind without its start, for a table with a column of starts."""
        return self.kind.split(",")[0]

    @property
    def name(self) -> str:
        """The network and its start, for a legend."""
        return f"{self.network}, {self.start}" if self.start else self.kind

    @property
    def means(self) -> list[float]:
        """The mean over the seeds at each distance."""
        return [statistics.fmean(values) for values in self.accuracy]

    @property
    def below(self) -> int | None:
        """The first distance at which the mean is below 90 %; None if there is none."""
        return _first_below(self.at, self.means)

    @property
    def reach(self) -> int:
        """The last distance before `below`, up to which the mean is at least 90 %; 0 if there is none."""
        return max((at for at in self.at if self.below is None or at < self.below), default=0)

    @property
    def below_by_seed(self) -> list[int | None]:
        """`below` for each seed."""
        return [_first_below(self.at, values) for values in zip(*self.accuracy, strict=True)]


@dataclass(frozen=True)
class Experiment:
    """The result of `memory_horizon` or `bottleneck`: settings and a record of each run; printable.

    Attributes:
        title: the name of the experiment.
        settings: the settings, as a dict.
        records: each run's settings and results: "at", "accuracy", "parameters", "loss", "seconds".
    """

    title: str
    settings: Mapping[str, Any]
    records: Sequence[Mapping[str, Any]]

    @property
    def rows(self) -> list[Row]:
        """The records by kind, start and course: one row each, with all seeds, in the order of the tables."""
        groups: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
        for record in self.records:
            key = (record["kind"], record.get("start", ""), record["course"])
            groups.setdefault(key, []).append(record)
        rows = []
        for (kind, start, course), records in groups.items():
            found: dict[int, list[float]] = {}
            for record in sorted(records, key=lambda record: record["seed"]):
                for at, accuracy in zip(record["at"], record["accuracy"], strict=True):
                    found.setdefault(at, []).append(accuracy)
            ats = sorted(found)
            values = [found[at] for at in ats]
            rows.append(Row(kind, start, course, ats, values, records[0]["parameters"]))
        return sorted(rows, key=_place)

    def row(self, kind: str, course: str, start: str | None = None) -> Row | None:
        """Return the row of a kind, a course and a start, or None.

        Args:
            kind: the kind of model.
            course: the course of training.
            start: such as "update bias -2"; None for the first start of the table.
        """
        fitting = (row for row in self.rows if (row.kind, row.course) == (kind, course))
        return next((row for row in fitting if start in (None, row.start)), None)

    @property
    def courses(self) -> list[str]:
        """The courses of training in the records, in the order of the tables."""
        known = [*COURSES, *TASKS]
        return sorted({record["course"] for record in self.records}, key=known.index)

    def accuracy(self, course: str) -> dict[str, dict[int, list[float]]]:
        """Return the accuracy of each seed by network and distance, for `plot_memory_horizon`.

        Args:
            course: the course of training.

        Returns:
            For each `Row.name`, a dict of distances and lists of accuracies.
        """
        rows = [row for row in self.rows if row.course == course]
        return {row.name: dict(zip(row.at, row.accuracy, strict=True)) for row in rows}

    def __str__(self) -> str:
        return experiment_text(self)

    def to_json(self) -> str:
        """Return the experiment as JSON, for `from_json`."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the experiment from the output of `to_json`, or of `python -m seqmem memory --json`.

        Raises:
            ValueError: for any other text.
        """
        as_text(text, "Experiment.from_json", "text")
        try:
            found = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"Experiment.from_json: text is not JSON: {error}") from None
        except RecursionError:
            raise ValueError("Experiment.from_json: nested too deeply, expected an object") from None
        if isinstance(found, dict) and set(found) == {"memory", "bottleneck"}:
            found = found["memory"]
        types = {"title": str, "settings": dict, "records": list}
        if not isinstance(found, dict) or set(found) != set(types):
            raise ValueError(f"Experiment.from_json: expected an object of {sorted(types)}")
        for name, kind in types.items():
            if not isinstance(found[name], kind):
                came = type(found[name]).__name__
                raise ValueError(
                    f"Experiment.from_json: expected a {kind.__name__} of {name}, found a {came}"
                )
        for record in found["records"]:
            _check_record(record)
        return cls(**found)


def _check_record(record: Any) -> None:
    """Raise a ValueError unless a record has all values that the rows need."""
    needed = {"kind": str, "course": str, "seed": int, "at": list, "accuracy": list, "parameters": int}
    if not isinstance(record, dict) or not needed.keys() <= record.keys():
        raise ValueError(f"Experiment.from_json: a record lacks some of {sorted(needed)}")
    for name, kind in needed.items():
        if not isinstance(record[name], kind):
            raise ValueError(f"Experiment.from_json: a record's {name} is {record[name]!r:.80}")
    if not isinstance(record.get("start", ""), str):
        raise ValueError(f"Experiment.from_json: a record's start is {record['start']!r:.80}")
    at, accuracy = record["at"], record["accuracy"]
    numbers = all(isinstance(value, int) for value in at) and all(
        isinstance(value, (int, float)) for value in accuracy
    )
    if not numbers or len(at) != len(accuracy):
        raise ValueError("Experiment.from_json: a record's at and accuracy are not numbers side by side")
    if record["kind"] not in (*KINDS, *CONTEXTS) or record["course"] not in (*COURSES, *TASKS):
        raise ValueError(
            f"Experiment.from_json: a record of {record['kind']!r:.80} and {record['course']!r:.80}, "
            f"expected some of {', '.join((*KINDS, *CONTEXTS, *COURSES, *TASKS))}"
        )


def experiment_text(experiment: Experiment, width: int = WIDTH) -> str:
    """Return an experiment as text of `width` columns.

    Accuracies in per cent with their range over the seeds, then a comparison with the lecture's figures.
    """
    blocks = []
    for course in experiment.courses:
        own = [row for row in experiment.rows if row.course == course]
        blocks.append("\n".join(_course_lines(course, own, experiment.settings.get("longest"), width)))
    settings = "; ".join(f"{name} {_plain(value)}" for name, value in experiment.settings.items())
    blocks.append("\n".join(findings(experiment)))
    blocks.append(f"Settings: {settings}")
    return fold_lines("\n\n".join(blocks), width)


def findings(experiment: Experiment) -> list[str]:
    """Return a comparison with the lecture's figures: an RNN remembers 5-10 words, an LSTM hundreds."""
    if experiment.title != "memory horizon":
        return [f"{row.kind}: {_reach(row)}." for row in experiment.rows]
    found = []
    for row in experiment.rows:
        if row.kind in _LECTURE:
            name, figure, least, most = _LECTURE[row.kind]
            start = f" with {row.start}" if row.start and not row.kind.startswith("rnn") else ""
            verdict = _verdict(row, least, most)
            found.append(
                f"{_COURSE_WORDS[row.course]}, {name}{start} {_reach(row)}: the lecture's {figure} {verdict}."
            )
    learnt, held = (experiment.row("rnn, small start", course) for course in ("alone", "growing"))
    if learnt is not None and held is not None and learnt.below is not None and held.reach > learnt.reach:
        found.append(
            f"The same plain RNN remembers a clue over {held.reach} words after training on near distances "
            f"first: beyond {learnt.reach}, the learning fails, for want of a gradient, and not the memory."
        )
    return found


def _course_lines(course: str, rows: Sequence[Row], longest: int | None, width: int) -> list[str]:
    """Return a course's table, and the distance at which each kind falls below 90 %."""
    what = "symbols of the source" if course in TASKS else "words from the clue to the blank"
    trained = "" if course == "alone" or longest is None else f"; trained up to {longest}"
    seeds = len(rows[0].accuracy[0])
    starts = any(row.start for row in rows)
    table = [("", *(["start"] if starts else []), "parameters", *map(str, rows[0].at))]
    for row in rows:
        cells = [
            f"{100 * mean:.0f} {f'({100 * min(values):.0f})':>5}"
            for mean, values in zip(row.means, row.accuracy, strict=True)
        ]
        table.append((row.network, *([row.start] if starts else []), f"{row.parameters:,}", *cells))
    lines = [
        f"{_COURSE_TITLES[course]}{trained}",
        f"mean (worst) of {seeds} seeds in %, by {what}",
        *fold_table(table, width, numbers=True, whole=True),
    ]
    lines.append("")
    widest = max(len(row.name) for row in rows)
    for row in rows:
        last = row.at[-1]
        by_seed = ", ".join(_below_text(below, last) for below in row.below_by_seed)
        lines.append(
            f"{row.name:{widest}}  below 90 %: {_below_text(row.below, last)}  (each seed: {by_seed})"
        )
    return lines


def _place(row: Row) -> tuple[int, int]:
    """Return a row's place in the tables; starts keep the order of the records' first occurrence."""
    return ([*COURSES, *TASKS].index(row.course), [*KINDS, *CONTEXTS].index(row.kind))


def _plain(value: Any) -> str:
    """Return a setting as text without brackets and quotes."""
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
    """Return whether the reach agrees with the lecture's figure, as words."""
    if most is not None and row.reach > most:
        return "do not hold: it is more"
    if row.below is None and (most is not None or row.reach < least):
        return "can neither be shown nor refuted by so short a test"
    return "hold" if row.reach >= least else "do not hold: it is less"
