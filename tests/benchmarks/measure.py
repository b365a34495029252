"""Contests measured in separate processes, in turn, round after round."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.contests import PACKAGES, Contest, Job

TESTS = Path(__file__).parents[1]  # where `python -m benchmarks.worker` is found
AGREEMENT = {"float32": 1e-4, "float64": 1e-9}  # relative to an array's norm
BUSY = 0.1  # of all cores, used by others: two threads that wait for a third make ratios meaningless
MOVE_AGREEMENT = 1e-2  # Adam's first move is nearly the gradient's sign, so rounding of a tiny one shows
STAT = Path("/proc/stat")  # Linux only
BLAS = (
    "import json, numpy; blas = numpy.show_config('dicts')['Build Dependencies']['blas']; "
    "print(blas['name'], blas['version'])"
)


class Settings(NamedTuple):
    """How much is measured."""

    rounds: int = 7
    spare: int = 7  # rounds more, when others disturb
    seconds: float = 0.3  # of repetitions in each process; 0 only compares results
    least: int = 5  # repetitions in each process
    threads: int = 1


class Row(NamedTuple):
    """Ours and one other, by one figure: a value from every round."""

    contest: str
    work: str
    shape: str
    figure: str
    other_name: str | None
    unit: str
    at_most: bool
    ours: list[float]
    other: list[float]
    missing: str | None = None  # why there is nothing to compare with
    # What others used of all cores meanwhile, in the worst round; None: cannot be told.
    busy: float | None = None
    threads: int = 1  # of both sides

    @property
    def judged(self) -> list[float]:
        """The ratio of each round, two neighbours in time; our value where it stands alone."""
        if self.other_name is None:
            return self.ours
        pairs = zip(self.ours, self.other, strict=True) if self.other else ()
        return [ours / other if self.at_most else other / ours for ours, other in pairs]

    @property
    def median(self) -> float | None:
        """The median of what is judged; None when there is nothing."""
        return statistics.median(self.judged) if self.judged else None


class Turn(NamedTuple):
    """One round: every subject once."""

    figures: dict[str, dict[str, float]]  # by subject and figure
    busy: float | None


class DisagreementError(Exception):
    """Two subjects of a contest do not compute the same."""


class WorkerError(Exception):
    """A process did not do its job."""

    def __init__(self, job: Job, stderr: str) -> None:
        super().__init__(f"{job} failed:\n{stderr}")
        self.reason = (stderr.strip().splitlines() or ["it was killed"])[-1]


def missing_package(job: Job) -> str | None:
    """Why a job cannot be done here, or None."""
    missing = [package for package in PACKAGES[job.subject] if not importlib.util.find_spec(package)]
    return ", ".join(f"{package} is not installed" for package in missing) or None


def measure(contest: Contest, settings: Settings) -> list[Row]:
    """All rounds of a contest; of more rounds than asked for, the ones that others disturbed least.

    An older version that cannot do the job is missing, as what is not installed is.

    Raises:
        DisagreementError: for results that differ by more than rounding.
        WorkerError: for a job of any other subject that fails.
    """
    missing = {label: missing_package(job) for label, job in contest.jobs.items()}
    turns: list[Turn] = []
    quiet = 0
    while quiet < settings.rounds and len(turns) < settings.rounds + settings.spare:
        before = cores_used()
        answers = one_turn(contest, settings, missing, first=not turns)
        busy = share_of_others(before, cores_used())
        figures = {
            label: {name: value / contest.jobs[label].per for name, value in answer["figures"].items()}
            for label, answer in answers.items()
        }
        turns.append(Turn(figures, busy))
        quiet += (busy or 0.0) <= BUSY
    calmest = sorted(turns, key=lambda turn: turn.busy or 0.0)[: settings.rounds]
    return [row._replace(threads=settings.threads) for row in rows_of(contest, calmest, missing)]


def one_turn(
    contest: Contest, settings: Settings, missing: dict[str, str | None], first: bool = True
) -> dict[str, dict[str, Any]]:
    """The answer of every subject that is not missing; the first turn compares their results."""
    answers = {}
    for label, job in contest.jobs.items():
        if missing[label] is None:
            try:
                answers[label] = run_worker(job, settings, digest=first and job.gauge == "seconds")
            except WorkerError as error:
                if not (first and job.source):
                    raise
                missing[label] = error.reason
    check_agreement(contest, {label: answer["digest"] for label, answer in answers.items()})
    return answers


def verify(contest: Contest, threads: int) -> dict[str, str]:
    """Compare results without timing; return who is missing, and why.

    Raises:
        DisagreementError, WorkerError: as `measure`.
    """
    missing = {label: missing_package(job) for label, job in contest.jobs.items()}
    one_turn(contest, Settings(seconds=0.0, threads=threads), missing)
    return {label: why for label, why in missing.items() if why}


def rows_of(contest: Contest, turns: list[Turn], missing: dict[str, str | None]) -> list[Row]:
    """A row for each figure and each other subject; one for each figure when ours stands alone.

    Beside an older version the ratio is always other / ours: below 1, what is measured has got worse.
    """
    ours, *others = contest.jobs
    older = [label for label in others if contest.jobs[label].source]
    alone = [None] if others == older else []
    busiest = max((turn.busy for turn in turns if turn.busy is not None), default=None)
    return [
        Row(
            contest=contest.name,
            work=contest.work,
            shape=contest.shape,
            figure=figure,
            other_name=other,
            unit=contest.unit,
            at_most=contest.at_most and other not in older,
            ours=[turn.figures[ours][figure] for turn in turns],
            other=[turn.figures[other][figure] for turn in turns if other in turn.figures],
            missing=missing[other] if other else None,
            busy=busiest,
        )
        for other in (*alone, *others)
        for figure in turns[0].figures[ours]
    ]


def run_worker(job: Job, settings: Settings, digest: bool) -> dict[str, Any]:
    """One process's answer: its figures, and a digest of its results when asked for.

    Raises:
        WorkerError: when it fails.
    """
    order = settings._asdict() | {"job": job._asdict(), "digest": digest}
    threads = str(settings.threads)
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    command = [sys.executable, "-m", "benchmarks.worker", json.dumps(order)]
    environment = os.environ | dict.fromkeys(names, threads)
    if job.source:
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (job.source, os.environ.get("PYTHONPATH"))))
    done = subprocess.run(command, cwd=TESTS, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise WorkerError(job, done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def cores_used() -> tuple[float, float, float] | None:
    """Seconds of all cores since the start: by anyone, by this process and its children, and in all."""
    if not STAT.exists():
        return None
    user, nice, system, idle, iowait, *rest = map(int, STAT.read_text("ascii").split("\n")[0].split()[1:9])
    tick = os.sysconf("SC_CLK_TCK")
    anyone = user + nice + system + sum(rest)  # a hypervisor's theft among the rest
    own = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    ours = sum(usage.ru_utime + usage.ru_stime for usage in own)
    return anyone / tick, ours, (anyone + idle + iowait) / tick


def share_of_others(
    before: tuple[float, float, float] | None, after: tuple[float, float, float] | None
) -> float | None:
    """What other processes used of all cores in between, 0 to 1."""
    if before is None or after is None:
        return None
    anyone, ours, total = (late - early for early, late in zip(before, after, strict=True))
    return min(1.0, max(0.0, (anyone - ours) / total)) if total else 0.0


def check_agreement(contest: Contest, digests: dict[str, dict[str, list[float]] | None]) -> None:
    """Every subject's numbers against ours; a subject without results (the floor) has nothing to compare."""
    (_, right), *others = digests.items() if digests else [("", None)]
    if not right or contest.name == "long":  # whose two sequences differ
        return
    dtype = next(iter(contest.jobs.values())).dtype
    for label, theirs in others:
        if not theirs:
            continue
        if set(theirs) != set(right):
            raise DisagreementError(f"{contest.name}: {label} lacks {set(right) ^ set(theirs)}")
        for name, (norm, *products) in right.items():
            tolerance = MOVE_AGREEMENT if name.startswith("move") else AGREEMENT[dtype]
            their_norm, *their_products = theirs[name]
            pairs = zip((norm, *products), (their_norm, *their_products), strict=True)
            worst = max(abs(a - b) for a, b in pairs)
            if not worst <= tolerance * norm:
                raise DisagreementError(
                    f"{contest.name}: {label}'s {name} differs from seqmem's by {worst / norm:.1e}, "
                    f"expected at most {tolerance:.0e}"
                )


def machine() -> dict[str, Any]:
    """What the figures depend on; nothing that tells whose machine it is."""
    versions = {}
    for package in ("seqmem", "numpy", "torch", "autograd", "onnxruntime"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    blas = subprocess.run([sys.executable, "-c", BLAS], capture_output=True, text=True, check=True)
    return {
        "cores": os.cpu_count(),
        "architecture": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **versions,
        "blas": blas.stdout.strip(),
    }
