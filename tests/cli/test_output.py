"""What a command may write to: never a file that it reads, nor one of another kind without --force."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from seqmem.cli.main import main
from seqmem.cli.terminal import output as rule
from seqmem.pages import Page

PAIRS = "".join(f"{word}\t{word[::-1]}\n" for word in ("ab", "ba", "abc", "cab", "aa", "bb"))
SMALL = ["--epochs", "1", "--hidden", "4", "--embedding", "4"]
LINKS = {"itself": None, "symbolic": os.symlink, "hard": os.link}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("pairs.tsv").write_text(PAIRS, encoding="utf-8")
    return tmp_path


def refused(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == "", "it is refused before anything is done"
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("force", [[], ["--force"]])
@pytest.mark.parametrize("link", LINKS)
def test_what_is_read_is_never_written_to(
    link: str, force: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    make: Callable[..., None] | None = LINKS[link]
    name = "pairs.tsv"
    if make is not None:
        name = "link.tsv"
        make("pairs.tsv", name)
    refused(["train", "pairs.tsv", "--out", name, *force], "is the same file as pairs.tsv", capsys)
    refused(["train", name, "--out", "pairs.tsv", *force], f"is the same file as {name}", capsys)


@pytest.mark.parametrize(
    "content", [b"my thesis", b"", b"PK\x03\x04 a zip, or the beginning of one", bytes(5000)]
)
@pytest.mark.parametrize("command", [["demo"], ["train", "pairs.tsv"]])
def test_a_file_that_is_no_model_is_left_alone(
    command: list[str], content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("thesis").write_bytes(content)
    os.symlink("thesis", "link")
    for name in ("thesis", "link"):
        refused([*command, "--out", name], f"--out {name} exists and is not a seqmem model", capsys)


def test_force_replaces_a_file_and_a_model_needs_none() -> None:
    Path("model").write_text("something else")
    assert main(["train", "pairs.tsv", "--out", "model", *SMALL, "--force"]) == 0
    first = Path("model").read_bytes()
    assert main(["train", "pairs.tsv", "--out", "model", *SMALL, "--seed", "9"]) == 0
    assert Path("model").read_bytes() != first


def test_a_link_to_a_model_is_followed() -> None:
    Path("there").mkdir()
    os.symlink("there/model", "link")
    for _ in range(2):
        assert main(["train", "pairs.tsv", "--out", "link", *SMALL]) == 0
        assert Path("link").is_symlink()
        assert Path("there/model").is_file()


@pytest.fixture
def model() -> str:
    assert main(["train", "pairs.tsv", "--out", "model.npz", *SMALL]) == 0
    return "model.npz"


def explore(*arguments: str) -> list[str]:
    return ["explore", "--model", "model.npz", "--text", "ab", *arguments]


def test_a_page_replaces_a_page_and_nothing_else(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert main(explore("--out", "pages")) == 0
    Path("pages/movie.html").write_text("<!doctype html> somebody else's", encoding="utf-8")
    capsys.readouterr()
    refused(explore("--out", "pages"), "movie.html exists and is not a seqmem page", capsys)
    assert main(explore("--out", "pages", "--force")) == 0


def test_a_page_does_not_replace_the_model_that_it_shows(
    model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("pages").mkdir()
    os.link(model, "pages/movie.html")
    capsys.readouterr()
    refused(explore("--out", "pages", "--force"), "is the same file as model.npz", capsys)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["explore", "--out", "pairs.tsv"], "is a file or a device, expected a folder"),
        (["explore", "--out", "pairs.tsv/pages"], "is a file or a device, expected a folder"),
        (["explore", "--out", "pages"], "gates.html is a folder or a device, expected a file"),
        (["memory", "--quick", "--folder", "pairs.tsv"], "--folder pairs.tsv: "),
        (["demo", "--out", "nowhere/model"], "there is no folder"),
    ],
)
def test_what_cannot_be_written_to_is_found_before_the_training(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("pages/gates.html").mkdir(parents=True)
    refused(arguments, message, capsys)


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_not_writable_is_found_before_the_training(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("closed").mkdir(mode=0o500)
    refused(["explore", "--out", "closed/pages"], "is not writable", capsys)
    refused(["demo", "--out", "closed/model"], "is not writable", capsys)


@pytest.mark.parametrize("when", ["while the models train", "while the first page is written"])
def test_an_interrupted_explore_leaves_no_empty_folder(when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from seqmem.cli import explore

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    if when == "while the models train":
        monkeypatch.setattr(explore, "phrase_model", interrupt)
    else:
        monkeypatch.setattr(explore, "_lecture", lambda seed: {})
        monkeypatch.setattr(Page, "save", interrupt)
    assert main(["explore", "--out", "new/pages"]) == 130
    assert not Path("new").exists()


def test_a_folder_that_was_there_before_stays() -> None:
    Path("old").mkdir()
    with pytest.raises(KeyboardInterrupt), rule.new_folder("old"):
        raise KeyboardInterrupt
    assert Path("old").is_dir()
    with contextlib.suppress(KeyboardInterrupt), rule.new_folder("old/new"):
        Path("old/new/page").touch()
        raise KeyboardInterrupt
    assert Path("old/new/page").is_file()


def test_a_killed_explore_leaves_no_empty_folder() -> None:
    command = [sys.executable, "-u", "-m", "seqmem", "explore", "--out", "pages"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("training three small models")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert not Path("pages").exists()
