"""A student's folder: nothing is overwritten, nothing is lost, and what was passed is remembered."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqmem.cli.main import main
from seqmem.exercises import all_exercises, exercise_named, solution, stub
from seqmem.exercises.course import course_exercises, new_exercise
from seqmem.exercises.notebooks import as_text, notebook
from seqmem.exercises.student.checking import check_exercise
from seqmem.exercises.student.folder import MARK, Folder, folder_at, new_folder
from seqmem.exercises.verifying import verify

STEP = exercise_named("rnn_step_backward")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return new_folder(tmp_path / "mine", seed=4)


def test_every_exercise_has_a_file_and_a_notebook_in_order(folder: Folder) -> None:
    files = sorted(path.name for path in folder.path.glob("*.py"))
    assert [name[3:-3] for name in files] == [exercise.name for exercise in all_exercises()]
    assert len(list((folder.path / "notebooks").glob("*.ipynb"))) == len(files)
    assert all(folder.state_of(exercise) == "not started" for exercise in folder.exercises)
    assert folder.file_of(exercise_named("find_the_bug_gru")).read_text("utf-8") == stub(
        exercise_named("find_the_bug_gru", 4)
    )


def test_a_folder_that_holds_anything_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="is not empty, and nothing was written"):
        new_folder(tmp_path, 0)
    with pytest.raises(ValueError, match="is a file, expected a folder"):
        new_folder(tmp_path / "mine.txt", 0)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_folder_of_exercises_is_not_written_twice(folder: Folder) -> None:
    folder.file_of(STEP).write_text("my work")
    with pytest.raises(ValueError, match="contains exercises already; nothing was written"):
        new_folder(folder.path, 0)
    assert folder.file_of(STEP).read_text() == "my work"


def test_it_is_found_from_within_and_from_beside(folder: Folder, tmp_path: Path) -> None:
    assert folder_at(folder.path / "notebooks").path == folder.path
    folder.path.rename(tmp_path / "exercises")
    assert folder_at(tmp_path).seed == 4
    with pytest.raises(ValueError, match="there are no exercises in"):
        folder_at(Path("/"))


@pytest.mark.parametrize(
    "name", ["rnn_step_backward", "2", "02", "02_rnn_step_backward.py", "x/02_rnn_step_backward.ipynb"]
)
def test_an_exercise_goes_by_name_number_and_file(folder: Folder, name: str) -> None:
    assert folder.named(name).name == "rnn_step_backward"


def test_the_nearest_name_is_offered(folder: Folder) -> None:
    with pytest.raises(ValueError, match="did you mean rnn_step_backward"):
        folder.named("rnn_step_backwards")
    with pytest.raises(
        ValueError,
        match="did you mean lstm_backward, lstm_step_forward, find_the_bug_lstm or lstm_step_backward",
    ):
        folder.named("lstm")
    with pytest.raises(ValueError, match="exercises list shows all 25"):
        folder.named("zzz")


def test_what_passes_is_remembered_until_it_changes(folder: Folder) -> None:
    file = folder.file_of(STEP)
    file.write_text(solution(STEP), "utf-8")
    assert folder.state_of(STEP) == "started"
    report, printed = check_exercise(folder, STEP)
    assert report.passed, str(report)
    assert printed == ""
    again = folder_at(folder.path)
    assert again.state_of(STEP) == "passed"
    assert again.next_one() == exercise_named("rnn_step_forward")
    file.write_text(solution(STEP) + "\n# more\n", "utf-8")
    assert again.state_of(STEP) == "passed, changed since"
    again.record_pass(STEP, file)
    file.write_text(solution(STEP), "utf-8")
    assert folder_at(folder.path).state_of(STEP) == "passed"


def test_what_was_given_up_is_listed_as_such_until_it_is_begun_again(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["exercises", "solution", STEP.name, "--give-up", "--folder", str(folder.path)])
    capsys.readouterr()
    main(["exercises", "list", "--folder", str(folder.path)])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if STEP.name in line]
    assert line.endswith("given up")
    again = folder_at(folder.path)
    again.reset(STEP)
    assert again.state_of(STEP) == "not started"


def test_a_notebook_that_was_started_is_checked_in_place_of_the_untouched_file(folder: Folder) -> None:
    book = folder.notebook_of(STEP)
    book.write_text(as_text(notebook(STEP, solved=True)), "utf-8")
    assert folder.state_of(STEP) == "started"
    report, _ = check_exercise(folder, STEP)
    assert report.passed, str(report)
    assert folder.state_of(STEP) == "passed"


def test_a_command_that_is_printed_stands_on_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["exercises", "init", "a long name of a folder", "--seed", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == ["    cd 'a long name of a folder'", "    python -m seqmem exercises check"]


def test_begun_again_a_file_is_kept(folder: Folder) -> None:
    file = folder.file_of(STEP)
    assert folder.reset(STEP) is None
    for text in ("one", "two"):
        file.write_text(text)
        kept = folder.reset(STEP)
        assert kept is not None
        assert kept.read_text() == text
        assert file.read_text("utf-8") == stub(STEP)
    assert len(list((folder.path / "old").iterdir())) == 2


def test_a_notebook_is_an_answer_and_what_it_shows_has_no_say(folder: Folder) -> None:
    book = folder.notebook_of(STEP)
    cells = notebook(STEP, solved=True)
    book.write_text(as_text(cells), "utf-8")
    report, _ = check_exercise(folder, STEP, book)
    assert report.passed, str(report)
    assert folder.state_of(STEP) == "passed"
    shown = [cell | {"outputs": ["7"], "execution_count": 1} for cell in cells["cells"]]
    book.write_text(as_text(cells | {"cells": shown}), "utf-8")
    assert folder.state_of(STEP) == "passed"
    assert folder.answer_of(STEP) == book
    kept = folder.reset(STEP, in_notebook=True)
    assert kept is not None
    assert kept.name == "02_rnn_step_backward-1.ipynb"
    assert folder.state_of(STEP) == "not started"


def test_a_file_that_was_deleted_is_told_and_comes_back(folder: Folder) -> None:
    folder.file_of(STEP).unlink()
    assert folder.state_of(STEP) == "deleted"
    with pytest.raises(ValueError, match=r"02_rnn_step_backward\.py does not exist any more"):
        check_exercise(folder, STEP)
    folder.reset(STEP)
    assert folder.state_of(STEP) == "not started"


def test_another_exercises_file_is_told(folder: Folder) -> None:
    folder.file_of(STEP).write_text(
        stub(exercise_named("lstm_step_backward")).replace("rnn_step_backward", "x"), "utf-8"
    )
    report, _ = check_exercise(folder, STEP)
    assert report.first is not None
    assert "holds lstm_step_backward, and no rnn_step_backward" in report.first.says


def test_an_endless_loop_and_what_is_printed_are_told(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = stub(STEP).replace("raise NotImplementedError", "while True:\n        pass")
    folder.file_of(STEP).write_text(loop, "utf-8")
    report, _ = check_exercise(folder, STEP, seconds=2)
    assert "it did not finish within 1 seconds: is there an endless loop?" in " ".join(str(report).split())
    folder.file_of(STEP).write_text(
        solution(STEP).replace("    return {", "    print('here')\n    return {"), "utf-8"
    )
    report, printed = check_exercise(folder, STEP)
    assert report.passed
    assert "here" in printed


def test_what_is_remembered_may_be_spoilt(folder: Folder) -> None:
    (folder.path / MARK).write_text("{")
    with pytest.raises(ValueError, match="cannot be read: delete it"):
        folder_at(folder.path)


def test_a_courses_own_exercise_is_sound_and_goes_into_a_folder(tmp_path: Path) -> None:
    course = tmp_path / "course"
    new_exercise(course, "scale")
    (exercise,) = course_exercises(course)
    found = verify([exercise])
    assert found.passed, str(found)
    assert "raise NotImplementedError" in stub(exercise)
    assert "d_w = (d_y * x).sum(axis=0)" in solution(exercise)
    folder = new_folder(tmp_path / "mine", 0, str(course))
    folder.file_of(exercise).write_text(solution(exercise), "utf-8")
    report, _ = check_exercise(folder, exercise)
    assert report.passed, str(report)
    wrong = solution(exercise).replace(".sum(axis=0)", ".mean(axis=0)")
    folder.file_of(exercise).write_text(wrong, "utf-8")
    report, _ = check_exercise(folder, exercise)
    assert "1/3 of the right gradient" in " ".join(str(report).split())


def test_a_courses_file_may_use_the_reference(tmp_path: Path) -> None:
    new_exercise(tmp_path, "gate")
    path = tmp_path / "gate.py"
    text = path.read_text().replace(
        "import numpy.typing as npt\n", "import numpy.typing as npt\n\nfrom seqmem.reference import sigmoid\n"
    )
    path.write_text(text.replace("y = x * w + b\n", "y = x * w + b + 0 * sigmoid(x)\n"))
    (exercise,) = course_exercises(tmp_path)
    assert "def sigmoid(" in stub(exercise)
    assert "seqmem.reference" not in stub(exercise)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("def f(:", "cannot be imported: SyntaxError"),
        ("x = 1", "expected a dict EXERCISE and a function inputs"),
        ("EXERCISE = {'write': ['f']}\ndef inputs(rng): return {}", "there is no function f"),
        ("EXERCISE = {}\ndef inputs(rng): return {}", "does not say what to write"),
        ("EXERCISE = {'wright': 1}\ndef inputs(rng): return {}", "EXERCISE has 'wright'"),
        (
            "EXERCISE = {'write': ['f_backward']}\ndef inputs(rng): return {}\ndef f_backward(d, cache): ...",
            "f_backward has no forward pass f_forward",
        ),
        (
            "EXERCISE = {'write': ['f_forward']}\ndef inputs(rng): return {}\ndef f_forward(): return 1",
            "f_forward returns no cache",
        ),
    ],
)
def test_a_courses_file_that_is_no_exercise_is_told(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "own.py").write_text(text)
    with pytest.raises(ValueError, match=r"own\.py") as found:
        course_exercises(tmp_path)
    assert says in str(found.value)


def test_a_course_without_exercises_and_a_name_that_is_none_are_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no exercises"):
        course_exercises(tmp_path)
    with pytest.raises(ValueError, match="there is no folder"):
        course_exercises(tmp_path / "gone")
    with pytest.raises(ValueError, match="is not a valid name of a function"):
        new_exercise(tmp_path, "a-b")
    new_exercise(tmp_path, "mine")
    with pytest.raises(ValueError, match="exists already"):
        new_exercise(tmp_path, "mine")
