"""The progress line: where it goes, how often, and with or without tqdm."""

import io
import sys
import time
from typing import Any

import pytest

from seqmem.training.progress import Bar, Line, Silent, duration, make_progress


class Stream(io.StringIO):
    """A stream in memory that may call itself a terminal."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which only the test moves."""
    now = [50.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(
    ("terminal", "wanted", "tqdm", "kind"),
    [
        (True, None, True, Bar),
        (True, None, False, Line),
        (True, True, True, Bar),
        (True, False, True, Silent),
        (False, None, True, Line),
        (False, True, True, Line),
        (False, False, False, Silent),
    ],
)
def test_what_is_shown_depends_on_the_wish_the_terminal_and_tqdm(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, wanted: bool | None, tqdm: bool, kind: type
) -> None:
    if tqdm:
        pytest.importorskip("tqdm")
    else:
        monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(sys, "stderr", Stream(terminal))
    progress = make_progress(wanted)
    progress.show(1.0, "done", last=True)
    progress.close()
    assert type(progress) is kind
    silent = kind is Silent or (kind is Line and wanted is None and not terminal)  # of a short training
    assert ("done" in sys.stderr.getvalue()) is not silent  # type: ignore[attr-defined]


@pytest.mark.parametrize("wanted", [None, True, False])
def test_a_program_without_stderr_is_left_in_peace(monkeypatch: pytest.MonkeyPatch, wanted: Any) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    make_progress(wanted).show(0.5, "halfway", last=True)


def test_a_live_line_is_overwritten_ten_times_a_second_at_most(clock: list[float]) -> None:
    stream = Stream(terminal=True)
    line = Line(stream, live=True)
    for step in range(100):
        line.show(step / 100, f"step {step}")
        clock[0] += 0.03
    assert stream.getvalue().count("\r") == 25
    assert "\n" not in stream.getvalue()
    line.close()
    assert stream.getvalue().endswith("\n")


def test_a_shorter_line_covers_a_longer_one() -> None:
    stream = Stream(terminal=True)
    line = Line(stream, live=True)
    line.show(0.1, "a long line", last=True)
    line.show(0.2, "short", last=True)
    _, long, short = stream.getvalue().split("\r")
    assert len(short) == len(long)


def test_where_nothing_can_be_overwritten_lines_are_whole_and_few(clock: list[float]) -> None:
    stream = Stream(terminal=False)
    line = Line(stream, live=False)
    for step in range(100):
        line.show(step / 99, f"step {step}", last=step % 5 == 4)
        clock[0] += 0.3
    line.close()
    assert stream.getvalue() == " 27% step 27\n 55% step 54\n 82% step 81\n100% step 99\n"


@pytest.mark.parametrize(
    ("brief", "seconds", "lines"), [(False, 1, 0), (True, 1, 1), (False, 9, 1), (True, 9, 1), (False, 20, 2)]
)
def test_a_short_training_on_a_pipe_is_silent_unless_it_is_asked_for(
    clock: list[float], brief: bool, seconds: float, lines: int
) -> None:
    stream = Stream(terminal=False)
    line = Line(stream, live=False, brief=brief)
    for fraction in (0.0, 0.5, 1.0):
        line.show(fraction, "step", last=True)
        clock[0] += seconds / 2
    assert stream.getvalue().count("\n") == lines


def test_a_notebook_has_a_live_line(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = type("OutStream", (Stream,), {"__module__": "ipykernel.iostream"})
    monkeypatch.setattr(sys, "stderr", kind(terminal=False))
    for wanted in (None, True):
        make_progress(wanted).show(0.5, "halfway")
    assert sys.stderr.getvalue().count("\r 50% halfway") == 2  # type: ignore[attr-defined]


def test_a_line_is_made_when_it_is_shown(clock: list[float]) -> None:
    line, made = Line(Stream(terminal=True), live=True), []
    for _ in range(10):
        line.show(0.5, lambda: made.append(1) or "halfway")
    assert len(made) == 1


@pytest.mark.parametrize("live", [True, False])
def test_a_line_fits_the_terminal_and_loses_its_least_important_parts(
    live: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "42")
    stream = Stream(terminal=live)
    text = "epoch 1/2  step 123/456  99 tokens/s  loss 0.1234"
    Line(stream, live).show(1.0, text, last=True)
    assert stream.getvalue().strip() == "100% epoch 1/2  99 tokens/s  loss 0.1234"
    Line(stream, live).show(1.0, "epoch" * 20, last=True)
    assert len(stream.getvalue().split("epoch 1/2")[1].splitlines()[-1]) <= 42


def test_a_bar_stands_at_the_part_that_is_done() -> None:
    tqdm = pytest.importorskip("tqdm").tqdm
    stream = Stream(terminal=True)
    bar = Bar(tqdm, stream)
    bar.show(0.25, "a quarter", last=True)
    bar.close()
    assert " 25%|" in stream.getvalue()
    assert "| a quarter" in stream.getvalue()
    assert stream.getvalue().endswith("\n")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (61, "1:01"), (3599.6, "1:00:00"), (36000, "10:00:00")]
)
def test_a_duration_reads_like_a_clock(seconds: float, text: str) -> None:
    assert duration(seconds) == text
