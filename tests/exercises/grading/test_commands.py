"""exercises grade, report and autograder, as an instructor calls them."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from concurrent.futures import Future
from pathlib import Path

import pytest

from seqmem.cli.exercises import grading
from seqmem.cli.main import main
from seqmem.exercises import exercise_named, solution, stub
from seqmem.exercises.grading.record import Grade, Record

STEP, EMBEDDING = exercise_named("rnn_step_forward"), exercise_named("embedding_backward")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a class in it, as the working folder; what is graded is looked at, not run."""
    monkeypatch.chdir(tmp_path)
    for name, text in (("ada", solution(STEP)), ("bea", stub(STEP)), ("carl", "")):
        Path("class", name).mkdir(parents=True)
        Path("class", name, "rnn_step_forward.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(
        "seqmem.exercises.grading.running._processes", lambda workers: InThisProcess(looked_at)
    )
    return tmp_path


class InThisProcess:
    """Grades where it is, with another function than the one it is given if there is one."""

    def __init__(self, own=None):
        self.own = own

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def submit(self, function, work):
        future = Future()
        future.set_result((self.own or function)(work))
        return future


def looked_at(work):
    text = work.files[work.main].decode()
    status = "not started" if "NotImplementedError" in text else "right" if text else "failed"
    return Grade(work.student, work.exercise, status, 3.0 * (status == "right"), 3.0, work.main, work.digest)


@pytest.fixture
def real(monkeypatch):
    """What is graded is run."""
    monkeypatch.setattr("seqmem.exercises.grading.running._processes", lambda workers: InThisProcess())


def run(*arguments):
    try:
        return main(["exercises", *arguments])
    except SystemExit as ended:
        return ended.code


def rows(path="grades.csv"):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_class_is_graded_and_reported(here, real, capsys):
    assert run("grade", "class", "--out", "grades.csv", "--class-summary", "class.html") == 0
    assert [(row["student"], row["status"]) for row in rows()] == [
        *(("ada", "right"), ("bea", "not started"), ("carl", "failed")),
    ]
    out = capsys.readouterr().out
    assert "grades.csv: 3 students, 1 exercise: 1 right, 1 not started, 1 failed" in out
    assert "exercise          right  wrong" in out
    assert Path("class.html").read_text("utf-8").startswith("<!doctype html>")
    assert run("report", "grades.csv", "--junit", "junit.xml") == 0
    assert Path("junit.xml").read_text("utf-8").count("<testsuite ") == 3
    assert run("report", "grades.csv", "--gradescope", "results.json") == 2
    assert "found 3: choose one with --student" in capsys.readouterr().err
    assert run("report", "grades.csv", "--student", "ada", "--gradescope", "results.json") == 0
    assert json.loads(Path("results.json").read_text("utf-8"))["score"] == 3.0
    assert run("report", "grades.csv", "--student", "zoe") == 2
    assert "there is no student 'zoe' in it" in capsys.readouterr().err


def test_a_second_grading_grades_only_what_is_new(here, monkeypatch, capsys):
    run("grade", "class", "--out", "grades.csv")
    Path("class", "bea", "rnn_step_forward.py").write_text(solution(STEP), encoding="utf-8")
    graded = []

    def own(work):
        graded.append(work.student)
        return looked_at(work)

    monkeypatch.setattr("seqmem.exercises.grading.running._processes", lambda workers: InThisProcess(own))
    assert run("grade", "class", "--out", "grades.csv") == 0
    assert graded == ["bea"]
    assert [row["status"] for row in rows()] == ["right", "right", "failed"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere", "--out", "g.csv"], "nowhere: no such folder"),
        (["class/ada/rnn_step_forward.py", "--out", "g.csv"], "not a folder"),
        (["class", "--out", "class"], "is a folder or a device, expected a file"),
        (["class", "--out", "no/g.csv"], "there is no folder"),
        (["class", "--out", "mine.csv"], "exists and is not a table of grades of seqmem; --force"),
        (["class", "--out", "g.jsonl"], "name the table, for example g.csv"),
        (["class", "--out", "g.csv", "--exercise", "rnn_step_foward"], "did you mean rnn_step_forward?"),
        (["class", "--out", "g.csv", "--seed-file", "empty"], "is empty, expected a secret"),
        (["class", "--out", "g.csv", "--seed-file", "gone"], "gone"),
        (["class", "--out", "g.csv", "--course", "gone"], "there is no folder"),
        (["class", "--out", "other.csv"], "other.jsonl is not a record of grades"),
        (["class", "--out", "g.csv", "--class-summary", "mine.csv"], "exists and is not a page of seqmem"),
        (["none", "--out", "g.csv"], "no file answers any exercise"),
    ],
)
def test_bad_input_is_said_in_a_line_and_nothing_is_replaced(arguments, says, here, capsys):
    Path("mine.csv").write_text("my own marks\n", encoding="utf-8")
    Path("other.jsonl").write_text("{}\n", encoding="utf-8")
    Path("empty").write_text("", encoding="utf-8")
    Path("none", "zoe").mkdir(parents=True)
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    assert run("grade", *arguments) == 2
    err = capsys.readouterr().err
    assert says in err
    assert len(err.strip().splitlines()) == 1
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before


def test_force_replaces_what_is_no_table(here):
    Path("mine.csv").write_text("my own marks\n", encoding="utf-8")
    Path("mine.jsonl").write_text("{}\n", encoding="utf-8")
    assert run("grade", "class", "--out", "mine.csv", "--force") == 0
    assert len(rows("mine.csv")) == 3


def test_a_report_replaces_only_reports(here, capsys):
    run("grade", "class", "--out", "grades.csv")
    Path("mine.json").write_text('{"my": "own"}', encoding="utf-8")
    options = ("report", "grades.csv", "--student", "ada")
    assert run(*options, "--gradescope", "mine.json") == 2
    assert run(*options, "--junit", "mine.json") == 2
    assert Path("mine.json").read_text("utf-8") == '{"my": "own"}'
    assert "--force replaces it" in capsys.readouterr().err
    for _ in range(2):
        assert run(*options, "--gradescope", "results.json", "--junit", "junit.xml") == 0
    assert run("report", "gone.csv") == 2
    assert "gone.jsonl: no such file" in capsys.readouterr().err


def test_what_could_not_be_judged_is_named_and_has_an_exit_code(here, real, monkeypatch, capsys):
    monkeypatch.setattr("seqmem.exercises.grading.grade.judge", lambda *_: 1 / 0)
    assert run("grade", "class", "--out", "grades.csv") == 1
    assert (
        "ada, rnn_step_forward: the grader could not judge it (ZeroDivisionError" in capsys.readouterr().out
    )


def test_an_interrupted_grading_says_how_to_go_on(here, monkeypatch, capsys):
    def stops():
        def told(done, *_):
            if done == 2:
                raise KeyboardInterrupt

        return told

    monkeypatch.setattr(grading, "_told", stops)
    assert run("grade", "class", "--out", "grades.csv") == 130
    assert "2 grades are in grades.jsonl; the same command resumes from there" in capsys.readouterr().err
    assert len(Record(Path("grades.jsonl")).grades) == 2
    assert not Path("grades.csv").exists()


def test_dask_that_is_not_installed_is_named(here, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert run("grade", "class", "--out", "grades.csv", "--dask", "local") == 2
    assert 'pip install "seqmem[dask]"' in capsys.readouterr().err


def test_a_single_submission_is_graded_whatever_its_folders(here):
    Path("class", "ada", "more").mkdir()
    assert run("grade", "class/ada", "--single", "--out", "grades.csv") == 0
    assert [(row["student"], row["status"]) for row in rows()] == [("ada", "right")]


def test_a_courses_own_exercises_are_graded(here, real):
    assert run("new", "scale", "--course", "own") == 0
    text = Path("own", "scale.py").read_text("utf-8")
    for name, own in (("ada", text), ("bea", text.replace("d_y * w", "d_y"))):
        Path("homework", name).mkdir(parents=True)
        Path("homework", name, "scale.py").write_text(own, encoding="utf-8")
    assert run("grade", "homework", "--course", "own", "--out", "grades.csv") == 0
    assert [(row["student"], row["status"]) for row in rows()] == [("ada", "right"), ("bea", "wrong")]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_a_grading_that_is_killed_goes_on(here):
    for k in range(30):
        Path("many", f"s{k}").mkdir(parents=True)
        Path("many", f"s{k}", "rnn_step_forward.py").write_text(stub(STEP), encoding="utf-8")
    command = [sys.executable, "-m", "seqmem", "exercises", "grade", "many", "--out", "grades.csv"]
    first = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    end = time.monotonic() + 120
    while time.monotonic() < end and (not Path("grades.jsonl").exists() or lines() < 6):
        time.sleep(0.05)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    had = lines() - 1
    assert 0 < had < 30
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert len(rows()) == 30
    assert lines() - 1 == 30


def lines():
    return len(Path("grades.jsonl").read_text("utf-8").splitlines())


def test_an_autograder_has_its_scripts_the_package_and_a_secret(here, capsys):
    assert run("autograder", "rnn_step_forward", "embedding_backward", "--out", "grader.zip") == 0
    with zipfile.ZipFile("grader.zip") as archive:
        names = set(archive.namelist())
        modes = {name: archive.getinfo(name).external_attr >> 16 & 0o777 for name in names}
        assert archive.read("exercises") == b"rnn_step_forward\nembedding_backward\n"
        assert len(archive.read("seed").strip()) == 32
    assert {"setup.sh", "run_autograder", "package/seqmem/__main__.py", "package/seqmem/py.typed"} <= names
    assert (modes["setup.sh"], modes["run_autograder"], modes["seed"]) == (0o755, 0o755, 0o600)
    assert run("autograder", "rnn_step_forward", "--out", "grader.zip") == 2
    assert "exists and is not a zip of seqmem; --force replaces it" in capsys.readouterr().err
    assert run("autograder", "rnn_step_froward", "--out", "new.zip") == 2
    assert not Path("new.zip").exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the scripts are bash's")
def test_the_autograders_scripts_run_in_a_bare_folder(here, monkeypatch):
    run("autograder", "rnn_step_forward", "embedding_backward", "--out", "grader.zip")
    root = here / "autograder"
    (root / "submission").mkdir(parents=True)
    (root / "submission" / "rnn_step_forward.py").write_text(solution(STEP), encoding="utf-8")
    (root / "submission" / "homework").mkdir()
    (root / "submission" / "homework" / "embedding_backward.py").write_text(stub(EMBEDDING), "utf-8")
    with zipfile.ZipFile("grader.zip") as archive:
        archive.extractall(root / "source")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
        "AUTOGRADER_ROOT": str(root),
    }
    for script in ("setup.sh", "run_autograder"):
        done = subprocess.run(
            ["bash", str(root / "source" / script)],
            env=environment,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((root / "results" / "results.json").read_text("utf-8"))
    assert found["score"] == 3.0
    assert {name: about["status"] for name, about in found["extra_data"].items()} == {
        "rnn_step_forward": "right",
        "embedding_backward": "not started",
    }
