"""The command check: check hand-written gradients, and name the mistake."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from seqmem.checking.catalogue.kinds import KINDS
from seqmem.checking.report import WITH_A_SIDE_EFFECT
from seqmem.checking.selftest.score import selftest
from seqmem.checking.submissions.run_apart import Answer, Result, Said, check_file
from seqmem.cli.arguments import positive, seed
from seqmem.cli.summary import summary
from seqmem.cli.terminal.exit_codes import ASKS, UNREADABLE, WRONG_USE
from seqmem.cli.terminal.screen import folded
from seqmem.cli.terminal.waiting import heartbeat

MOST_FILES = 300  # in a folder
POLL = 0.5  # seconds between two checks of a watched file
_SKIPPED = {"node_modules", "__pycache__", "site-packages", "venv", "env", "build", "dist"}


def add(commands: Any) -> None:
    """Add this command to the parser."""
    parser = commands.add_parser("check", help="check hand-written gradients, and name the mistake")
    parser.add_argument(
        "target",
        nargs="?",
        metavar="FILE[:NAME]",
        help="a Python file, a notebook or a folder; a pair of functions, a class or a function in it",
    )
    parser.add_argument(
        "--like",
        choices=tuple(KINDS),
        default="",
        metavar="KIND",
        help="what the functions should compute: " + ", ".join(KINDS),
    )
    parser.add_argument("--pair", type=_pair, metavar="FORWARD,BACKWARD", help="the names of the two passes")
    parser.add_argument(
        "--inputs",
        nargs="+",
        type=_named,
        default=[],
        metavar="x=3x4",
        help="shapes; x=3x4<7: integers below 7",
    )
    parser.add_argument(
        "--set",
        nargs="+",
        type=_named,
        default=[],
        metavar="NAME=VALUE",
        help="other arguments, as Python literals",
    )
    parser.add_argument(
        "--not", dest="excluded", type=_names, default=(), metavar="h0,c0", help="inputs to leave out"
    )
    parser.add_argument("--run-all", action="store_true", help="run the whole file, not only its definitions")
    parser.add_argument("--verbose", action="store_true", help="report the assumptions")
    parser.add_argument(
        "--strict", action="store_true", help="a side effect of a right pass is an error: exit code 1"
    )
    parser.add_argument("--watch", action="store_true", help="check again whenever the file changes")
    parser.add_argument("--seed", type=seed, default=0, help="seed of the test values (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument(
        "--seconds", type=positive, default=60.0, help="time limit per file (default: %(default)s)"
    )
    parser.add_argument(
        "--selftest", action="store_true", help="check the checker: plant every known mistake"
    )
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Check a file's functions, or the checker itself."""
    if arguments.selftest:
        with heartbeat("planting every known mistake"):
            result = selftest()
        print(folded(result))
        return 0 if result.passed else 1
    if not arguments.target:
        raise ValueError("check: no file was named: python -m seqmem check FILE[:NAME]")
    path, name = Path(arguments.target), ""
    if not path.exists() and ":" in arguments.target:
        head, _, name = arguments.target.rpartition(":")
        path = Path(head)
    if path.is_dir() and not name:
        return _folder(path, arguments)
    if path.is_dir():
        raise ValueError(f"{path} is a folder: name a file in it, python -m seqmem check FILE:{name}")
    if not path.is_file():
        raise ValueError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    if arguments.watch:
        return watched(path, lambda: _file(path, name, arguments))
    return _file(path, name, arguments)


def _file(path: Path, name: str, arguments: argparse.Namespace) -> int:
    answer = _answer(path, name, arguments)
    if arguments.json:
        print(_as_json(answer))
    else:
        _print(answer, f"{path}:{name}" if name else str(path), arguments)
    return _code(answer, arguments.strict)


def _answer(path: Path, name: str, arguments: argparse.Namespace) -> Answer:
    said = Said(
        dict(arguments.inputs),
        dict(arguments.set),
        arguments.excluded,
        arguments.pair or (),
        arguments.run_all,
        arguments.verbose,
    )
    with heartbeat(f"checking {path}"):
        return check_file(path, name, arguments.like, arguments.seed, arguments.seconds, said=said)


def _print(answer: Answer, target: str, arguments: argparse.Namespace) -> None:
    if len(answer.results) > 1:
        print(summary([(target, answer.results)]))
        for result in answer.results:
            if result.report is None or result.report.verdict != "right":
                print(f"\n{_shown(result, f'{target}:{result.name}')}")
    elif answer.report is None:
        print(folded(f"{target}: CANNOT TELL: {answer.trouble}"))
    else:
        print(folded(answer.report))
    for note in answer.notes if arguments.verbose or answer.report is None or len(answer.results) > 1 else ():
        print(folded(f"\n{target}: {note}"))
    if answer.printed:
        print(f"\nIt printed:\n{answer.printed.rstrip()}")


def _shown(result: Result, target: str) -> str:
    return folded(result.report if result.report is not None else f"{target}: CANNOT TELL: {result.trouble}")


def _as_json(answer: Answer) -> str:
    if answer.report is not None and len(answer.results) <= 1:
        return answer.report.to_json()
    if len(answer.results) <= 1:
        return json.dumps({"verdict": "cannot tell", "passed": False, "trouble": answer.trouble}, indent=2)
    return json.dumps({"passes": [_entry(result) for result in answer.results]}, indent=2)


def _entry(result: Result) -> dict[str, Any]:
    about: dict[str, Any] = {"name": result.name, "line": result.line}
    if result.report is not None:
        return about | json.loads(result.report.to_json())
    return about | {"verdict": "cannot tell", "passed": False, "trouble": result.trouble}


def _code(answer: Answer, strict: bool) -> int:
    """Return the exit code: a wrong gradient takes precedence over a missing verdict."""
    results = answer.results or (Result("", 0, answer.report, answer.trouble, answer.kind),)
    codes = {_code_of(result, strict) for result in results}
    return next((code for code in (1, WRONG_USE, UNREADABLE, ASKS) if code in codes), 0)


def _code_of(result: Result, strict: bool) -> int:
    if result.report is None:
        return {"ask": ASKS, "unreadable": UNREADABLE}.get(result.kind, WRONG_USE)
    codes = {"right": 0, WITH_A_SIDE_EFFECT: int(strict), "wrong": 1}
    return codes.get(result.report.verdict, WRONG_USE)


def _folder(path: Path, arguments: argparse.Namespace) -> int:
    """Check everything checkable in the files of a folder."""
    files = _files(path)
    if not files:
        raise ValueError(f"{path}: there is no Python file and no notebook in this folder")
    answers = [(str(file), _answer(file, "", arguments)) for file in files]
    found = [(name, answer) for name, answer in answers if answer.results and not _is_empty(answer)]
    if arguments.json:
        print(
            json.dumps(
                {name: [_entry(result) for result in answer.results] for name, answer in found}, indent=2
            )
        )
    else:
        print(summary([(name, answer.results) for name, answer in found]))
        empty = len(answers) - len(found)
        if empty:
            print(folded(f"\n{empty} file{'s' * (empty > 1)} with nothing to check"))
        for name, answer in found:
            for result in answer.results:
                if result.report is not None and result.report.verdict != "right":
                    print(f"\n{_shown(result, f'{name}:{result.name}')}")
    codes = {_code(answer, arguments.strict) for _, answer in found}
    return next(
        (code for code in (1, WRONG_USE, UNREADABLE, ASKS) if code in codes), 0 if found else WRONG_USE
    )


def _is_empty(answer: Answer) -> bool:
    return answer.trouble.startswith("there is nothing to check")


def _files(folder: Path) -> list[Path]:
    """Return the Python files and notebooks in a folder and its subfolders.

    Raises:
        ValueError: if there are too many to check.
    """
    found = []
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if any(part.startswith(".") or part in _SKIPPED for part in parts) or not path.is_file():
            continue
        if path.suffix in (".py", ".ipynb"):
            found.append(path)
    if len(found) > MOST_FILES:
        raise ValueError(f"{folder} holds {len(found)} Python files: name one of its folders, or a file")
    return found


def watched(path: Path, check: Callable[[], int]) -> int:
    """Check, and check again whenever the file changes, until interrupted.

    Args:
        path: the path of the file.
        check: the check to run each time.
    """
    seen: tuple[int, int] | None = None
    while True:
        try:
            about = path.stat()
            now = (about.st_mtime_ns, about.st_size)
        except OSError:  # an editor is about to replace the file
            now = seen or (0, 0)
        if now != seen:
            seen = now
            check()
            sys.stdout.flush()
            print(f"\nwatching {path}; Ctrl-C ends", flush=True)
        _pause()


def _pause() -> None:
    time.sleep(POLL)


def _pair(text: str) -> tuple[str, str]:
    names = tuple(part.strip() for part in text.split(","))
    if len(names) != 2 or not all(names):
        raise argparse.ArgumentTypeError(f"{text!r}: expected two names, FORWARD,BACKWARD")
    return names[0], names[1]


def _named(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals or not value:
        raise argparse.ArgumentTypeError(f"{text!r}: expected NAME=VALUE")
    return name, value


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
