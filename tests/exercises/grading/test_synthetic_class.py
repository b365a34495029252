"""Two hundred submissions, graded: every mark and every cause is the expected one, in time."""

import time

import pytest
from exercises.synthetic import EXERCISES, explains, students, write_class

from seqmem.checking.submissions.walls import Measures
from seqmem.exercises import exercise_named
from seqmem.exercises.grading.record import Record
from seqmem.exercises.grading.running import grade_class
from seqmem.exercises.grading.submissions import submissions_in
from seqmem.exercises.grading.summary import summed_up

pytestmark = pytest.mark.slow
MOST = 240.0  # seconds on two processors
MEASURES = Measures(seconds=10.0)


@pytest.fixture(scope="module")
def members():
    return students()


@pytest.fixture(scope="module")
def graded(members, tmp_path_factory):
    folder = tmp_path_factory.mktemp("class")
    write_class(folder, members)
    start = time.monotonic()
    grades = grade_class(
        submissions_in(folder),
        [exercise_named(name) for name in EXERCISES],
        Record(folder / "grades.jsonl"),
        seed="a secret",
        measures=MEASURES,
    )
    seconds = time.monotonic() - start
    return {(grade.student, grade.exercise): grade for grade in grades}, seconds


def expected_score(exercise, grade, parts):
    """A point for each part, and the parts' share of a point each for what else is right."""
    right, count = sum(parts.values()), len(parts)
    others = [check for check in grade.checks if check.name in ("purity", "speed")]
    share = sum(round(right / count, 2) for check in others if check.verdict == "right")
    return right + share


def complaints(member, grade):
    """What of a grade is not as expected."""
    found = []
    if grade.status not in {"harmless": ("right", "wrong")}.get(member.status, (member.status,)):
        found.append(f"{grade.status}, expected {member.status}: {grade.says}")
    parts = member.parts or dict.fromkeys(grade.parts, False)
    if grade.parts != parts:
        found.append(f"other parts: {[name for name in parts if grade.parts.get(name) != parts[name]]}")
    score = expected_score(member.exercise, grade, parts)
    if abs(grade.score - score) > 0.011:
        found.append(f"{grade.score} points, expected {score}")
    codes = [mistake.code for mistake in grade.mistakes]
    if set(codes) != set(member.causes) and not explains(member, codes):
        found.append(f"{codes}, expected {list(member.causes)}")
    return found


def test_the_class_has_two_hundred_of_every_kind(members):
    assert len({member.name for member in members}) == len(members) == 200
    kinds = {member.name.partition("-")[0] for member in members}
    assert kinds == {"right", "layout", "single", "double", "hostile", "half", "empty"}


def test_every_mark_and_every_cause_is_the_expected_one(members, graded):
    grades, _ = graded
    wrong = {
        member.name: found
        for member in members
        if (found := complaints(member, grades[member.name, member.exercise]))
    }
    assert wrong == {}


def test_nobody_has_a_mark_for_what_they_did_not_hand_in(members, graded):
    grades, _ = graded
    own = {(member.name, member.exercise) for member in members}
    absent = [grade for key, grade in grades.items() if key not in own]
    assert {grade.status for grade in absent} == {"not handed in"}
    assert sum(grade.score for grade in absent) == 0
    assert len(absent) == 200 * (len(EXERCISES) - 1)


def test_the_class_is_graded_in_time(graded):
    assert graded[1] < MOST


def test_the_summary_counts_each_students_mistakes(members, graded):
    summaries = summed_up(list(graded[0].values()))
    counted = sum(mistake.students for one in summaries for mistake in one.mistakes)
    assert counted == sum(len(member.causes) for member in members)
