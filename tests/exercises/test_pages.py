"""The pages about the exercises are those of the exercises that there are."""

from __future__ import annotations

import re

import exercise_pages

from seqmem.exercises import all_exercises

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
        assert abs(float(cells[4]) * 60 - sum(minutes[name] for name in names)) <= 20, row
    assert sorted(planned) == sorted(minutes)


def test_the_number_of_exercises_is_said() -> None:
    assert INDEX.startswith(f"# The exercises\n\n{len(all_exercises())} exercises,")


def test_every_section_says_what_it_teaches_and_what_goes_wrong() -> None:
    for exercise in all_exercises():
        assert exercise.teaches
        assert exercise.derivation
        assert len(exercise.mistakes) >= 2
        assert len(exercise.hints) == 3
        assert exercise.minutes >= 10
