from __future__ import annotations

import numpy as np
import pytest
from exercises.solving import report_on

from seqmem.exercises import Exercise, all_exercises, exercise_named, solution, stub

EXERCISES = all_exercises()


def named(exercise: Exercise) -> str:
    return exercise.name


@pytest.mark.parametrize("exercise", EXERCISES, ids=named)
def test_a_stub_is_not_started_and_its_solution_is_right(exercise: Exercise) -> None:
    assert report_on(exercise, stub(exercise)).verdict == "not started"
    report = report_on(exercise, solution(exercise))
    assert report.passed, str(report)
    assert report.score == report.max_score > 0
    assert all(report.parts.values())


def test_a_wrong_gate_costs_what_it_spoils_and_is_named() -> None:
    exercise = exercise_named("lstm_step_backward")
    report = report_on(exercise, solution(exercise).replace("d_a_f = d_f * f * (1 - f)", "d_a_f = d_f"))
    assert [cause.code for cause in report.causes] == ["lstm-sigmoid-derivative-of-f-missing"]
    wrong = [name for name, right in report.parts.items() if not right]
    assert "lstm_step_backward: W_x, gate f" in wrong
    assert report.parts["lstm_step_backward: W_x, gate i"]
    assert report.parts["lstm_step_backward: c_prev"]


def test_an_error_shows_the_students_line_alone() -> None:
    exercise = exercise_named("rnn_step_forward")
    text = solution(exercise).replace("h = np.tanh(a)", "h = np.tanh(missing)")
    report = report_on(exercise, text)
    assert report.first is not None
    assert report.first.name == "runs"
    assert "NameError: name 'missing'" in report.first.says
    assert all(frame.startswith("line ") for frame in report.first.details)


def test_writing_to_an_argument_is_found_where_the_numbers_are_right() -> None:
    exercise = exercise_named("lstm_step_backward")
    report = report_on(exercise, solution(exercise).replace("d_c = d_c + d_tanh_c", "d_c += d_tanh_c"))
    assert report.first is not None
    assert report.first.name == "purity"
    assert all(report.parts.values())


def test_a_constant_earns_nothing() -> None:
    exercise = exercise_named("rnn_step_forward")
    rng = np.random.default_rng(0)
    fixed = exercise.tasks[0].right(exercise.tasks[0].problem(rng))["h"].tolist()
    text = solution(exercise).replace("h = np.tanh(a)", f"h = np.array({fixed})")
    assert report_on(exercise, text, seed=5).score == 0
