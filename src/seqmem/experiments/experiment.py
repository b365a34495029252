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


class Row(NamedTuple):
    """Accuracies of one kind of model over its seeds, at each distance or length."""

    kind: str
    course: str
    at: list[int]  # distances or lengths, ascending
    accuracy: list[list[float]]  # for each of them, one per seed
    parameters: int

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
        """The records by kind and course: one row each, with all seeds."""
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
        """Return the row of a kind and a course, or None."""
        return next((row for row in self.rows if (row.kind, row.course) == (kind, course)), None)

    @property
    def courses(self) -> list[str]:
        """The courses of training in the records, in the order of the tables."""
        known = [*COURSES, *TASKS]
        return sorted({record["course"] for record in self.records}, key=known.index)

    def accuracy(self, course: str) -> dict[str, dict[int, list[float]]]:
        """Return the accuracy of each seed by kind and distance, for `plot_memory_horizon`."""
        kinds = [*KINDS, *CONTEXTS]
        rows = sorted(
            (row for row in self.rows if row.course == course), key=lambda row: kinds.index(row.kind)
        )
        return {row.kind: dict(zip(row.at, row.accuracy, strict=True)) for row in rows}

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
    rows = experiment.rows
    kinds, courses = [*KINDS, *CONTEXTS], [*COURSES, *TASKS]
    blocks = []
    for course in sorted({row.course for row in rows}, key=courses.index):
        own = sorted((row for row in rows if row.course == course), key=lambda row: kinds.index(row.kind))
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
    for course in COURSES:
        for kind, name, figure, least, most in (
            ("rnn, small start", "an RNN that starts with small weights", "5-10 words", 5, 10),
            ("rnn", "an RNN that starts orthogonal", "5-10 words", 5, 10),
            ("gru", "a GRU", "hundreds", 100, None),
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
            f"The same plain RNN remembers a clue over {held.reach} words after training on near distances "
            f"first: beyond {learnt.reach}, the learning fails, for want of a gradient, and not the memory."
        )
    return found


def _course_lines(course: str, rows: Sequence[Row], longest: int | None, width: int) -> list[str]:
    """Return a course's table, and the distance at which each kind falls below 90 %."""
    what = "symbols of the source" if course in TASKS else "words from the clue to the blank"
    trained = "" if course == "alone" or longest is None else f"; trained up to {longest}"
    seeds = len(rows[0].accuracy[0])
    table = [("", "parameters", *map(str, rows[0].at))]
    for row in rows:
        cells = [
            f"{100 * mean:.0f} {f'({100 * min(values):.0f})':>5}"
            for mean, values in zip(row.means, row.accuracy, strict=True)
        ]
        table.append((row.kind, f"{row.parameters:,}", *cells))
    lines = [
        f"{_COURSE_TITLES[course]}{trained}",
        f"mean (worst) of {seeds} seeds in %, by {what}",
        *fold_table(table, width, numbers=True, whole=True),
    ]
    lines.append("")
    for row in rows:
        last = row.at[-1]
        by_seed = ", ".join(_below_text(below, last) for below in row.below_by_seed)
        lines.append(f"{row.kind:18} below 90 %: {_below_text(row.below, last)}  (each seed: {by_seed})")
    return lines


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
