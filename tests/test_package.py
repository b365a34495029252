"""What is installed is this tree, whole, and says so."""

import inspect
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import seqmem

pytestmark = pytest.mark.quick

ROOT = Path(__file__).parents[1]
INSTALLED = Path(seqmem.__path__[0])


def test_the_package_under_test_is_the_one_of_this_tree() -> None:
    def texts(folder: Path) -> dict[str, str]:
        files = [*folder.rglob("*.py"), *folder.rglob("py.typed")]
        return {str(path.relative_to(folder)): path.read_text("utf-8") for path in files}

    installed, here = texts(INSTALLED), texts(ROOT / "src" / "seqmem")
    different = sorted(name for name in installed | here if installed.get(name) != here.get(name))
    assert not different, f"{INSTALLED} is not src/seqmem: install it again (pip install -e . keeps it so)"


def test_it_says_that_it_is_typed() -> None:
    assert (INSTALLED / "py.typed").is_file()


def test_the_version_is_the_same_everywhere() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert seqmem.__version__ == version
    headings = [line for line in (ROOT / "CHANGELOG.md").read_text("utf-8").splitlines() if line[:1] == "#"]
    assert any(version in heading.replace("[", " ").replace("]", " ").split() for heading in headings)


def test_a_tree_that_is_not_installed_has_its_version_and_its_commands(tmp_path: Path) -> None:
    no_metadata = """
import importlib.metadata, runpy, sys
def missing(name):
    raise importlib.metadata.PackageNotFoundError(name)
importlib.metadata.distribution = importlib.metadata.version = missing
sys.argv = ["seqmem", "--version"]
runpy.run_module("seqmem", run_name="__main__")
"""
    tree = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    run = subprocess.run(
        [sys.executable, "-c", no_metadata], env=tree, cwd=tmp_path, capture_output=True, text=True
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.strip() == seqmem.__version__


def test_every_public_name_is_there_once() -> None:
    assert len(set(seqmem.__all__)) == len(seqmem.__all__)
    assert [name for name in seqmem.__all__ if not hasattr(seqmem, name)] == []


def test_everything_public_says_what_it_does() -> None:
    public = {name: getattr(seqmem, name) for name in seqmem.__all__}
    described = {
        name: value for name, value in public.items() if inspect.isroutine(value) or inspect.isclass(value)
    }
    for name, cls in [(name, value) for name, value in described.items() if inspect.isclass(value)]:
        methods = inspect.getmembers(
            cls, lambda member: inspect.isroutine(member) or isinstance(member, property)
        )
        described |= {f"{name}.{key}": value for key, value in methods if not key.startswith("_")}
    assert [name for name, value in described.items() if not inspect.getdoc(value)] == []


def test_a_missing_oracle_skips_with_its_name_and_fails_where_it_is_required(
    require: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SEQMEM_REQUIRE_ORACLES", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no_such_oracle"):
        require("no_such_oracle")
    monkeypatch.setenv("SEQMEM_REQUIRE_ORACLES", "1")
    with pytest.raises(pytest.fail.Exception, match="no_such_oracle"):
        require("no_such_oracle")


def test_what_loads_slowly_is_loaded_when_it_is_needed() -> None:
    slow = ("numpy.random", "hashlib", "secrets", "html")
    code = f"import sys; from seqmem import *; print([name for name in {slow} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
