"""Whatever a file does, there is an answer, in time, and in its author's words."""

import re
import sys
import textwrap
import time

import pytest

from seqmem.checking.submissions.boxed import KEPT_LINES, KEPT_OUTPUT
from seqmem.checking.submissions.run_apart import Said, check_file

RIGHT = """
import numpy as np


def forward(x, w):
    return x @ w, (x, w)


def backward(d_y, cache):
    x, w = cache
    return d_y @ w.T, x.T @ d_y


def inputs():
    return {"x": np.arange(6.0).reshape(3, 2) - 2.2, "w": np.arange(8.0).reshape(2, 4) + 0.3}
"""
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals and limits")


@pytest.fixture
def run(tmp_path):
    """Check a file with this text, and time it."""

    def run(text, name="", run_all=True, **options):
        path = tmp_path / "mine.py"
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return check_file(path, name, said=Said(run_all=run_all), **options)

    return run


def test_a_right_file_has_a_report_and_no_trouble(run):
    answer = run(RIGHT)
    assert answer.report.passed
    assert [row.name for row in answer.report.rows] == ["x", "w"]
    assert (answer.trouble, answer.printed) == ("", "")


def test_a_wrong_file_has_a_report_that_says_so(run):
    answer = run(RIGHT.replace("x.T @ d_y", "2 * x.T @ d_y"), seed=5)
    assert answer.report.verdict == "wrong"
    assert answer.report.seed == 5


LOOPS = {
    "as it is read": "while True: pass",
    "in forward": RIGHT.replace("return x @ w, (x, w)", "while True: pass"),
}


@pytest.mark.parametrize("text", LOOPS.values(), ids=LOOPS.keys())
def test_a_loop_without_an_end_is_ended(run, text):
    start = time.monotonic()
    answer = run(text, seconds=1)
    assert time.monotonic() - start < 20
    assert answer.report is None
    assert answer.trouble == "it did not finish within 1 seconds: is there an endless loop?"


def test_a_process_that_it_leaves_behind_does_not_hold_the_answer_up(run):
    left = "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    start = time.monotonic()
    answer = run(left + RIGHT)
    assert time.monotonic() - start < 30
    assert answer.report.passed


ENDS = {
    "os._exit": ("import os\nos._exit(7)", "it ended with exit code 7 before the check was done"),
    "sys.exit": ("import sys\nsys.exit(3)", r"it called exit(3)"),
    "exit in backward": (
        RIGHT.replace("x, w = cache", "raise SystemExit('done')"),
        "it called exit('done')",
    ),
    "a syntax error": ("def forward(:\n    pass\n", "it is not valid Python: line 1: SyntaxError: "),
    "the line of a syntax error": ("def forward(:\n    pass\n", "\n    def forward(:"),
    "a tab": ("if 1:\n        x = 1\n\ty = 2\n", "TabError: inconsistent use of tabs"),
    "zero bytes": ("x = 1\0", "null bytes"),
    "an empty notebook": ('{"cells": [], "nbformat": 4}', "there is nothing to check"),
    "KeyboardInterrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "no functions": ("x = 1", "there is nothing to check"),
    "a call of what is not there": (
        "import nowhere_at_all\nnowhere_at_all.make()",
        "nowhere_at_all.make was called, and nowhere_at_all is not installed",
    ),
}


@pytest.mark.parametrize(("text", "trouble"), ENDS.values(), ids=ENDS.keys())
def test_whatever_ends_it_is_said(run, text, trouble):
    answer = run(text)
    assert answer.report is None
    assert trouble in answer.trouble


@posix
def test_a_signal_is_named(run):
    answer = run("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    assert answer.report is None
    assert answer.trouble == "it was ended by SIGKILL before the check was done"


def test_an_error_shows_its_authors_lines_and_none_of_ours(run, tmp_path):
    text = RIGHT.replace("x, w = cache", "x, w = unpacked(cache)")
    answer = run(text + "\n\ndef unpacked(cache):\n    return cache['x'], cache['w']\n")
    assert answer.report is None
    assert "x, w = unpacked(cache)" in answer.trouble
    assert "return cache['x'], cache['w']" in answer.trouble
    assert "TypeError: tuple indices must be integers" in answer.trouble
    assert "mine.py" in answer.trouble
    assert answer.trouble.count("File ") == 2
    assert "seqmem" not in answer.trouble.replace(str(tmp_path), "")


@pytest.mark.parametrize("error", ["ValueError('mine')", "LookupError()"])
def test_an_error_of_a_kind_that_we_raise_is_still_its_authors(run, error):
    answer = run(RIGHT.replace("x, w = cache", f"raise {error}"))
    assert answer.report is None
    assert f"raise {error}" in answer.trouble
    assert answer.trouble.count("File ") == 1


def test_a_file_that_prints_megabytes_is_checked_and_the_beginning_kept(run):
    answer = run("print('début', 'x' * 5_000_000)\nimport sys\nsys.stderr.write('y' * 5_000_000)\n" + RIGHT)
    assert answer.report.passed
    assert answer.printed.startswith("début xxx")
    assert len(answer.printed) == KEPT_OUTPUT + len("\n... and more")


def test_of_a_print_in_a_forward_pass_ten_lines_are_shown(run):
    answer = run(RIGHT.replace("return x @ w,", "print(x.shape)\n    return x @ w,"))
    assert answer.report.passed
    assert answer.printed.splitlines() == ["(3, 2)"] * KEPT_LINES
    assert any("while it is checked: the first 10 are shown" in note for note in answer.report.notes)


def test_of_a_print_in_a_file_that_is_read_ten_lines_are_shown(run):
    answer = run("for k in range(30):\n    print(k)\n" + RIGHT)
    assert answer.report.passed
    assert answer.printed.splitlines() == [*map(str, range(KEPT_LINES)), "... 20 more lines"]


ESCAPES = "\x1b[2J\x1b]0;title\x07\x9b31m\u202e\r\ud800"


@pytest.mark.parametrize(
    "text",
    [
        "import sys\nsys.stdout.buffer.write(TEXT.encode('utf-8', 'surrogatepass'))\n" + RIGHT,
        f"raise ValueError(TEXT)\n{RIGHT}",
        RIGHT + "\nforward.__qualname__ = TEXT\n",
        RIGHT.replace('{"x": np', '{"x" + TEXT: np')
        .replace("(x, w)", "(**k)")
        .replace("return x @ w, (**k)", "x, w = k.values()\n    return x @ w, (x, w)"),
    ],
    ids=["printed", "raised", "the title", "a row"],
)
def test_what_a_terminal_would_obey_is_written_out(run, text):
    answer = run(f"TEXT = {ESCAPES!a}\n{text}")
    said = f"{answer.report}{answer.trouble}{answer.printed}"
    assert r"\x1b[2J\x1b]0;title\x07" in said
    assert all(sign.isprintable() or sign == "\n" for sign in said)
    assert (answer.report is None) == ("raise " in text)


def test_an_error_is_told_in_as_many_characters_as_somebody_reads(run):
    for text in ("raise ValueError('x' * 50_000_000)", "raise ValueError('line\\n' * 1_000_000)"):
        answer = run(text)
        assert answer.report is None
        assert len(answer.trouble) < 5000
        assert answer.trouble.count("\n") <= 40


def test_an_endless_recursion_shows_its_beginning_and_its_end(run):
    answer = run("def a():\n    b()\ndef b():\n    a()\na()\n")
    assert re.search(r"\.\.\. \d{3} more calls", answer.trouble)
    assert "RecursionError: maximum recursion depth exceeded" in answer.trouble
    assert answer.trouble.count("\n") < 40


def test_a_report_without_measure_is_cut(run):
    answer = run(RIGHT + "\nforward.__qualname__ = 'f' * 100_000\n")
    assert answer.report.passed
    assert len(answer.report.title) < 1100
    answer = run(RIGHT + "\nforward.__qualname__ = 'f' * 10_000_000\n")
    assert (answer.report, answer.trouble) == (None, "the answer is longer than 1 MB")


@pytest.mark.slow  # waits for a limit of time
def test_a_file_that_prints_without_end_is_ended(run):
    answer = run("while True: print('again and again')", seconds=3)
    assert answer.trouble.startswith("it did not finish")
    assert answer.printed.startswith("again and again")


def test_a_file_that_waits_for_input_gets_none(run):
    answer = run("input('your name? ')")
    assert "EOFError" in answer.trouble


def test_too_much_memory_is_said(run):
    resource = pytest.importorskip("resource", reason="the system cannot limit memory")
    if sys.platform != "linux" or not hasattr(resource, "RLIMIT_AS"):
        pytest.skip("the system does not keep to a limit of memory")
    answer = run("import numpy as np\nx = np.ones(1 << 30)\n" + RIGHT, megabytes=1024)
    assert answer.report is None
    assert answer.trouble == "it needs more than 1024 MB of memory"


def test_a_file_imports_what_lies_beside_it(run, tmp_path):
    (tmp_path / "beside.py").write_text(RIGHT, encoding="utf-8")
    assert run("from beside import backward, forward, inputs").report.passed


def test_a_file_leaves_nothing_behind(run, tmp_path):
    (tmp_path / "beside.py").write_text(RIGHT, encoding="utf-8")
    run("from beside import backward, forward, inputs")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["beside.py", "mine.py"]


def test_a_file_that_is_not_there_is_trouble_and_no_error(tmp_path):
    answer = check_file(tmp_path / "nowhere.py")
    assert answer.report is None
    assert "No such file" in answer.trouble


def test_a_class_may_be_a_dataclass(run):
    text = RIGHT.replace("import numpy as np", "import numpy as np\nfrom dataclasses import dataclass")
    text = text.replace("(x, w)\n\n", "Cache(x, w)\n\n").replace("x, w = cache", "x, w = cache.x, cache.w")
    assert run(text + "\n\n@dataclass\nclass Cache:\n    x: object\n    w: object\n").report.passed


@pytest.mark.slow
def test_of_very_many_passes_the_first_are_checked_and_that_is_said(tmp_path):
    pairs = "".join(
        f"def f{k}_forward(x): return x * {k + 1}, x\ndef f{k}_backward(d, c): return d * {k + 1}\n"
        for k in range(205)
    )
    path = tmp_path / "many.py"
    path.write_text(pairs, encoding="utf-8")
    answer = check_file(path, "", "", 0, 60.0)
    assert answer.notes[0] == "205 passes were found, of which 200 are checked: name one"
    assert len(answer.results) == 200


def test_a_cycle_of_imports_is_named_as_the_cause(tmp_path):
    (tmp_path / "a.py").write_text(
        "import b\nfrom b import g\ndef a_forward(x): return g(x), x\ndef a_backward(d, c): return d\n"
    )
    (tmp_path / "b.py").write_text("from a import a_forward\ndef g(x):\n    return x\n")
    answer = check_file(tmp_path / "a.py", "a", "", 0, 30.0)
    assert "g is missing, because line 2 raises ImportError: cannot import name 'g'" in answer.trouble
