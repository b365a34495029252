"""Grades as files that other systems read: CSV, Gradescope's results.json, JUnit XML, the class's page."""

import csv
import io
import json
import xml.etree.ElementTree as ET

import pytest

from seqmem.exercises.grading.gradescope import results
from seqmem.exercises.grading.junit import as_junit
from seqmem.exercises.grading.record import Grade, GradedCheck, Mistake
from seqmem.exercises.grading.summary import as_body, as_table, summed_up
from seqmem.exercises.grading.tables import COLUMNS, as_csv

F = Mistake("lstm-f", "f is taken with the wrong state")
CHECKS = (
    GradedCheck("runs", "right", 0, 0, "it runs"),
    GradedCheck("gradient", "wrong", 2.0, 3.0, "W_x is wrong", ("gate f wrong", F.message)),
    GradedCheck("speed", "not reached", 0.0, 1.0),
)
WRONG = Grade(
    *("ada", "lstm_step_backward", "wrong", 2.0, 4.0, "lstm_step_backward.py", "d", "W_x is wrong"),
    {"x": True, "h": True, "W_x, gate f": False},
    CHECKS,
    (F,),
    seconds=1.5,
)
RIGHT = Grade("bea", "lstm_step_backward", "right", 4.0, 4.0, parts={"x": True})
ABSENT = Grade("=cmd()", "lstm_step_backward", "not handed in", 0.0, 4.0, says="no file answers it")
FAILED = Grade(
    *("dan", "lstm_step_backward", "failed", 0.0, 4.0, "a.py", "d", "it loops \0 \x1b[2J"),
    {"x": False},
    (GradedCheck("runs", "wrong", 0, 0, "it loops \0"), GradedCheck("gradient", "not reached", 0, 4)),
)
ALL = [WRONG, RIGHT, ABSENT, FAILED]


def test_the_table_has_a_row_for_each_grade_and_no_formula():
    rows = list(csv.DictReader(io.StringIO(as_csv(ALL))))
    assert tuple(rows[0]) == COLUMNS
    assert [row["score"] for row in rows] == ["2", "4", "0", "0"]
    assert (rows[0]["parts_right"], rows[0]["parts"], rows[0]["mistakes"]) == ("2", "3", "lstm-f")
    assert rows[2]["student"] == "'=cmd()"


def check_results(found):
    """What Gradescope documents of results.json."""
    assert set(found) <= {
        *("score", "execution_time", "output", "output_format", "test_output_format", "test_name_format"),
        *("visibility", "stdout_visibility", "extra_data", "tests", "leaderboard"),
    }
    assert type(found["score"]) in (int, float)
    assert type(found["execution_time"]) is int
    assert found["visibility"] in ("visible", "after_due_date", "after_published", "hidden")
    assert found["output_format"] in ("text", "html", "simple_format", "md", "ansi")
    assert type(found["extra_data"]) is dict
    for test in found["tests"]:
        assert set(test) <= {
            *("score", "max_score", "status", "name", "name_format", "number", "output", "output_format"),
            *("tags", "visibility", "extra_data"),
        }
        assert type(test["score"]) in (int, float)
        assert type(test["max_score"]) in (int, float)
        assert 0 <= test["score"] <= test["max_score"]
        assert test["status"] in ("passed", "failed")
        assert test["visibility"] in ("visible", "after_due_date", "after_published", "hidden")
        assert type(test["name"]) is type(test["output"]) is str


@pytest.mark.parametrize("grade", ALL, ids=lambda grade: grade.status)
def test_results_are_as_gradescope_documents_them(grade):
    found = json.loads(json.dumps(results([grade])))
    check_results(found)
    assert found["score"] == grade.score == sum(test["score"] for test in found["tests"])
    assert sum(test["max_score"] for test in found["tests"]) == grade.max_score


def test_results_say_which_mistake_was_made():
    found = results([WRONG])
    extra = found["extra_data"]["lstm_step_backward"]
    assert extra["mistakes"] == [{"code": "lstm-f", "message": F.message}]
    assert [test["name"] for test in found["tests"]] == [
        "lstm_step_backward: gradient",
        "lstm_step_backward: speed",
    ]
    assert found["tests"][0]["output"] == f"W_x is wrong\ngate f wrong\n{F.message}\nright: x, h"
    assert found["tests"][1]["output"] == "not reached: W_x is wrong"


def test_results_are_of_one_student_and_seen_by_whom_it_is_said():
    with pytest.raises(ValueError, match="found 2: choose one with --student"):
        results([WRONG, RIGHT])
    assert {test["visibility"] for test in results([WRONG], "hidden")["tests"]} == {"hidden"}
    with pytest.raises(ValueError, match="visibility is 'nobody', expected one of visible"):
        results([WRONG], "nobody")


def test_junit_has_a_suite_for_each_student_and_counts_what_is_in_it():
    root = ET.fromstring(as_junit(ALL))
    suites = {suite.get("name"): suite for suite in root}
    assert list(suites) == ["=cmd()", "ada", "bea", "dan"]
    counted = {
        name: tuple(int(suite.get(what)) for what in ("tests", "failures", "errors", "skipped"))
        for name, suite in suites.items()
    }
    assert counted == {"=cmd()": (1, 0, 0, 1), "ada": (3, 1, 0, 1), "bea": (1, 0, 0, 0), "dan": (2, 0, 1, 1)}
    failure = suites["ada"].find("testcase/failure")
    assert failure.get("type") == "lstm-f"
    assert F.message in failure.text


def test_the_class_is_summed_up_with_its_mistakes():
    [one] = summed_up([*ALL, Grade("eve", "lstm_step_backward", "wrong", 1.0, 4.0, mistakes=(F,))])
    assert one.statuses == {
        "right": 1, "wrong": 2, "not started": 0, "not handed in": 1, "failed": 1, "error": 0,
    }  # fmt: skip
    assert one.mean == 7 / 4
    assert (one.bins[0], one.bins[2], one.bins[5], one.bins[-1]) == (1, 1, 1, 1)
    assert [(m.code, m.students) for m in one.mistakes] == [("lstm-f", 2)]
    text = as_table([one])
    assert "       2  lstm-f (lstm_step_backward)" in text
    assert max(map(len, text.splitlines())) <= 80
    body = as_body([one])
    assert body.count("<rect") == 10
    assert "lstm-f" in body


def test_what_a_student_wrote_is_no_markup_in_the_page():
    [one] = summed_up(
        [Grade("a", "<b>", "wrong", 0.0, 1.0, parts={"<i>": False}, mistakes=(Mistake("<u>", "<s>"),))]
    )
    assert not any(tag in as_body([one]) for tag in ("<b>", "<i>", "<u>", "<s>"))
