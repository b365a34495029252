"""Measure seqmem against what users would pick instead, and print a table.

    python tests/benchmarks/compare.py                          everything, 7 rounds
    python tests/benchmarks/compare.py --quick                  float32, 3 short rounds
    python tests/benchmarks/compare.py --only lstm/float32 long     contests by the beginning of their names
    python tests/benchmarks/compare.py --verify                 no timing: do all subjects compute the same?

torch and autograd are compared with when they are installed, and named as missing when they are not.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests/, which pytest puts there too

from benchmarks.contests import CONTESTS, GOALS, Contest
from benchmarks.measure import Row, Settings, machine, measure, missing_package
from benchmarks.table import (
    GOAL_HEADINGS,
    ROW_HEADINGS,
    aligned,
    goal_cells,
    markdown,
    outcome,
    row_cells,
    terminal_table,
)

QUICK = Settings(rounds=3, spare=0, seconds=0.1, least=3)
WIDTHS = (54, 25, 16, 16, 21, 14, 12, 13)


def main() -> None:
    """The command."""
    options = parsed()
    chosen = choose(options.only, options.quick)
    if not chosen:
        sys.exit(f"no contest's name begins with {' or '.join(options.only)}; see --list")
    if options.list:
        print("\n".join(contest.name for contest in chosen))
    elif options.verify:
        verify(chosen, options.threads)
    else:
        compare(chosen, options)


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
    parser.add_argument("--threads", type=int, default=2, help="threads of both sides (2)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round's figures")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables")
    return parser.parse_args()


def choose(names: list[str], quick: bool) -> list[Contest]:
    """The contests that were asked for; a name ends where a part of the contest's name does."""

    def asked_for(contest: Contest) -> bool:
        found = any(f"{contest.name}/".startswith(f"{name}/" if name else "") for name in names)
        return found and not (quick and "/float64/" in contest.name)

    return [contest for contest in CONTESTS if asked_for(contest)]


def verify(contests: list[Contest], threads: int) -> None:
    """Every contest once without timing."""
    settings = Settings(rounds=1, spare=0, seconds=0.0, threads=threads)
    for contest in contests:
        jobs = contest.jobs.values()
        if all(job.task in ("layer", "training", "decoding") and job.gauge == "seconds" for job in jobs):
            measure(contest, settings)
            missing = [
                f"{label}: {why}" for label, job in contest.jobs.items() if (why := missing_package(job))
            ]
            print(f"{contest.name}: all that is installed agrees", *missing, sep="; ", flush=True)


def compare(contests: list[Contest], options: argparse.Namespace) -> None:
    """Measure, print as it goes, write."""
    settings = QUICK if options.quick else Settings()
    settings = settings._replace(threads=options.threads)
    facts = machine() | {"threads": settings.threads, "rounds": settings.rounds}
    print(*(f"{name}: {value or 'not installed'}" for name, value in facts.items()), sep="\n")
    print(f"\n{aligned(ROW_HEADINGS, WIDTHS)}", flush=True)
    rows: list[Row] = []
    for contest in contests:
        found = measure(contest, settings)
        rows += found
        print(*(aligned(row_cells(row), WIDTHS) for row in found), sep="\n", flush=True)
        write(options, facts, rows)  # so that a run that is cut short leaves what it has
    print(f"\n{terminal_table(GOAL_HEADINGS, [goal_cells(goal, rows) for goal in GOALS])}")


def write(options: argparse.Namespace, facts: dict[str, object], rows: list[Row]) -> None:
    """The files that were asked for."""
    if options.json:
        goals = [goal._asdict() | outcome(goal, rows)._asdict() for goal in GOALS]
        found = [row._asdict() | {"ratios": row.judged, "median": row.median} for row in rows]
        content = {"machine": facts, "goals": goals, "rows": found}
        options.json.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
    if options.markdown:
        options.markdown.write_text(markdown(GOALS, rows, facts), "utf-8")


if __name__ == "__main__":
    main()
