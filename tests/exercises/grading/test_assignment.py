"""Notebooks for nbgrader and Otter: each runs under the system itself, where that is installed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from seqmem.cli.main import main
from seqmem.exercises import all_exercises, exercise_named
from seqmem.exercises.asking import Trouble
from seqmem.exercises.grading.assignment import as_nbgrader, as_otter, is_graded
from seqmem.exercises.judging.judge import empty_report

SHARED = [exercise for exercise in all_exercises() if exercise.planted is None]
BACK = exercise_named("lstm_step_backward")
RIGHT, WRONG = "d_a_f = d_f * f * (1 - f)", "d_a_f = d_f"


def sources(book):
    return ["".join(cell["source"]) for cell in book["cells"]]


@pytest.mark.parametrize("exercise", SHARED, ids=lambda exercise: exercise.name)
def test_every_exercise_is_a_notebook_of_either_system(exercise):
    most = empty_report(exercise, Trouble("missing", "")).max_score
    book = as_nbgrader(exercise)
    solved = [cell for cell in book["cells"] if cell["metadata"].get("nbgrader", {}).get("solution")]
    assert sum(cell["metadata"]["nbgrader"]["points"] for cell in book["cells"] if is_graded(cell)) == most
    for cell in solved:
        text = "".join(cell["source"])
        assert text.count("### BEGIN SOLUTION") == text.count("### END SOLUTION") >= 1
        compile(text, "<cell>", "exec")
    text = "\n".join(sources(as_otter(exercise)))
    points = [float(line.split()[1]) for line in text.splitlines() if line.startswith("points: ")]
    assert points[0] == most == sum(points[1:])
    marks = ("QUESTION", "SOLUTION", "TESTS")
    assert all(text.count(f"# BEGIN {mark}") == text.count(f"# END {mark}") for mark in marks)


def test_what_is_above_a_solution_stays():
    [text] = [text for text in sources(as_nbgrader(BACK)) if "### BEGIN SOLUTION" in text]
    kept = text.partition("### BEGIN SOLUTION")[0]
    assert "def lstm_step_backward" in kept
    assert '"""Return the gradients' in kept
    assert "d_o" not in kept


def test_a_bug_that_a_seed_draws_is_no_notebook_for_all():
    for make in (as_nbgrader, as_otter):
        with pytest.raises(ValueError, match="find_the_bug_rnn depends on each student's seed"):
            make(exercise_named("find_the_bug_rnn"))


def test_the_command_writes_a_notebook_for_each_and_replaces_none(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command = [
        "exercises",
        "assignment",
        "rnn_step_forward",
        "lstm_step_backward",
        "--nbgrader",
        "source/week1",
    ]
    assert main(command) == 0
    paths = sorted(path.name for path in Path("source/week1").iterdir())
    assert paths == ["lstm_step_backward.ipynb", "rnn_step_forward.ipynb"]
    Path("source/week1/rnn_step_forward.ipynb").unlink()
    assert main(command) == 2
    assert "lstm_step_backward.ipynb exists; --force replaces it" in capsys.readouterr().err
    assert not Path("source/week1/rnn_step_forward.ipynb").exists()
    assert main([*command, "--force"]) == 0
    assert main(["exercises", "assignment", "find_the_bug_rnn", "--otter", "new"]) == 2
    assert not Path("new").exists()


def run(name, *arguments, cwd):
    """Run a program that stands beside this Python."""
    bin_folder = Path(sys.executable).parent
    done = subprocess.run(
        [str(bin_folder / name), *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        env=os.environ | {"PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}"},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_nbgrader_itself_releases_and_grades_the_notebook_with_partial_credit(tmp_path, require):
    require("nbgrader")
    main(["exercises", "assignment", BACK.name, "--nbgrader", str(tmp_path / "source" / "week1")])
    source = json.loads((tmp_path / "source" / "week1" / f"{BACK.name}.ipynb").read_text("utf-8"))
    run("nbgrader", "generate_assignment", "week1", "--create", cwd=tmp_path)
    released = (tmp_path / "release" / "week1" / f"{BACK.name}.ipynb").read_text("utf-8")
    assert "raise NotImplementedError" in released
    assert RIGHT not in released

    def hand_in(student, written):
        book = json.loads(released)
        for cell, solved in zip(book["cells"], source["cells"], strict=True):
            if written and "### BEGIN SOLUTION" in "".join(solved["source"]):
                cell["source"] = written("".join(solved["source"]))
        folder = tmp_path / "submitted" / student / "week1"
        folder.mkdir(parents=True)
        (folder / f"{BACK.name}.ipynb").write_text(json.dumps(book), encoding="utf-8")

    hand_in("right", lambda text: text)
    hand_in("wrong", lambda text: text.replace(RIGHT, WRONG))
    hand_in("none", None)
    run("nbgrader", "autograde", "week1", "--create", cwd=tmp_path)
    run("nbgrader", "export", "--to", "grades.csv", cwd=tmp_path)
    lines = (tmp_path / "grades.csv").read_text("utf-8").splitlines()
    head = lines[0].split(",")
    scores = {
        row[head.index("student_id")]: float(row[head.index("score")])
        for row in (line.split(",") for line in lines[1:])
    }
    assert scores == {"right": 17.0, "wrong": 11.34, "none": 0.0}


@pytest.mark.slow
def test_otter_itself_assigns_and_grades_the_notebook_with_partial_credit(tmp_path, require):
    require("otter")
    main(["exercises", "assignment", BACK.name, "--otter", str(tmp_path)])
    run("otter", "assign", f"{BACK.name}.ipynb", "dist", cwd=tmp_path)  # runs the solution against its tests
    student = tmp_path / "dist" / "student" / f"{BACK.name}.ipynb"
    assert RIGHT not in student.read_text("utf-8")
    [grader] = (tmp_path / "dist" / "autograder").glob("*.zip")
    solved = (tmp_path / "dist" / "autograder" / f"{BACK.name}.ipynb").read_text("utf-8")
    (tmp_path / "wrong.ipynb").write_text(solved.replace(RIGHT, WRONG), encoding="utf-8")
    scores = {}
    for name, path in (("wrong", tmp_path / "wrong.ipynb"), ("none", student)):
        (tmp_path / name).mkdir()
        run("otter", "run", path, "-a", grader, "-o", tmp_path / name, cwd=tmp_path)
        found = json.loads((tmp_path / name / "results.json").read_text("utf-8"))
        scores[name] = sum(test.get("score", 0) for test in found["tests"])
    assert scores == {"wrong": 10.0, "none": 0.0}
