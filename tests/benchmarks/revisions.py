"""An older version of seqmem as a subject: a commit in a folder of its own, measured in turn with today's."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from benchmarks.contests import Contest
from benchmarks.goals import Goal
from benchmarks.measure import Row

ROOT = Path(__file__).parents[2]
SLOWER = 0.95  # the least ratio that passes: 5 % is more than the rounds scatter


class RevisionError(Exception):
    """There is no such version."""


class Revision(NamedTuple):
    """A version, ready to be imported."""

    label: str  # of the subject in the table
    commit: str  # abbreviated
    source: Path  # the folder that it is imported from


@contextmanager
def checked_out(revision: str, repository: Path = ROOT) -> Iterator[Revision]:
    """A git worktree of a commit, in a temporary folder that is gone at the end.

    Raises:
        RevisionError: for what is no commit, or one without the package.
    """
    commit = git(repository, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
    short = git(repository, "rev-parse", "--short", commit)
    with tempfile.TemporaryDirectory(prefix="seqmem-", ignore_cleanup_errors=True) as folder:
        tree = Path(folder).resolve() / "worktree"
        try:
            git(repository, "worktree", "add", "--detach", str(tree), commit)
            if not (tree / "src" / "seqmem").is_dir():
                raise RevisionError(f"{revision} has no src/seqmem")
            yield Revision(f"seqmem at {revision}", short, tree / "src")
        finally:
            with suppress(RevisionError):  # it may not have come into being
                git(repository, "worktree", "remove", "--force", str(tree))


def git(repository: Path, *arguments: str) -> str:
    """What git answers."""
    try:
        done = subprocess.run(["git", *arguments], cwd=repository, capture_output=True, text=True)
    except FileNotFoundError:
        raise RevisionError("git is not installed") from None
    if done.returncode:
        raise RevisionError(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip()


def with_older(contest: Contest, revision: Revision) -> Contest:
    """The contest with the older version right after ours."""
    (name, ours), *others = contest.jobs.items()
    older = ours._replace(source=str(revision.source))
    return contest._replace(jobs={name: ours, revision.label: older, **dict(others)})


def goals_against(revision: Revision, rows: Sequence[Row]) -> list[Goal]:
    """Nothing may be slower or larger than in the older version: for each kind of work that both can do."""
    kinds: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row.other_name == revision.label and row.judged and row.contest not in kinds.get(kind_of(row), ()):
            kinds.setdefault(kind_of(row), []).append(row.contest)
    found = []
    for (kind, figure), names in kinds.items():
        work, how = f"{kind}, {figure}, against {revision.label}", "worst" if names[1:] else "only"
        if names[1:]:
            found.append(Goal(work, tuple(names), figure, revision.label, "geometric mean", SLOWER, 1.0))
        found.append(Goal(work, tuple(names), figure, revision.label, how, SLOWER, 1.0))
    return found


def kind_of(row: Row) -> tuple[str, str]:
    """The first part of its contest's name, and its figure."""
    return row.contest.partition("/")[0], row.figure
