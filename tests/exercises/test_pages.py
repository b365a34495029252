"""The pages about the exercises are those of the exercises that there are."""

from __future__ import annotations

import re

import exercise_pages
from exercises.solving import report_on

from seqmem.exercises import all_exercises, exercise_named, solution

INDEX = exercise_pages.DOCUMENT.with_name("index.md").read_text("utf-8")


def test_the_page_of_the_sections_is_written_from_the_exercises() -> None:
    shown = exercise_pages.DOCUMENT.read_text("utf-8")
    assert shown == exercise_pages.page(), "python tests/exercise_pages.py --write writes it again"


def test_the_plan_has_every_exercise_once_and_adds_up() -> None:
    rows = re.findall(r"^\| \d \|.*$", INDEX, re.M)
    minutes = {exercise.name: exercise.minutes for exercise in all_exercises()}
    planned: list[str] = []
    for row in rows:
        cells = row.split("|")
        names = re.findall(r"`(\w+)`", cells[3])
        planned += names
        assert int(cells[4]) == sum(minutes[name] for name in names), row
    assert sorted(planned) == sorted(minutes)


def test_the_number_of_exercises_is_said() -> None:
    assert INDEX.startswith(f"# The exercises\n\n{len(all_exercises())} exercises,")


def test_the_report_on_the_page_is_the_report() -> None:
    shown = INDEX.partition("```text\n")[2].partition("```")[0]
    exercise = exercise_named("lstm_step_backward")
    text = solution(exercise).replace("d_a_f = d_f * f * (1 - f)", "d_a_f = d_f")
    lines = report_on(exercise, text).lines()
    kept = [line for line in shown.splitlines() if line.strip() not in ("...", "") and " speed " not in line]
    assert len(kept) > 10
    assert [line for line in kept if line not in lines] == []


def test_every_section_says_what_it_teaches_and_what_goes_wrong() -> None:
    for exercise in all_exercises():
        assert exercise.teaches
        assert exercise.derivation
        assert len(exercise.mistakes) >= 2
        assert len(exercise.hints) == 3
        assert exercise.minutes >= 10
