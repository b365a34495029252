"""A box and its output, from outside: the process is started, read and ended in every case."""

from __future__ import annotations

import contextlib
import json
import secrets
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any, NamedTuple

KEPT_LINES, KEPT_OUTPUT = 10, 2000  # lines and characters of the code's output
GRACE = 10.0  # seconds for the guard to clean up before it is ended as well
JUNK = "the answer is not a report: does it write to files that it did not open?"
_BOX = Path(__file__).with_name("box.py")


class Ran(NamedTuple):
    """The output of a box."""

    lines: list[bytes]  # the complete lines of the answer
    size: int  # bytes of the answer, of which `most` were kept
    is_whole: bool  # whether the answer ends with a line end
    printed: str  # the beginning of the code's output
    why: str  # why the process did not finish; "" if it did
    token: str  # the beginning of every line of an answer

    def piece(self, line: bytes) -> dict[str, Any]:
        """Return the content of a line of the answer.

        Raises:
            ValueError: for a line that did not come from the box.
        """
        head, _, text = line.partition(b" ")
        found = json.loads(text.decode())
        if head != self.token.encode() or type(found) is not dict:
            raise ValueError("not a piece of an answer")
        return found


def run_box(
    order: dict[str, Any], folder: Path, environment: dict[str, str], seconds: float, most: int
) -> Ran:
    """Run an order in a separate process.

    Args:
        order: the order for `box`.
        folder: the working folder of the process.
        environment: the environment of the process.
        seconds: the time limit.
        most: the number of bytes of the answer to keep.
    """
    token = secrets.token_hex(16)
    process = subprocess.Popen(
        [sys.executable, "-P", str(_BOX)],  # the order is not here: the code could read it
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=environment,
        start_new_session=True,
    )
    answers, printed = _Kept(process.stdout, most), _Kept(process.stderr, 4 * KEPT_OUTPUT)
    code = None
    try:
        if process.stdin:
            with contextlib.suppress(OSError):
                process.stdin.write(json.dumps(order | {"token": token}).encode() + b"\n")
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
        why = ended(code)
    data = answers.data
    return Ran(data.split(b"\n")[:-1], answers.size, data.endswith(b"\n"), shown, why, token)


def threads_of_one() -> dict[str, str]:
    """Return environment variables for one thread per process and no cache files."""
    return {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def ended(code: int) -> str:
    """Return the meaning of the exit code of a process that ended before it answered."""
    if hasattr(signal, "SIGXCPU") and code == -signal.SIGXCPU:
        return "it kept the processor busy for longer than the time limit: is there an endless loop?"
    if hasattr(signal, "SIGXFSZ") and code == -signal.SIGXFSZ:
        return "it wrote more files, or larger ones, than it may"
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        return f"it was ended by {name} before the check was done"
    return f"it ended with exit code {code} before the check was done: does it call exit?"


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
