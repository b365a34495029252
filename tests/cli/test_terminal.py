"""Whatever the command line prints for people fits the terminal: 80 columns where nobody says how many."""

import re
from dataclasses import asdict
from pathlib import Path

import pytest

from seqmem.checking.selftest.mutation_score import Mutation
from seqmem.checking.selftest.score import CATALOGUES, Score, SelfTest
from seqmem.cli import check, demo, memory
from seqmem.cli.main import main
from seqmem.experiments import BottleneckSettings, Experiment, MemorySettings
from seqmem.experiments.bottlenecks import bottleneck_runs
from seqmem.experiments.horizons import memory_runs
from seqmem.insight.folding import display_width

COMMANDS = (
    "check",
    "exercises",
    "demo",
    "train",
    "translate",
    "evaluate",
    "predict",
    "sample",
    "inspect",
    "convert",
    "explore",
    "compare",
    "memory",
)
SMALL = ["--hidden", "4", "--embedding", "4", "--epochs"]
WRONG_LSTM = """
import numpy as np

def lstm_step_forward(x, prev_h, prev_c, Wx, Wh, b):
    i, f, o, g = np.split(x @ Wx + prev_h @ Wh + b, 4, axis=1)
    i, f, o = (1 / (1 + np.exp(-a)) for a in (i, f, o))
    g = np.tanh(g)
    c = f * prev_c + i * g
    return o * np.tanh(c), c, (x, prev_h, prev_c, Wx, Wh, i, f, o, g, c)

def lstm_step_backward(d_h, d_c, cache):
    x, prev_h, prev_c, Wx, Wh, i, f, o, g, c = cache
    d_c = d_c + d_h * o * (1 - np.tanh(c) ** 2)
    d_i, d_f, d_o, d_g = d_c * g, d_c * c, d_h * np.tanh(c), d_c * i
    d_a = np.concatenate([d_i * i * (1 - i), d_f * f * (1 - f), d_o * o * (1 - o), d_g * (1 - g**2)], axis=1)
    return d_a @ Wx.T, d_a @ Wh.T, d_c * f, x.T @ d_a, prev_h.T @ d_a, d_a.sum(axis=0)
"""


def an_experiment(title, settings, runs):
    records = [
        {**run, "at": run["tested"], "accuracy": [0.9] * len(run["tested"]), "parameters": 14_600}
        for run in runs
    ]
    return Experiment(title, asdict(settings), records)


@pytest.fixture(params=[80, *(pytest.param(width, marks=pytest.mark.slow) for width in (72, 132))])
def columns(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.chdir(tmp_path)
    if request.param == 80:
        monkeypatch.delenv("COLUMNS", raising=False)  # what is printed goes to no terminal here
    else:
        monkeypatch.setenv("COLUMNS", str(request.param))
    pairs = "".join(f"the cat {'and the dog ' * n}sat\tle chat {n}\n" for n in range(1, 12))
    Path("pairs.tsv").write_text(pairs, encoding="utf-8")
    Path("homework.py").write_text(WRONG_LSTM, encoding="utf-8")
    return request.param


def printed(capsys: pytest.CaptureFixture[str], columns: int, *arguments: str) -> str:
    """What a command prints, once it has been seen to fit."""
    capsys.readouterr()
    try:
        assert main(arguments) in (0, 1)
    except SystemExit:  # what --help does
        assert "--help" in arguments
    captured = capsys.readouterr()
    for line in [*captured.out.splitlines(), *captured.err.splitlines()]:
        assert display_width(line) <= columns, line
    return captured.out


INNER = ("init", "list", "check", "hint", "reset", "solution", "new", "verify")


@pytest.mark.parametrize("command", ["", *COMMANDS, *(f"exercises {inner}" for inner in INNER)])
def test_the_help_fits(command: str, columns: int, capsys: pytest.CaptureFixture[str]) -> None:
    out = printed(capsys, columns, *command.split(), "--help")
    assert "usage:" in out


def test_training_translating_and_pages_fit(columns: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert "epoch 12: " in printed(capsys, columns, "train", "pairs.tsv", "--out", "m", *SMALL, "12")
    long = "the cat " + "and the dog " * 20 + "sat"
    out = printed(capsys, columns, "translate", "m", "--attention", "--max-length", "20", long)
    maps = out.strip("\n").split("\n\n")
    assert len(maps) > 1, "a sentence that is wider than the terminal continues in another map"
    long_pairs = f"the cat\t{long}\n{'x' * 300}\t{'漢字' * 100}\nthe  cat\tle chat\n"
    Path("long.tsv").write_text(long_pairs, encoding="utf-8")
    out = printed(capsys, columns, "evaluate", "m", "long.tsv", "--beam", "3", "--n-best", "2")
    assert "character error rate" in out
    assert "The worst 3" in out
    printed(capsys, columns, "explore", "--model", "m", "--text", "the cat", "--out", "pages")


def test_a_report_fits(columns: int, capsys: pytest.CaptureFixture[str]) -> None:
    out = printed(capsys, columns, "check", "homework.py:lstm_step", "--like", "lstm_step")
    assert "Why:" in out
    assert "forget gate" in " ".join(out.split())


def test_the_self_test_fits(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = [Score(name * 2, 99, 98, 97, 1234, 1230, ("a-mistake " * 12,)) for name in CATALOGUES]
    found = SelfTest(tuple(scores), 12, ("one " * 50,), Mutation(1, (), ("mutant " * 30,)))
    monkeypatch.setattr(check, "selftest", lambda: found)
    printed(capsys, columns, "check", "--selftest")


@pytest.mark.slow  # trains a model, as tests/cli/test_main.py does in the plain run
def test_the_demo_fits(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        demo.dates, "split", lambda train, held_out, rng, split=demo.dates.split: split(60, 9, rng)
    )
    monkeypatch.setattr(demo, "fit", lambda *a, fit=demo.fit, **o: fit(*a, **{**o, "epochs": 2}))
    out = printed(capsys, columns, "demo", "--quick")
    assert len(re.findall(r": right\b", out)) == 6


@pytest.mark.slow  # measures times, as tests/cli/test_main.py does in the plain run
def test_the_tables_fit(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    full, long = MemorySettings.full(), BottleneckSettings.full()
    horizon = an_experiment("memory horizon", full, memory_runs(full))
    capacity = an_experiment("bottleneck", long, bottleneck_runs(long))
    monkeypatch.setattr(memory, "memory_horizon", lambda settings, **options: horizon)
    monkeypatch.setattr(memory, "bottleneck", lambda settings, **options: capacity)
    out = printed(capsys, columns, "memory")
    assert all(f"{distance}" in out for distance in full.distances)
    assert out.count("lstm + attention") >= 3
    assert main(["memory", "--json"]) == 0
    Path("memory.json").write_text(capsys.readouterr().out, encoding="utf-8")
    for arguments in ([], ["--memory", "memory.json"]):
        out = printed(capsys, columns, "compare", *arguments)
        assert "131,584" in out
