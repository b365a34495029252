"""Other people's code, run apart: it may loop, crash, print megabytes or exit, and there still is an answer.

This is for accidents. It is no protection against code that means harm.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
import traceback
import types
from pathlib import Path
from typing import IO, Any, NamedTuple

from seqmem.checking.report import Report

KEPT_OUTPUT = 2000  # characters of what the code printed
_SEQMEM = Path(__file__).parents[1]


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
        like: a name of `LIKES`; "" to go by `name`.
        seed: of the numbers that are tried.
        seconds: after which the process is ended.
        megabytes: of memory that it may use, where the system can limit it.
    """
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder, "result.json")
        order = [str(path.resolve()), name, like, str(seed), str(megabytes), str(result)]
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "seqmem.checking.sandbox", *order],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=path.resolve().parent,
            env=os.environ
            | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
            start_new_session=True,
        )
        printed = _Printed(process.stdout)
        code = None
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
        finally:
            _end(process)
            printed.thread.join(1.0)
        if code is None:
            why = f"it did not finish within {seconds:g} seconds: is there an endless loop?"
            return Answer(None, why, printed.text)
        try:
            answer = json.loads(result.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return Answer(None, _ended(code), printed.text)
        if "report" in answer:
            return Answer(Report.from_json(answer["report"]), "", printed.text)
        return Answer(None, answer["trouble"], printed.text)


class _Printed:
    """Reads whatever a process prints, so that it is never held up, and keeps the beginning."""

    def __init__(self, stream: IO[bytes] | None) -> None:
        self.text = ""
        self.thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self.thread.start()

    def _read(self, stream: IO[bytes] | None) -> None:
        if stream is None:
            return
        with stream:
            while part := stream.read1(65536):  # type: ignore[attr-defined]
                if len(self.text) < KEPT_OUTPUT:
                    self.text = (self.text + part.decode(errors="replace"))[:KEPT_OUTPUT]


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and those that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError, AttributeError):
        process.kill()
    process.wait()


def _ended(code: int) -> str:
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        return f"it was ended by {name} before the check was done"
    return f"it ended with exit code {code} before the check was done: does it call exit?"


def run_apart(path: str, name: str, like: str, seed: int, megabytes: int) -> dict[str, Any]:
    """What the process of its own does."""
    from seqmem.checking.student import check_names

    _limit(megabytes)
    module = types.ModuleType("student")
    module.__file__ = path
    sys.modules["student"] = module
    sys.path.append(str(Path(path).parent))  # behind ours: a file beside it may be called random.py
    sys.argv = [path]
    try:
        source = compile(Path(path).read_bytes(), path, "exec")
        exec(source, vars(module))
        return {"report": check_names(vars(module), name, like, seed).to_json()}
    except (LookupError, ValueError) as error:
        if not _own_frames(error):
            return {"trouble": str(error.args[0]) if error.args else str(error)}
        return {"trouble": _shown(error)}
    except SystemExit as error:
        return {"trouble": f"it called exit({error.code!r}); a file that is checked must come back"}
    except MemoryError:
        return {"trouble": f"it needs more than {megabytes} MB of memory"}
    except BaseException as error:  # noqa: BLE001 - whatever it raises is what there is to say
        return {"trouble": _shown(error)}


def _limit(megabytes: int) -> None:
    try:
        import resource
    except ImportError:  # not on this system
        return
    size = megabytes << 20
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (size if most < 0 else min(size, most), most))


def _own_frames(error: BaseException) -> list[traceback.FrameSummary]:
    """The frames of an error that are neither ours nor the interpreter's libraries'."""
    libraries = [_SEQMEM, *(Path(sysconfig.get_path(key)) for key in ("stdlib", "purelib", "platlib"))]
    return [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<frozen")
        and not any(Path(frame.filename).is_relative_to(folder) for folder in libraries)
    ]


def _shown(error: BaseException) -> str:
    """An error as its author wants to see it: the own lines, and what was raised."""
    what = "".join(traceback.format_exception_only(error)).rstrip()
    frames = "".join(traceback.format_list(_own_frames(error))).rstrip()
    return f"it raises an error:\n{frames}\n{what}" if frames else f"it raises an error: {what}"


if __name__ == "__main__":
    file, wanted, alike, number, memory, answer_path = sys.argv[1:]
    found = run_apart(file, wanted, alike, int(number), int(memory))
    Path(answer_path).write_text(json.dumps(found), encoding="utf-8")
    sys.stdout.flush()
    os._exit(0)  # a thread that it left running holds nothing up
