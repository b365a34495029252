"""The result of a check."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast, get_args

from seqmem.validation import as_text

Verdict = Literal["right", "right, with a side effect", "wrong", "cannot tell"]
WITH_A_SIDE_EFFECT: Verdict = "right, with a side effect"
WIDTH = 80  # the maximum width of a headline and a row; sentences are folded when they are printed


@dataclass(frozen=True)
class Row:
    """The comparison of one array."""

    name: str
    shape: tuple[int, ...]
    verdict: Verdict
    max_error: float  # largest difference, relative to the array's largest entry; inf if not comparable
    where: tuple[int, ...] | None = None  # its index; None if directions were compared, or nothing
    note: str = ""  # the wrong and the right number there, or why nothing could be compared


@dataclass(frozen=True)
class Cause:
    """The explanation of a finding."""

    code: str  # stable, for programs
    message: str  # a sentence, for people


@dataclass(frozen=True)
class SideEffect:
    """An effect of a pass on its arguments or its cache; the returned numbers are right all the same.

    >>> print(SideEffect("upstream-written", "backward writes into the upstream gradient.", 7, "d *= 2"))
    line 7 `d *= 2`: backward writes into the upstream gradient.
    """

    code: str  # stable, for programs
    message: str  # the change and its consequence, for people
    line: int | None = None  # the line number in the file; None if unknown
    source: str = ""  # the text of that line

    def __str__(self) -> str:
        return self.message if self.line is None else f"line {self.line} `{self.source}`: {self.message}"


@dataclass(frozen=True)
class Report:
    """The result of a check; printable.

    >>> row = Row("W_x", (4, 3, 5), "right", 2.5e-16, (0, 1, 2))
    >>> report = Report("LSTMCell", "right", "complex step", 1e-12, 0, (row,))
    >>> report.passed, report.max_error
    (True, 2.5e-16)
    >>> print(report)
    LSTMCell: right (complex step, tolerance 1.0e-12, seed 0)
      array  shape          error
      W_x    (4, 3, 5)    2.5e-16
    """

    title: str
    verdict: Verdict
    method: str
    tolerance: float
    seed: int  # to draw the same numbers again
    rows: tuple[Row, ...] = ()
    causes: tuple[Cause, ...] = ()  # the most specific first
    places: tuple[str, ...] = ()  # which gates, steps and rows are wrong, and which are right
    notes: tuple[str, ...] = ()  # nothing wrong, but worth knowing
    side_effects: tuple[SideEffect, ...] = ()  # what a pass changes or uses up, with lines

    @property
    def passed(self) -> bool:
        """True if every number is right, even with a side effect."""
        return self.verdict in ("right", WITH_A_SIDE_EFFECT)

    @property
    def max_error(self) -> float:
        """The largest error of all arrays."""
        return max((row.max_error for row in self.rows), default=0.0)

    def to_json(self) -> str:
        """Return the report as a JSON object, in which an infinite error is null."""
        found = asdict(self) | {"passed": self.passed, "max_error": self.max_error}
        return json.dumps(_finite(found), indent=2)

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Return the report that `to_json` wrote.

        Raises:
            ValueError: for any other text.
        """
        as_text(text, "Report.from_json", "text")
        try:
            found = _fields(json.loads(text, parse_constant=_refuse, object_pairs_hook=_once), _REPORT)
        except json.JSONDecodeError as error:
            raise ValueError(f"Report.from_json: text is not JSON: {error}") from None
        except RecursionError:
            raise ValueError("not a report: it is nested too deeply") from None
        report = cls(
            found["title"],
            _verdict(found["verdict"]),
            found["method"],
            _error(found["tolerance"]),
            found["seed"],
            rows=tuple(_row(row) for row in found["rows"]),
            causes=tuple(Cause(**_fields(cause, _CAUSE)) for cause in found["causes"]),
            places=tuple(_all(str, found["places"])),
            notes=tuple(_all(str, found["notes"])),
            side_effects=tuple(SideEffect(**_fields(one, _SIDE_EFFECT)) for one in found["side_effects"]),
        )
        is_consistent = (report.passed, report.max_error) == (found["passed"], _error(found["max_error"]))
        if report.passed:
            is_consistent &= all(row.verdict == "right" for row in report.rows)
            is_consistent &= bool(report.side_effects) == (report.verdict == WITH_A_SIDE_EFFECT)
        if not is_consistent:
            raise ValueError("not a report: its verdict is not that of its rows")
        return report

    def __str__(self) -> str:
        return "\n".join([*self._headline(), *self._table(), *self._explanation()])

    def _repr_html_(self) -> str:
        """Return the report for a notebook: a table of the arrays, and the explanations below it."""
        from html import escape  # only a notebook needs it

        title, about = (escape(part) for part in (f"{self.title}: {self._said}", self._about))
        cells = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in self._cells()]
        head = "".join(f"<th>{cell}</th>" for cell in ("array", "shape", "error", "verdict"))
        table = (
            f"<table><tr>{head}</tr>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>" if cells else ""
        )
        parts = [f"<p><b>{title}</b><br>{about}</p>", table]
        for name, lines in self._parts():
            items = "".join(f"<li>{escape(line)}</li>" for line in lines)
            parts.append(f"<p><b>{name}</b></p><ul>{items}</ul>")
        return f"<div>{''.join(parts)}</div>"

    @property
    def _said(self) -> str:
        return self.verdict if self.passed else self.verdict.upper()

    @property
    def _about(self) -> str:
        return f"{self.method}, tolerance {self.tolerance:.1e}, seed {self.seed}" if self.method else ""

    def _headline(self) -> list[str]:
        title = f"{self.title}: {self._said}"
        if not self.method:
            return [title]
        line = f"{title} ({self._about})"
        return [line] if len(line) <= WIDTH else [title, f"  {self._about}"]

    def _cells(self) -> list[tuple[str, str, str, str]]:
        """Return the table's cells: name, shape, error and remark."""
        cells = []
        for row in self.rows:
            said = "" if row.verdict == "right" else str(row.verdict)
            note = row.note if row.verdict != "right" or row.where is None else ""
            said += f" at {list(row.where)}: " if said and row.where is not None else "  "
            cells.append((row.name, str(row.shape), f"{row.max_error:.1e}", f"{said}{note}".strip()))
        return cells

    def _table(self) -> list[str]:
        cells = self._cells()
        if not cells:
            return []
        name = max(len("array"), *(len(row[0]) for row in cells))
        shape = max(len("shape"), *(len(row[1]) for row in cells))
        lines = [f"  {'array':<{name}}  {'shape':<{shape}}  {'error':>9}"]
        for (own, size, error, said), row in zip(cells, self.rows, strict=True):
            line = f"  {own:<{name}}  {size:<{shape}}  {error:>9}  {said}".rstrip()
            if len(line) > WIDTH and row.note:
                line = f"{line.removesuffix(row.note).rstrip()}\n      {row.note}"
            lines.append(line)
        return lines

    def _parts(self) -> list[tuple[str, list[str]]]:
        """Return the headings and the lines below the table."""
        effects = [str(one) for one in self.side_effects]
        parts = [
            ("Where", list(self.places)),
            ("Why", [cause.message for cause in self.causes]),
            (f"Side effect{'s' * (len(effects) > 1)}", effects),
            ("Note", list(self.notes)),
        ]
        return [(name, lines) for name, lines in parts if lines]

    def _explanation(self) -> list[str]:
        return [
            line for name, lines in self._parts() for line in ("", f"{name}:", *(f"  {one}" for one in lines))
        ]


def _finite(value: Any) -> Any:
    """Return the value with None for numbers that JSON cannot represent."""
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


_TEXT, _LIST, _NUMBER = (str,), (list,), (float, int, type(None))
_REPORT: dict[str, tuple[type, ...]] = {
    "title": _TEXT,
    "verdict": _TEXT,
    "method": _TEXT,
    "tolerance": _NUMBER,
    "seed": (int,),
    "rows": _LIST,
    "causes": _LIST,
    "places": _LIST,
    "notes": _LIST,
    "side_effects": _LIST,
    "passed": (bool,),
    "max_error": _NUMBER,
}
_ROW: dict[str, tuple[type, ...]] = {
    "name": _TEXT,
    "shape": _LIST,
    "verdict": _TEXT,
    "max_error": _NUMBER,
    "where": (list, type(None)),
    "note": _TEXT,
}
_CAUSE: dict[str, tuple[type, ...]] = {"code": _TEXT, "message": _TEXT}
_SIDE_EFFECT = _CAUSE | {"line": (int, type(None)), "source": _TEXT}


def _fields(found: Any, fields: dict[str, tuple[type, ...]]) -> dict[str, Any]:
    if type(found) is not dict or found.keys() != fields.keys():
        raise ValueError(f"not a report: expected an object with {', '.join(fields)}")
    for name, kinds in fields.items():
        if type(found[name]) not in kinds:
            raise ValueError(f"not a report: {name} is of type {type(found[name]).__name__}")
    return found


def _row(found: Any) -> Row:
    row = _fields(found, _ROW)
    where = None if row["where"] is None else tuple(_all(int, row["where"]))
    shape = tuple(_all(int, row["shape"]))
    return Row(row["name"], shape, _verdict(row["verdict"]), _error(row["max_error"]), where, row["note"])


def _all(kind: type, values: list[Any]) -> list[Any]:
    if any(type(value) is not kind for value in values):
        raise ValueError(f"not a report: a list has more than {kind.__name__} in it")
    return values


def _verdict(text: str) -> Verdict:
    if text not in get_args(Verdict):
        raise ValueError(f"not a report: verdict is {text!r:.50}")
    return cast(Verdict, text)


def _error(value: float | None) -> float:
    return math.inf if value is None else value


def _refuse(constant: str) -> None:
    raise ValueError(f"not a report: {constant} is not JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("not a report: a name occurs twice")
    return dict(pairs)
