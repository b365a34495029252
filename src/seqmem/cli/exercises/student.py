"""Exercises for students: check an answer, ask for a hint, show the solution."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from seqmem.checking.submissions.walls import UnusableError
from seqmem.cli.arguments import positive
from seqmem.cli.check import watched
from seqmem.cli.exercises.folder import add_folder
from seqmem.cli.terminal.exit_codes import NOT_STARTED
from seqmem.cli.terminal.screen import folded, terminal_width
from seqmem.cli.terminal.waiting import heartbeat
from seqmem.exercises.asking import Trouble
from seqmem.exercises.cutting import solution
from seqmem.exercises.exercise import Exercise
from seqmem.exercises.judging.judge import empty_report
from seqmem.exercises.judging.report import ExerciseReport
from seqmem.exercises.student.checking import SECONDS, check_exercise
from seqmem.exercises.student.folder import Folder, folder_at

LEVELS = 3  # of hints


def add(commands: Any) -> None:
    """Add these commands to the parser."""
    check = commands.add_parser("check", help="check an exercise, and explain which line is wrong and why")
    check.add_argument(
        "name", nargs="?", metavar="NAME", help="the exercise (default: the first one not passed)"
    )
    check.add_argument("--all", action="store_true", help="check every exercise that you have started")
    check.add_argument("--watch", action="store_true", help="check again whenever the file changes")
    check.add_argument("--whole", action="store_true", help="print all findings in full")
    check.add_argument("--json", action="store_true", help="print the report as JSON")
    check.add_argument(
        "--seconds", type=positive, default=SECONDS, help="time limit for a file (default: %(default)s)"
    )
    add_folder(check)
    check.set_defaults(command=run_check)
    hint = commands.add_parser("hint", help="print the next of three hints")
    hint.add_argument(
        "name", nargs="?", metavar="NAME", help="the exercise (default: the first one not passed)"
    )
    hint.add_argument("--level", type=int, choices=range(1, LEVELS + 1), help="(default: the next)")
    add_folder(hint)
    hint.set_defaults(command=run_hint)
    answer = commands.add_parser("solution", help="print the solution once you have passed")
    answer.add_argument("name", metavar="NAME")
    answer.add_argument(
        "--give-up", action="store_true", help="print the solution even if you have not passed"
    )
    add_folder(answer)
    answer.set_defaults(command=run_solution)


def run_check(arguments: argparse.Namespace) -> int:
    """Check one exercise, or all that were started."""
    folder = folder_at(Path(arguments.folder))
    if arguments.all:
        return _check_all(folder, arguments)
    exercise = _chosen(folder, arguments.name)
    if exercise is None:
        print("all exercises are passed")
        return 0
    if arguments.watch:
        file = _file(folder, exercise, arguments)
        return watched(file, lambda: _check(folder, exercise, arguments))
    return _check(folder, exercise, arguments)


def run_hint(arguments: argparse.Namespace) -> int:
    """Print the next hint."""
    folder = folder_at(Path(arguments.folder))
    exercise = _chosen(folder, arguments.name)
    if exercise is None:
        print("all exercises are passed")
        return 0
    level = arguments.level or min(LEVELS, folder.hints.get(exercise.name, 0) + 1)
    folder.hints[exercise.name] = max(level, folder.hints.get(exercise.name, 0))
    folder.save()
    print(folded(f"{exercise.name}, hint {level} of {LEVELS}:\n{exercise.hints[level - 1]}"))
    return 0


def run_solution(arguments: argparse.Namespace) -> int:
    """Print a solution to a student who has passed or gives up."""
    folder = folder_at(Path(arguments.folder))
    exercise = folder.named(arguments.name)
    if exercise.name not in folder.passed and not arguments.give_up:
        raise ValueError(
            f"{exercise.name} is not passed yet: python -m seqmem exercises hint {exercise.name}, "
            "or --give-up to see the solution anyway"
        )
    if exercise.name not in folder.passed and exercise.name not in folder.given_up:
        folder.given_up.append(exercise.name)
        folder.save()
    print(solution(exercise), end="")
    return 0


def _chosen(folder: Folder, name: str | None) -> Exercise | None:
    return folder.named(name) if name else folder.next_one()


def _check(folder: Folder, exercise: Exercise, arguments: argparse.Namespace) -> int:
    report, printed = _report(folder, exercise, _file(folder, exercise, arguments), arguments.seconds)
    if arguments.json:
        print(report.to_json())
        return _code(report)
    print("\n".join(report.lines(arguments.whole, terminal_width())))
    if printed:
        print(f"\nIt printed:\n{printed.rstrip()}")
    _print_next(folder, exercise, report)
    return _code(report)


def _file(folder: Folder, exercise: Exercise, arguments: argparse.Namespace) -> Path:
    """Return the file to check: the named one, or else the folder's."""
    named = Path(arguments.name or "")
    if named.is_file():
        return named
    if named.suffix:
        return folder.notebook_of(exercise) if named.suffix == ".ipynb" else folder.file_of(exercise)
    return folder.answer_of(exercise)


def _report(folder: Folder, exercise: Exercise, file: Path, seconds: float) -> tuple[ExerciseReport, str]:
    try:
        with heartbeat(f"checking {exercise.name}"):
            return check_exercise(folder, exercise, file, seconds)
    except UnusableError as error:
        raise ValueError(str(error)) from None


def _print_next(folder: Folder, exercise: Exercise, report: ExerciseReport) -> None:
    """Print the next step."""
    if report.passed:
        following = folder.next_one()
        if following is not None:
            print(folded(f"\nNext: {folder.file_of(following).name}, {following.title}"))
        else:
            print("\nAll exercises are passed.")
    elif report.verdict in ("started", "not started"):
        print(folded(f"\nWrite your lines into {os.path.relpath(folder.file_of(exercise))}"))
    elif not folder.hints.get(exercise.name):
        print(folded(f"\nStuck? python -m seqmem exercises hint {exercise.name}"))


def _check_all(folder: Folder, arguments: argparse.Namespace) -> int:
    reports = []
    width = max(len(exercise.name) for exercise in folder.exercises)
    for exercise in folder.exercises:
        state = folder.state_of(exercise)
        if not folder.answer_of(exercise).is_file():
            print(f"  ?      {exercise.name:<{width}}  its file was deleted")
            continue
        if state == "not started":  # its file is the stub: nothing needs to run
            report = empty_report(exercise, Trouble("not started", ""))
        else:
            report, _ = _report(folder, exercise, folder.answer_of(exercise), arguments.seconds)
        reports.append(report)
        if not arguments.json:
            print(_row(report, width)[: terminal_width()])
            sys.stdout.flush()
    if arguments.json:
        print("[" + ",\n".join(report.to_json() for report in reports) + "]")
    wrong = next((report for report in reports if report.verdict == "wrong"), None)
    if wrong is not None and not arguments.json:
        print("\n" + "\n".join(wrong.lines(arguments.whole, terminal_width())))
    codes = {_code(report) for report in reports}
    return next((code for code in (1, NOT_STARTED) if code in codes), 0)


def _row(report: ExerciseReport, width: int) -> str:
    first = report.first
    says = first.says if first is not None and report.verdict == "wrong" else ""
    says = says or (f"not yet: {report.left}" if report.left else "")
    mark = {"right": "ok", "wrong": "WRONG", "started": "...", "not started": "-"}[report.verdict]
    return (
        f"  {mark:<6} {report.exercise:<{width}}  {report.score:g} of {report.max_score:g}  {says}".rstrip()
    )


def _code(report: ExerciseReport) -> int:
    return {"right": 0, "wrong": 1}.get(report.verdict, NOT_STARTED)
