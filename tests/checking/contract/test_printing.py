"""A check calls somebody's code many times, and shows what it prints once or twice."""

# ruff: noqa: T201 - code that prints is what is tested here

import io
import sys
import threading

import numpy as np

from seqmem import RNNCell
from seqmem.checking import gradcheck, gradcheck_functions
from seqmem.checking.contract.printing import MOST_LINES, first_lines

X = np.random.default_rng(0).standard_normal((3, 4))


def talking(x):
    print("forward of", x.shape)
    return x**2, x


def back(d, x):
    print("backward")
    return 2 * d * x


def test_ten_lines_are_shown_and_the_others_counted(capsys):
    report = gradcheck_functions(talking, back, (X,))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == MOST_LINES
    assert lines[0] == "forward of (3, 4)"
    (note,) = report.notes
    assert note.startswith("its code prints ")
    assert note.endswith(" lines while it is checked: the first 10 are shown")
    assert report.passed
    print("as before")
    assert capsys.readouterr().out == "as before\n"


def test_a_module_may_print_too(capsys):
    class Talking(RNNCell):
        def forward(self, x, state, **options):
            print("a step")
            return super().forward(x, state, **options)

    assert gradcheck(RNNCell(2, 3, rng=0)).notes == ()
    gradcheck(Talking(2, 3, rng=0))
    assert len(capsys.readouterr().out.splitlines()) <= MOST_LINES


def test_few_lines_are_no_note(capsys):
    with first_lines() as notes:
        print("one\ntwo\n", end="", flush=True)
        sys.stdout.write("three")
    assert notes == []
    assert capsys.readouterr().out == "one\ntwo\nthree"


def test_what_is_no_terminal_keeps_its_manners(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    with first_lines():
        assert not sys.stdout.isatty()
        assert sys.stdout.getvalue() == ""
    monkeypatch.setattr(sys, "stdout", None)
    with first_lines() as notes:
        print("to nobody")
    assert notes == []


def test_two_checks_at_once_leave_a_stream_that_prints_everything(capsys):
    first, second = threading.Event(), threading.Event()

    def check():
        with first_lines():
            first.set()
            second.wait(5)

    other = threading.Thread(target=check)
    other.start()
    first.wait(5)
    with first_lines():  # begins within the other, and ends after it
        second.set()
        other.join()
    print("\n".join(map(str, range(30))))
    assert len(capsys.readouterr().out.splitlines()) == 30


def test_an_error_is_raised_and_the_stream_is_as_it_was(capsys):
    before = sys.stdout
    try:
        with first_lines():
            raise KeyError
    except KeyError:
        assert sys.stdout is before
