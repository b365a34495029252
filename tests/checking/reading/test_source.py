"""What a file holds as Python, and what is said of a file that holds none."""

import ast
import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmem.checking.reading.source import UnreadableError, read_source


def notebook(*cells, language="python"):
    metadata = {"kernelspec": {"language": language}}
    code = [{"cell_type": "code", "source": cell} for cell in cells]
    return json.dumps({"nbformat": 4, "metadata": metadata, "cells": code})


@pytest.fixture
def read(tmp_path):
    def read(text, name="mine.py"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_source(path)

    return read


def names(source):
    found = {}
    exec(compile(source.tree, "mine.py", "exec"), found)
    return found


def test_a_notebook_is_its_code_cells_without_magics(read):
    cells = ["%matplotlib inline\nx = 1\n!ls \\\n  -l\n", "%%bash\nexit 1\n", "%%time\ny = x + 1\nx?\n"]
    source = read(notebook(*cells), "mine.ipynb")
    assert names(source)["y"] == 2
    assert source.notes == ("5 lines of magics and shell skipped", "1 cells of other languages skipped")


def test_a_cell_may_be_a_list_of_lines_as_editors_write_it(read):
    assert names(read(notebook(["x = 1\n", "y = x\n"]), "mine.ipynb"))["y"] == 1


def test_a_notebook_may_have_any_name(read):
    assert names(read(notebook("x = 3"), "mine.txt"))["x"] == 3


PYTHON_2 = {
    "print 'a', 1": "print('a', 1)",
    "if x: print 'a'": "if x: print('a')",
    "print 'a', # why": "print('a')  # why",
    "print >>out, 'a'": "print('a')",
    "print": "print()",
    "print (1), 2": "print((1), 2)",
    "raise ValueError, 'a'": "raise ValueError('a')",
    "x = 10L <> 2": "x = 10 != 2",
}


@pytest.mark.parametrize(("old", "new"), PYTHON_2.items())
def test_python_2_is_mended(read, old, new):
    source = read(f"{old}\nprint 'so that it is Python 2'\n")
    assert source.is_python2
    assert ast.dump(source.tree.body[0]) == ast.dump(ast.parse(new).body[0])
    assert "read as Python 3" in source.notes[0]


@pytest.mark.parametrize("text", ["print('a')\n", "x = 'print 1'\n", "# print 1\n", "print = 3\n"])
def test_python_3_stays_as_it_is(read, text):
    source = read(text)
    assert (source.text, source.notes, source.is_python2) == (text, (), False)


NO_PYTHON = {
    "no syntax": ("def f(:\n  pass", "it is not valid Python: line 1: SyntaxError"),
    "zero bytes": ("x = 1\0", "null bytes"),
    "another language": (notebook("x <- 1", language="R"), "it is a notebook of R"),
    "no list of cells": ('{"nbformat": 4, "cells": 3}', "no list of cells"),
    "no JSON": ('{"nbformat": 4,', "is not JSON"),
    "deep": ("(" * 5000, "it is not valid Python"),
}


@pytest.mark.parametrize(("text", "message"), NO_PYTHON.values(), ids=NO_PYTHON.keys())
def test_what_is_no_python_is_said_in_a_line(read, text, message):
    with pytest.raises(UnreadableError, match=message) as raised:
        read(text)
    assert str(raised.value).count("\n") <= 1


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(UnreadableError, match="it cannot be read"):
        read_source(tmp_path / "gone.py")


@given(st.binary(max_size=200))
def test_any_bytes_are_python_or_are_said_to_be_none(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any.py"
    path.write_bytes(data)
    with contextlib.suppress(UnreadableError):
        read_source(path)
