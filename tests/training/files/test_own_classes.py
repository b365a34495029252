"""Files of one's own classes, parameters for a module that exists, and what is in a file."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqmem import Adam, CheckpointError, LSTMCell, load, save
from seqmem.cli.main import main
from seqmem.layers import Linear, Recurrent
from seqmem.module import Module
from seqmem.training import check_save, fit, load_params
from seqmem.training.files.npz import Reader
from seqmem.training.files.summary import summary


class Coupled(LSTMCell):
    """A cell that nobody registered."""


class Pair(Module):
    def __init__(self, left: Module, right: Module) -> None:
        self.left, self.right = left, right

    def loss_and_grads(self, batch: Any, rng: Any) -> Any:
        return 0.5, {name: np.ones_like(array) for name, array in self.params.items()}


def pair(seed: int = 0) -> Pair:
    return Pair(Recurrent(Coupled(2, 3, rng=seed)), Linear(3, 2, rng=seed))


def test_classes_of_ones_own_are_named_when_saving_and_when_loading(tmp_path: Path) -> None:
    path, model = tmp_path / "file", pair()
    with pytest.raises(TypeError, match=r"Pair is not a class that a file can name.*classes=\[\.\.\.\]"):
        save(path, model)
    with pytest.raises(TypeError, match="Coupled is not a class that a file can name"):
        check_save(path, model, classes=[Pair])
    save(path, model, classes=[Pair, Coupled])
    found = load(path, classes=[Coupled, Pair])
    assert type(found) is Pair
    assert type(found.left.cell) is Coupled
    assert all(np.array_equal(found.params[name], array) for name, array in model.params.items())
    with pytest.raises(
        CheckpointError,
        match=r"type 'Coupled', which load\(classes=\[\.\.\.\]\) would add; known without it: Pair, ",
    ):
        load(path, classes=[Pair])


def test_a_class_never_takes_the_name_of_another(tmp_path: Path) -> None:
    other = type("Linear", (Module,), {})
    with pytest.raises(ValueError, match="load: Linear in classes is the name of another class"):
        load(tmp_path / "file", classes=[other])
    with pytest.raises(TypeError, match=r"load: classes\[1\] is .*, expected a subclass of Module"):
        load(tmp_path / "file", classes=[Pair, int])  # type: ignore[list-item]


@pytest.mark.parametrize("kind", ["save", "fit", "savez"])
def test_parameters_come_from_any_file_of_the_same_names_and_shapes(tmp_path: Path, kind: str) -> None:
    path, source, target = tmp_path / "file.npz", pair(1), pair(2)
    if kind == "save":
        save(path, source, {"a": 1}, classes=[Pair, Coupled])
    elif kind == "fit":
        model: Any = type("Plain", (), {"params": source.params, "loss_and_grads": source.loss_and_grads})()
        fit(model, [0], Adam(), epochs=1, checkpoint=path, progress=False)
    else:
        np.savez(path, **source.params)
    live = target.params
    load_params(target, path)
    for name, array in source.params.items():
        assert target.params[name] is live[name]
        np.testing.assert_array_equal(live[name], array)


def test_parameters_that_do_not_fit_change_nothing(tmp_path: Path) -> None:
    target = pair()
    before = {name: array.copy() for name, array in target.params.items()}
    arrays = {name: array + 1 for name, array in before.items()}
    wrong = {
        "right.b: expected float64 \\(2,\\), found no such entry": {"right.b": None},
        "other: expected no such entry": {"other": np.zeros(2)},
        r"right.W: expected float64 \(3, 2\), found float64 \(2, 3\)": {"right.W": np.zeros((2, 3))},
        "right.b: expected float64 .*, found float32": {"right.b": np.zeros(2, np.float32)},
    }
    for message, change in wrong.items():
        kept = {name: array for name, array in (arrays | change).items() if array is not None}
        np.savez(tmp_path / "file.npz", **kept)  # type: ignore[arg-type]
        with pytest.raises(CheckpointError, match=message):
            load_params(target, tmp_path / "file.npz")
    np.savez(tmp_path / "file.npz", **arrays)  # type: ignore[arg-type]
    data = bytearray((tmp_path / "file.npz").read_bytes())
    data[data.rindex(arrays["right.b"].tobytes()) + 3] ^= 1
    (tmp_path / "file.npz").write_bytes(data)
    with pytest.raises(CheckpointError, match=r"right\.b: expected a readable"):
        load_params(target, tmp_path / "file.npz")
    assert all(np.array_equal(array, target.params[name]) for name, array in before.items())


def test_the_summary_names_everything_and_reads_no_array(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = pair()
    save("model", model, {"words": ["a"] * 50, "task": "\x1b[31mred\n"}, classes=[Pair, Coupled])

    def read(self: Any, name: str) -> Any:
        if name in model.params:
            raise AssertionError(f"{name} was read")
        return chunks(self, name)

    chunks = Reader.chunks
    monkeypatch.setattr(Reader, "chunks", read)
    text = summary("model")
    for name, array in model.params.items():
        assert f"{name} " in text
        assert str(array.shape) in text
    assert "left: Recurrent(reverse=False" in text
    assert "cell: Coupled(input_size=2, hidden_size=3" in text
    assert "words  50 values: 'a', 'a'" in text
    assert "\x1b" not in text
    np.savez("plain.npz", a=np.zeros((2, 3)))
    assert summary("plain.npz").splitlines() == [
        "plain.npz: arrays without a description",
        "",
        "  a  float64 (2, 3)  48 bytes",
        "  6 numbers in 1 arrays, 48 bytes",
    ]


def test_the_command_says_how_far_a_training_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    model: Any = type("Plain", (), {"params": pair().params, "loss_and_grads": pair().loss_and_grads})()
    fit(model, [0], Adam(0.5), epochs=3, checkpoint="file", progress=False, rng=4)
    assert main(["inspect", "file"]) == 0
    out = capsys.readouterr().out
    assert "file: a training that can go on, format 1" in out
    assert "3 epochs are complete" in out
    assert "seed: 4" in out
    assert "'learning_rate': 0.5" in out
    assert max(map(len, out.splitlines())) <= 80
    assert os.listdir(tmp_path) == ["file"]
