"""Other people's code, run apart: it may loop, crash, print megabytes or exit, and there still is an answer.

This is for accidents. It is no protection against code that means harm: what runs in the box has its user's
rights. It can write files, find the processes that check it in the system's list and end them, and, as the
check runs in the same process, put an answer of its own in the check's place.
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
from typing import IO, NamedTuple

from seqmem.checking.report import Report

KEPT_LINES, KEPT_OUTPUT = 10, 2000  # lines and characters of what the code printed
KEPT_TROUBLE = 40, 4000  # likewise of an error
KEPT_NAME = 5, 1000  # likewise of each text in a report
MOST_ANSWER = 1 << 20  # bytes of an answer
GRACE = 10.0  # seconds for the guard to clean up before it is ended, too
_BOX = Path(__file__).with_name("box.py")


class Answer(NamedTuple):
    """What came of a check."""

    report: Report | None  # None when there is none
    trouble: str  # why there is none
    printed: str  # the beginning of what the code printed


def check_file(
    path: Path, name: str = "", like: str = "", seed: int = 0, seconds: float = 60.0, megabytes: int = 2048
) -> Answer:
    """Check a file's functions in a process of their own.

    Args:
        path: the file.
        name: what to check in it, as in `check_names`.
        like: a name of `KINDS`; "" to go by `name`.
        seed: of the numbers that are tried.
        seconds: after which the process is ended.
        megabytes: of memory that it may use, where the system can limit it.

    Returns:
        An `Answer`, in which every text is short and harmless to a terminal.
    """
    path, token = path.resolve(), secrets.token_hex(16)
    order = {"path": str(path), "name": name, "like": like, "seed": seed}
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
    if code is None:
        why = f"it did not finish within {seconds:g} seconds: is there an endless loop?"
        return Answer(None, why, shown)
    report, trouble = _read(answers, token) if code == 0 else (None, _ended(code))
    return Answer(report, harmless(trouble, *KEPT_TROUBLE), shown)


def harmless(text: str, lines: int, characters: int, more: int = 0) -> str:
    """The beginning of a text that anybody may have written, for a terminal.

    Args:
        text: any text.
        lines, characters: how much of it is kept.
        more: lines that are known to follow it.

    Returns:
        The text with what a terminal would obey written out, and a last line where some was left out.

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
    """Reads whatever comes through a pipe, so that nobody is held up, and keeps the beginning."""

    def __init__(self, stream: IO[bytes] | None, most: int) -> None:
        self.data, self.most = b"", most
        self.size, self.lines = 0, 0  # of all that came
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
        """How many lines came beyond the first so many and are not in the text."""
        return max(0, self.lines - max(lines, self.data.count(b"\n")))


def _environment() -> dict[str, str]:
    """This process's, with one thread, no caches beside the file, and paths that hold in any folder."""
    changed = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    if os.environ.get("PYTHONPATH"):
        paths = os.environ["PYTHONPATH"].split(os.pathsep)
        changed["PYTHONPATH"] = os.pathsep.join(os.path.abspath(path) for path in paths if path)
    return os.environ | changed


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a guard by closing its input, and so the processes that it guards; by force where it does not."""
    if process.stdin:
        with contextlib.suppress(OSError):
            process.stdin.close()
    if hasattr(signal, "SIGCONT"):
        process.send_signal(signal.SIGCONT)  # it may have been stopped
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


def _read(answers: _Kept, token: str) -> tuple[Report | None, str]:
    """A report, or why there is none, from an answer that the code may have tampered with."""
    if not answers.size:
        return None, _ended(0)
    junk = "what came back is no report: does it write to files that it did not open?"
    head, _, text = answers.data.partition(b" ")
    if answers.size > MOST_ANSWER:
        return None, f"what came back is longer than {MOST_ANSWER >> 20} MB"
    if head != token.encode() or not text.endswith(b"\n"):
        return None, junk
    try:
        found = json.loads(text.decode())
        if type(found) is not dict or len(found) != 1:
            return None, junk
        if "trouble" in found:
            return None, str(found["trouble"])
        return _harmless_report(Report.from_json(found["report"])), ""
    except (ValueError, TypeError, KeyError, RecursionError):
        return None, junk


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
    )
