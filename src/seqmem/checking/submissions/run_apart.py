"""Other people's code, run in a separate process: it may loop, crash, print megabytes or exit.

This protects against accidents. It is not a security boundary: code in the box has the rights of its user. It
can write files, find and end the processes that check it, and, because the check runs in the same process,
replace the check's answer. A grader, whose submissions may be hostile, puts walls around the code (`walls`),
and judges the output of the box outside it.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from seqmem.checking.report import Report
from seqmem.checking.submissions.boxed import JUNK, Ran, ended, harmless, run_box, threads_of_one

KEPT_TROUBLE = 40, 4000  # lines and characters of an error
KEPT_NAME = 5, 1000  # lines and characters of each text in a report
MOST_ANSWER = 1 << 20  # bytes of an answer


class Result(NamedTuple):
    """The result of checking one pass."""

    name: str
    line: int  # where it begins; 0 if unknown
    report: Report | None  # None if there is none
    trouble: str = ""  # why there is no report
    kind: str = ""  # of trouble: "ask" if information is missing, "unreadable" for a file, "" for any other


class Answer(NamedTuple):
    """The result of a check."""

    report: Report | None  # of the only pass; None if there is no pass, or several
    trouble: str  # why there is no report
    printed: str  # the beginning of the code's output
    kind: str = ""  # of trouble, as in `Result`
    notes: tuple[str, ...] = ()  # on everything left out when the file was read
    results: tuple[Result, ...] = ()  # one per pass


class Said(NamedTuple):
    """The options that a user may give for a file, in addition to its name."""

    inputs: dict[str, str] = {}  # noqa: RUF012 - shapes by name: "3x4", "3x4<7" for integers below 7
    sets: dict[str, str] = {}  # noqa: RUF012 - other values by name, as Python literals
    excluded: tuple[str, ...] = ()  # inputs to ignore
    pair: tuple[str, ...] = ()  # the names of a forward and a backward pass
    run_all: bool = False  # whether the whole file is run, not only its definitions
    verbose: bool = False  # whether the report lists assumptions


def check_file(
    path: Path,
    name: str = "",
    like: str = "",
    seed: int = 0,
    seconds: float = 60.0,
    megabytes: int = 2048,
    said: Said | None = None,
) -> Answer:
    """Check a file's functions in a separate process.

    Args:
        path: the file, a script or a notebook.
        name: the passes to check, as in `check_names`; "" for all.
        like: a name of `KINDS`; "" to use `name`.
        seed: seed of the test values.
        seconds: the time limit of the process.
        megabytes: the memory limit, if the system supports it.
        said: the user's other options.

    Returns:
        An `Answer`, in which every text is short and harmless to a terminal.
    """
    path = path.resolve()
    order = {"path": str(path), "name": name, "like": like, "seed": seed} | (said or Said())._asdict()
    order |= {"megabytes": megabytes, "seconds": seconds}
    ran = run_box(order, path.parent, _environment(), seconds, MOST_ANSWER)
    return _answer(_read(ran), ran.printed)


def _answer(pieces: list[dict[str, Any]] | str, printed: str) -> Answer:
    """Return an answer from the received pieces, or the reason why there are none."""
    if isinstance(pieces, str):
        return Answer(None, harmless(pieces, *KEPT_TROUBLE), printed)
    notes = tuple(harmless(str(note), *KEPT_NAME) for piece in pieces for note in piece.get("notes", ()))
    results = tuple(_result(piece["result"]) for piece in pieces if "result" in piece)
    if len(results) != 1:
        return Answer(None, "", printed, "", notes, results)
    only = results[0]
    return Answer(only.report, only.trouble, printed, only.kind, notes, results)


def _result(found: dict[str, Any]) -> Result:
    name, line = harmless(str(found["name"]), *KEPT_NAME), int(found["line"])
    if "report" in found:
        return Result(name, line, _harmless_report(Report.from_json(found["report"])))
    return Result(name, line, None, harmless(str(found["trouble"]), *KEPT_TROUBLE), str(found["kind"]))


def _environment() -> dict[str, str]:
    """Return this process's environment with one thread, no caches next to the file, and absolute paths."""
    changed = threads_of_one()
    if os.environ.get("PYTHONPATH"):
        paths = os.environ["PYTHONPATH"].split(os.pathsep)
        changed["PYTHONPATH"] = os.pathsep.join(os.path.abspath(path) for path in paths if path)
    return os.environ | changed


def _read(ran: Ran) -> list[dict[str, Any]] | str:
    """Return the pieces of an answer, which the code may have forged, or the reason for their absence."""
    if ran.size > MOST_ANSWER:
        return f"the answer is longer than {MOST_ANSWER >> 20} MB"
    try:
        pieces = [ran.piece(line) for line in ran.lines]
        names: list[str] = next((piece["names"] for piece in pieces if "names" in piece), [])
        results = [_result(piece["result"]) for piece in pieces if "result" in piece]
        is_whole = bool(pieces) and pieces[-1] == {"done": True} and ran.is_whole
    except (ValueError, TypeError, KeyError, RecursionError, AttributeError):
        return JUNK
    if not ran.why and not is_whole:
        return JUNK if ran.size else ended(0)
    if not ran.why:
        return pieces
    if len(names) < 2:
        return ran.why
    left = names[len(results) :]
    return pieces + [{"result": {"name": name, "line": 0, "trouble": ran.why, "kind": ""}} for name in left]


def _harmless_report(report: Report) -> Report:
    def clean(text: str) -> str:
        return harmless(text, *KEPT_NAME)

    return replace(
        report,
        title=clean(report.title),
        method=clean(report.method),
        rows=tuple(replace(row, name=clean(row.name), note=clean(row.note)) for row in report.rows),
        causes=tuple(replace(c, code=clean(c.code), message=clean(c.message)) for c in report.causes),
        places=tuple(map(clean, report.places)),
        notes=tuple(map(clean, report.notes)),
        side_effects=tuple(
            replace(one, code=clean(one.code), message=clean(one.message), source=clean(one.source))
            for one in report.side_effects
        ),
    )
