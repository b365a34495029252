"""The command line: what it prints, its exit codes, and no traceback for a user's mistake."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from seqmem import Translator
from seqmem.cli.main import main

PAIRS = "".join(
    f"{word}\t{word[::-1]}\tsomebody said so\n" for word in ("ab", "ba", "abc", "cab", "aa", "bb")
)
SMALL = ["--epochs", "2", "--hidden", "8", "--embedding", "4", "--batch-size", "2"]


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.tsv"
    path.write_text(PAIRS, encoding="utf-8")
    return path


@pytest.fixture
def model(pairs: Path, tmp_path: Path) -> Path:
    path = tmp_path / "model.npz"
    assert main(["train", str(pairs), "--out", str(path), *SMALL]) == 0
    return path


def test_training_reports_loss_and_held_out_accuracy_and_saves(
    pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "model.npz"
    assert main(["train", str(pairs), "--out", str(path), *SMALL, "--held-out", "2"]) == 0
    out = capsys.readouterr().out
    assert "4 pairs to train on, 2 held out" in out
    assert "epoch 2: loss " in out
    assert "held-out token accuracy " in out
    assert Translator.load(path).level == "char"


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("attention", ["additive", "scaled-dot-product", "fixed", "none"])
@pytest.mark.parametrize("level", ["char", "word"])
def test_every_choice_trains_and_translates(
    pairs: Path, tmp_path: Path, cell: str, attention: str, level: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "model.npz")
    choices = ["--cell", cell, "--attention", attention, "--level", level, "--dtype", "float64"]
    assert main(["train", str(pairs), "--out", path, *SMALL, *choices]) == 0
    capsys.readouterr()
    assert main(["translate", path, "--attention", "ab"]) == 0
    assert capsys.readouterr().out.count("\n") >= 2


@pytest.mark.parametrize(("choice", "readout"), [([], "all"), (["--readout", "state"], "state")])
def test_the_readout_is_saved_with_the_model(
    pairs: Path, tmp_path: Path, choice: list[str], readout: str
) -> None:
    path = tmp_path / "model.npz"
    assert main(["train", str(pairs), "--out", str(path), *SMALL, *choice]) == 0
    translator = Translator.load(path)
    assert translator.model.decoder.readout == readout
    assert len(translator.translate(["ab", "ba"])) == 2


def test_the_same_seed_gives_the_same_file(pairs: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert main(["train", str(pairs), "--out", str(tmp_path / name), *SMALL, "--seed", "7"]) == 0
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_beam_prints_its_best_or_its_n_best(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    best = Translator.load(model).translate(["ab", "cab"], 9, beam_size=4, n_best=3, length_penalty=1.0)
    options = ["--beam", "4", "--length-penalty", "1", "--max-length", "9"]
    assert main(["translate", str(model), *options, "ab", "cab"]) == 0
    assert capsys.readouterr().out.splitlines() == [own[0].text for own in best]
    assert main(["translate", str(model), *options, "--n-best", "3", "ab", "cab"]) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        [f"{one.normalized_score:.4f}", "ended" if one.ended else "cut off", one.text]
        for own in best
        for one in own
    ]


def test_subwords_are_trained_on_and_saved(
    pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "model.npz"
    train = ["train", str(pairs), "--out", str(path), *SMALL, "--subwords", "5"]
    assert main([*train, "--level", "word"]) == 0
    translator = Translator.load(path)
    assert translator.subwords is not None
    assert len(translator.subwords.merges) <= 5
    assert main(["translate", str(path), "cab"]) == 0
    assert main(train) == 2
    assert "--subwords 5 splits words, expected --level word" in capsys.readouterr().err


def test_what_a_beam_cannot_do_is_one_line(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for options, message in (
        (["--n-best", "3"], "--n-best is 3, expected at most 1: beam_size"),
        (["--min-length", "9", "--max-length", "5"], "--min-length is 9, expected at most 5: max_length"),
    ):
        assert main(["translate", str(model), *options, "ab"]) == 2
        assert message in capsys.readouterr().err


def test_lines_of_standard_input_are_translated_one_by_one(
    model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    main(["translate", str(model), "ab", "", "ba"])
    expected = capsys.readouterr().out
    monkeypatch.setattr(sys, "stdin", io.StringIO("ab\r\n\nba\n"))
    assert main(["translate", str(model)]) == 0
    assert capsys.readouterr().out == expected
    assert expected.count("\n") == 3


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", " \n", "\u00a0\n", "\t\n"])
def test_standard_input_is_read_as_the_pairs_were(
    model: Path, end: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    main(["translate", str(model), "ab", "ba"])
    expected = capsys.readouterr().out
    stdin = io.TextIOWrapper(io.BytesIO(f"\ufeffab{end}\ufeffba{end}".encode()), encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", stdin)
    assert main(["translate", str(model)]) == 0
    assert capsys.readouterr().out == expected


def test_standard_input_in_utf_16_is_named(
    model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stdin = io.TextIOWrapper(io.BytesIO("ab\n".encode("utf-16")), encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", stdin)
    assert main(["translate", str(model)]) == 2
    assert "as in UTF-16" in capsys.readouterr().err


def test_a_file_of_ids_asks_for_its_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "pairs.tsv", tmp_path / "m"
    lines = PAIRS.splitlines()
    path.write_text("".join(f"{n}\t{line}\n" for n, line in enumerate(lines)), encoding="utf-8")
    assert main(["train", str(path), "--out", str(out), *SMALL]) == 2
    assert "--columns 1 2" in capsys.readouterr().err
    assert main(["train", str(path), "--out", str(out), *SMALL, "--columns", "1", "2"]) == 0
    assert not set("0123456789") & set(Translator.load(out).source_vocabulary.symbols)


def test_lines_that_are_too_long_are_left_out_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_text(PAIRS + f"{'a' * 20_000}\tb\n" * 12, encoding="utf-8")
    assert main(["train", str(path), "--out", str(tmp_path / "m"), *SMALL]) == 0
    captured = capsys.readouterr()
    warnings = [line for line in captured.err.splitlines() if "warning" in line]
    assert warnings[0] == (
        f"seqmem: warning: {path}, line 7: the source has 20,000 symbols, expected at most 16,384: left out"
    )
    assert len(warnings) == 11
    assert warnings[-1] == "seqmem: warning: and 2 more lines like these"
    assert "5 pairs to train on, 1 held out" in captured.out


def test_a_text_may_stand_behind_an_option(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["translate", str(model), "ab", "--attention"])
    expected = capsys.readouterr().out
    assert main(["translate", str(model), "--attention", "ab"]) == 0
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["translate", "nowhere.npz", "x"], "nowhere.npz"),
        (["translate", "pairs.tsv", "x"], "pairs.tsv: expected a readable .npz file"),
        (["train", "nowhere.tsv", "--out", "m"], "nowhere.tsv: No such file"),
        (["train", "pairs.tsv", "--out", "nowhere/m"], "there is no folder"),
        (["train", "pairs.tsv", "--out", "."], "is a folder or a device"),
        (["train", "bad.tsv", "--out", "m"], "bad.tsv, line 2: no tab"),
        (["train", "pairs.tsv", "--out", "m", "--held-out", "6"], "--held-out is 6"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    arguments: list[str],
    message: str,
    pairs: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(pairs.parent)
    Path("bad.tsv").write_text("a\tb\nno tab here\n", encoding="utf-8")
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.startswith("seqmem: error: ")
    assert err.count("\n") == 1
    assert not Path("m").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["train", "pairs.tsv"],
        ["train", "pairs.tsv", "--out", "m", "--epochs", "0"],
        ["train", "pairs.tsv", "--out", "m", "--learning-rate", "nan"],
        ["train", "pairs.tsv", "--out", "m", "--seed", "-1"],
        ["train", "pairs.tsv", "--out", "m", "more"],
        ["translate", "m", "x", "--nonsense"],
    ],
)
def test_a_wrong_argument_is_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_an_interrupt_leaves_the_last_whole_epoch_and_exit_code_130(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, saved = tmp_path / "model.npz", []
    original = Translator.save

    def save_then_interrupt(self: Translator, path: Path) -> None:
        original(self, path)
        saved.append(path)
        raise KeyboardInterrupt

    monkeypatch.setattr(Translator, "save", save_then_interrupt)
    assert main(["train", str(pairs), "--out", str(path), *SMALL]) == 130
    assert len(saved) == 1
    assert Translator.load(path).translate(["ab"])


def test_a_reader_who_leaves_early_is_no_error(model: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "seqmem", "translate", str(model)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    process.stdin.write(b"ab\n" * 10)
    process.stdin.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 0
    assert err == b""


def test_a_terminal_without_unicode_gets_ascii_and_no_error(model: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-m", "seqmem", "translate", str(model), "--attention", "ab", "ąę"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        check=True,
    )
    assert found.stderr == b""
    assert found.stdout.isascii()


def test_the_demo_proves_trains_translates_and_saves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from seqmem.cli import demo

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo.dates, "split", _few_dates(demo.dates.split))
    monkeypatch.setattr(demo, "fit", _few_seconds(demo.fit))
    assert main(["demo", "--quick"]) == 0
    captured = capsys.readouterr()
    right = re.findall(r": right \(?complex step, every element", " ".join(captured.out.split()))
    assert len(right) == 6
    worst = float(captured.out.split("largest relative error of all: ")[1].split()[0])
    assert worst <= 1e-12  # the bar of the README
    assert "exact match on 20 unseen dates: " in captured.out
    shown = " ".join(captured.out.split("3. The attention")[1].split())
    verdicts = re.findall(r" -> (.{0,200}?), (right|wrong: it is (\d{4}-\d\d-\d\d)) ", shown)
    assert len(verdicts) == 4  # each date whose attention is shown
    assert any(iso and iso != read for read, _, iso in verdicts)  # after a second of training
    assert "The attention behind a wrong answer" in " ".join(captured.out.split())
    assert "tokens/s" in captured.err
    assert main(["translate", "dates.npz", "9 March 2024"]) == 0


def _few_dates(split):
    return lambda train, held_out, rng: split(200, 20, rng)


def _few_seconds(fit):
    return lambda *inputs, **options: fit(*inputs, **{**options, "epochs": 1})


DENSE = """
import numpy as np


def dense_forward(x, w):
    return x @ w, (x, w)


def dense_backward(d_y, cache):
    x, w = cache
    return d_y @ w.T, x.T @ d_y


def dense_inputs(rng):
    return {"x": rng.standard_normal((3, 2)), "w": rng.standard_normal((2, 4))}
"""
RNN = """
import numpy as np


def mine_forward(x, h, Wx, Wh, b):
    new = np.tanh(x @ Wx + h @ Wh + b)
    return new, (x, h, Wx, Wh, new)


def mine_backward(d_new, cache):
    x, h, Wx, Wh, new = cache
    d_a = d_new * (1 - new)
    return d_a @ Wx.T, d_a @ Wh.T, x.T @ d_a, h.T @ d_a, d_a.sum(axis=0)
"""
VERDICTS = {
    "right": (DENSE, 0),
    "wrong": (DENSE.replace("x.T @ d_y", "2 * x.T @ d_y"), 1),
    "cannot tell": (DENSE.replace("x, w = cache", "raise ZeroDivisionError"), 2),
}


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "mine.py"


@pytest.mark.parametrize("verdict", VERDICTS)
def test_a_check_has_its_verdict_as_exit_code(
    verdict: str, mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, code = VERDICTS[verdict]
    mine.write_text("print('hello')\n" + text, encoding="utf-8")
    assert main(["check", "mine.py:dense", "--run-all"]) == code
    captured = capsys.readouterr()
    assert verdict in captured.out.lower().splitlines()[0]
    assert captured.out.endswith("\n\nIt printed:\nhello\n")
    assert captured.err == ""


def test_a_side_effect_of_a_right_pass_is_said_first_and_in_the_table(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = re.sub(r"return (d_y @ w.T.*)", r"gradients = \1\n    d_y *= 2\n    return gradients", DENSE)
    mine.write_text(text, encoding="utf-8")
    assert main(["check", "mine.py:dense"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert out.startswith("dense_forward: right, with a side effect complex step,")
    assert re.search(r"Side effect: line \d+ `d_y \*= 2`: backward writes into the upstream gradient", out)
    mine.write_text(text + text.replace("dense", "other"), encoding="utf-8")
    assert main(["check", "mine.py"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"dense +line \d+ +side effect +line \d+ `d_y \*= 2`", out)
    assert "2 passes: 2 right, with a side effect" in out


@pytest.mark.parametrize("verdict", VERDICTS)
def test_a_check_prints_json_and_nothing_else(
    verdict: str, mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, code = VERDICTS[verdict]
    mine.write_text("print('hello')\n" + text, encoding="utf-8")
    assert main(["check", "mine.py", "--json", "--seed", "7"]) == code
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == verdict
    assert found["passed"] == (code == 0)
    assert found.get("seed", 7) == 7
    assert ("ZeroDivisionError" in found.get("trouble", "")) == (code == 2)


def test_a_check_is_told_what_functions_are_like_and_names_the_mistake(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine.write_text(RNN, encoding="utf-8")
    assert main(["check", "mine.py:mine", "--like", "rnn_step", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [cause["code"] for cause in found["causes"]] == ["rnn-tanh-derivative-without-square"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check"], "no file was named"),
        (["check", "nowhere.py"], "nowhere.py: no such file"),
        (["check", "nowhere.py:dense"], "nowhere.py: no such file"),
        (["check", r"C:\Users\me\nowhere.py"], "no such file"),
        (["check", r"C:\Users\me\nowhere.py:dense"], "nowhere.py: no such file"),
        (["check", "."], "there is no Python file and no notebook in this folder"),
        (["check", ".:dense"], ". is a folder: name a file in it"),
        (["check", os.devnull], "not a file"),
    ],
)
def test_a_check_of_no_file_is_one_line_and_exit_code_2(
    arguments: list[str], message: str, mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.startswith("seqmem: error: ")
    assert captured.err.count("\n") == 1
    assert captured.out == ""


@pytest.mark.parametrize("options", [["--like", "transformer"], ["--seed", "-1"], ["--seconds", "0"]])
def test_a_wrong_option_of_a_check_is_exit_code_2(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["check", "mine.py", *options])
    assert stopped.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_explore_writes_the_pages_of_a_model_that_was_saved(model, tmp_path, capsys):
    out = tmp_path / "pages"
    texts = ["--text", "<b>ab", "--text", "cab"]
    assert main(["explore", "--model", str(model), *texts, "--out", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == [
        "attention.html",
        "gates.html",
        "gradients.html",
        "index.html",
        "movie.html",
        "quiz.html",
    ]
    assert "<b>ab" not in (out / "attention.html").read_text("utf-8")
    assert str(out / "gates.html") in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--text", "hello"], "--text without --model"),
        (["--model", "missing.npz"], "--model without --text"),
        (["--model", "missing.npz", "--text", "hello"], "missing.npz"),
    ],
)
def test_explore_says_what_is_missing(arguments, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["explore", "--out", "pages", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.slow  # measures times; tests/cli/test_exit_codes.py runs the command, too
def test_compare_prints_the_table_or_its_figures(capsys):
    assert main(["compare"]) == 0
    text = capsys.readouterr().out
    assert "LSTM" in text
    assert "0.75" in text
    assert main(["compare", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)


def test_a_file_without_a_name_has_a_table_of_its_passes(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = DENSE.replace("dense_", "other_").replace("x.T @ d_y", "2 * x.T @ d_y")
    mine.write_text(DENSE + other, encoding="utf-8")
    assert main(["check", "mine.py"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "mine.py"
    assert [line.split()[0] for line in lines[1:3]] == ["dense", "other"]
    assert [line.split()[3] for line in lines[1:3]] == ["right", "WRONG"]
    assert lines[3] == "2 passes: 1 right, 1 WRONG"
    assert all(len(line) <= 80 for line in lines)


def test_a_folder_is_checked_file_by_file(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine.write_text(DENSE, encoding="utf-8")
    for path in ("deep/yours.py", "deep/empty.py", ".hidden/mine.py", "venv/mine.py"):
        mine.with_name("deep").mkdir(exist_ok=True)
        (mine.parent / path).parent.mkdir(exist_ok=True)
        (mine.parent / path).write_text("x = 1\n" if "empty" in path else DENSE, encoding="utf-8")
    assert main(["check", "."]) == 0
    out = capsys.readouterr().out
    assert [line for line in out.splitlines() if line.endswith(".py")] == [
        str(Path("deep/yours.py")),
        "mine.py",
    ]
    assert "2 passes: 2 right" in out
    assert "1 file with nothing to check" in out
    assert main(["check", ".", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {str(Path("deep/yours.py")), "mine.py"}


def test_a_watched_file_is_checked_again_when_it_changes(
    mine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mine.write_text(DENSE, encoding="utf-8")
    looks = iter(
        [lambda: None, lambda: mine.write_text(DENSE.replace("x.T @", "2 * x.T @"), encoding="utf-8")]
    )

    def slept() -> None:
        change = next(looks, None)
        if change is None:
            raise KeyboardInterrupt
        change()

    monkeypatch.setattr("seqmem.cli.check._pause", slept)
    assert main(["check", "mine.py:dense", "--watch"]) == 130
    out = capsys.readouterr().out
    assert (out.count("right ("), out.count("WRONG ("), out.count("watching mine.py")) == (1, 1, 2)


def test_ten_thousand_definitions_are_read_and_the_first_passes_checked(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    many = "".join(f"def f{k}(x):\n    return x\n" for k in range(10_000))
    mine.write_text(many + DENSE, encoding="utf-8")
    assert main(["check", "mine.py"]) == 0
    assert "right" in capsys.readouterr().out.splitlines()[0]
