"""Grades in the format of Gradescope: `results.json`, as its documentation of autograders describes it.

(Gradescope, "Autograder specifications", 2024: `score`, `tests` with `score`, `max_score`, `status`, `name`,
`output`, `visibility`, and `extra_data`, which it passes on without showing it.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from seqmem.exercises.grading.record import Grade, GradedCheck

VISIBILITIES = ("visible", "after_due_date", "after_published", "hidden")


def results(grades: Sequence[Grade], visibility: str = "visible") -> dict[str, Any]:
    """Return one student's grades as the object that Gradescope reads.

    Args:
        grades: the grades of one student.
        visibility: the visibility of the tests, one of `VISIBILITIES`.

    Raises:
        ValueError: for grades of several students, or none.

    >>> results([Grade("ada", "rnn_step_forward", "not handed in", 0.0, 3.0)])["score"]
    0.0
    """
    if len({grade.student for grade in grades}) != 1:
        students = sorted({grade.student for grade in grades})
        raise ValueError(f"results.json is for one student, found {len(students)}: choose one with --student")
    if visibility not in VISIBILITIES:
        raise ValueError(f"visibility is {visibility!r}, expected one of {', '.join(VISIBILITIES)}")
    return {
        "score": round(sum(grade.score for grade in grades), 4),
        "execution_time": round(sum(grade.seconds for grade in grades)),
        "output": "\n".join(_line(grade) for grade in grades),
        "output_format": "text",
        "test_output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": [test for grade in grades for test in _tests(grade, visibility)],
        "extra_data": {grade.exercise: _extra(grade) for grade in grades},
    }


def _line(grade: Grade) -> str:
    says = f": {grade.says}" if grade.says and grade.status != "right" else ""
    return f"{grade.exercise}: {grade.status}, {grade.score:g} of {grade.max_score:g}{says}"


def _tests(grade: Grade, visibility: str) -> Iterable[dict[str, Any]]:
    """Yield a test for each check that earns points; if none was reached, one for the exercise."""
    earning = [check for check in grade.checks if check.max_score]
    if not earning:
        yield _test(
            grade.exercise, grade.score, grade.max_score, grade.status == "right", grade.says, visibility
        )
        return
    first = next((check for check in grade.checks if check.verdict not in ("right", "not reached")), None)
    for check in earning:
        passed = check.verdict == "right" and check.score >= check.max_score
        output = output_of(grade, check, first)
        yield _test(
            f"{grade.exercise}: {check.name}", check.score, check.max_score, passed, output, visibility
        )


def output_of(grade: Grade, check: GradedCheck, first: GradedCheck | None) -> str:
    """Return the text about a check for the student: what is wrong, where, why, and what is right.

    Args:
        grade: the grade.
        check: one of its checks.
        first: the first check that is not right: the reason why others were not reached.
    """
    if check.verdict == "not reached" and first is not None:
        return f"not reached: {first.says}"
    lines = [check.says, *check.details]
    if check.name in ("values", "gradient"):
        wrong = [name for name, is_right in grade.parts.items() if not is_right]
        right = [name for name, is_right in grade.parts.items() if is_right]
        if wrong and right:
            lines += [f"right: {', '.join(right)}"]
    if check.verdict == "right" and check.score < check.max_score:
        lines.append(f"{check.score:g} of {check.max_score:g} points: the share of the arrays that are right")
    return "\n".join(line for line in lines if line)


def _test(
    name: str, score: float, max_score: float, passed: bool, output: str, visibility: str
) -> dict[str, Any]:
    return {
        "name": name,
        "score": round(score, 4),
        "max_score": max_score,
        "status": "passed" if passed else "failed",
        "output": output,
        "visibility": visibility,
    }


def _extra(grade: Grade) -> dict[str, Any]:
    return {
        "status": grade.status,
        "mistakes": [{"code": one.code, "message": one.message} for one in grade.mistakes],
        "parts": grade.parts,
        "layout": grade.layout,
        "file": grade.file,
    }
