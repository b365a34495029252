"""Every task from a file to its answers on the command line, and files that are not of its form."""

from pathlib import Path

import numpy as np
import pytest

import seqmem
from seqmem.cli.main import main
from seqmem.registry import task_names

SMALL = ["--epochs", "2", "--hidden", "6", "--batch-size", "4"]
FILES = {
    "translate": "ab\tba\ncab\tbac\nc\tc\nba\tab\n",
    "classify": "good\tso good\nbad\ttoo bad\ngood\tgood fun\nbad\tbad luck\n" * 3,
    "tag": "Ada NAME\nwrote VERB\n\nBob NAME\nread VERB\n\nEve NAME\nran VERB\n" * 2,
    "language-model": "the cat sat on the mat. " * 20,
    "forecast": "month,value\n" + "".join(f"{k},{np.sin(k / 3):.4f}\n" for k in range(80)),
}
MORE = {"forecast": ["--length", "6", "--horizon", "3", "--features", "1"]}


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        Path(f"{name}.txt").write_text(text, encoding="utf-8")


def train(task: str, *more: str) -> int:
    return main(
        ["train", "--task", task, f"{task}.txt", "--out", "m.npz", *SMALL, *MORE.get(task, []), *more]
    )


def test_there_is_a_file_for_every_task() -> None:
    assert set(FILES) == set(task_names())


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("task", FILES)
def test_a_task_learns_from_its_file_and_answers(task: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(task) == 0
    out = capsys.readouterr().out
    assert "held out" in out
    assert "epoch 2: loss" in out
    assert out.endswith("saved in m.npz\n")
    if task == "forecast":
        Path("series.txt").write_text("".join(f"{np.sin(k / 3):.4f}\n" for k in range(20)), encoding="utf-8")
        assert main(["predict", "m.npz", "--file", "series.txt"]) == 0
        lines = capsys.readouterr().out.splitlines()
        (right,) = seqmem.load_task("m.npz").predict(np.loadtxt("series.txt"))
        assert np.allclose(np.array(lines, float), right[:, 0], rtol=1e-5, atol=0)  # six digits are printed
    else:
        assert main(["predict", "m.npz", "ab", "so good"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 2
        if task == "tag":
            assert [word.partition("/")[0] for word in lines[1].split()] == ["so", "good"]
        elif task != "language-model":
            assert lines == [str(answer) for answer in seqmem.load_task("m.npz").predict(["ab", "so good"])]


@pytest.mark.usefixtures("files")
def test_texts_are_drawn_by_seed_with_their_prompts(capsys: pytest.CaptureFixture[str]) -> None:
    assert train("language-model") == 0
    capsys.readouterr()
    texts = []
    for seed in ("1", "1", "2"):
        assert main(["sample", "m.npz", "the", "--length", "20", "--seed", seed, "--top-p", "0.9"]) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1] != texts[2]
    assert texts[0].startswith("the")
    assert len(texts[0]) == len("the") + 20 + 1
    assert main(["sample", "m.npz", "--top-p", "3"]) == 2
    assert "--top-p is 3.0, expected a number above 0, up to 1" in capsys.readouterr().err


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("task", "text", "message"),
    [
        ("classify", "good\tso good\nno label\n", "classify.txt, line 2: no tab, expected a label"),
        ("classify", "\tso good\n", "classify.txt, line 1: no label, expected a label, a tab"),
        ("classify", "a\tb\na\tc\na\td\n", "labels holds one label, 'a', expected at least two"),
        ("tag", "Ada NAME\nwrote VERB x\n", "tag.txt, line 2"),
        ("language-model", " \n", "language-model.txt: holds no text"),
        ("forecast", "1,2\n3\n", "forecast.txt, line 2: 1 cells, expected 2"),
        ("forecast", "1,2\n3,x\n", "forecast.txt, line 2: 'x' is not a finite number"),
        ("forecast", "1,2\n3,nan\n", "forecast.txt, line 2: 'nan' is not a finite number"),
        ("forecast", "0,1\n0,2\n", "series[0] has 2 steps, too few to hold out"),
    ],
)
def test_a_file_of_another_form_is_told_by_its_line(
    task: str, text: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(f"{task}.txt").write_text(text, encoding="utf-8")
    assert train(task) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not Path("m.npz").exists()


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("task", "options", "flag"),
    [
        ("forecast", ["--level", "word"], "--level"),
        ("forecast", ["--max-vocabulary", "9"], "--max-vocabulary"),
        ("classify", ["--season", "12"], "--season"),
        ("tag", ["--attention", "none"], "--attention"),
        ("translate", ["--season", "12"], "--season"),
    ],
)
def test_a_setting_of_another_task_is_refused(
    task: str, options: list[str], flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(task, *options) == 2
    assert f"{flag} is not a setting of --task {task}" in capsys.readouterr().err


def test_the_help_says_what_the_file_of_each_task_looks_like(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    for name in task_names():
        assert f"{name}: {seqmem.registry.task_class(name).file_form}" in text


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("task", ["translate", "forecast"])
def test_an_interrupted_training_is_resumed_as_if_it_had_not_been(
    task: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert train(task, "--epochs", "4", "--dropout", "0.2") == 0
    whole = {name: array.tobytes() for name, array in seqmem.load("m.npz").params.items()}
    assert train(task, "--epochs", "4", "--dropout", "0.2", "--resume") == 0
    assert capsys.readouterr().out.endswith("m.npz holds a finished model: nothing to resume\n")
    Path("m.npz").unlink()
    seen = []

    def interrupt(*_: object) -> str:
        seen.append(1)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return ""

    with monkeypatch.context() as patch:
        module = "train" if task == "translate" else "train_task"
        patch.setattr(
            f"seqmem.cli.{module}.folded", interrupt
        )  # a line before the training, and one an epoch
        assert train(task, "--epochs", "4", "--dropout", "0.2") == 130
    assert seqmem.load_task("m.npz").model.params.keys() == whole.keys()
    assert train(task, "--epochs", "4", "--resume") == 2
    assert "expected the model.config" in capsys.readouterr().err
    assert train(task, "--epochs", "4", "--dropout", "0.2", "--seed", "1", "--resume") == 2
    capsys.readouterr()
    assert train(task, "--epochs", "4", "--dropout", "0.2", "--resume") == 0
    out = capsys.readouterr().out
    assert "epoch 1:" not in out
    assert "epoch 2:" in out
    assert {name: array.tobytes() for name, array in seqmem.load("m.npz").params.items()} == whole
