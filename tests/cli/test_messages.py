"""What a user is told: one line, the right file, the words of the command line."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from argparse import Namespace
from pathlib import Path

import pytest

from seqmem import CheckpointError, Translator
from seqmem.cli.main import main
from seqmem.cli.terminal import waiting
from seqmem.cli.terminal.messages import LONGEST, message_of, one_line

PAIRS = "".join(f"{word}\t{word[::-1]}\n" for word in ("ab", "ba", "abc", "cab", "aa", "bb"))
SMALL = ["--epochs", "1", "--hidden", "4", "--embedding", "4"]
NOTHING = Namespace()


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("pairs.tsv").write_text(PAIRS, encoding="utf-8")
    assert main(["train", "pairs.tsv", "--out", "model.npz", *SMALL]) == 0
    return Path("model.npz")


@pytest.mark.parametrize("name", [".model.npz.1234.tmp", None])
def test_a_full_disk_is_told_with_the_file_that_was_to_be_written(
    model: Path, name: str | None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)

    monkeypatch.setattr(Translator, "save", full)
    assert main(["train", "pairs.tsv", "--out", "other.npz", *SMALL]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == "seqmem: error: other.npz: No space left on device"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("command", [["compare"], ["translate", "model.npz", "ab"]])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_standard_output_that_is_full_is_told_in_one_line(
    model: Path, command: list[str], unbuffered: str
) -> None:
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with open("/dev/full", "w") as full:
        run = subprocess.run(
            [sys.executable, "-m", "seqmem", *command], stdout=full, stderr=subprocess.PIPE, env=environment
        )
    assert run.stderr == b"seqmem: error: standard output: No space left on device\n"
    assert run.returncode == 2


def test_a_reader_who_leaves_before_a_short_output_is_no_traceback(model: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    run = subprocess.run([sys.executable, "-m", "seqmem", "compare"], stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert (run.returncode, run.stderr) == (130, b"")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "pairs.tsv", "--out", "m", "--held-out", "6"], "--held-out is 6, which leaves nothing"),
        (["memory", "--lags", "7", "3"], "--lags 3: expected distances of at least 5 words"),
        (["compare", "--memory", "."], ".: Is a directory"),
        (
            ["compare", "--memory", "pairs.tsv"],
            "pairs.tsv: not the output of `memory --json`: text is not JSON: Expecting value",
        ),
        (
            ["compare", "--memory", "list.json"],
            "list.json: not the output of `memory --json`: expected an obj",
        ),
        (
            ["compare", "--memory", "other.json"],
            "other.json: not the output of `memory --json`: its title is 'oth",
        ),
        (
            ["compare", "--memory", "deep.json"],
            "deep.json: not the output of `memory --json`: nested too deep",
        ),
        (["compare", "--memory", "junk.json"], "junk.json: not the output of `memory --json`: expected"),
        (["translate", "pairs.tsv", "a"], "pairs.tsv: expected a readable .npz file"),
    ],
)
def test_a_message_speaks_of_options_and_files_and_not_of_functions(
    arguments: list[str], message: str, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("list.json").write_text("[1]", encoding="utf-8")
    Path("other.json").write_text(json.dumps({"title": "other", "settings": {}, "records": []}), "utf-8")
    Path("junk.json").write_text(
        json.dumps({"title": "memory horizon", "settings": 1, "records": 5}), "utf-8"
    )
    Path("deep.json").write_text("[" * 100_000, encoding="utf-8")
    capsys.readouterr()
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"seqmem: error: {message}")
    assert err.count("\n") == 1


def test_the_librarys_function_is_left_out_and_a_file_of_its_name_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message_of(ValueError("fit: batches gave no batch"), NOTHING) == "batches gave no batch"
    assert message_of(ValueError("Seq2Seq.generate: no tokens"), NOTHING) == "no tokens"
    assert message_of(ValueError("explore: --text without --model"), NOTHING).startswith("explore: ")
    assert message_of(CheckpointError("load: W: expected 3"), NOTHING) == "load: W: expected 3"
    Path("fit").touch()
    assert message_of(ValueError("fit: no pairs, expected some"), NOTHING) == "fit: no pairs, expected some"


def test_a_message_is_one_bounded_line_that_moves_no_cursor() -> None:
    text = message_of(CheckpointError("x" * 60_000 + "\n\x1b[2J\u2028end"), NOTHING)
    assert len(text) < LONGEST + 100
    assert text.endswith(r"\n\x1b[2J\u2028end")
    assert one_line("ąę漢字 'quoted'") == "ąę漢字 'quoted'"
    assert message_of(MemoryError(), NOTHING) == "not enough memory"


@pytest.mark.skipif(sys.platform == "win32", reason="signals as on Unix")
def test_an_interrupt_during_the_imports_is_one_line_and_exit_code_130(tmp_path: Path) -> None:
    started = tmp_path / "started"
    slow = f"""
import pathlib, time
pathlib.Path({str(started)!r}).touch()
try:
    time.sleep(60)
except BaseException as error:
    raise ImportError("what an import may make of an interrupt") from error
"""
    (tmp_path / "numpy").mkdir()
    (tmp_path / "numpy" / "__init__.py").write_text(slow, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "seqmem", "compare"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        while not started.exists() and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, out, err) == (130, b"", b"seqmem: interrupted\n")


def test_an_interrupt_that_a_shell_ignores_stays_ignored(tmp_path: Path) -> None:
    script = """
import signal, runpy, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
sys.argv = ["seqmem", "--version"]
try:
    runpy.run_module("seqmem", run_name="__main__")
finally:
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, cwd=tmp_path)
    assert (run.returncode, run.stderr) == (0, b"")


def test_long_work_shows_a_sign_of_life_in_a_log_and_none_when_it_is_over(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert waiting.INTERVAL < 10
    monkeypatch.setattr(waiting, "INTERVAL", 0.01)
    with waiting.heartbeat("checking"):
        until = time.monotonic() + 30
        err = ""
        while err.count("\n") < 2 and time.monotonic() < until:
            time.sleep(0.01)
            err += capsys.readouterr().err
    assert err.startswith("seqmem: checking, 0:00\nseqmem: checking, ")
    capsys.readouterr()
    time.sleep(0.05)
    assert capsys.readouterr() == ("", "")
