"""Other people's code, run in a separate process: it may loop, crash, print megabytes or exit.

This protects against accidents. It is not a security boundary: code in the box has the rights of its user. It
can write files, find and end the processes that check it, and, because the check runs in the same process,
replace the check's answer.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, NamedTuple

from seqmem.checking.report import Report

KEPT_LINES, KEPT_OUTPUT = 10, 2000  # lines and characters of the code's output
KEPT_TROUBLE = 40, 4000  # lines and characters of an error
KEPT_NAME = 5, 1000  # lines and characters of each text in a report
MOST_ANSWER = 1 << 20  # bytes of an answer
GRACE = 10.0  # seconds for the guard to clean up before it is ended as well
_BOX = Path(__file__).with_name("box.py")


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
    path, token = path.resolve(), secrets.token_hex(16)
    order = {"path": str(path), "name": name, "like": like, "seed": seed} | (said or Said())._asdict()
    order |= {"megabytes": megabytes, "seconds": seconds, "token": token}
    process = subprocess.Popen(
        [sys.executable, "-P", str(_BOX)],  # the order is not here: the code could read it
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=path.parent,
        env=_environment(),
        start_new_session=True,
    )
    answers, printed = _Kept(process.stdout, MOST_ANSWER), _Kept(process.stderr, 4 * KEPT_OUTPUT)
    code = None
    try:
        if process.stdin:
            with contextlib.suppress(OSError):
                process.stdin.write(json.dumps(order).encode() + b"\n")
                process.stdin.flush()
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = process.wait(seconds)
    finally:
        _end(process)
        for stream in (answers, printed):
            stream.thread.join(1.0)
    shown = harmless(printed.text, KEPT_LINES, KEPT_OUTPUT, printed.more_lines(KEPT_LINES))
    why = ""
    if code is None:
        why = f"it did not finish within {seconds:g} seconds: is there an endless loop?"
    elif code != 0:
        why = _ended(code)
    return _answer(_read(answers, token, why), shown)


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


def harmless(text: str, lines: int, characters: int, more: int = 0) -> str:
    """Return the beginning of an arbitrary text in a form that is safe for a terminal.

    Args:
        text: any text.
        lines, characters: how much of the text to keep.
        more: the number of further lines known to follow.

    Returns:
        The text with control characters written out, and a last line if some text was left out.

    >>> harmless("red: \\x1b[31m", 10, 100)
    'red: \\\\x1b[31m'
    """
    plain = "".join(
        sign if sign.isprintable() or sign in "\n\t" else sign.encode("unicode_escape").decode()
        for sign in text[: characters + 1].replace("\r\n", "\n")
    )
    kept = plain[:characters].split("\n")
    more += max(0, len(kept) - lines)
    if more:
        kept = [*kept[:lines], f"... {more} more line{'s' * (more > 1)}"]
    elif len(plain) > characters:
        kept.append("... and more")
    return "\n".join(kept)


class _Kept:
    """Reads everything from a pipe, so that the writer is never blocked, and keeps the beginning."""

    def __init__(self, stream: IO[bytes] | None, most: int) -> None:
        self.data, self.most = b"", most
        self.size, self.lines = 0, 0  # of everything received
        self.thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self.thread.start()

    def _read(self, stream: IO[bytes] | None) -> None:
        if stream is None:
            return
        with stream:
            while part := stream.read1(65536):  # type: ignore[attr-defined]
                self.size += len(part)
                self.lines += part.count(b"\n")
                self.data += part[: max(0, self.most - len(self.data))]

    @property
    def text(self) -> str:
        return self.data.decode(errors="replace").rstrip("\n")

    def more_lines(self, lines: int) -> int:
        """Return how many lines were received after the first ones and are not in the text."""
        return max(0, self.lines - max(lines, self.data.count(b"\n")))


def _environment() -> dict[str, str]:
    """Return this process's environment with one thread, no caches next to the file, and absolute paths."""
    changed = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    if os.environ.get("PYTHONPATH"):
        paths = os.environ["PYTHONPATH"].split(os.pathsep)
        changed["PYTHONPATH"] = os.pathsep.join(os.path.abspath(path) for path in paths if path)
    return os.environ | changed


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a guard, and the processes that it guards, by closing its input; by force if that fails."""
    if process.stdin:
        with contextlib.suppress(OSError):
            process.stdin.close()
    if hasattr(signal, "SIGCONT"):
        process.send_signal(signal.SIGCONT)  # the guard may have been stopped
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE)
    if process.returncode is None:
        process.kill()
        process.wait()


def _ended(code: int) -> str:
    if hasattr(signal, "SIGXCPU") and code == -signal.SIGXCPU:
        return "it kept the processor busy for longer than the time limit: is there an endless loop?"
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        return f"it was ended by {name} before the check was done"
    return f"it ended with exit code {code} before the check was done: does it call exit?"


def _read(answers: _Kept, token: str, why: str) -> list[dict[str, Any]] | str:
    """Return the pieces of an answer that the code may have tampered with, or the reason for their absence.

    Args:
        answers: the received output.
        token: the beginning of every line of an answer.
        why: why the process did not finish; "" if it did.
    """
    if answers.size > MOST_ANSWER:
        return f"the answer is longer than {MOST_ANSWER >> 20} MB"
    try:
        pieces = [_piece(line, token) for line in answers.data.split(b"\n")[:-1]]
        names: list[str] = next((piece["names"] for piece in pieces if "names" in piece), [])
        results = [_result(piece["result"]) for piece in pieces if "result" in piece]
        is_whole = bool(pieces) and pieces[-1] == {"done": True} and answers.data.endswith(b"\n")
    except (ValueError, TypeError, KeyError, RecursionError, AttributeError):
        return _JUNK
    if not why and not is_whole:
        return _JUNK if answers.size else _ended(0)
    if not why:
        return pieces
    if len(names) < 2:
        return why
    rest = [
        {"result": {"name": name, "line": 0, "trouble": why, "kind": ""}} for name in names[len(results) :]
    ]
    return pieces + rest


_JUNK = "the answer is not a report: does it write to files that it did not open?"


def _piece(line: bytes, token: str) -> dict[str, Any]:
    head, _, text = line.partition(b" ")
    found = json.loads(text.decode())
    if head != token.encode() or type(found) is not dict:
        raise ValueError("no piece of an answer")
    return found


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
