"""Other people's code, run apart: it may loop, crash, print megabytes or exit, and there still is an answer.

This is for accidents. It is no protection against code that means harm: what runs in the box has its user's
rights. It can write files, find the processes that check it in the system's list and end them, and, as the
check runs in the same process, put an answer of its own in the check's place. A grader, whose submissions may
mean harm, has walls around the code (`walls`), and judges outside the box what comes out of it.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from seqmem.checking.report import Report
from seqmem.checking.submissions.boxed import JUNK, Ran, ended, harmless, run_box, threads_of_one

KEPT_TROUBLE = 40, 4000  # likewise of an error
KEPT_NAME = 5, 1000  # likewise of each text in a report
MOST_ANSWER = 1 << 20  # bytes of an answer


class Result(NamedTuple):
    """What came of checking one pass."""

    name: str
    line: int  # where it begins; 0 when that is not known
    report: Report | None  # None when there is none
    trouble: str = ""  # why there is none
    kind: str = ""  # of trouble: "ask" for something to be said, "unreadable" for a file, "" for any other


class Answer(NamedTuple):
    """What came of a check."""

    report: Report | None  # of the only pass; None when there is none, or several
    trouble: str  # why there is none
    printed: str  # the beginning of what the code printed
    kind: str = ""  # of trouble, as in `Result`
    notes: tuple[str, ...] = ()  # what was left out when the file was read
    results: tuple[Result, ...] = ()  # of each pass


class Said(NamedTuple):
    """What a user may say about a file beyond its name."""

    inputs: dict[str, str] = {}  # noqa: RUF012 - shapes by name: "3x4", "3x4<7" for whole numbers below 7
    sets: dict[str, str] = {}  # noqa: RUF012 - other values by name, as Python's literals
    excluded: tuple[str, ...] = ()  # inputs that are not looked at
    pair: tuple[str, ...] = ()  # the names of a forward and a backward pass
    run_all: bool = False  # whether all of the file is run, not its definitions alone
    verbose: bool = False  # whether the report says what was assumed


def check_file(
    path: Path,
    name: str = "",
    like: str = "",
    seed: int = 0,
    seconds: float = 60.0,
    megabytes: int = 2048,
    said: Said | None = None,
) -> Answer:
    """Check a file's functions in a process of their own.

    Args:
        path: the file, of Python or a notebook.
        name: what to check in it, as in `check_names`; "" for all that there is.
        like: a name of `KINDS`; "" to go by `name`.
        seed: of the numbers that are tried.
        seconds: after which the process is ended.
        megabytes: of memory that it may use, where the system can limit it.
        said: what else the user said.

    Returns:
        An `Answer`, in which every text is short and harmless to a terminal.
    """
    path = path.resolve()
    order = {"path": str(path), "name": name, "like": like, "seed": seed} | (said or Said())._asdict()
    order |= {"megabytes": megabytes, "seconds": seconds}
    ran = run_box(order, path.parent, _environment(), seconds, MOST_ANSWER)
    return _answer(_read(ran), ran.printed)


def _answer(pieces: list[dict[str, Any]] | str, printed: str) -> Answer:
    """An answer from what came back, or why nothing did."""
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
    """This process's, with one thread, no caches beside the file, and paths that hold in any folder."""
    changed = threads_of_one()
    if os.environ.get("PYTHONPATH"):
        paths = os.environ["PYTHONPATH"].split(os.pathsep)
        changed["PYTHONPATH"] = os.pathsep.join(os.path.abspath(path) for path in paths if path)
    return os.environ | changed


def _read(ran: Ran) -> list[dict[str, Any]] | str:
    """The pieces of an answer that the code may have tampered with, or why there is none."""
    if ran.size > MOST_ANSWER:
        return f"what came back is longer than {MOST_ANSWER >> 20} MB"
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
