"""A file's definitions are there; what it does with them is not done, and that is said."""

import sys
import textwrap

import pytest

from seqmem.checking.reading.loading import load


@pytest.fixture(autouse=True)
def unchanged(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def read(text, run_all=False):
        (tmp_path / "mine.py").write_text(textwrap.dedent(text), encoding="utf-8")
        return load(tmp_path / "mine.py", run_all)

    return read


def test_loops_guards_and_calls_are_not_run_and_said(read):
    loaded = read("""
        x = 1
        while True:
            x += 1
        if __name__ == "__main__":
            x = 5
        print("never")
        def f(): return x
    """)
    assert loaded.names["f"]() == 1
    assert loaded.notes == (
        "definitions only; not run: line 3 (loop); line 5 (main guard); line 7 (calls). --run-all runs them",
    )


def test_run_all_runs_all(read, capsys):
    loaded = read("for k in range(3): x = k\nprint('here')\nif __name__ == '__main__': y = 1", run_all=True)
    assert (loaded.names["x"], loaded.names["y"]) == (2, 1)
    assert capsys.readouterr().out == "here\n"


def test_a_file_that_is_not_there_has_a_short_text_in_its_place(read):
    loaded = read("text = open('input.txt').read()\nV = len(set(text))\nhidden_size = 100")
    assert 4 < loaded.names["V"] < 12
    assert loaded.names["hidden_size"] == 5  # small, so that every number can be compared
    assert "missing, replaced by a short text: input.txt" in loaded.notes


def test_nothing_is_written(read, tmp_path):
    read("log = open('log.txt', 'w')\nz = open('more.txt', mode='a')")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]


def test_a_package_that_is_missing_complains_when_it_is_used(read):
    loaded = read("""
        import nowhere_a.part as part
        from nowhere_b import thing, other as another
        class Mine(part.Base): pass
        def f(): return thing(1)
        @part.register("mine")
        def g(): return 3
    """)
    assert "not installed, replaced by stand-ins: nowhere_a, nowhere_b" in loaded.notes
    assert loaded.names["g"]() == 3
    with pytest.raises(
        ModuleNotFoundError, match=r"nowhere_b\.thing was called, and nowhere_b is not installed"
    ):
        loaded.names["f"]()


def test_an_import_that_is_tried_falls_back_as_its_author_meant(read):
    loaded = read(
        "try:\n    import nowhere_c as xp\nexcept ImportError:\n    import numpy as xp\nx = xp.ones(2)"
    )
    assert loaded.names["x"].sum() == 2


def test_numpy_by_way_of_a_missing_package_is_numpy(read):
    assert read("import autograd.numpy as np\nx = np.ones(3)").names["x"].sum() == 3
    assert read("from nowhere_d import np\nx = np.ones(3)").names["x"].sum() == 3


def test_a_package_is_imported_from_within_it(tmp_path, monkeypatch):
    package = tmp_path / "course" / "parts"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").write_text("")
    (package / "helper.py").write_text("value = 7")
    (package / "mine.py").write_text(
        "from course.parts.helper import value\nfrom .helper import value as again"
    )
    monkeypatch.chdir(package)
    loaded = load(package / "mine.py")
    assert loaded.names["value"] == loaded.names["again"] == 7


def test_imports_in_a_circle_are_one_line(tmp_path, monkeypatch):
    (tmp_path / "one.py").write_text("from two import b\na = 1")
    (tmp_path / "two.py").write_text("from one import a\nb = 1")
    monkeypatch.chdir(tmp_path)
    loaded = load(tmp_path / "one.py")
    assert any("circular" in note or "ImportError" in note for note in loaded.notes)


@pytest.mark.slow  # waits for a limit of time
def test_a_statement_without_an_end_is_given_up(read, monkeypatch):
    monkeypatch.setattr("seqmem.checking.reading.loading.PATIENCE", 0.2)
    loaded = read("x = [k for k in iter(int, 1)]\ny = 2")
    assert loaded.names["y"] == 2
    assert "line 1 (takes too long)" in loaded.notes[-1]


def test_what_fails_is_said_and_the_rest_is_read(read):
    loaded = read("x = undefined + 1\ndef f(y=undefined): return 4")
    assert loaded.names["f"]() == 4
    assert "line 1 (raises NameError: name 'undefined' is not defined)" in loaded.notes[-1]
