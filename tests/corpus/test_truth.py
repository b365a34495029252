"""The corpus is what its manifest says: right passes are right, wrong ones differ where it is said."""

from __future__ import annotations

import ast
import importlib
import json
from pkgutil import iter_modules
from typing import Any

import pytest
from corpus.adapters import CASES
from corpus.truth import HERE, judge, manifest, source

from seqmem.checking.catalogue import mistakes

PASSES = manifest()
OWN = {"adapters.py", "manifest.toml", "truth.py", "test_truth.py"}
HELPERS = {"__init__.py", "rnn_utils.py", "config.py", "np.py", "functions.py"}  # what the files import
ENTRIES = [pytest.param(entry, id=f"{entry['path']}:{entry['name']}") for entry in PASSES]


def _files() -> set[str]:
    found = [path for path in HERE.rglob("*") if path.suffix in {".py", ".ipynb"}]
    return {str(p.relative_to(HERE)) for p in found if not (p.parent == HERE and p.name in OWN)}


@pytest.mark.parametrize("entry", ENTRIES)
def test_the_manifest_tells_the_truth(entry: dict[str, Any]) -> None:
    if entry["path"].startswith("torch_functions/"):
        pytest.importorskip("torch")
    found = judge(CASES[entry["path"], entry["name"]])
    assert found.errors
    assert found.wrong == sorted(entry.get("wrong", []))
    assert found.effects == entry.get("effects", [])
    assert (entry["truth"] == "wrong") == bool(found.wrong) == ("mistake" in entry)
    assert (entry["truth"] == "right, with a side effect") == ("effect" in entry)


def test_every_file_has_an_entry() -> None:
    assert {entry["path"] for entry in PASSES} == {f for f in _files() if f.rpartition("/")[2] not in HELPERS}


def test_every_pass_has_an_adapter() -> None:
    assert [
        (entry["path"], entry["name"]) for entry in PASSES if (entry["path"], entry["name"]) not in CASES
    ] == []
    assert len(CASES) == len(PASSES)


def test_the_named_functions_are_in_the_files() -> None:
    for entry in PASSES:
        tree = ast.parse(source(HERE / entry["path"]))
        defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        for function in (entry["forward"], entry.get("backward", entry["forward"])):
            assert set(function.split(".")) <= defined, entry


def test_the_corpus_has_its_size() -> None:
    by_file = {entry["path"]: {e["truth"] for e in PASSES if e["path"] == entry["path"]} for entry in PASSES}
    wrong = [path for path, truths in by_file.items() if "wrong" in truths]
    assert len(wrong) >= 20
    assert len(by_file) - len(wrong) >= 44
    assert len([path for path in by_file if path.endswith(".ipynb")]) >= 8
    assert len({entry["manner"] for entry in PASSES}) >= 25


def test_the_notebooks_are_notebooks() -> None:
    for path in (HERE / "notebooks").glob("*.ipynb"):
        document = json.loads(path.read_text(encoding="utf-8"))
        assert document["nbformat"] == 4
        for cell in document["cells"]:
            assert cell["cell_type"] in {"code", "markdown"}
            assert ("id" in cell) == (document["nbformat_minor"] >= 5)
            assert isinstance(cell["source"], list)
            if cell["cell_type"] == "code":
                assert {"execution_count", "outputs"} <= cell.keys()


def test_the_codes_are_the_catalogues() -> None:
    modules = [
        importlib.import_module(f"{mistakes.__name__}.{m.name}") for m in iter_modules(mistakes.__path__)
    ]
    known = {mistake.code for module in modules for mistake in getattr(module, "MISTAKES", ())}
    codes = {code for entry in PASSES for code in entry.get("code", "").split(" + ") if code}
    assert codes - known == set()
