"""The inside of the box: the process in which `run_apart.check_file` runs a user's code.

The process that is started is a guard. It runs only our own code, and waits for one of two events. Either the
user's code ends; then the guard ends all processes that the code left running, and then itself in the same
way. Or the other end of the guard's standard input closes, because the caller gave up, was interrupted or was
killed; then the guard ends the code first. Between the guard and the code is a process that is the code's
parent and does nothing else: code that ends its parent, or its parent's group, ends this process, and the
guard cleans up. On systems without fork, the code runs in the process itself, with a thread that watches the
input.

This file runs as a script and imports nothing of ours until the child exists, so that the guard starts at
once.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import select
import signal
import sys
import sysconfig
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

MOST_FILE = 64 << 20  # bytes per file that the code writes
MOST_FRAMES = 12  # frames of an error to show
MOST_TROUBLE = 20_000  # characters to send back
GRACE = 2.0  # seconds for the guard to wait for the end of remaining processes
SET_PDEATHSIG, SET_CHILD_SUBREAPER = 1, 36  # constants of Linux's prctl

_SEQMEM = Path(__file__).parents[2]


def main() -> None:
    """Take an order from standard input, carry it out, and answer on the original standard output."""
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):
        return  # the caller is gone
    order = json.loads(line)
    # The output of the code goes to stderr, and its input is empty: the answer's file and the caller's input
    # have numbers of their own, which no process that the code starts inherits.
    lifeline, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    if hasattr(os, "fork"):
        _guard(order, lifeline, answers)
    else:
        threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
        _answer(order, answers)


def _guard(order: dict[str, Any], lifeline: int, answers: int) -> None:
    _prctl(SET_CHILD_SUBREAPER, 1)  # the guard inherits processes that the code leaves running
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    guard = os.getpid()
    parent = os.fork()
    if parent == 0:
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for number in (lifeline, woken, wake):
                os.close(number)
            os.setsid()
            _parent_of_the_code(order, answers, guard)
        finally:
            os._exit(70)  # only if our own code failed
    os.close(answers)
    ended, status = 0, 0
    while not ended:
        ready, _, _ = select.select([lifeline, woken], [], [])
        if lifeline in ready:
            os.kill(parent, signal.SIGKILL)
            ended, status = os.waitpid(parent, 0)
        else:
            os.read(woken, 4096)
            ended, status = os.waitpid(parent, os.WNOHANG)
    with contextlib.suppress(OSError):
        os.killpg(parent, signal.SIGKILL)
    _end_the_rest()
    _end_as(status)


def _parent_of_the_code(order: dict[str, Any], answers: int, guard: int) -> None:
    _end_after(guard)
    own = os.getpid()
    code = os.fork()
    if code == 0:
        _end_after(own)
        _answer(order, answers)
    os.close(answers)
    _end_as(os.waitpid(code, 0)[1])


def _end_after(parent: int) -> None:
    """End this process when its parent ends, on Linux."""
    _prctl(SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # the parent ended before the call
        os._exit(1)


def _end_as(status: int) -> None:
    """End as another process did, so that the waiting process sees the same status."""
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        with contextlib.suppress(OSError, ValueError):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def _end_the_rest() -> None:
    """End the processes that the code left behind, and their descendants, wherever they moved to."""
    end = time.monotonic() + GRACE
    while time.monotonic() < end:
        with contextlib.suppress(OSError, ValueError):
            for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
                os.kill(int(pid), signal.SIGKILL)
        try:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.005)
        except ChildProcessError:  # none is left
            return


def _prctl(option: int, value: int) -> None:
    """Call Linux's prctl; do nothing on other systems."""
    if sys.platform != "linux":
        return
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(option, ctypes.c_ulong(value), 0, 0, 0)


def _end_with(lifeline: int) -> None:
    """End this process when the other end of a pipe closes."""
    with contextlib.suppress(OSError):
        while os.read(lifeline, 4096):
            pass
    os._exit(1)


def _answer(order: dict[str, Any], answers: int) -> None:
    """Carry out an order, answer line by line, and end the process."""

    def emit(found: dict[str, Any]) -> None:
        rest = f"{order['token']} {json.dumps(found)}\n".encode()
        while rest:
            rest = rest[os.write(answers, rest) :]

    run_apart(order, emit)
    emit({"done": True})
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BaseException):  # the code may have replaced it
            stream.flush()
    os._exit(0)  # a thread that the code left running must not delay the end


def run_apart(order: dict[str, Any], emit: Callable[[dict[str, Any]], None]) -> None:
    """Do the work of the separate process.

    Args:
        order: "path", "name" and the other arguments of `check_file`.
        emit: called with each piece of the answer: {"notes": ...}, {"names": ...}, and for each pass a
            {"result": ...} with a report as JSON under "report", or the reason for its absence under
            "trouble".
    """
    sys.path.append(str(_SEQMEM.parent))
    from seqmem.checking.reading.loading import load
    from seqmem.checking.submissions.find import offers, options_of

    limit(order["megabytes"], order["seconds"])
    found: list[Any] = []

    def read() -> str:
        loaded = load(Path(order["path"]), order["run_all"])
        emit({"notes": list(loaded.notes)})
        found.extend(offers(loaded.names, order["name"], options_of(order)))
        return ""

    trouble = _tried(read, order["megabytes"])
    if trouble:
        emit({"result": trouble | {"name": order["name"], "line": 0}})
        return
    emit({"names": [one.name for one in found]})
    for one in found:
        reports: list[str] = []

        def check(one: Any = one, reports: list[str] = reports) -> None:
            reports.append(one.check().to_json())

        trouble = _tried(check, order["megabytes"])
        emit({"result": (trouble or {"report": reports[0]}) | {"name": one.name, "line": one.line}})


def _tried(do: Callable[[], Any], megabytes: int) -> dict[str, str]:
    """Run a function of the user's code; return the trouble and its kind, or an empty dict."""
    from seqmem.checking.reading.source import UnreadableError
    from seqmem.checking.submissions.verdict import UnguessedError

    try:
        do()
    except UnreadableError as error:
        return _trouble(str(error.args[0]), "unreadable")
    except UnguessedError as error:
        return _trouble(str(error.args[0]), "ask")
    except (LookupError, ValueError) as error:
        if not _own_frames(error):
            return _trouble(str(error.args[0] if error.args else error))
        return _trouble(_shown(error))
    except SystemExit as error:
        return _trouble(f"it called exit({error.code!r:.200}); a checked file must not exit")
    except MemoryError:
        return _trouble(f"it needs more than {megabytes} MB of memory")
    except BaseException as error:  # noqa: BLE001 - any exception is the result
        return _trouble(_shown(error))
    return {}


def _trouble(text: str, kind: str = "") -> dict[str, str]:
    return {"trouble": text[:MOST_TROUBLE], "kind": kind}


def limit(megabytes: int, seconds: float) -> None:
    """Limit the resources of this process and its children, if the system supports it."""
    try:
        import resource
    except ImportError:  # not available on this system
        return
    cpu = math.ceil(min(seconds, 1e8)) + 1  # the wall-clock limit comes first; this one is a fallback
    for name, size in (
        ("RLIMIT_AS", megabytes << 20),
        ("RLIMIT_CPU", cpu),
        ("RLIMIT_FSIZE", MOST_FILE),
        ("RLIMIT_CORE", 0),
    ):
        with contextlib.suppress(AttributeError, ValueError, OSError):
            kind = getattr(resource, name)
            _, most = resource.getrlimit(kind)
            resource.setrlimit(kind, (size if most < 0 else min(size, most), most))


def _own_frames(error: BaseException) -> list[traceback.FrameSummary]:
    """Return the frames of an error that belong neither to us nor to the interpreter's libraries."""
    libraries = [_SEQMEM, *(Path(sysconfig.get_path(key)) for key in ("stdlib", "purelib", "platlib"))]
    return [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<frozen")
        and not any(Path(frame.filename).is_relative_to(folder) for folder in libraries)
    ]


def _shown(error: BaseException) -> str:
    """Return an error in a form for its author: the author's own lines, and the exception."""
    frames, what = _own_frames(error), _raised(error)
    if not frames:
        return f"it raises an error: {what}"
    half = MOST_FRAMES // 2
    lines = traceback.format_list(frames)
    if len(frames) > MOST_FRAMES:
        lines = [*lines[:half], f"  ... {len(frames) - 2 * half} more calls\n", *lines[-half:]]
    return f"it raises an error:\n{''.join(lines).rstrip()}"[:MOST_TROUBLE] + f"\n{what}"


def _raised(error: BaseException) -> str:
    """Return the exception as a text of limited length."""
    try:
        return "".join(traceback.format_exception_only(error)).rstrip()[:MOST_TROUBLE]
    except BaseException:  # noqa: BLE001 - an error whose text raises another
        return type(error).__name__


if __name__ == "__main__":
    main()
