"""evaluate: scores, the n best and the worst."""

import json
from pathlib import Path

import pytest

from seqmem import Translator
from seqmem.cli.main import main
from seqmem.data import read_pairs
from seqmem.tasks import report_translations
from seqmem.training import character_error_rate, edit_distance, word_error_rate

PAIRS = "".join(f"{word}\t{word[::-1]}\n" for word in ("ab", "ba", "abc", "cab", "aa", "bb"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("evaluate")
    (path / "pairs.tsv").write_text(PAIRS, encoding="utf-8")
    sizes = ["--epochs", "3", "--hidden", "8", "--embedding", "4", "--batch-size", "2"]
    assert main(["train", str(path / "pairs.tsv"), "--out", str(path / "model.npz"), *sizes]) == 0
    return path


def test_the_scores_are_those_of_the_translations(folder: Path) -> None:
    translator = Translator.load(folder / "model.npz")
    pairs = read_pairs(folder / "pairs.tsv")
    report = report_translations(translator, pairs, beam_size=3, n_best=3, max_length=6)
    targets = ["".join(target) for _, target in pairs]
    best = translator.predict(["".join(source) for source, _ in pairs], beam_size=3, max_length=6)
    assert [one.found[0].text for one in report.pairs] == best
    assert report.scores["character error rate"] == character_error_rate(best, targets)
    assert report.scores["symbol error rate"] == report.scores["character error rate"]
    assert report.scores["word error rate"] == word_error_rate(best, targets)
    evaluated = translator.evaluate(pairs, beam_size=3, max_length=6)
    assert evaluated == {name: report.scores[name] for name in evaluated}
    within = sum(
        any(each.text == target for each in one.found)
        for one, target in zip(report.pairs, targets, strict=True)
    )
    assert report.scores["exact match in the 3 best"] == within / len(pairs)
    worst = report.worst(4)
    rates = [edit_distance(one.found[0].text, one.target) / len(one.target) for one in report.pairs]
    assert [one.error_rate for one in worst] == sorted(rates, reverse=True)[:4]


def test_it_prints_scores_and_the_worst_with_their_n_best(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", str(folder / "model.npz"), str(folder / "pairs.tsv"), "--beam", "3"]
    assert main([*command, "--n-best", "2", "--worst", "4"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("6 pairs\nloss ")
    assert "BLEU" in out
    assert out.count("source: ") == out.count("target: ") == 4
    assert out.count("found ") == 8
    assert main([*command, "--worst", "0"]) == 0
    assert "worst" not in capsys.readouterr().out


def test_json_has_every_translation(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(folder / "model.npz"), str(folder / "pairs.tsv")]
    assert main(["evaluate", *files, "--beam", "3", "--n-best", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["pairs"]) == 6
    assert [len(one["found"]) for one in found["pairs"]] == [3] * 6
    assert set(found["scores"]) >= {"loss", "exact match", "exact match in the 3 best", "cut off"}


def test_a_model_of_another_task_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "labels.tsv").write_text("good\tab\nbad\tba\ngood\taab\n", encoding="utf-8")
    sizes = ["--epochs", "1", "--hidden", "4", "--embedding", "4"]
    model = str(folder / "labels.npz")
    assert main(["train", "--task", "classify", str(folder / "labels.tsv"), "--out", model, *sizes]) == 0
    assert main(["evaluate", model, str(folder / "pairs.tsv")]) == 2
    assert "labels.npz" in capsys.readouterr().err
