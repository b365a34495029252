"""A report says of each array how wrong it is, and where."""

import math

from seqmem.checking import Report, Row

RIGHT = Row("W_x", (3, 2), 1e-16, (0, 1), "got 1, right is 1")
WRONG = Row("cell.W_h", (2, 2), 0.5, (1, 0), "got 3, right is 2")
UNKNOWN = Row("b", (2,), math.inf, None, "no gradient was returned")
NAN = Row("c", (2,), math.nan, (0,), "got nan, right is 2")


def report(*rows):
    return Report("LSTMCell", "complex step", 1e-12, rows)


def test_it_passes_when_every_array_is_within_the_tolerance():
    assert report(RIGHT).passed
    assert report(Row("W", (1,), 1e-12, (0,))).passed
    assert report().passed
    for row in (WRONG, UNKNOWN, NAN):
        assert not report(RIGHT, row).passed
        assert not report(row, RIGHT).passed


def test_its_error_is_the_largest_of_all_arrays():
    assert report(RIGHT, WRONG).max_error == 0.5
    assert report(RIGHT, UNKNOWN).max_error == math.inf
    assert report().max_error == 0.0


def test_it_prints_a_row_for_each_array_and_what_is_wrong_where():
    lines = str(report(RIGHT, WRONG, UNKNOWN)).splitlines()
    assert lines[0] == "LSTMCell: WRONG (complex step, tolerance 1.0e-12)"
    assert lines[2].split() == ["W_x", "(3,", "2)", "1.0e-16"]
    assert lines[3].endswith("5.0e-01  at [1, 0]: got 3, right is 2")
    assert lines[4].endswith("inf  no gradient was returned")
    assert str(report(RIGHT)).startswith("LSTMCell: right (")
