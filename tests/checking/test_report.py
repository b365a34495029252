"""A report says of each array how wrong it is, where, and why."""

import json
import math
from html.parser import HTMLParser

import pytest

from seqmem.checking import Cause, Report, Row, SideEffect

RIGHT = Row("W_x", (3, 2), "right", 1e-16, (0, 1), "got 1, right is 1")
WRONG = Row("cell.W_h", (2, 2), "wrong", 0.5, (1, 0), "got 3, right is 2")
MISSING = Row("b", (2,), "wrong", math.inf, None, "no gradient was returned")


def report(*rows, verdict="wrong", **more):
    return Report("LSTMCell", verdict, "complex step", 1e-12, 7, rows, **more)


def test_it_passes_when_the_verdict_is_right():
    assert report(RIGHT, verdict="right").passed
    assert not report(WRONG).passed
    assert not report(RIGHT, verdict="cannot tell").passed


EFFECT = SideEffect("upstream-written", "backward writes into the upstream gradient.", 7, "d *= 2")


def test_it_passes_with_a_side_effect_and_says_so_first():
    right = report(RIGHT, verdict="right, with a side effect", side_effects=(EFFECT,))
    assert right.passed
    lines = str(right).splitlines()
    assert lines[0].startswith("LSTMCell: right, with a side effect (")
    assert lines[-2:] == ["Side effect:", "  line 7 `d *= 2`: backward writes into the upstream gradient."]
    assert Report.from_json(right.to_json()) == right
    assert json.loads(right.to_json())["side_effects"][0]["line"] == 7


def test_its_error_is_the_largest_of_all_arrays():
    assert report(RIGHT, WRONG).max_error == 0.5
    assert report(RIGHT, MISSING).max_error == math.inf
    assert report().max_error == 0.0


def test_it_prints_a_row_for_each_array_and_what_is_wrong_where():
    lines = str(report(RIGHT, WRONG, MISSING)).splitlines()
    assert lines[0] == "LSTMCell: WRONG (complex step, tolerance 1.0e-12, seed 7)"
    assert lines[2].split() == ["W_x", "(3,", "2)", "1.0e-16"]
    assert lines[3].endswith("5.0e-01  wrong at [1, 0]: got 3, right is 2")
    assert lines[4].endswith("inf  wrong  no gradient was returned")
    assert str(report(RIGHT, verdict="right")).startswith("LSTMCell: right (")


def test_it_prints_where_and_why():
    text = str(
        report(WRONG, places=("W_h: f wrong",), causes=(Cause("lost", "It is lost."),), notes=("Slow.",))
    )
    assert text.endswith("\n\nWhere:\n  W_h: f wrong\n\nWhy:\n  It is lost.\n\nNote:\n  Slow.")


LONG = Row(
    "encoder.layers.0.cell.W_x", (4, 30, 45), "wrong", 0.5, (2, 4, 17), "got 0.540694, right is 1.10407"
)


def test_headline_and_rows_keep_to_eighty_columns():
    rows = (RIGHT, LONG, MISSING)
    text = str(Report("a_long_name.forward", "wrong", "complex step, every element", 1e-12, 7, rows))
    assert max(map(len, text.splitlines())) <= 80
    assert "\n  complex step, every element, tolerance 1.0e-12, seed 7\n" in text
    assert "wrong at [2, 4, 17]:\n      got 0.540694, right is 1.10407\n" in text


class Cells(HTMLParser):
    """The cells and items of a page, and the elements that are open."""

    def __init__(self):
        super().__init__()
        self.open, self.found = [], []

    def handle_starttag(self, tag, attrs):
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.found.append((self.open[-1], data))


def test_in_a_notebook_it_is_a_table():
    effect = SideEffect("upstream-written", "It writes.", 7, "d[a < b] = 0")
    why = (Cause("lost", "Lost <script>."),)
    whole = report(RIGHT, LONG, MISSING, causes=why, places=("W: f wrong",), side_effects=(effect,))
    page = Cells()
    page.feed(whole._repr_html_())
    assert page.open == []
    text = [data for tag, data in page.found if tag == "td"]
    assert text[:3] == ["W_x", "(3, 2)", "1.0e-16"]
    assert "wrong at [2, 4, 17]: got 0.540694, right is 1.10407" in text
    assert [data for tag, data in page.found if tag == "li"] == ["W: f wrong", "Lost <script>.", str(effect)]
    assert "<script>" not in whole._repr_html_()
    assert report(verdict="right")._repr_html_().count("<table>") == 0


def test_json_gives_it_back():
    whole = report(RIGHT, WRONG, MISSING, causes=(Cause("lost", "It is lost."),), places=("a",), notes=("b",))
    assert Report.from_json(whole.to_json()) == whole
    found = json.loads(whole.to_json())
    assert (found["passed"], found["verdict"], found["max_error"]) == (False, "wrong", None)
    assert found["rows"][1] == {
        "name": "cell.W_h",
        "shape": [2, 2],
        "verdict": "wrong",
        "max_error": 0.5,
        "where": [1, 0],
        "note": "got 3, right is 2",
    }


WHOLE = json.loads(report(RIGHT, verdict="right").to_json())
NO_REPORTS = {
    "no JSON": "right",
    "a list": "[1]",
    "nothing": "{}",
    "nested deeply": "[" * 100_000,
    "a number without measure": "9" * 10_000,
    "one name less": json.dumps({name: WHOLE[name] for name in WHOLE if name != "seed"}),
    "one name more": json.dumps(WHOLE | {"more": 1}),
    "a name twice": json.dumps(WHOLE).replace("{", '{"title": "a", ', 1),
    "an infinite number": json.dumps(WHOLE | {"tolerance": math.inf}),
    "another verdict": json.dumps(WHOLE | {"verdict": "fine"}),
    "a verdict that is not that of its rows": report(WRONG, verdict="right").to_json(),
    "passed and wrong": json.dumps(WHOLE | {"verdict": "wrong"}),
    "a side effect that the verdict hides": report(RIGHT, verdict="right", side_effects=(EFFECT,)).to_json(),
    "no side effect and a verdict of one": report(RIGHT, verdict="right, with a side effect").to_json(),
    "a side effect that is none": json.dumps(WHOLE | {"side_effects": [{"code": "lost"}]}),
    "another error": json.dumps(WHOLE | {"max_error": 1.0}),
    "a row that is none": json.dumps(WHOLE | {"rows": [1]}),
    "a shape of text": json.dumps(WHOLE | {"rows": [WHOLE["rows"][0] | {"shape": ["3"]}]}),
    "a truth for a number": json.dumps(WHOLE | {"seed": True}),
    "a cause that is none": json.dumps(WHOLE | {"causes": [{"code": "lost"}]}),
    "a note that is none": json.dumps(WHOLE | {"notes": [None]}),
}


@pytest.mark.parametrize("text", NO_REPORTS.values(), ids=NO_REPORTS.keys())
def test_what_is_no_report_is_a_value_error(text):
    with pytest.raises(ValueError):  # noqa: PT011 - json has words of its own
        Report.from_json(text)
