"""A file is more than its functions: a report says what was not executed, and whether Python can run it."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqmem.exercises import exercise_named, solution
from seqmem.exercises.notebooks import as_text, notebook
from seqmem.exercises.student.checking import check_path

STEP = exercise_named("rnn_step_backward")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("print(1 / 0)", "ZeroDivisionError: division by zero"),
        ("import nosuchmodule", "No module named 'nosuchmodule'"),
        pytest.param("while True: pass", "is there an endless loop?", marks=pytest.mark.slow),
        pytest.param("exit()", "it calls exit()", marks=pytest.mark.slow),
    ],
)
def test_a_file_that_python_cannot_run_is_reported(tmp_path: Path, line: str, says: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(f"{solution(STEP)}\n{line}\n", "utf-8")
    report, _ = check_path(file, STEP)
    assert report.checks[0].says != "it runs"
    assert "the file cannot be imported or run" in report.notes[-1]
    assert says in report.notes[-1]
    assert says in " ".join(str(report).split())
    assert all(report.parts.values())


def test_a_file_with_a_line_that_was_not_executed_and_is_right_gets_a_note(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(solution(STEP) + "\nprint('done')\n", "utf-8")
    report, _ = check_path(file, STEP)
    (note,) = report.notes
    assert note.startswith("only the definitions were executed for this check, not line ")
    assert report.checks[0].says == "it runs"


def test_a_file_of_definitions_and_a_notebook_with_its_check_have_no_fault(tmp_path: Path) -> None:
    file, book = tmp_path / "mine.py", tmp_path / "mine.ipynb"
    file.write_text(solution(STEP), "utf-8")
    book.write_text(as_text(notebook(STEP, solved=True)), "utf-8")
    report, _ = check_path(file, STEP)
    assert (report.checks[0].says, report.notes) == ("it runs", ())
    report, _ = check_path(book, STEP)
    assert (report.checks[0].says, report.notes) == ("it runs", ())


def test_an_endless_function_costs_the_others_nothing(tmp_path: Path) -> None:
    exercise = exercise_named("masks")
    text = solution(exercise).replace("    valid = cache\n", "    while True:\n        pass\n", 1)
    file = tmp_path / "mine.py"
    file.write_text(text, "utf-8")
    report, _ = check_path(file, exercise, seconds=6)
    wrong = {name for name, right in report.parts.items() if not right}
    assert wrong == {"hold_backward: new", "hold_backward: prev"}
    assert "hold_backward: it did not finish within 1 seconds: is there" in " ".join(str(report).split())
