"""Files of arrays and models between libraries; the packages that read them are extras."""

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqmem
from seqmem import CheckpointError, Linear, load, save
from seqmem.cli.main import main
from seqmem.interop import (
    export_onnx,
    from_torch,
    import_onnx,
    load_safetensors,
    read_arrays,
    save_safetensors,
    to_torch,
    write_arrays,
)

FILES = Path(seqmem.__path__[0]) / "interop" / "files.py"


@pytest.fixture
def safetensors(require: Any) -> Any:
    require("safetensors")
    return require("safetensors.numpy")


@pytest.fixture
def onnx(require: Any) -> Any:
    return require("onnx")


def layer(dtype: str = "float32") -> seqmem.LSTM:
    return seqmem.LSTM(3, 4, num_layers=2, rng=0, dtype=dtype)


@pytest.mark.parametrize("name", ["model.pt", "a/model.pth", "pytorch_model.bin", "m.ckpt", "m.pkl", "M.PT"])
def test_a_pickle_is_refused_with_the_two_lines_that_convert_it(name: str) -> None:
    with pytest.raises(CheckpointError, match="a pickle can run any code") as caught:
        read_arrays(name)
    lines = str(caught.value).splitlines()[1:]
    assert [line.strip()[:12] for line in lines] == ["state = torc", "safetensors."]
    assert f'torch.load("{os.path.basename(name)}", map_location="cpu", weights_only=True)' in lines[0]


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_arrays_come_back_contiguous_and_to_the_bit(tmp_path: Path, suffix: str, request: Any) -> None:
    if suffix == ".safetensors":
        request.getfixturevalue("safetensors")
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal((4, 6))
    arrays = {
        "transposed": matrix.T,
        "strided": matrix[::2, ::-3],
        "big endian": matrix.astype(">f8"),
        "scalar": np.array(2.5),
        "empty": np.zeros((0, 3), np.float32),
        "integers": np.arange(5),
        "fortran": np.asfortranarray(matrix.astype(np.float32)),
    }
    write_arrays(tmp_path / f"file{suffix}", arrays)
    found = read_arrays(tmp_path / f"file{suffix}")
    assert set(found) == set(arrays)
    for name, array in arrays.items():
        assert found[name].flags.c_contiguous
        assert found[name].dtype == array.dtype.newbyteorder("=")
        np.testing.assert_array_equal(found[name], array)


def test_a_compressed_npz_of_another_program_is_read_and_one_with_objects_is_not(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", W=np.eye(3))
    np.testing.assert_array_equal(read_arrays(tmp_path / "a.npz")["W"], np.eye(3))
    np.savez(tmp_path / "b.npz", W=np.array([{}], object))
    (tmp_path / "c.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:-40])
    (tmp_path / "d.npz").write_text("text")
    for name in "bcd":
        with pytest.raises(CheckpointError, match=rf"{name}\.npz: expected a readable \.npz file, found"):
            read_arrays(tmp_path / f"{name}.npz")
    with pytest.raises(FileNotFoundError):
        read_arrays(tmp_path / "gone.npz")
    with pytest.raises(CheckpointError, match=r"expected \.npz, \.safetensors or"):
        read_arrays(tmp_path / "model.h5")


def test_a_model_comes_back_from_safetensors_with_its_metadata(safetensors: Any, tmp_path: Path) -> None:
    model = layer()
    path = tmp_path / "model.safetensors"
    save_safetensors(path, model, {"words": ["ł"]})
    found, metadata = load_safetensors(path)
    assert metadata == {"words": ["ł"]}
    assert repr(found) == repr(model)
    for name, array in safetensors.load_file(path).items():
        assert array.tobytes() == model.params[name].tobytes() == found.params[name].tobytes()
    write_arrays(tmp_path / "plain.safetensors", {"W": np.eye(2)})
    with pytest.raises(CheckpointError, match=r"seqmem\.json: expected the description of a model"):
        load_safetensors(tmp_path / "plain.safetensors")


def test_what_is_not_read_back_as_written_gets_no_name(
    safetensors: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"old")
    saved = safetensors.save

    def spoiled(arrays: Any, metadata: Any) -> bytes:
        return bytes(saved({name: array + 1 for name, array in arrays.items()}, metadata))

    monkeypatch.setattr(safetensors, "save", spoiled)
    with pytest.raises(OSError, match="was not read back as it was written"):
        save_safetensors(path, layer())
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["model.safetensors"]


def test_damaged_safetensors_are_one_error(safetensors: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_safetensors(path, Linear(2, 3, rng=0))
    data, rng = path.read_bytes(), np.random.default_rng(0)
    loaded = 0
    for place in range(0, len(data), 3):
        path.write_bytes(
            data[:place] + bytes([data[place] ^ (1 << int(rng.integers(8)))]) + data[place + 1 :]
        )
        try:
            load_safetensors(path)
            loaded += 1  # the format has no checksum: a changed number is another number
        except CheckpointError:
            pass
        path.write_bytes(data[:place])
        with pytest.raises(CheckpointError):
            load_safetensors(path)
    assert loaded < len(data) / 6
    with pytest.raises(CheckpointError, match="a folder"):
        load_safetensors(tmp_path)


def test_without_a_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    for name in ("safetensors", "safetensors.numpy", "onnx"):
        monkeypatch.setitem(sys.modules, name, None)
    for call, extra in (
        (lambda: save_safetensors(tmp_path / "m", layer()), "safetensors"),
        (lambda: load_safetensors(tmp_path / "m"), "safetensors"),
        (lambda: write_arrays(tmp_path / "m.safetensors", {}), "safetensors"),
        (lambda: export_onnx(layer(), tmp_path / "m"), "onnx"),
        (lambda: import_onnx(tmp_path / "m"), "onnx"),
    ):
        with pytest.raises(ImportError, match=re.escape(f'pip install "seqmem[{extra}]"')):
            call()
    save(tmp_path / "m.npz", layer())
    assert main(["convert", str(tmp_path / "m.npz"), str(tmp_path / "m.onnx")]) == 2
    assert os.listdir(tmp_path) == ["m.npz"]


def test_the_command_converts_there_and_back(
    safetensors: Any, onnx: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    model = layer()
    save("a.npz", model, {"a": 1})

    def same(name: str) -> None:
        for key, array in load(name).params.items():
            other = model.params.get(key, array)
            np.testing.assert_array_equal(array, other)

    assert main(["convert", "a.npz", "b.safetensors"]) == 0
    assert main(["convert", "b.safetensors", "c.npz"]) == 0
    assert Path("c.npz").read_bytes() == Path("a.npz").read_bytes()
    assert main(["convert", "a.npz", "d.safetensors", "--to", "torch", "--prefix", "rnn."]) == 0
    assert set(read_arrays("d.safetensors")) == set(to_torch(model, "rnn."))
    assert main(["convert", "d.safetensors", "e.npz", "--from", "torch", "--prefix", "rnn."]) == 0
    same("e.npz")
    assert main(["convert", "a.npz", "f.onnx"]) == 0
    assert main(["convert", "f.onnx", "g.npz"]) == 0
    xs = np.random.default_rng(0).standard_normal((4, 2, 3)).astype(np.float32)
    np.testing.assert_array_equal(load("g.npz").forward(xs)[0][0], model.forward(xs)[0][0])
    assert main(["convert", "f.onnx", "h.npz", "--node", "lstm_99"]) == 2
    out = capsys.readouterr().out
    assert "LSTM in b.safetensors" in out
    assert main(["inspect", "b.safetensors"]) == 0
    assert main(["inspect", "d.safetensors"]) == 0
    shown = capsys.readouterr().out
    assert "b.safetensors: a model of seqmem, format 1" in shown
    assert "LSTM(input_size=3, hidden_size=4, num_layers=2" in shown
    assert "d.safetensors: arrays without a description" in shown
    assert "rnn.weight_ih_l1  float32 (16, 4)" in shown
    assert "8 arrays in d.safetensors" in out
    assert main(["convert", "d.safetensors", "i.npz"]) == 0
    assert read_arrays("i.npz").keys() == read_arrays("d.safetensors").keys()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.npz", "b.txt"], "OUT is b.txt, expected a name that ends in .npz, .safetensors, .onnx"),
        (["a.npz", "a.npz"], "is the same file as a.npz, which is read"),
        (["gone.npz", "b.npz"], "gone.npz: No such file"),
        (["plain.npz", "b.onnx"], "plain.npz holds arrays, expected a model"),
        (["a.npz", "b.onnx", "--to", "torch"], "--to torch writes arrays"),
        (["a.npz", "plain.npz"], "exists and is not a seqmem model; --force replaces it"),
        (["model.pt", "b.npz"], "a pickle can run any code"),
        (["plain.npz", "b.npz", "--from", "torch", "--prefix", "x."], "no name begins with 'x.'"),
    ],
)
def test_what_cannot_be_converted_is_said_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    save("a.npz", layer())
    np.savez("plain.npz", W=np.eye(2))
    assert main(["convert", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert sorted(os.listdir()) == ["a.npz", "plain.npz"]


def test_torchs_names_are_the_layers(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", **to_torch(layer()))  # type: ignore[arg-type]
    assert repr(from_torch(read_arrays(tmp_path / "t.npz"))) == repr(layer())
