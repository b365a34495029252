"""One line of the registry, or one `register`, makes a class known everywhere."""

import ast
import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cells.own.coupled import CoupledCell
from hypothesis import given
from hypothesis import strategies as st

import seqmem
from seqmem import registry
from seqmem.checking import strategies
from seqmem.cli import train
from seqmem.cli.main import main
from seqmem.module import Module
from seqmem.tasks import Task


@pytest.fixture(autouse=True)
def nothing_else_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", {})
    monkeypatch.setattr(registry, "_short_names", {})


def test_one_registration_makes_a_cell_known_to_models_strategies_files_and_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert seqmem.register("coupled")(CoupledCell) is CoupledCell

    model = seqmem.Seq2Seq(
        seqmem.Encoder(6, 3, 4, cell="coupled", rng=0), seqmem.Decoder(7, 2, 4, cell="coupled", rng=1)
    )
    assert type(model.encoder.cell) is type(model.decoder.cell) is CoupledCell

    assert strategies.CELLS["coupled"] is CoupledCell
    drawn = []

    @given(strategies.cells(kinds=st.just("coupled")))
    def draw(cell: Any) -> None:
        drawn.append(type(cell))

    draw()
    assert set(drawn) == {CoupledCell}
    seqmem.check_module(strategies.CELLS["coupled"](2, 5))

    path = tmp_path / "model.npz"
    seqmem.save(path, model)
    loaded = seqmem.load(path)
    assert type(loaded.encoder.cell) is CoupledCell
    assert all(np.array_equal(loaded.params[name], param) for name, param in model.params.items())

    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("ab\tba\nc\tc\nba\tab\n", "utf-8")
    monkeypatch.setattr(train, "fit", lambda *_, **__: None)
    options = ["--cell", "coupled", "--hidden", "4", "--embedding", "3", "--dtype", "float64"]
    assert main(["train", str(pairs), "--out", str(tmp_path / "t.npz"), *options]) == 0


def test_a_cell_that_is_not_registered_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"^Encoder: cell is 'coupled', expected one of \['gru', 'layer-norm', 'lstm'"
    ):
        seqmem.Encoder(6, 3, 4, cell="coupled")
    with pytest.raises(TypeError, match=r"^save: CoupledCell .*@seqmem\.register\(\)"):
        seqmem.save(tmp_path / "model.npz", CoupledCell(2, 3))


def test_a_name_belongs_to_one_class() -> None:
    class Scale(Module):
        pass

    first = Scale
    seqmem.register("scale")(first)
    seqmem.register("scale")(first)  # as when a notebook's cell is run again
    elsewhere = type("Scale", (Module,), {"__module__": "elsewhere"})
    for name, cls in (("", elsewhere), ("", type("Linear", (Module,), {}))):
        with pytest.raises(ValueError, match=f"^register: {cls.__name__} is the name of another class"):
            seqmem.register(name)(cls)
    for name in ("lstm", "scale"):
        with pytest.raises(ValueError, match=f"^register: '{name}' is the short name of another cell"):
            seqmem.register(name)(type("New", (Module,), {}))


@pytest.mark.parametrize("wrong", [1, None, "LSTMCell", int, len])
def test_only_modules_are_registered(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"^register: .* is not a subclass of Module"):
        seqmem.register()(wrong)
    with pytest.raises(TypeError, match=r"^register: short_name is of type int, expected a string"):
        seqmem.register(3)


def imports_for_type_checkers() -> Iterator[tuple[str, str]]:
    tree = ast.parse(inspect.getsource(seqmem))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    for line in block.body:
        assert isinstance(line, ast.ImportFrom)
        if line.module != "typing":
            yield from ((str(line.module).removeprefix("seqmem."), alias.name) for alias in line.names)


def test_type_checkers_see_what_the_registry_lists() -> None:
    listed = {(entry.room, entry.name) for entry in registry.PUBLIC}
    seen = set(imports_for_type_checkers())
    missing = [f"from seqmem.{room} import {name} as {name}" for room, name in sorted(listed - seen)]
    assert missing == []
    assert seen == listed


def test_every_public_name_is_its_room_s_and_every_module_among_them_has_a_kind() -> None:
    for entry in registry.PUBLIC:
        value = getattr(seqmem, entry.name)
        assert value is getattr(import_module(f"seqmem.{entry.room}"), entry.name)
        is_class = inspect.isclass(value)
        assert (entry.kind == "task") == (is_class and issubclass(value, Task) and value is not Task), (
            entry.name
        )
        assert (entry.kind not in ("", "task")) == (is_class and issubclass(value, Module)), entry.name
        assert bool(entry.short_name) == (entry.kind in ("cell", "task")), entry.name


def test_dir_shows_every_public_name_and_every_room() -> None:
    folders = {path.parent.name for path in Path(seqmem.__path__[0]).glob("*/__init__.py")}
    assert set(registry.ROOMS) == folders - {"cli"}
    names = {entry.name for entry in registry.PUBLIC}
    assert set(seqmem.__all__) == names
    assert set(dir(seqmem)) == names | set(registry.ROOMS) | {"__version__"}
