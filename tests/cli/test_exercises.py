"""The command exercises, as a student types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seqmem.cli.main import main
from seqmem.exercises import exercise_named, solution, stub
from seqmem.exercises.student.folder import folder_at

STEP = exercise_named("rnn_step_forward")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """The first exercise's file, in the working folder."""
    monkeypatch.chdir(tmp_path)
    assert main(["exercises", "init", "mine", "--seed", "5"]) == 0
    assert "your seed is 5" in capsys.readouterr().out
    monkeypatch.chdir(tmp_path / "mine")
    return tmp_path / "mine" / "01_rnn_step_forward.py"


def test_from_not_started_over_wrong_to_right(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["exercises", "check"]) == 5
    out = capsys.readouterr().out
    assert "rnn_step_forward: NOT STARTED" in out
    assert "Write your lines into 01_rnn_step_forward.py" in out
    file.write_text(solution(STEP).replace("np.tanh(a)", "a"), "utf-8")
    assert main(["exercises", "check"]) == 1
    out = capsys.readouterr().out
    assert "WRONG  values      h wrong" in out
    assert "Stuck? python -m seqmem exercises hint rnn_step_forward" in out
    file.write_text(solution(STEP), "utf-8")
    assert main(["exercises", "check"]) == 0
    assert "Next: 02_rnn_step_backward.py" in capsys.readouterr().out
    assert main(["exercises", "list"]) == 0
    out = capsys.readouterr().out
    assert "ok   1  rnn_step_forward" in out
    assert "1 of 25 passed; about" in out


def test_three_hints_come_one_after_the_other(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for level in (1, 2, 3, 3):
        assert main(["exercises", "hint"]) == 0
        assert f"rnn_step_forward, hint {level} of 3:" in capsys.readouterr().out
    assert main(["exercises", "hint", "1", "--level", "1"]) == 0
    assert STEP.hints[0][:30] in capsys.readouterr().out


def test_a_solution_is_for_those_who_passed_or_give_up(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["exercises", "solution", "1"]) == 2
    assert "is not passed yet" in capsys.readouterr().err
    assert main(["exercises", "solution", "1", "--give-up"]) == 0
    assert capsys.readouterr().out == solution(STEP)
    assert folder_at(file.parent).given_up == ["rnn_step_forward"]


def test_begun_again_the_old_file_is_named(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("mine", "utf-8")
    assert main(["exercises", "reset", "1"]) == 0
    assert "old/01_rnn_step_forward-1.py" in " ".join(capsys.readouterr().out.split())
    assert file.read_text("utf-8") == stub(STEP)


def test_all_are_checked_and_the_first_that_is_wrong_is_shown(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_at(file.parent)
    few = folder.exercises[:3]
    monkeypatch.setattr(type(folder), "exercises", few)
    folder.file_of(few[0]).write_text(solution(few[0]), "utf-8")
    folder.file_of(few[1]).write_text(solution(few[1]).replace("1 - h**2", "1 + h**2"), "utf-8")
    assert main(["exercises", "check", "--all"]) == 1
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines()[:3]] == ["ok", "WRONG", "-"]
    assert "rnn_step_backward: WRONG" in out
    assert "Why:" in out
    assert all(len(line) <= 80 for line in out.splitlines())
    assert main(["exercises", "check", "--all", "--json"]) == 1
    assert [one["verdict"] for one in json.loads(capsys.readouterr().out)] == [
        "right",
        "wrong",
        "not started",
    ]


def test_any_file_can_be_checked_and_the_folders_own_notebook(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = file.with_name("01_rnn_step_forward-old.py")
    copy.write_text(solution(STEP), "utf-8")
    assert main(["exercises", "check", "01_rnn_step_forward.ipynb"]) == 5
    copy.rename(file.parent / "old.py")
    assert main(["exercises", "check", "old.py"]) == 2
    (file.parent / "mine").mkdir()
    (file.parent / "old.py").rename(file.parent / "mine" / file.name)
    capsys.readouterr()
    assert main(["exercises", "check", f"mine/{file.name}"]) == 0
    assert main(["exercises", "check", "1"]) == 5


def test_a_report_is_json(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(solution(STEP), "utf-8")
    assert main(["exercises", "check", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["passed"]
    assert found["parts"] == {"rnn_step_forward: h": True}


def test_a_watched_exercise_is_checked_when_it_changes(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = iter([lambda: file.write_text(solution(STEP), "utf-8")])

    def slept() -> None:
        change = next(looks, None)
        if change is None:
            raise KeyboardInterrupt
        change()

    monkeypatch.setattr("seqmem.cli.check._pause", slept)
    assert main(["exercises", "check", "1", "--watch"]) == 130
    out = capsys.readouterr().out
    assert out.index("NOT STARTED") < out.index("rnn_step_forward: right")


def test_a_courses_exercise_is_begun_verified_and_handed_out(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["exercises", "new", "scale", "--course", "course"]) == 0
    assert main(["exercises", "verify", "--course", "course"]) == 0
    assert "1 exercise: every stub is not started, every solution passes" in " ".join(
        capsys.readouterr().out.split()
    )
    assert main(["exercises", "init", "handout", "--course", "course"]) == 0
    assert main(["exercises", "check", "scale", "--folder", "handout"]) == 5
    assert "scale: NOT STARTED" in capsys.readouterr().out


def test_without_a_folder_of_exercises_it_is_said_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["exercises", "check"]) == 2
    assert "python -m seqmem exercises init writes them" in capsys.readouterr().err
