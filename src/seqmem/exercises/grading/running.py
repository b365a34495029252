"""The grading of a class: on any executor, and resumed after an interruption."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context

from seqmem.checking.submissions.walls import Measures
from seqmem.exercises.exercise import Exercise
from seqmem.exercises.grading.grade import Work, grade
from seqmem.exercises.grading.record import Grade, Record
from seqmem.exercises.grading.submissions import Submission, answered, digest_of
from seqmem.version import VERSION

AHEAD = 64  # answers to submit to the executor before the first result

Told = Callable[[int, int, Grade], None]  # how many are done, of how many, and the latest


def grade_class(
    submissions: Sequence[Submission],
    exercises: Sequence[Exercise],
    record: Record,
    *,
    seed: str = "",
    measures: Measures | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    told: Told | None = None,
    course: str = "",
) -> list[Grade]:
    """Grade submissions, and record each grade as soon as it is known.

    Args:
        submissions: as `submissions_in` finds them.
        exercises: the exercises, on all of which each student is graded.
        record: the record of the grades; an answer that it contains is graded again only if the files, the
            seed, the limits or the version have changed.
        seed: the secret seed of the numbers; "" for the seed in the record, or a new one.
        measures: the resource limits of a student's code.
        executor: runs the grading; None for processes on this machine.
        workers: the number of these processes; None for as many as processors.
        told: called after each grade.
        course: the folder of the course if the exercises are a course's own; None for the library's.

    Returns:
        The grades, by student and exercise.

    Raises:
        UnusableError: if this machine cannot run code within walls.
    """
    used = measures or Measures()
    settings = {"version": VERSION, "measures": list(used), "course": course}
    own = seed or record.seed or secrets.token_hex(16)
    is_same = own == record.seed and settings == record.settings
    known = dict(record.grades) if is_same else {}
    record.begin(own, settings)
    works = list(_works(submissions, exercises, own, used, course))
    left = [work for work in works if not _is_done(work, known)]
    for count, found in enumerate(_each(left, executor, workers), len(works) - len(left) + 1):
        record.add(found)
        if told is not None:
            told(count, len(works), found)
    return record.of([one.student for one in submissions], [exercise.name for exercise in exercises])


def _works(
    submissions: Iterable[Submission],
    exercises: Sequence[Exercise],
    seed: str,
    measures: Measures,
    course: str,
) -> Iterator[Work]:
    known = [exercise.name for exercise in exercises]
    for submission in submissions:
        files = submission.files()
        for exercise in exercises:
            main, notes = answered(submission, files, exercise, known)
            digest = digest_of(files, main) if main else ""
            yield Work(
                submission.student,
                exercise.name,
                files if main else {},
                main,
                digest,
                seed,
                measures,
                (*submission.notes, *notes),
                course,
            )


def _is_done(work: Work, known: dict[tuple[str, str], Grade]) -> bool:
    grade = known.get((work.student, work.exercise))
    return (
        grade is not None
        and (grade.digest, grade.file) == (work.digest, work.main)
        and grade.status != "error"
    )


def _each(works: Sequence[Work], executor: Executor | None, workers: int | None) -> Iterator[Grade]:
    """Grade on the given executor, or on processes; if an answer ends a process, start a new one."""
    if executor is not None:
        yield from _through(executor, list(works), [])
        return
    suspects: list[Work] = []
    left = list(works)
    while left:
        done: list[Work] = []
        try:
            with _processes(workers) as pool:
                yield from _through(pool, left, done)
            return
        except BrokenExecutor:
            rest = [work for work in left if work not in done]
            suspects, left = rest[:AHEAD], rest[AHEAD:]
        yield from _one_by_one(suspects)


def _one_by_one(suspects: Sequence[Work]) -> Iterator[Grade]:
    """Grade answers of which one ended a worker, each in a separate process."""
    for work in suspects:
        try:
            with _processes(1) as pool:
                yield pool.submit(grade, work).result()
        except BrokenExecutor:
            text = "judging the answer ended the process of the grader: look at the answer yourself"
            yield Grade(
                work.student, work.exercise, "error", 0.0, 0.0, work.main, work.digest, text, notes=work.notes
            )


def _processes(workers: int | None) -> Executor:
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))


def _through(executor: Executor, works: Sequence[Work], done: list[Work]) -> Iterator[Grade]:
    """Submit works to an executor, a few ahead, and yield grades as they come; `done` collects the works."""
    waiting: dict[Future[Grade], Work] = {}
    left = iter(works)
    try:
        while True:
            while len(waiting) < AHEAD and (work := next(left, None)) is not None:
                waiting[executor.submit(grade, work)] = work
            if not waiting:
                return
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                found = future.result()
                done.append(waiting.pop(future))
                yield found
    finally:
        for future in waiting:
            future.cancel()
