"""Measure seqmem against what users would pick instead, and print a table.

    python tests/benchmarks/compare.py                          everything, 7 rounds
    python tests/benchmarks/compare.py --quick                  float32, 3 short rounds
    python tests/benchmarks/compare.py --only lstm/float32 long     contests by the beginning of their names
    python tests/benchmarks/compare.py --threads both           with one thread, and with one for each core
    python tests/benchmarks/compare.py --against HEAD~1         in turn with an older version of seqmem, too
    python tests/benchmarks/compare.py --verify                 no timing: do all subjects compute the same?

torch, autograd, and onnxruntime (with onnx) are compared with when they are installed, and named as missing
when they are not. What must be reached holds with one thread.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests/, which pytest puts there too

from benchmarks import measure
from benchmarks.contests import CONTESTS, Contest
from benchmarks.goals import Goal, goals_with
from benchmarks.measure import Row, Settings
from benchmarks.revisions import Revision, RevisionError, checked_out, goals_against, with_older
from benchmarks.table import (
    GOAL_HEADINGS,
    ROW_HEADINGS,
    aligned,
    goal_lines,
    heading_of,
    markdown,
    outcome,
    row_cells,
    terminal_table,
)

QUICK = Settings(rounds=3, spare=0, seconds=0.1, least=3)
WIDTHS = (65, 25, 7, 16, 16, 21, 14, 12, 13)
NUMERICAL = (  # tasks with results to compare
    "layer",
    "inference",
    "step",
    "training",
    "decoding",
    "beam",
    "stack",
    "classifier",
)


def main() -> None:
    """The command."""
    options = parsed()
    chosen = choose(options.only, options.quick)
    if not chosen:
        sys.exit(f"no contest's name begins with {' or '.join(options.only)}; see --list")
    if options.list:
        print("\n".join(contest.name for contest in chosen))
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # the older version goes, too
    try:
        with contextlib.ExitStack() as stack:
            revision = stack.enter_context(checked_out(options.against)) if options.against else None
            if revision:
                chosen = [with_older(contest, revision) for contest in chosen]
            if options.verify:
                verify(chosen, options.threads)
            else:
                compare(chosen, options, revision)
    except RevisionError as error:
        sys.exit(f"--against: {error}")


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="float32 only, 3 rounds of 0.1 s")
    parser.add_argument(
        "--only", nargs="+", default=[""], metavar="NAME", help="contests whose name begins so"
    )
    parser.add_argument("--list", action="store_true", help="print the contests' names and stop")
    parser.add_argument("--verify", action="store_true", help="compare results, measure nothing")
    parser.add_argument(
        "--threads",
        type=threads_of,
        default=(1,),
        metavar="N",
        help="threads of all sides: a number, all, or both, which is 1 and then all (1)",
    )
    parser.add_argument("--against", metavar="REVISION", help="a commit of seqmem to compare with, too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round's figures")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables")
    return parser.parse_args()


def threads_of(text: str) -> tuple[int, ...]:
    """What --threads says: one number of threads, or two."""
    every = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    named = {"all": (every,), "both": tuple(dict.fromkeys((1, every)))}
    if text in named:
        return named[text]
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of threads, nor all, nor both")
    return (int(text),)


def choose(names: list[str], quick: bool) -> list[Contest]:
    """The contests that were asked for; a name ends where a part of the contest's name does."""

    def asked_for(contest: Contest) -> bool:
        found = any(f"{contest.name}/".startswith(f"{name}/" if name else "") for name in names)
        return found and not (quick and "/float64/" in contest.name)

    return [contest for contest in CONTESTS if asked_for(contest)]


def verify(contests: list[Contest], threads: tuple[int, ...]) -> None:
    """Every contest once without timing."""
    for contest in contests:
        if any(job.task not in NUMERICAL or job.gauge != "seconds" for job in contest.jobs.values()):
            continue
        for n in threads:
            missing = [f"{label}: {why}" for label, why in measure.verify(contest, n).items()]
            print(f"{contest.name}: all that is here agrees", *missing, sep="; ", flush=True)


def compare(contests: list[Contest], options: argparse.Namespace, revision: Revision | None = None) -> None:
    """Measure, print as it goes, write."""
    settings = QUICK if options.quick else Settings()
    facts = measure.machine() | {
        "threads": " and ".join(map(str, options.threads)),
        "rounds": settings.rounds,
    }
    if revision:
        facts["against"] = f"{revision.label} ({revision.commit})"
    print(*(f"{name}: {value or 'not installed'}" for name, value in facts.items()), sep="\n")
    print(f"\n{aligned(ROW_HEADINGS, WIDTHS)}", flush=True)
    rows: list[Row] = []
    for contest in contests:
        for n in options.threads:
            found = measure.measure(contest, settings._replace(threads=n))
            rows += found
            print(*(aligned(row_cells(row), WIDTHS) for row in found), sep="\n", flush=True)
        write(options, facts, rows, revision)  # so that a run that is cut short leaves what it has
    for n, goals in goals_of(options.threads, rows, revision).items():
        print(f"\n{heading_of(n)}\n{terminal_table(GOAL_HEADINGS, goal_lines(goals, rows, n))}")


def goals_of(threads: tuple[int, ...], rows: list[Row], revision: Revision | None) -> dict[int, list[Goal]]:
    """The goals by the number of threads."""
    found = {n: goals_with(n) for n in threads}
    if revision:
        for n, goals in found.items():
            goals += goals_against(revision, [row for row in rows if row.threads == n])
    return found


def write(
    options: argparse.Namespace, facts: dict[str, Any], rows: list[Row], revision: Revision | None
) -> None:
    """The files that were asked for."""
    goals = goals_of(options.threads, rows, revision)
    if options.json:
        outcomes = [
            goal._asdict()
            | {"threads": n}
            | outcome(goal, [row for row in rows if row.threads == n])._asdict()
            for n, of_these in goals.items()
            for goal in of_these
        ]
        found = [row._asdict() | {"ratios": row.judged, "median": row.median} for row in rows]
        content = {"machine": facts, "goals": outcomes, "rows": found}
        options.json.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
    if options.markdown:
        options.markdown.write_text(markdown(goals, rows, facts), "utf-8")


if __name__ == "__main__":
    main()
