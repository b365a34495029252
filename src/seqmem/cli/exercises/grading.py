"""The commands exercises grade, report, autograder and assignment, for instructors."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from seqmem.checking.submissions.walls import Measures, UnusableError
from seqmem.cli.arguments import add_force, positive, size
from seqmem.cli.terminal.messages import say
from seqmem.cli.terminal.output import check_folder, naming, new_folder
from seqmem.cli.terminal.screen import terminal_width
from seqmem.cli.terminal.waiting import heartbeat
from seqmem.exercises.catalogue import all_exercises, exercise_named
from seqmem.exercises.course import course_exercises
from seqmem.exercises.exercise import Exercise
from seqmem.exercises.grading import gradescope, junit, summary, tables
from seqmem.exercises.grading.assignment import as_nbgrader, as_otter
from seqmem.exercises.grading.autograder import write_autograder
from seqmem.exercises.grading.grade import exercise_of
from seqmem.exercises.grading.record import STATUSES, Grade, Record
from seqmem.exercises.grading.running import grade_class
from seqmem.exercises.grading.submissions import Submission, answered, one_submission, submissions_in
from seqmem.exercises.notebooks import as_text
from seqmem.pages.page import compose, is_page

CANNOT_JUDGE = 1  # an answer that the grader could not judge: check it by hand
_MEASURES = Measures()


def add(commands: Any) -> None:
    """Add the commands to those of exercises."""
    _add_grade(commands)
    _add_report(commands)
    _add_autograder(commands)
    _add_assignment(commands)


def _add_grade(commands: Any) -> None:
    parser = commands.add_parser("grade", help="grade a class's submissions, safely")
    parser.add_argument(
        "submissions",
        metavar="SUBMISSIONS",
        help="a folder with a folder for each student, or with their files",
    )
    parser.add_argument(
        "--out",
        required=True,
        metavar="GRADES.csv",
        help="the table to write; a .jsonl record is written next to it",
    )
    parser.add_argument(
        "--exercise",
        nargs="+",
        default=[],
        metavar="NAME",
        help="the exercises to grade (default: all with an answer)",
    )
    parser.add_argument(
        "--course", default="", metavar="DIR", help="use the exercises of this course instead"
    )
    parser.add_argument("--single", action="store_true", help="the folder is the submission of one student")
    parser.add_argument(
        "--seed-file",
        metavar="FILE",
        help="a file with the secret seed (default: a new one, kept in the record)",
    )
    parser.add_argument(
        "--seconds",
        type=positive,
        default=_MEASURES.seconds,
        help="time limit per answer (default: %(default)s)",
    )
    parser.add_argument(
        "--megabytes", type=size, default=_MEASURES.megabytes, help="memory limit (default: %(default)s)"
    )
    parser.add_argument("--workers", type=size, help="number of processes (default: one per processor)")
    parser.add_argument(
        "--dask", metavar="ADDRESS", help='use a Dask scheduler instead, or "local" for one on this computer'
    )
    _add_class_summary(parser)
    add_force(parser)
    parser.set_defaults(command=grade)


def _add_report(commands: Any) -> None:
    parser = commands.add_parser("report", help="write grades for Gradescope, as JUnit XML or as a page")
    parser.add_argument("grades", metavar="GRADES.csv", help="a table that grade wrote")
    parser.add_argument("--student", metavar="NAME", help="report on this student only")
    parser.add_argument("--gradescope", metavar="FILE", help="write one student's results.json")
    parser.add_argument(
        "--visibility",
        choices=gradescope.VISIBILITIES,
        default="visible",
        help="visibility of the tests in results.json (default: %(default)s)",
    )
    parser.add_argument("--junit", metavar="FILE", help="write JUnit XML")
    _add_class_summary(parser)
    add_force(parser)
    parser.set_defaults(command=report)


def _add_class_summary(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--class-summary",
        nargs="?",
        const="",
        metavar="PAGE.html",
        help="print how many students made which mistakes, and write a page with the distribution",
    )


def _add_autograder(commands: Any) -> None:
    parser = commands.add_parser("autograder", help="write the zip that Gradescope takes as an autograder")
    parser.add_argument("exercises", nargs="+", metavar="NAME", help="the exercises to grade")
    parser.add_argument("--out", required=True, metavar="FILE.zip", help="the file to write")
    parser.add_argument(
        "--seconds",
        type=positive,
        default=_MEASURES.seconds,
        help="time limit per answer (default: %(default)s)",
    )
    add_force(parser)
    parser.set_defaults(command=autograder)


def _add_assignment(commands: Any) -> None:
    parser = commands.add_parser("assignment", help="write notebooks for nbgrader or for Otter Assign")
    parser.add_argument("exercises", nargs="+", metavar="NAME", help="the exercises, one notebook each")
    system = parser.add_mutually_exclusive_group(required=True)
    system.add_argument("--nbgrader", metavar="DIR", help="an assignment's folder, such as source/week1")
    system.add_argument("--otter", metavar="DIR", help="a folder for notebooks that otter assign reads")
    add_force(parser)
    parser.set_defaults(command=assignment)


def grade(arguments: argparse.Namespace) -> int:
    """Grade a class."""
    folder, out = Path(arguments.submissions), Path(arguments.out)
    record_path = _record_of(out)
    course = str(Path(arguments.course).resolve()) if arguments.course else ""
    known = course_exercises(Path(course)) if course else all_exercises()
    exercises = [exercise_of(name, course) for name in dict.fromkeys(arguments.exercise)]
    submissions = [one_submission(folder)] if arguments.single else submissions_in(folder, known)
    _check_out(out, tables.is_own(out), "table of grades", arguments.force)
    _check_page(arguments)
    record = _record(record_path, out, arguments.force)
    seed = _seed_in(arguments.seed_file)
    exercises = exercises or _answered(submissions, known)
    measures = _MEASURES._replace(seconds=arguments.seconds, megabytes=arguments.megabytes)
    try:
        with _executor(arguments.dask) as executor, heartbeat("grading"), naming(record_path):
            grades = grade_class(
                submissions,
                exercises,
                record,
                seed=seed,
                measures=measures,
                executor=executor,
                workers=arguments.workers,
                told=_told(),
                course=course,
            )
    except UnusableError as error:
        raise ValueError(f"this machine cannot isolate submissions: {error}") from None
    except KeyboardInterrupt:
        say(f"seqmem: {len(record.grades)} grades are in {record_path}; the same command resumes from there")
        raise
    with naming(out):
        tables.write(tables.as_csv(grades), out)
    _summarise(grades, arguments)
    print(f"{out}: {_counted(grades, len(submissions), len(exercises))}")
    by_hand = [grade for grade in grades if grade.status == "error"]
    for one in by_hand:
        print(f"{one.student}, {one.exercise}: {one.says}")
    return CANNOT_JUDGE if by_hand else 0


def report(arguments: argparse.Namespace) -> int:
    """Write reports from a record of grades."""
    path = _record_of(Path(arguments.grades))
    if not path.is_file():
        raise ValueError(f"{path}: no such file; exercises grade writes it next to the table of grades")
    record = Record(path)
    order = {exercise.name: k for k, exercise in enumerate(all_exercises())}
    grades = sorted(
        record.grades.values(),
        key=lambda one: (one.student, order.get(one.exercise, len(order)), one.exercise),
    )
    if arguments.student is not None:
        grades = [grade for grade in grades if grade.student == arguments.student]
        if not grades:
            raise ValueError(f"{path}: there is no student {arguments.student!r} in it")
    if arguments.gradescope:
        text = json.dumps(gradescope.results(grades, arguments.visibility), indent=2) + "\n"
        _write(text, Path(arguments.gradescope), "--gradescope", _is_results, arguments.force)
    if arguments.junit:
        _write(junit.as_junit(grades), Path(arguments.junit), "--junit", _is_junit, arguments.force)
    _check_page(arguments)
    if not (arguments.gradescope or arguments.junit) and arguments.class_summary is None:
        arguments.class_summary = ""
    _summarise(grades, arguments)
    return 0


def autograder(arguments: argparse.Namespace) -> int:
    """Write an autograder's zip."""
    exercises = [exercise_named(name) for name in dict.fromkeys(arguments.exercises)]
    out = Path(arguments.out)
    _check_out(out, False, "zip", arguments.force)
    with naming(out):
        write_autograder(out, exercises, ("--seconds", f"{arguments.seconds:g}"))
    print(f"{out}: an autograder for {', '.join(exercise.name for exercise in exercises)}")
    return 0


def assignment(arguments: argparse.Namespace) -> int:
    """Write notebooks for nbgrader or Otter."""
    folder = Path(arguments.nbgrader or arguments.otter)
    option = "--nbgrader" if arguments.nbgrader else "--otter"
    check_folder(option, str(folder))
    make = as_nbgrader if arguments.nbgrader else as_otter
    names = dict.fromkeys(arguments.exercises)
    texts = {folder / f"{name}.ipynb": as_text(make(exercise_named(name))) for name in names}
    for path in texts:
        if path.exists() and not arguments.force:
            raise ValueError(f"{option} {folder}: {path} exists; --force replaces it")
    with new_folder(str(folder)):
        for path, text in texts.items():
            with naming(path):
                tables.write(text, path)
            print(f"{path}: written")
    return 0


def _record_of(out: Path) -> Path:
    return out if out.suffix == ".jsonl" else out.with_name(f"{out.stem}.jsonl")


def _check_out(out: Path, is_own: bool, what: str, force: bool) -> None:
    """Raise unless a file may be written."""
    if out.suffix == ".jsonl":
        raise ValueError(f"--out {out} is the path of the record; name the table, for example {out.stem}.csv")
    if out.exists() and not out.is_file():
        raise ValueError(f"--out {out} is a folder or a device, expected a file")
    if not out.resolve().parent.is_dir():
        raise ValueError(f"--out {out}: there is no folder {out.resolve().parent}")
    if not os.access(out.resolve().parent, os.W_OK):
        raise ValueError(f"--out {out}: the folder {out.resolve().parent} is not writable")
    if out.exists() and not is_own and not force:
        raise ValueError(f"--out {out} exists and is not a {what} of seqmem; --force replaces it")


def _check_page(arguments: argparse.Namespace) -> None:
    page = Path(arguments.class_summary) if arguments.class_summary else None
    if page is None:
        return
    if page.exists() and not arguments.force and not is_page(page):
        raise ValueError(f"--class-summary {page} exists and is not a page of seqmem; --force replaces it")
    if not page.resolve().parent.is_dir():
        raise ValueError(f"--class-summary {page}: there is no folder {page.resolve().parent}")


def _record(path: Path, out: Path, force: bool) -> Record:
    try:
        return Record(path)
    except (ValueError, OSError) as error:
        if not force or not path.is_file():
            raise ValueError(f"--out {out}: {error}; --force starts again") from None
        path.unlink()
        return Record(path)


def _seed_in(path: str | None) -> str:
    if path is None:
        return ""
    seed = Path(path).read_text("utf-8").strip()
    if not seed:
        raise ValueError(f"--seed-file {path} is empty, expected a secret")
    return seed


def _answered(submissions: Sequence[Submission], known: Sequence[Exercise]) -> list[Exercise]:
    """Return the exercises that at least one submission answers."""
    names = [exercise.name for exercise in known]
    read = [(submission, submission.files()) for submission in submissions]
    found = [
        exercise
        for exercise in known
        if any(answered(submission, files, exercise, names).main for submission, files in read)
    ]
    if not found:
        raise ValueError("no file answers any exercise: name one with --exercise, or see exercises list")
    return found


@contextlib.contextmanager
def _executor(address: str | None) -> Iterator[Executor | None]:
    if address is None:
        yield None
        return
    try:
        distributed: Any = importlib.import_module("distributed")
    except ImportError:
        raise ValueError('--dask needs Dask: pip install "seqmem[dask]"') from None
    own = distributed.LocalCluster(dashboard_address=None) if address == "local" else None
    try:
        with distributed.Client(own or address) as client, client.get_executor() as executor:
            yield executor
    finally:
        if own is not None:
            own.close()


def _told() -> Any:
    """Return a function that writes a line for every few grades, on a terminal and in a log."""
    is_terminal = sys.stderr.isatty()

    def told(done: int, count: int, latest: Grade) -> None:
        if is_terminal:
            end = "\n" if done == count else ""
            line = f"\r{done} of {count}: {latest.student}, {latest.exercise}"
            print(line[: terminal_width()].ljust(terminal_width() - 1), end=end, file=sys.stderr, flush=True)

    return told


def _summarise(grades: Sequence[Grade], arguments: argparse.Namespace) -> None:
    if arguments.class_summary is None:
        return
    summaries = summary.summed_up(grades)
    print(summary.as_table(summaries, terminal_width()))
    if arguments.class_summary:
        page = compose("The class", body=summary.as_body(summaries), styles=[summary.STYLE])
        with naming(arguments.class_summary):
            page.save(arguments.class_summary)
        print(f"{arguments.class_summary}: {page.title}")


def _counted(grades: Sequence[Grade], students: int, exercises: int) -> str:
    counts = {status: sum(grade.status == status for grade in grades) for status in STATUSES}
    shown = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    return f"{students} student{'s' * (students != 1)}, {exercises} exercise{'s' * (exercises != 1)}: {shown}"


def _write(text: str, path: Path, option: str, is_own: Any, force: bool) -> None:
    if path.exists() and not force and not is_own(path):
        raise ValueError(f"{option} {path} exists and was written by something else; --force replaces it")
    with naming(path):
        tables.write(text, path)
    print(f"{path}: written")


def _is_results(path: Path) -> bool:
    try:
        return "tests" in json.loads(path.read_text("utf-8"))
    except (ValueError, OSError, TypeError):
        return False


def _is_junit(path: Path) -> bool:
    try:
        return "<testsuites" in path.read_text("utf-8")[:200]
    except (ValueError, OSError):
        return False
