"""Every stub is not started, every solution passes, every planted mistake is caught and named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seqmem.exercises import Exercise, all_exercises, exercise_named, solution, stub
from seqmem.exercises.bugs import mistakes_of, with_mistake
from seqmem.exercises.verifying import mistaken_solutions, report_on_text, verify

QUICK = ("rnn_step_backward", "embedding_backward", "masks", "clip_by_global_norm", "beam_search")
EXERCISES = all_exercises()


@pytest.mark.parametrize("name", QUICK)
def test_an_exercise_is_sound(name: str) -> None:
    found = verify([exercise_named(name)])
    assert found.passed, str(found)
    assert found.named == found.planted > 0


@pytest.mark.slow
@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.name)
def test_every_exercise_is_sound(exercise: Exercise) -> None:
    found = verify([exercise], seed=1)
    assert found.passed, str(found)


def test_there_are_enough_exercises_and_enough_mistakes() -> None:
    assert len(EXERCISES) >= 18
    assert len({exercise.name for exercise in EXERCISES}) == len(EXERCISES)
    counts = {exercise.name: len(list(mistaken_solutions(exercise))) for exercise in EXERCISES}
    assert sum(counts.values()) >= 350
    planted = {exercise.name for exercise in EXERCISES if exercise.planted is not None}
    assert [name for name, count in counts.items() if not count] == [
        "own_cell",
        *sorted(planted, key=counts_order),
    ]


def counts_order(name: str) -> int:
    return [exercise.name for exercise in EXERCISES].index(name)


def test_what_is_unsound_is_found() -> None:
    sound = exercise_named("rnn_step_forward")
    task = sound.tasks[0]
    wrong = replace(sound, tasks=(task._replace(outputs=("h", "c")),))
    assert not verify([wrong]).passed
    assert "faults" in str(verify([wrong]))


@pytest.mark.slow
@pytest.mark.parametrize("topic", ["rnn", "lstm", "gru", "attention"])
def test_every_bug_that_can_be_drawn_stands_there_and_can_be_mended(topic: str) -> None:
    for mistake in mistakes_of(topic):
        exercise = with_mistake(topic, mistake)
        assert report_on_text(exercise, stub(exercise)).verdict == "not started", mistake.code
        assert report_on_text(exercise, solution(exercise)).passed, mistake.code


def test_there_are_many_bugs_to_draw_from() -> None:
    assert all(len(mistakes_of(topic)) >= 30 for topic in ("rnn", "lstm", "gru", "attention"))
