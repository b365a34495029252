"""The inside of the box: the process in which `run_apart.check_file`, or a grader, runs a user's code.

The process that is started is a guard. It runs only our own code, and waits for one of two events. Either the
user's code ends; then the guard ends all processes that the code left running, and then itself in the same
way. Or the other end of the guard's standard input closes, because the caller gave up, was interrupted or was
killed; then the guard ends the code first. Between the guard and the code is a process that is the code's
parent and does nothing else: code that ends its parent, or its parent's group, ends this process, and the
guard cleans up. On systems without fork, the code runs in the process itself, with a thread that watches the
input.

An order with walls comes from a grader: the walls confine the code (`walls.enter`), which sees nothing of
the library except the function that carries out the order.

This file runs as a script and imports nothing of the library until the child exists, so that the guard
starts at once.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import select
import signal
import sys
import sysconfig
import threading
import time
import traceback
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

MOST_FILE = 64  # MB per file that the code writes
MOST_FRAMES = 12  # frames of an error to show
MOST_TROUBLE = 20_000  # characters to send back
GRACE = 2.0  # seconds for the guard to wait for the end of remaining processes
LOOK = 0.2  # seconds between two checks of the code's files
FILE_SYSTEM = 16  # a private folder holds at most this many files of the largest size
SET_PDEATHSIG, SET_CHILD_SUBREAPER = 1, 36  # constants of Linux's prctl

_SEQMEM = Path(__file__).parents[2]


def main() -> None:
    """Take an order from standard input, carry it out, and answer on the original standard output."""
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):
        return  # the caller is gone
    order = json.loads(line)
    # The output of the code goes to stderr, and its input is empty: the answer's file and the caller's input
    # have other numbers, which no process that the code starts inherits.
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
    try:
        walls = _Walls(order["walls"]) if "walls" in order else None
    except OSError as error:
        text = f"its root user cannot give a folder to another user: {error.strerror}"
        _send(answers, order["token"], {"unusable": text})
        os._exit(0)
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
            _parent_of_the_code(order, answers, guard, walls)
        except BaseException:  # noqa: BLE001 - our own code failed, or an attack on it succeeded
            traceback.print_exc()
        finally:
            os._exit(70)
    os.close(answers)
    status = _watched(parent, lifeline, woken, walls)
    with contextlib.suppress(OSError):
        os.killpg(parent, signal.SIGKILL)
    if walls is not None:
        walls.end_all()
    _end_the_rest()
    if walls is not None:
        walls.sweep()
    _end_as(status)


def _watched(parent: int, lifeline: int, woken: int, walls: _Walls | None) -> int:
    """Wait for the end of a process, or end it; return its status."""
    ended, status = 0, 0
    while not ended:
        ready, _, _ = select.select([lifeline, woken], [], [], None if walls is None else LOOK)
        if woken in ready:
            os.read(woken, 4096)
            ended, status = os.waitpid(parent, os.WNOHANG)
        elif lifeline in ready or (walls is not None and walls.are_too_full()):
            os.kill(parent, signal.SIGKILL)
            ended, status = os.waitpid(parent, 0)
            if lifeline not in ready:
                status = int(signal.SIGXFSZ)
    return status


class _Walls:
    """The walls that a grader's order puts around the code, as its guard sees them."""

    def __init__(self, about: dict[str, Any]) -> None:
        self.module = bare("seqmem.checking.submissions.walls")
        self.measures = self.module.Measures(*about["measures"])
        self.folder, self.hidden = Path(about["folder"]), [Path(path) for path in about["hidden"]]
        self.user = self.module.own_user()
        if self.user is not None:
            os.chown(self.folder, self.user.number, self.user.number)

    def enter(self) -> None:
        number = self.user.number if self.user is not None else None
        self.module.enter(self.measures, number, self.folder, self.hidden)

    def are_too_full(self) -> bool:
        return bool(self.module.is_too_much(self.folder, FILE_SYSTEM * self.measures.file_megabytes))

    def end_all(self) -> None:
        if self.user is not None:
            self.module.end_all_of(self.user.number)

    def sweep(self) -> None:
        if self.user is not None:
            self.module.sweep(self.user.number)


def bare(name: str) -> types.ModuleType:
    """Import a file of the library without its packages, which import the solutions of exercises."""
    parts = name.split(".")
    for k in range(1, len(parts)):
        package = ".".join(parts[:k])
        if package not in sys.modules:
            stand_in = types.ModuleType(package)
            stand_in.__path__ = [str(_SEQMEM.parent.joinpath(*parts[:k]))]
            sys.modules[package] = stand_in
    return importlib.import_module(name)


def _parent_of_the_code(order: dict[str, Any], answers: int, guard: int, walls: _Walls | None) -> None:
    _end_after(guard)
    own = os.getpid()
    code = os.fork()
    if code == 0:
        _end_after(own)
        _answer(order, answers, walls, own)
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
    """End the processes that the code left behind, and their descendants, wherever they moved to.

    They are all stopped before any is ended, so that none can start another one.
    """
    end = time.monotonic() + GRACE
    stopped: set[int] = set()
    while time.monotonic() < end:
        below = _below(os.getpid())
        number = signal.SIGKILL if below <= stopped else signal.SIGSTOP
        stopped |= below
        for pid in below:
            with contextlib.suppress(OSError):
                os.kill(pid, number)
        try:
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
            time.sleep(0.005)
        except ChildProcessError:  # none is left
            return


def _below(pid: int) -> set[int]:
    """Return the descendants of a process."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc") if os.path.isdir("/proc") else ():
        with contextlib.suppress(OSError, ValueError, IndexError):
            parent = Path(f"/proc/{int(entry)}/stat").read_text().rpartition(")")[2].split()[1]
            children.setdefault(int(parent), []).append(int(entry))
    found: set[int] = set()
    left = [pid]
    while left:
        below = children.get(left.pop(), [])
        left += [one for one in below if one not in found]
        found.update(below)
    return found


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


def _answer(order: dict[str, Any], answers: int, walls: _Walls | None = None, parent: int = 0) -> None:
    """Carry out an order, answer line by line, and end the process."""
    token = order["token"]

    def emit(found: dict[str, Any]) -> None:
        _send(answers, token, found)

    do = run_apart
    if "do" in order:
        module, _, name = order["do"].partition(":")
        do = getattr(bare(module), name)
    if walls is None:
        do(order, emit)
    else:
        _within(walls, parent, lambda: do(order, emit), emit)
    emit({"done": True})
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BaseException):  # the code may have replaced it
            stream.flush()
    os._exit(0)  # a thread that the code left running must not delay the end


def _send(answers: int, token: str, found: dict[str, Any]) -> None:
    """Write a line of the answer."""
    rest = f"{token} {json.dumps(found)}\n".encode()
    while rest:
        rest = rest[os.write(answers, rest) :]


def _within(
    walls: _Walls, parent: int, do: Callable[[], None], emit: Callable[[dict[str, Any]], None]
) -> None:
    """Do something within walls, without any of our modules in reach."""
    try:
        walls.enter()
    except RuntimeError as error:
        emit({"unusable": str(error)})
        return
    emit({"within": True})  # before any of the code runs: a later "unusable" is forged
    if parent:
        _end_after(parent)  # again, because the system forgets it when the user changes
    for name in [name for name in sys.modules if name.partition(".")[0] == "seqmem"]:
        del sys.modules[name]
    do()


def run_apart(order: dict[str, Any], emit: Callable[[dict[str, Any]], None]) -> None:
    """Do the work of the separate process.

    Args:
        order: "path", "name" and the other arguments of `check_file`.
        emit: called with each piece of the answer: {"notes": ...}, {"names": ...}, and for each pass a
            {"result": ...} with a report as JSON under "report", or the reason for its absence under
            "trouble".
    """
    sys.path.append(str(_SEQMEM.parent))
    from seqmem.checking.reading.candidates import MOST
    from seqmem.checking.reading.loading import load
    from seqmem.checking.submissions.find import offers, options_of
    from seqmem.checking.submissions.walls import Measures, limit

    limit(Measures(order["seconds"], order["megabytes"], MOST_FILE, 0, 0))
    found: list[Any] = []

    def read() -> str:
        loaded = load(Path(order["path"]), order["run_all"])
        emit({"notes": list(loaded.notes)})
        all_found = offers(loaded.names, order["name"], options_of(order))
        found.extend(all_found[:MOST])
        if len(all_found) > MOST:
            emit({"notes": [f"{len(all_found):,} passes were found, of which {MOST} are checked: name one"]})
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
