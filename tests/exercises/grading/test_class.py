"""A class, graded: who handed in what is found, nothing is graded twice, and nothing is lost."""

import json
import os
import stat
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import numpy as np
import pytest
from exercises.ending import ends_its_process

from seqmem.exercises import exercise_named, solution, stub
from seqmem.exercises.grading import running
from seqmem.exercises.grading.grade import Work, grade, rng_of
from seqmem.exercises.grading.record import Grade, Record
from seqmem.exercises.grading.running import grade_class
from seqmem.exercises.grading.submissions import answered, one_submission, submissions_in

STEP = exercise_named("rnn_step_forward")
BACK = exercise_named("lstm_step_backward")
GRU = exercise_named("gru_step_backward")


class Here(Executor):
    """Looks at what it is given, runs none of it, and remembers what that was."""

    def __init__(self):
        self.works = []

    def submit(self, fn, /, *args, **kwargs):
        [work] = args
        self.works.append(work)
        status = "not started" if b"NotImplementedError" in work.files[work.main] else "right"
        future = Future()
        future.set_result(Grade(work.student, work.exercise, status, 0.0, 3.0, work.main, work.digest))
        return future


@pytest.fixture
def folder(tmp_path):
    """A function that writes files under a folder of submissions and returns it."""
    place = tmp_path / "submissions"
    place.mkdir()

    def write(files):
        for name, text in files.items():
            path = place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return place

    return write


def mains(place, *exercises):
    names = [exercise.name for exercise in exercises]
    return {
        one.student: [answered(one, one.files(), exercise, names).main for exercise in exercises]
        for one in submissions_in(place, exercises)
    }


def notebook(text):
    cells = [{"cell_type": "code", "source": text, "metadata": {}, "outputs": [], "execution_count": None}]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def test_a_folder_a_student_single_files_and_notebooks_are_found(folder):
    place = folder(
        {
            "ada/rnn_step_forward.py": stub(STEP),
            "ada/notes/LSTM-step backward (1).ipynb": notebook(solution(BACK)),
            "bea_lstm_step_backward.py": solution(BACK),
            "carl - rnn_step_forward.ipynb": notebook(solution(STEP)),
            "dan/everything.ipynb": notebook(solution(STEP) + solution(BACK)),
            "eve/homework.txt": "the dog ate it",
            ".git/config.py": "",
            "__pycache__/x.py": "",
        }
    )
    assert mains(place, STEP, BACK) == {
        "ada": ["rnn_step_forward.py", "notes/LSTM-step backward (1).ipynb"],
        "bea": ["", "bea_lstm_step_backward.py"],
        "carl": ["carl - rnn_step_forward.ipynb", ""],
        "dan": ["everything.ipynb", "everything.ipynb"],
        "eve": ["", ""],
    }


def test_a_longer_name_is_not_a_shorter_ones(folder):
    place = folder({"ada/lstm_step_backward.py": solution(BACK)})
    assert mains(place, exercise_named("lstm_backward"), BACK)["ada"] == ["", "lstm_step_backward.py"]


def test_a_folder_of_exercises_is_one_students(folder):
    place = folder({"rnn_step_forward.py": stub(STEP), "lstm_step_backward.py": stub(BACK)})
    assert [one.student for one in submissions_in(place)] == ["submissions"]
    assert one_submission(place).student == "submissions"


def test_what_is_graded_of_two_files_is_said(folder):
    place = folder({"ada/rnn_step_forward.py": solution(STEP), "ada/old/rnn_step_forward.py": "1"})
    [one] = submissions_in(place)
    found = answered(one, one.files(), STEP, [STEP.name])
    assert found.main == "rnn_step_forward.py"
    assert found.notes == ("old/rnn_step_forward.py would answer it, too: rnn_step_forward.py was graded",)


def test_who_works_in_notebooks_leaves_the_files_as_they_were(folder):
    book = notebook(solution(STEP))
    place = folder({"ada/01_rnn_step_forward.py": stub(STEP), "ada/books/01_rnn_step_forward.ipynb": book})
    [one] = submissions_in(place)
    assert answered(one, one.files(), STEP, [STEP.name]) == ("books/01_rnn_step_forward.ipynb", ())
    place = folder({"ada/books/01_rnn_step_forward.ipynb": notebook(stub(STEP))})
    [one] = submissions_in(place)
    assert answered(one, one.files(), STEP, [STEP.name]) == ("01_rnn_step_forward.py", ())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no such files")
def test_links_and_what_is_no_file_are_left_out_and_named(folder, tmp_path):
    place = folder({"ada/rnn_step_forward.py": ""})
    secret = tmp_path / "secret.py"
    secret.write_text("", encoding="utf-8")
    (place / "ada" / "link.py").symlink_to(secret)
    (place / "ada" / "up").symlink_to(tmp_path)
    (place / "bob").symlink_to(tmp_path)
    os.mkfifo(place / "ada" / "pipe.py")
    [one] = submissions_in(place)
    assert one.names == ("rnn_step_forward.py",)
    assert sorted(note.partition(",")[0] for note in one.notes) == [
        *("link.py is a link", "pipe.py is not a file", "up is a link"),
    ]


@pytest.mark.parametrize("name", ["nowhere", "file"])
def test_a_folder_without_submissions_is_named(name, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ValueError, match=r"no such folder|not a folder"):
        submissions_in(tmp_path / name)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no folder of a student, no Python file and no notebook"):
        submissions_in(tmp_path / "empty")


def work(text, exercise=STEP, **more):
    name = f"{exercise.name}.py"
    return Work("ada", exercise.name, {name: text.encode()}, name, "d", "secret", **more)


def test_a_right_answer_a_stub_and_nothing_are_told_apart():
    assert grade(work(solution(STEP))).status == "right"
    assert grade(work(stub(STEP))).status == "not started"
    nothing = grade(Work("ada", STEP.name, {}, "", "", "secret"))
    assert (nothing.status, nothing.score) == ("not handed in", 0)
    assert nothing.max_score == grade(work(solution(STEP))).max_score


def test_a_mistake_costs_its_parts_and_has_its_name():
    found = grade(work(solution(BACK).replace("d_a_f = d_f * f * (1 - f)", "d_a_f = d_f"), BACK))
    assert found.status == "wrong"
    assert 0 < found.score < found.max_score
    assert [mistake.code for mistake in found.mistakes] == ["lstm-sigmoid-derivative-of-f-missing"]
    assert found.parts["lstm_step_backward: W_x, gate i"]
    assert not found.parts["lstm_step_backward: W_x, gate f"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("def f(:", "it is not valid Python: line 1"),
        ("\0", "null bytes"),
        ("import seqmem\n" + solution(STEP), "it imports seqmem"),
        ("(" * 100_000, "it is not valid Python"),
        ("-" * 200_000 + "1", "it is not valid Python"),
        ("", "there is no function rnn_step_forward"),
    ],
)
def test_what_cannot_be_run_has_failed_and_it_is_said_why(text, says):
    found = grade(work(text))
    assert (found.status, found.score) == ("failed", 0)
    assert says in found.says


def test_an_import_of_the_library_in_a_file_that_it_imports_is_found():
    files = {
        "rnn_step_forward.py": b"from helpers import rnn_step_forward\n",
        "helpers.py": b"from seqmem.reference import rnn_step_forward\n",
    }
    found = grade(Work("ada", STEP.name, files, "rnn_step_forward.py", "d", "secret"))
    assert (found.status, found.score) == ("failed", 0)
    assert "it imports seqmem" in found.says
    assert found.checks[0].details == ("helpers.py, line 1: from seqmem.reference import rnn_step_forward",)


def test_an_answer_to_another_exercise_is_named():
    found = grade(work(solution(exercise_named("embedding_backward"))))
    assert found.status == "failed"
    assert "is it an answer to embedding_backward?" in found.says


def test_constants_earn_nothing_whoever_s_they_are():
    one, other = rng_of(work("a")), rng_of(work("a")._replace(student="bea"))
    again, changed = rng_of(work("a")), rng_of(work("a")._replace(digest="e"))
    numbers = [rng.uniform(size=3).tolist() for rng in (one, other, again, changed)]
    assert numbers[0] == numbers[2]
    assert numbers[0] not in (numbers[1], numbers[3])
    fixed = STEP.tasks[0].right(STEP.tasks[0].problem(np.random.default_rng(0)))["h"].tolist()
    found = grade(work(solution(STEP).replace("h = np.tanh(a)", f"h = np.array({fixed})")))
    assert found.score == 0


def test_an_answer_that_cannot_be_judged_costs_nobody_else_theirs(monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("no numbers")

    monkeypatch.setattr("seqmem.exercises.grading.grade.judge", broken)
    found = grade(work(solution(STEP)))
    assert found.status == "error"
    assert found.says == "the grader could not judge it (ZeroDivisionError: no numbers): look at it yourself"


def test_a_grading_goes_on_where_it_stopped(folder, tmp_path):
    place = folder({f"{name}/rnn_step_forward.py": stub(STEP) for name in ("ada", "bea", "carl")})
    path = tmp_path / "grades.jsonl"

    def stops(done, *_):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grade_class(submissions_in(place), [STEP], Record(path), executor=Here(), told=stops)
    with path.open("a", encoding="utf-8") as file:
        file.write('{"student": "ca')  # the machine stopped here
    here = Here()
    grades = grade_class(submissions_in(place), [STEP], Record(path), executor=here)
    assert [one.student for one in grades] == ["ada", "bea", "carl"]
    assert len(here.works) == 1
    (place / "bea" / "rnn_step_forward.py").write_text(solution(STEP), encoding="utf-8")
    here = Here()
    grades = grade_class(submissions_in(place), [STEP], Record(path), executor=here)
    assert [one.student for one in here.works] == ["bea"]
    assert [one.status for one in grades] == ["not started", "right", "not started"]


def test_another_seed_or_other_limits_grade_anew(folder, tmp_path):
    place = folder({"ada/rnn_step_forward.py": stub(STEP)})
    path = tmp_path / "grades.jsonl"
    for options, count in (({}, 1), ({}, 0), ({"seed": "s"}, 1), ({"seed": "s"}, 0), ({}, 0)):
        here = Here()
        grade_class(submissions_in(place), [STEP], Record(path), executor=here, **options)
        assert len(here.works) == count
    assert Record(path).seed == "s"


@pytest.mark.skipif(os.name != "posix", reason="the system has no such rights")
def test_the_record_holds_the_secret_and_is_its_owners_alone(folder, tmp_path):
    place = folder({"ada/rnn_step_forward.py": stub(STEP)})
    path = tmp_path / "grades.jsonl"
    grade_class(submissions_in(place), [STEP], Record(path), executor=Here())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(Record(path).seed) == 32


@pytest.mark.parametrize(
    "text", ["student,exercise\n", "[]\n", '{"seqmem_grades": 99, "seed": ""}\n', "\xff\0", '{"x": 1}\n']
)
def test_another_file_is_no_record_and_is_left_as_it_is(text, tmp_path):
    path = tmp_path / "grades.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"grades.jsonl is not a record of grades"):
        Record(path)
    assert path.read_text(encoding="utf-8") == text


def test_a_grade_comes_back_from_its_line_as_it_was():
    found = grade(work(solution(BACK).replace("d_a_f = d_f * f * (1 - f)", "d_a_f = d_f"), BACK))
    assert Grade.from_dict(json.loads(found.to_line())) == found


@pytest.mark.slow
def test_an_answer_that_ends_the_judging_process_costs_nobody_else_theirs(folder, tmp_path, monkeypatch):
    place = folder({f"{name}/rnn_step_forward.py": stub(STEP) for name in ("ada", "bea", "carl")})
    monkeypatch.setattr(running, "grade", ends_its_process)
    grades = grade_class(submissions_in(place), [STEP], Record(tmp_path / "grades.jsonl"), workers=2)
    assert [one.status for one in grades] == ["not started", "error", "not started"]
    assert "look at the answer yourself" in grades[1].says


@pytest.mark.slow
def test_processes_and_threads_grade_alike(folder, tmp_path):
    texts = [solution(BACK), stub(BACK), solution(BACK).replace("d_a_f = d_f * f * (1 - f)", "d_a_f = d_f")]
    place = folder({f"student{k}/lstm_step_backward.py": text for k, text in enumerate(texts)})

    def graded(name, **options):
        grades = grade_class(
            submissions_in(place), [BACK], Record(tmp_path / f"{name}.jsonl"), seed="secret", **options
        )
        return [(one.student, one.status, one.parts, one.mistakes) for one in grades]

    with ThreadPoolExecutor(2) as threads:
        assert graded("threads", executor=threads) == graded("processes", workers=2)


@pytest.mark.slow
def test_dask_grades_as_processes_do(folder, tmp_path, require):
    distributed = require("distributed")
    place = folder({"ada/rnn_step_forward.py": solution(STEP), "bea/rnn_step_forward.py": stub(STEP)})
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
        client.get_executor() as executor,
    ):
        grades = grade_class(
            submissions_in(place), [STEP], Record(tmp_path / "grades.jsonl"), executor=executor
        )
    assert [one.status for one in grades] == ["right", "not started"]


def test_a_class_is_not_handed_over_all_at_once():
    class Slow(ThreadPoolExecutor):
        most = 0

        def submit(self, fn, /, *args, **kwargs):
            future = super().submit(time.sleep, 0.0)
            future = super().submit(lambda: Grade(args[0].student, STEP.name, "right", 1.0, 1.0))
            self.most = max(self.most, self._work_queue.qsize())
            return future

    works = [Work(f"s{k}", STEP.name, {}, "", "", "") for k in range(300)]
    with Slow(1) as executor:
        found = list(running._through(executor, works, []))
    assert len(found) == 300
    assert {one.student for one in found} == {one.student for one in works}
