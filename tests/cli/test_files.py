"""The command line and its model files: what must fail fails early, and no end of it leaves half a file."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from seqmem import Translator
from seqmem.cli import demo, train
from seqmem.cli.main import main
from seqmem.cli.terminal.signals import Terminated, ending_by_exception
from seqmem.training.files import checkpoint

WORDS = ("ab", "ba", "abc", "cab", "aa", "bb", "ac", "ca")
PAIRS = "".join(f"{word}\t{word[::-1]}\n" for word in WORDS)
SMALL = ["--epochs", "2", "--hidden", "8", "--embedding", "4", "--batch-size", "2"]
posix = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs the signals of POSIX")


@pytest.fixture
def pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "pairs.tsv"
    path.write_text(PAIRS, encoding="utf-8")
    return path


@pytest.fixture
def model(pairs: Path) -> Path:
    assert main(["train", "pairs.tsv", "--out", "model.npz", *SMALL]) == 0
    return pairs.parent / "model.npz"


def test_a_training_that_explodes_leaves_the_old_model_and_says_one_line(model: Path) -> None:
    before = model.read_bytes()
    command = ["train", "pairs.tsv", "--out", "model.npz", *SMALL, "--learning-rate", "1e39", "--epochs", "1"]
    for warnings in ("default", "error"):
        for batch in ("2", "64"):  # the last step is the second, and the only one
            found = subprocess.run(
                [sys.executable, "-W", warnings, "-m", "seqmem", *command, "--batch-size", batch],
                capture_output=True,
                text=True,
                check=False,
            )
            assert found.returncode == 1
            assert found.stderr.startswith("seqmem: training failed: ")
            assert found.stderr.count("\n") == 1
            assert model.read_bytes() == before
    assert sorted(os.listdir()) == ["model.npz", "pairs.tsv"]


@pytest.mark.parametrize(("name", "limit"), [("MAX_METADATA", 60), ("MAX_VALUES", 8), ("MAX_MODEL", 100)])
def test_a_model_that_cannot_be_saved_is_found_out_before_it_is_trained(
    pairs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str, limit: int
) -> None:
    monkeypatch.setattr(checkpoint, name, limit)
    monkeypatch.setattr(train, "fit", lambda *_, **__: pytest.fail("it was trained"))
    assert main(["train", "pairs.tsv", "--out", "m", *SMALL]) == 2
    err = capsys.readouterr().err
    assert err.startswith("seqmem: error: ")
    assert err.count("\n") == 1
    if name != "MAX_MODEL":
        assert err.endswith("--min-count and --max-vocabulary make the vocabularies smaller\n")
    assert os.listdir() == ["pairs.tsv"]


def test_a_place_that_cannot_be_written_to_is_found_out_before_the_training(
    pairs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(file: Any, *_: Any) -> int:
        raise PermissionError(13, "Permission denied", file)

    def small(*some: Any, build: Any = Translator.build, **options: Any) -> Translator:
        return build(*some, **options | {"hidden_size": 8})

    monkeypatch.setattr(Translator, "build", small)
    for command in (demo, train):
        monkeypatch.setattr(command, "fit", lambda *_, **__: pytest.fail("it was trained"))
    for arguments in (["train", "pairs.tsv", *SMALL], ["demo"]):
        with monkeypatch.context() as patch:
            patch.setattr(demo, "_prove_gradients", lambda seed: None)
            patch.setattr(demo.dates, "split", _few(demo.dates.split))
            patch.setattr(os, "open", refuse)
            assert main([*arguments, "--out", "m.npz"]) == 2
        assert capsys.readouterr().err == "seqmem: error: m.npz: Permission denied\n"


def _few(split: Any) -> Any:
    return lambda train, held_out, rng: split(20, 20, rng)


@pytest.mark.parametrize(
    ("options", "symbols"),
    [
        ([], ["a", "b", "c"]),
        (["--max-vocabulary", "6"], ["a", "b"]),
        (["--max-vocabulary", "100"], ["a", "b", "c"]),
        (["--min-count", "4"], ["a", "b"]),
        (["--min-count", "2", "--max-vocabulary", "5"], ["a"]),
    ],
)
def test_rare_symbols_may_be_left_out(pairs: Path, options: list[str], symbols: list[str]) -> None:
    assert main(["train", "pairs.tsv", "--out", "m", *SMALL, "--held-out", "1", *options]) == 0
    translator = Translator.load("m")
    assert sorted(translator.source_vocabulary.symbols) == symbols
    assert sorted(translator.target_vocabulary.symbols) == symbols


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--min-count", "100"], "--min-count is 100, which leaves no source symbol"),
        (["--max-vocabulary", "4"], "--min-count is 1, which with max_vocabulary 4 leaves no source symbol"),
        (["--max-vocabulary", "3"], "max_size is 3, expected at least 4"),
    ],
)
def test_a_vocabulary_of_nothing_is_an_error(
    pairs: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert main(["train", "pairs.tsv", "--out", "m", *SMALL, *options]) == 2
    assert message in capsys.readouterr().err


TRAINING = """
import os, sys, time
from seqmem.cli.main import main

def stand_still(descriptor):
    print("saving", flush=True)
    time.sleep(600)

os.fsync = stand_still
sys.exit(main(sys.argv[1:]))
"""


def start_training() -> subprocess.Popen[str]:
    """A training that has begun to save its first epoch, and never ends that."""
    process = subprocess.Popen(
        [sys.executable, "-c", TRAINING, "train", "pairs.tsv", "--out", "model.npz", *SMALL],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    while process.stdout.readline() != "saving\n":
        assert process.poll() is None
    return process


@posix
@pytest.mark.parametrize(
    ("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGINT", 130), ("SIGKILL", -9)]
)
def test_a_signal_while_it_saves_leaves_the_old_model_and_no_temporary_file(
    model: Path, name: str, code: int
) -> None:
    before = model.read_bytes()
    process = start_training()
    assert len(os.listdir()) == 3
    process.send_signal(getattr(signal, name))
    _, err = process.communicate()
    assert process.returncode == code
    assert model.read_bytes() == before
    if name == "SIGKILL":  # nothing can be done then, but by the next one
        assert len(os.listdir()) == 3
        assert main(["train", "pairs.tsv", "--out", "model.npz", *SMALL]) == 0
    else:
        said = "interrupted" if name == "SIGINT" else f"ended by {name}"
        assert err.splitlines()[-1] == f"seqmem: {said}"  # the lines before it are those of the progress
    assert sorted(os.listdir()) == ["model.npz", "pairs.tsv"]


@posix
def test_a_signal_that_comes_again_does_not_interrupt_the_cleaning_up() -> None:
    cleaned = []

    def be_ended_and_clean_up() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            pytest.fail("the signal was lost")
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGHUP)
            cleaned.append(True)

    with pytest.raises(Terminated, match="ended by SIGTERM") as raised, ending_by_exception():
        be_ended_and_clean_up()
    assert (raised.value.number, cleaned) == (signal.SIGTERM, [True])
    assert signal.getsignal(signal.SIGTERM) == signal.getsignal(signal.SIGHUP) == signal.SIG_DFL


@posix
def test_a_signal_that_the_caller_ignores_or_handles_stays_so() -> None:
    seen: list[int] = []
    before = [signal.signal(signal.SIGHUP, signal.SIG_IGN)]
    before.append(signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number)))
    try:
        with ending_by_exception():
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGTERM)
        assert seen == [signal.SIGTERM]
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before[0])
        signal.signal(signal.SIGTERM, before[1])


@posix
def test_a_command_that_ends_by_itself_leaves_the_signals_as_they_were(model: Path) -> None:
    assert main(["translate", "model.npz", "ab"]) == 0
    assert signal.getsignal(signal.SIGTERM) == signal.getsignal(signal.SIGHUP) == signal.SIG_DFL
